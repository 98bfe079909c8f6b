/* The panes on the canvas. */

/** Puts the painted tiles, coarser ones where they are missing, and the marks where they belong. */
class Drawing {
  constructor(viewer, canvas) {
    this.viewer = viewer;
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
  }

  /** After another arrangement of the stage. */
  resize() {
    const { width, height, device, element } = this.viewer.stage;
    this.background = getComputedStyle(element).backgroundColor;
    const [w, h] = [Math.round(width * device), Math.round(height * device)];
    if (this.canvas.width !== w || this.canvas.height !== h) Object.assign(this.canvas, { width: w, height: h });
  }

  /** Draws what is here of a slice, and asks for the rest; says whether all of it is here. */
  draw(z) {
    const { viewer, context } = this;
    const { pyramid, view, panes, painter, other } = viewer;
    const level = view.level();
    const seen = view.seen(level);
    const own = this.found(pyramid, z, level, seen);
    const rival = other.drawn ? this.found(other.pyramid, z, level, seen) : null;
    viewer.ahead.want(z, level, seen);
    viewer.neurites.want(z, level, seen);
    viewer.apart.want(z, level, seen);
    other.want(z, level, seen);
    const nothing = [own, rival].some((found) => found && !found.some(Boolean));
    if (nothing) viewer.root.dataset.complete = false; // what is on the screen is another view
    // Nothing of this slice yet: the last picture stays rather than a flash of nothing.
    if (nothing && !viewer.trouble) return false;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = this.background;
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    if (nothing) return false;
    panes.forEach((style, pane) => {
      context.save();
      const scale = this.enter(pane);
      seen.forEach(([ty, tx], at) => {
        const found = (style.other ? rival : own)[at];
        if (found?.up) this.placePart(found, pane, style, z, level, ty, tx);
        else if (found) this.place(found.tile, pane, style, z, level, ty, tx);
      });
      viewer.chosen.draw(context, viewer, style, z, level, seen, scale);
      const { hover } = viewer.readout;
      if (hover && panes.length > 1 && hover.pane !== pane) drawCross(context, hover, scale);
      viewer.mark.draw(context, z, scale, viewer.stage.device);
      context.restore();
    });
    painter.trim((viewer.data.coarsest ? seen.length + 1 : 1) * panes.length);
    const ready = own.every((found) => found?.up === 0);
    const complete = ready && viewer.neurites.complete(z, level, seen) && other.complete(z, level, seen);
    // Taking errors apart can take seconds, in which nothing else waits for it.
    this.painted(z, complete && viewer.apart.complete(z, level, seen));
    return complete;
  }

  /** For each place that is seen its tile, or the one above it that is here, `up` levels; null where there is none. */
  found(pyramid, z, level, seen) {
    return seen.map(([ty, tx]) => {
      const tile = pyramid.get(z, level, ty, tx);
      return tile ? { tile, up: 0 } : pyramid.ancestor(z, level, ty, tx);
    });
  }

  /** From here on drawing is in pixels of the slice, and within a pane; gives the screen's pixels for one of them. */
  enter(pane) {
    const { context } = this;
    const { view, stage } = this.viewer;
    const { device } = stage;
    const { x, y, w, h } = stage.box(pane);
    context.setTransform(device, 0, 0, device, 0, 0);
    context.beginPath();
    context.rect(x, y, w, h);
    context.clip();
    const scale = view.scale * device;
    context.setTransform(
      scale,
      0,
      0,
      scale,
      Math.round((x + w / 2) * device - view.x * scale),
      Math.round((y + h / 2) * device - view.y * scale),
    );
    // Pixels as squares once they are large enough to be told apart.
    context.imageSmoothingEnabled = scale < 2;
    return scale;
  }

  place(tile, pane, style, z, level, ty, tx) {
    const { painter, data, tolerance } = this.viewer;
    const { pyramid, last } = this.runOf(style);
    const around = style.contours ? pyramid.around(z, level, ty, tx) : {};
    const whose = this.whose(style, z, level, ty, tx);
    const apart = this.apart(style, z, level, ty, tx, style.contours);
    const against = this.against(style, z, level, ty, tx);
    const picture = painter.picture(tile, pane, style, last, tolerance, around, whose, apart, against);
    const side = TILE << level,
      grow = 1 << level;
    // The last block of an odd side reaches beyond the slice; it is cut there.
    const width = Math.min(data.width, tx * side + tile.width * grow) - tx * side;
    const height = Math.min(data.height, ty * side + tile.height * grow) - ty * side;
    this.context.drawImage(picture, 0, 0, width / grow, height / grow, tx * side, ty * side, width, height);
  }

  /** The run that a pane shows: {pyramid, neurites, last}. */
  runOf(style) {
    return style.other ? this.viewer.other : this.viewer;
  }

  /** What the pixels of a tile are part of, if they are drawn by it. */
  apart(style, z, level, ty, tx, contours) {
    return style.other ? null : this.viewer.apart.drawnOf(z, level, ty, tx, contours);
  }

  /** The same tile of the other run, where the two are compared and it is here. */
  against(style, z, level, ty, tx) {
    const { other } = this.viewer;
    const tile = style.overlays.has("changes") ? other.pyramid.get(z, level, ty, tx) : null;
    return tile && { tile, last: other.last };
  }

  /** The numbers of a tile's pixels with what is around and known of them, if they are to be seen and here. */
  whose(style, z, level, ty, tx) {
    if (!style.overlays.has("neurites") && !style.overlays.has("segments")) return null;
    const { neurites } = this.runOf(style);
    const known = neurites.known(z, level, ty, tx);
    return known && { ...known, around: style.contours ? neurites.around(z, level, ty, tx) : {} };
  }

  /** The part of a coarser tile that covers a tile. */
  placePart({ tile, up }, pane, style, z, level, ty, tx) {
    const { painter, tolerance } = this.viewer;
    const { last } = this.runOf(style);
    const above = [z, level + up, ty >> up, tx >> up];
    const whose = this.whose(style, ...above);
    const apart = this.apart(style, ...above, false);
    const against = this.against(style, ...above);
    const numbered = whose && { ...whose, around: {} };
    const picture = painter.picture(tile, pane, style, last, tolerance, {}, numbered, apart, against);
    const side = TILE << level,
      part = TILE >> up,
      grow = 1 << (level + up);
    const sx = (tx & ((1 << up) - 1)) * part,
      sy = (ty & ((1 << up) - 1)) * part;
    const width = Math.min(part, tile.width - sx),
      height = Math.min(part, tile.height - sy);
    if (width > 0 && height > 0) {
      this.context.drawImage(picture, sx, sy, width, height, tx * side, ty * side, width * grow, height * grow);
    }
  }

  /** Says what is on the screen, for whoever measures or tests it. */
  painted(z, complete) {
    const { root, view, last } = this.viewer;
    root.dataset.painted = z;
    root.dataset.complete = complete;
    root.dataset.view = [view.x, view.y, view.scale].join(" ");
    window.dispatchEvent(
      new CustomEvent("segcore:painted", { detail: { z, complete, last, time: performance.now() } }),
    );
  }
}
