/* The values of the pixel under the pointer. */

/** Shows them as text, and fetches them when the view is too coarse to have them. */
class Readout {
  /** `fates` has an element for each kind of whose the pixel can be, and a legend. */
  constructor(viewer, element, fates) {
    this.viewer = viewer;
    this.element = element;
    this.fates = fates;
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
    this.showFates();
    this.showPart();
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

  /** Whose the pixel is and what became of it: in a line of its own, which is there as long as that is to be seen. */
  showFates() {
    const { hover, fates, viewer } = this;
    const { row, chosen } = viewer;
    const neurites = viewer.neuritesOf(hover?.pane ?? 0);
    const kinds = neurites.shown;
    fates.hidden = !kinds.length && !fates.querySelector(".legend > *");
    if (fates.hidden || !row) return;
    const z = row.index;
    const facts = neurites.facts.get(neurites.factsKey(z));
    const numbers = hover && facts ? neurites.at(z, hover.x, hover.y) : null;
    for (const span of fates.querySelectorAll("[data-kind]")) {
      const { kind } = span.dataset;
      span.hidden = !kinds.includes(kind);
      if (span.hidden) continue;
      const picked =
        chosen.picked?.slice === z && chosen.picked.kind === kind && chosen.picked.other === neurites.other
          ? chosen.picked.number
          : 0;
      const number = hover ? numbers?.[kind] : picked;
      const nothing = hover ? (numbers && number != null ? `no ${kind} here` : "…") : "";
      const text = facts && number ? fateOf(facts, kind, number) : nothing;
      span.textContent = text;
      span.title = text; // the line may be too short for it
    }
  }

  /** Which part of the errors the pixel belongs to: in their legend, as long as that is to be seen. */
  showPart() {
    const { hover, viewer } = this;
    const { apart, row, tolerance, at } = viewer;
    const tile = apart.shown && hover && row ? apart.known(row.index, 0, ...this.tile()) : null;
    const byte = tile ? tile.planes.apart[(hover.y & 511) * tile.width + (hover.x & 511)] : 0;
    const part = Object.keys(PARTS)[partsByByte(tolerance)[byte] - 1];
    for (const span of at.parts.children) span.toggleAttribute("data-under", span.dataset.part === part);
  }

  values({ planes, width }) {
    const { last, data, other, row } = this.viewer;
    const { image, truth, probability } = planes;
    const at = (this.hover.y & 511) * width + (this.hover.x & 511);
    const parts = [`intensity ${image[at]}`];
    const ignored = truth && truth[at] === IGNORED;
    if (truth) parts.push(`label ${ignored ? "ignored" : truth[at] >> 3 ? "interior" : "membrane"}`);
    const called = (q, above) => `${(q / 255).toFixed(3)} → ${q > above ? "interior" : "membrane"}`;
    if (probability) parts.push(`probability ${called(probability[at], last)}`);
    if (other.data) {
      const rival = other.pyramid.get(row.index, 0, ...this.tile())?.planes.probability;
      if (rival) parts.push(`in ${other.data.run} ${called(rival[at], other.last)}`);
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
    if (this.peeked === key) return;
    this.peeked = key;
    try {
      if (!tiles.kept.has(key)) tiles.keep(await Tiles.load(key, url));
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
