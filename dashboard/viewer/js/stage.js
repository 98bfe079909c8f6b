/* The area on the page that holds the pictures, and the panes on it. */

// The strip of slices, and two lines of names and colours.
const BELOW_PX = 146;
// Between two parts of the viewer; as in viewer.css.
const GAP_PX = 8;

/** Arranges the panes; all its places and sizes are in CSS pixels. */
class Stage {
  /** `titles` holds an element a pane, which is put into its corner. */
  constructor(root, element, titles) {
    this.root = root;
    this.element = element;
    this.titles = titles;
    this.count = 0; // of panes
    this.width = this.height = 0;
    this.device = 1; // pixels of the screen in a CSS pixel
    this.columns = this.rows = 1;
    this.more = 0; // height of what else was below
  }

  /** Arranges so many panes for slices of a height by width of `ratio`; says whether there is any room. */
  arrange(count, ratio) {
    const { element, root } = this;
    const width = element.clientWidth;
    if (!width) return false;
    const full = document.fullscreenElement === root || root.matches(":fullscreen");
    const most = full ? element.clientHeight : this.room();
    // The arrangement of panes in which each is largest; places that stay empty count against one.
    let best = null;
    for (let columns = 1; columns <= count; columns++) {
      const rows = Math.ceil(count / columns);
      const paneWidth = Math.min(width / columns, most / rows / ratio);
      const worth = (paneWidth * count) / (columns * rows);
      if (!best || worth > best.worth * 1.02) best = { columns, rows, paneWidth, worth };
    }
    const height = full ? most : Math.round(clamp(best.paneWidth * ratio * best.rows, 240, most));
    element.style.height = full ? "" : `${height}px`;
    const device = window.devicePixelRatio || 1;
    Object.assign(this, { count, width, height, device, columns: best.columns, rows: best.rows });
    this.placeTitles();
    return true;
  }

  /** Leaves room for something else below from now on, also while it is hidden: pictures are not to jump. */
  reserve(element) {
    if (element.offsetHeight) this.more = element.offsetHeight + GAP_PX;
  }

  /** How high the pictures may be: where they are to fit the window, all that is above and below them has its place. */
  room() {
    const usual = Math.max(280, Math.round(window.innerHeight * 0.64));
    if (!this.fits) return usual;
    const { element } = this;
    // Once for each size of the window: pictures that grow and shrink with the texts around them are not to be looked at.
    const key = `${window.innerHeight} ${element.clientWidth} ${this.more}`;
    if (this.measured !== key) {
      this.measured = key;
      const page = document.querySelector('[data-testid="stMain"]');
      const above = element.getBoundingClientRect().top + (page?.scrollTop ?? 0);
      this.free = Math.max(
        Math.round(0.4 * window.innerHeight),
        Math.round(window.innerHeight - above - BELOW_PX - this.more),
      );
    }
    return Math.min(usual, this.free);
  }

  placeTitles() {
    [...this.titles.children].forEach((title, index) => {
      const { x, y } = this.box(index);
      title.style.transform = `translate(${x + 8}px, ${y + 8}px)`;
    });
  }

  /** Where pane `index` lies. */
  box(index) {
    const { width, height, columns, rows } = this;
    const gap = this.count > 1 ? 4 : 0;
    const w = (width - gap * (columns - 1)) / columns,
      h = (height - gap * (rows - 1)) / rows;
    return { x: (index % columns) * (w + gap), y: Math.floor(index / columns) * (h + gap), w, h };
  }

  /** The pane under a point, and how far the point is from its middle. */
  paneAt({ x, y }) {
    for (let index = 0; index < this.count; index++) {
      const box = this.box(index);
      if (x >= box.x && x < box.x + box.w && y >= box.y && y < box.y + box.h) {
        return { dx: x - box.x - box.w / 2, dy: y - box.y - box.h / 2, pane: index };
      }
    }
    return { dx: 0, dy: 0, pane: -1 };
  }

  /** Where on the stage the pointer is. */
  point(event) {
    const box = this.element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  /** Scrolls the page if not all of the stage is on the screen. */
  bringIntoSight() {
    const { top, bottom } = this.element.getBoundingClientRect();
    if (top < 0 || bottom > window.innerHeight) this.element.scrollIntoView({ block: "nearest" });
  }
}
