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
    const { pyramid, view, panes, painter } = viewer;
    const level = view.level();
    const seen = view.seen(level);
    const ready = seen.map(([ty, tx]) => pyramid.get(z, level, ty, tx));
    viewer.ahead.want(z, level, seen);
    viewer.neurites.want(z, level, seen);
    viewer.apart.want(z, level, seen);
    const fallback = ready.map((tile, at) => (tile ? null : pyramid.ancestor(z, level, ...seen[at])));
    const nothing = !ready.some(Boolean) && !fallback.some(Boolean);
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
        if (ready[at]) this.place(ready[at], pane, style, z, level, ty, tx);
        else if (fallback[at]) this.placePart(fallback[at], pane, style, z, level, ty, tx);
      });
      viewer.chosen.draw(context, viewer, z, level, seen, scale);
      const { hover } = viewer.readout;
      if (hover && panes.length > 1 && hover.pane !== pane) drawCross(context, hover, scale);
      viewer.mark.draw(context, z, scale, viewer.stage.device);
      context.restore();
    });
    painter.trim((viewer.data.coarsest ? seen.length + 1 : 1) * panes.length);
    const complete = ready.every(Boolean) && viewer.neurites.complete(z, level, seen);
    // Taking errors apart can take seconds, in which nothing else waits for it.
    this.painted(z, complete && viewer.apart.complete(z, level, seen));
    return complete;
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
    const { pyramid, painter, data, last, tolerance } = this.viewer;
    const around = style.contours ? pyramid.around(z, level, ty, tx) : {};
    const whose = this.whose(style, z, level, ty, tx);
    const apart = this.viewer.apart.drawnOf(z, level, ty, tx, style.contours);
    const picture = painter.picture(tile, pane, style, last, tolerance, around, whose, apart);
    const side = TILE << level,
      grow = 1 << level;
    // The last block of an odd side reaches beyond the slice; it is cut there.
    const width = Math.min(data.width, tx * side + tile.width * grow) - tx * side;
    const height = Math.min(data.height, ty * side + tile.height * grow) - ty * side;
    this.context.drawImage(picture, 0, 0, width / grow, height / grow, tx * side, ty * side, width, height);
  }

  /** The numbers of a tile's pixels with what is around and known of them, if they are to be seen and here. */
  whose(style, z, level, ty, tx) {
    if (!style.overlays.has("neurites") && !style.overlays.has("segments")) return null;
    const { neurites } = this.viewer;
    const known = neurites.known(z, level, ty, tx);
    return known && { ...known, around: style.contours ? neurites.around(z, level, ty, tx) : {} };
  }

  /** The part of a coarser tile that covers a tile. */
  placePart({ tile, up }, pane, style, z, level, ty, tx) {
    const { painter, last, tolerance } = this.viewer;
    const whose = this.whose(style, z, level + up, ty >> up, tx >> up);
    const apart = this.viewer.apart.drawnOf(z, level + up, ty >> up, tx >> up, false);
    const picture = painter.picture(tile, pane, style, last, tolerance, {}, whose && { ...whose, around: {} }, apart);
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
