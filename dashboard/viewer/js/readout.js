/* The values of the pixel under the pointer. */

/** Shows them as text, and fetches them when the view is too coarse to have them. */
class Readout {
  constructor(viewer, element) {
    this.viewer = viewer;
    this.element = element;
    this.hover = null; // {x, y, pane}
  }

  follow(event) {
    const { view, stage, panes } = this.viewer;
    this.hover = view.pixelAt(stage.point(event));
    this.show();
    if (panes.length > 1) this.viewer.invalidate();
  }

  leave() {
    this.hover = null;
    this.show();
    this.viewer.invalidate();
  }

  /** The tile of single pixels under the pointer, as [ty, tx]. */
  tile() {
    return [this.hover.y >> 9, this.hover.x >> 9];
  }

  show() {
    const { hover, element } = this;
    const { row, pyramid } = this.viewer;
    if (!hover || !row) {
      element.textContent = "";
      return;
    }
    const tile = pyramid.get(row.index, 0, ...this.tile());
    const parts = [`x ${hover.x}, y ${hover.y}`];
    if (tile) parts.push(...this.values(tile));
    else {
      parts.push("…");
      clearTimeout(this.peeking);
      this.peeking = setTimeout(() => this.peek(), 80);
    }
    element.textContent = parts.join(" · ");
  }

  values({ planes, width }) {
    const { last, data } = this.viewer;
    const { image, truth, probability } = planes;
    const at = (this.hover.y & 511) * width + (this.hover.x & 511);
    const parts = [`intensity ${image[at]}`];
    const ignored = truth && truth[at] === IGNORED;
    if (truth) parts.push(`label ${ignored ? "ignored" : truth[at] >> 3 ? "interior" : "membrane"}`);
    if (probability) {
      const q = probability[at];
      parts.push(`probability ${(q / 255).toFixed(3)} → ${q > last ? "interior" : "membrane"}`);
    }
    if (truth && !ignored) {
      const bin = truth[at] & 7;
      const nm = data.voxel_nm ? ` (${+(bin * data.voxel_nm).toPrecision(3)}${bin === 5 ? "+" : ""} nm)` : "";
      parts.push(`boundary ${bin === 5 ? "5+" : bin} px away${nm}`);
    }
    return parts;
  }

  /** Fetches the pixels under the pointer when the view is too coarse to have them. */
  async peek() {
    const { row, pyramid, tiles } = this.viewer;
    if (!this.hover || !row) return;
    const { key, url } = pyramid.request(row.index, 0, ...this.tile(), false);
    if (tiles.kept.has(key) || this.peeked === key) return;
    this.peeked = key;
    try {
      tiles.keep(await Tiles.load(key, url));
    } catch {
      return; // the picture itself says what is wrong
    } finally {
      this.peeked = null;
    }
    this.show();
  }

  close() {
    clearTimeout(this.peeking);
  }
}
