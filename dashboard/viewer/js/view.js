/* The part of the slice that is in view. */

// Pixels around what is brought into view, and the most CSS pixels for one of them: context is part of what is seen.
const BESIDE = 40,
  CLOSEST = 6;
// CSS pixels beyond the edge of a slice, for lines along it.
const EDGE = 24;

/** The pixel in the middle of every pane, and how many CSS pixels a pixel of the slice takes; with the scale bar. */
class View {
  /** `changed()` is called when something else is in view. */
  constructor(stage, scaleBar, changed) {
    this.stage = stage;
    this.scaleBar = scaleBar;
    this.changed = changed;
    this.x = this.y = 0;
    this.scale = 1;
    this.whole = true; // stays so when the stage gets another size
  }

  /** From now on it is about slices of this shape; all of a slice, if it is another one. */
  open(data) {
    if (this.data?.height !== data.height || this.data.width !== data.width) this.whole = true;
    this.data = data;
  }

  /** After another arrangement of the stage. */
  resize() {
    if (this.whole) this.fit();
    else this.limit();
  }

  fitScale() {
    const { w, h } = this.stage.box(0);
    return Math.min(w / this.data.width, h / this.data.height);
  }

  fit() {
    const { width, height } = this.data;
    Object.assign(this, { x: width / 2, y: height / 2, scale: this.fitScale(), whole: true });
    this.showScale();
    this.changed();
  }

  limit() {
    this.scale = clamp(this.scale, this.fitScale() / 2, 64);
    this.x = clamp(this.x, 0, this.data.width);
    this.y = clamp(this.y, 0, this.data.height);
    this.showScale();
  }

  /** Brings a pixel into the middle; an area of so many pixels fills about a third of the pane, if `others` are seen. */
  centre(x, y, area, others = []) {
    const { w, h } = this.stage.box(0);
    // A whole number, so that all pixels are of one size.
    let scale = clamp(Math.round(Math.sqrt((w * h) / 3 / Math.max(1, area))), 1, 12);
    for (const other of others) {
      scale = Math.min(scale, w / 2 / (Math.abs(other.x - x) + BESIDE), h / 2 / (Math.abs(other.y - y) + BESIDE));
    }
    this.look(x + 0.5, y + 0.5, scale);
  }

  /** Brings a box {top, left, bottom, right} into view; the places instead if it is too large to tell pixels apart. */
  frame(box, places) {
    const { w, h } = this.stage.box(0);
    const scaleOf = ({ top, left, bottom, right }) => {
      return Math.min(w / (right - left + 2 * BESIDE), h / (bottom - top + 2 * BESIDE));
    };
    const ys = places.map(({ y }) => y),
      xs = places.map(({ x }) => x);
    const around = {
      top: Math.min(...ys),
      left: Math.min(...xs),
      bottom: Math.max(...ys) + 1,
      right: Math.max(...xs) + 1,
    };
    const framed = places.length && scaleOf(box) < 1 ? around : box;
    const { top, left, bottom, right } = framed;
    this.look((left + right) / 2, (top + bottom) / 2, Math.min(CLOSEST, scaleOf(framed)));
    // What is near the edge has the more on its other side, rather than nothing beyond the edge.
    const within = (at, half, size) => (2 * half < size ? clamp(at, half, size - half) : size / 2);
    this.x = within(this.x, (w / 2 - EDGE) / this.scale, this.data.width);
    this.y = within(this.y, (h / 2 - EDGE) / this.scale, this.data.height);
  }

  /** Exactly this is in view, as somebody else saw it. */
  restore(x, y, scale) {
    Object.assign(this, { x, y, scale, whole: false });
    this.limit();
    this.changed();
  }

  look(x, y, scale) {
    // A whole number, so that all pixels are of one size.
    Object.assign(this, { x, y, scale: scale > 1 ? Math.floor(scale) : scale, whole: false });
    this.scale = Math.max(this.scale, this.fitScale());
    this.limit();
    this.changed();
  }

  /** Zooms so that what is under a point of the stage stays there; the middle of a pane without one. */
  zoom(factor, point) {
    const { dx, dy } = point ? this.stage.paneAt(point) : { dx: 0, dy: 0 };
    const before = this.scale;
    this.scale = clamp(before * factor, this.fitScale() / 2, 64);
    this.x += dx / before - dx / this.scale;
    this.y += dy / before - dy / this.scale;
    this.whole = false;
    this.limit();
    this.changed();
  }

  pan(dx, dy) {
    this.x -= dx / this.scale;
    this.y -= dy / this.scale;
    this.whole = false;
    this.limit();
    this.changed();
  }

  /** The pixel under a point of the stage, and the pane it is in; null beside the slice. */
  pixelAt(point) {
    const { dx, dy, pane } = this.stage.paneAt(point);
    const x = Math.floor(this.x + dx / this.scale),
      y = Math.floor(this.y + dy / this.scale);
    const inside = pane >= 0 && x >= 0 && y >= 0 && x < this.data.width && y < this.data.height;
    return inside ? { x, y, pane } : null;
  }

  /** What a pane shows, in pixels of the slice; it can reach beyond the slice. */
  area() {
    const { w, h } = this.stage.box(0);
    const { x, y, scale } = this;
    return { left: x - w / 2 / scale, top: y - h / 2 / scale, right: x + w / 2 / scale, bottom: y + h / 2 / scale };
  }

  /** The level of tiles whose pixels come closest to those of the screen. */
  level() {
    const device = this.scale * this.stage.device;
    return clamp(Math.floor(Math.log2(1 / device) + 0.25), 0, this.data.coarsest);
  }

  /** Tiles of a level that a pane can see, as [ty, tx]. */
  seen(level) {
    const { height, width } = this.data;
    const side = TILE << level;
    const tile = (at, size) => clamp(Math.floor(at / side), 0, Math.ceil(size / side) - 1);
    const area = this.area();
    const top = tile(area.top, height),
      bottom = tile(area.bottom, height);
    const left = tile(area.left, width),
      right = tile(area.right, width);
    const found = [];
    for (let ty = top; ty <= bottom; ty++) for (let tx = left; tx <= right; tx++) found.push([ty, tx]);
    return found;
  }

  showScale() {
    const { scale, scaleBar } = this;
    const nm = this.data.voxel_nm;
    const unit = nm || 1;
    const length = roundLength((110 / scale) * unit);
    scaleBar.firstElementChild.style.width = `${(length / unit) * scale}px`;
    scaleBar.lastElementChild.textContent = !nm
      ? `${length} px`
      : length >= 1000
        ? `${length / 1000} µm`
        : `${length} nm`;
  }
}
