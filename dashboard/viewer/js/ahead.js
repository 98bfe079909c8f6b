/* Tiles of the slice that is shown, and of those that are likely to be next, before they are asked for. */

// Steps from slice to slice that follow each other within so long are those of a key held down; so many slices ahead
// are fetched then, in a coarse form.
const HURRY_MS = 110;
const HURRY_AHEAD = 8;

/** Decides what is fetched, in which order, and paints what is likely to be next. */
class Ahead {
  constructor(viewer) {
    this.viewer = viewer;
    this.direction = 1;
    this.stepped = -Infinity; // when
    this.hurries = false;
  }

  /** The reader went to another slice, by so many. */
  step(by) {
    this.direction = Math.sign(by);
    const now = performance.now();
    this.hurries = now - this.stepped < HURRY_MS;
    this.stepped = now;
    clearTimeout(this.resting);
    if (!this.hurries) return;
    this.resting = setTimeout(() => {
      this.hurries = false;
      this.viewer.invalidate();
    }, HURRY_MS);
  }

  /** Index of the slice so many steps ahead, if there is one. */
  slice(steps) {
    return this.viewer.rows[this.viewer.position + steps * this.direction]?.index;
  }

  /** Asks for the tiles of the slice shown, those before which it cannot be drawn first, and of those around it. */
  want(z, level, seen) {
    const { pyramid, tiles, data, readout } = this.viewer;
    const { coarsest } = data;
    const list = [];
    const add = (slice, at, places, urgent) => {
      for (const [ty, tx] of places) list.push(pyramid.request(slice, at, ty, tx, urgent));
    };
    // The coarsest tile first: it is one small request, and shows the whole slice.
    if (level < coarsest) add(z, coarsest, [[0, 0]], true);
    if (level < coarsest && this.hurries) {
      // A key is held down: what is fine would be out of date before it is here, and keep the server from the rest.
      for (let steps = 1; steps <= HURRY_AHEAD; steps++) {
        const slice = this.slice(steps);
        if (slice != null) add(slice, coarsest, [[0, 0]], steps <= 2);
      }
      tiles.want(list);
      return;
    }
    add(z, level, seen, true);
    const near = [1, 2, -1, 3, -2].map((steps) => this.slice(steps));
    for (const slice of near) if (slice != null && level < coarsest) add(slice, coarsest, [[0, 0]], false);
    for (const slice of near.slice(0, seen.length > 4 ? 2 : 5)) if (slice != null) add(slice, level, seen, false);
    // Values under the pointer are those of single pixels.
    if (readout.hover && level) add(z, 0, [readout.tile()], false);
    tiles.want(list);
  }

  /** Paints the slice that is likely to be next, when nothing else is to be done. */
  paint() {
    clearTimeout(this.painting);
    this.painting = setTimeout(() => {
      const { pyramid, view, panes, painter, last, tolerance, pointers, drawing, apart } = this.viewer;
      const z = this.slice(1);
      if (z == null || pointers.size) return;
      const level = view.level();
      const began = performance.now();
      for (const [ty, tx] of view.seen(level)) {
        const tile = pyramid.get(z, level, ty, tx);
        if (!tile) continue;
        const around = pyramid.around(z, level, ty, tx);
        for (const [pane, style] of panes.entries()) {
          if (style.other) continue;
          const whose = drawing.whose(style, z, level, ty, tx);
          const taken = apart.drawnOf(z, level, ty, tx, style.contours);
          const against = drawing.against(style, z, level, ty, tx);
          painter.picture(tile, pane, style, last, tolerance, around, whose, taken, against);
        }
        if (performance.now() - began > 8) {
          this.paint();
          return;
        }
      }
    }, 60);
  }

  close() {
    clearTimeout(this.resting);
    clearTimeout(this.painting);
  }
}
