/* The viewer: the slice that is shown, and what its parts have to do when something changes. */

class Viewer {
  constructor(parent) {
    const holder = document.createElement("div");
    holder.innerHTML = SHELL;
    this.root = holder.firstElementChild;
    parent.append(this.root);
    this.at = {};
    for (const element of this.root.querySelectorAll("[data-at]")) this.at[element.dataset.at] = element;
    this.position = 0;
    this.last = 127;
    this.tolerance = 0;
    this.harmFirst = true; // slices are the worst by harm, where it is known
    const invalidate = () => this.invalidate();
    this.exchange = new Exchange(() => ({ slice: this.row?.index, last: this.last, tolerance: this.tolerance }));
    this.tiles = new Tiles(
      (tile) => this.arrived(tile),
      (...what) => this.failed(...what),
    );
    this.pyramid = new Pyramid(this, this.tiles);
    this.neurites = new Neurites(
      this,
      (tile) => this.arrived(tile),
      (text) => this.say(`Neurites cannot be shown: ${text}.`),
    );
    this.other = new OtherRun(
      this,
      (tile) => this.arrived(tile),
      (...what) => this.failed(...what),
      (text) => this.say(`The other run cannot be shown: ${text}.`),
    );
    this.apart = new Apart(
      this,
      (tile) => this.arrived(tile),
      (text) => this.say(`Errors cannot be taken apart: ${text}.`),
    );
    this.painter = new Painter();
    this.evidence = new Evidence(
      () => this.syncMeasures(),
      (error) => this.say(error.message),
    );
    this.layers = new Layers(
      this.root,
      this.at,
      () => {
        this.readout.show();
        this.resize();
        this.invalidate();
      },
      invalidate,
    );
    this.measures = new Measures(this);
    this.strip = new Strip(this.at.strip);
    this.stage = new Stage(this.root, this.at.stage, this.at.titles);
    this.view = new View(this.stage, this.at.scale, invalidate);
    this.drawing = new Drawing(this, this.at.canvas);
    this.mark = new Mark(this.root, invalidate);
    this.chosen = new Chosen(this.root, () => {
      this.layers.chosen = this.chosen.legend();
      this.layers.syncLegend();
      this.readout.show();
      invalidate();
    });
    this.readout = new Readout(this, this.at.readout, this.at.fates);
    this.ahead = new Ahead(this);
    this.pointers = new Map(); // held down, by number
    listen(this);
  }

  // ------------------------------------------------------------ what is shown

  /** Takes what Python says. */
  update(data) {
    const before = this.data;
    this.data = data;
    this.root.dataset.theme = data.theme ?? "";
    this.stage.fits = data.fits;
    if (!before || `${data.stack} ${data.version}` !== `${before.stack} ${before.version}`) {
      this.trouble = false;
      this.tiles.clear();
      this.painter.clear();
      this.evidence.open(data);
      this.neurites.open(data);
      this.apart.open(data);
      if (before) this.chosen.clear(); // numbers of other files
      this.say("");
    }
    this.other.open(data);
    this.rows = data.slices.map(([index, name, percent, page, bias, harm]) => {
      return { index, name, percent, page, bias, harm, title: name ? `${index}, ${name}` : `${index}` };
    });
    // Where another volume begins between a slice and the one before it.
    this.starts = [...this.rows.keys()].filter((at) =>
      data.borders.some((border) => this.rows[at - 1]?.index < border && border <= this.rows[at].index),
    );
    this.placeOf = new Map(this.rows.map((row, at) => [row.index, at]));
    this.tested = data.labelled && data.evaluated > 0; // there are tables of evidence
    this.cuttable = this.rows.some(({ bias }) => bias != null); // into segments, with another bias
    this.harmful = this.rows.some(({ harm }) => harm != null);
    this.at["worst-by"].hidden = !this.harmful;
    const keys = `${data.keys} ${data.other?.run} ${this.harmful}`;
    if (keys !== this.keysListed) {
      this.keysListed = keys;
      this.at.help.replaceChildren(keyList(data.keys, data.other, this.harmful));
    }
    this.view.open(data);
    this.layers.open(data, this.tested);
    if (!before) this.openLink();
    const { slice, last = this.last, tolerance = this.tolerance } = this.exchange.receive(data);
    const position = slice == null ? this.position : (this.placeOf.get(slice) ?? 0);
    this.position = clamp(position, 0, Math.max(0, this.rows.length - 1));
    Object.assign(this, { last, tolerance });
    this.measures.open(data, this.tested);
    this.syncSlice();
    this.resize();
    this.layers.restyle();
    this.open(data.place, !before);
    this.followLink();
    // Whoever had a place to show before there was a viewer shows it now.
    if (!before) window.dispatchEvent(new CustomEvent("segcore:viewer"));
  }

  /** Takes over what a link says of layers; of what is in view, once there is room for it. */
  openLink() {
    this.link = readLink();
    if (!this.link) return;
    const { layers, mode, bias, other, tones } = this.link;
    Object.assign(this.layers, this.link.look, { tones });
    this.layers.shown = new Set(layers.filter((name) => this.layers.available(name)));
    this.layers.mode = mode === "both" && !this.data.other ? "single" : mode;
    this.layers.other = other && Boolean(this.data.other);
    if (bias != null && this.cuttable) this.neurites.cut(bias);
  }

  /** As long as a link was just opened, it says what is in view. */
  followLink() {
    if (!this.link || performance.now() > this.link.until) return;
    const { x, y, scale } = this.link.view;
    this.view.restore(x, y, scale);
  }

  get row() {
    return this.rows[this.position];
  }

  get panes() {
    return this.layers.panes;
  }

  go(position) {
    const to = clamp(position, 0, this.rows.length - 1);
    if (to === this.position) return;
    this.ahead.step(to - this.position);
    this.position = to;
    this.syncSlice();
    this.exchange.changed();
    this.invalidate();
  }

  goWorst(step) {
    const order = this.rows.map((_, at) => at).filter((at) => this.badnessOf(at) != null);
    order.sort((a, b) => this.badnessOf(b) - this.badnessOf(a) || a - b);
    if (!order.length) return;
    const rank = order.indexOf(this.position);
    this.go(order[rank < 0 ? 0 : clamp(rank + step, 0, order.length - 1)]);
  }

  /** Takes over the place that Python says, which may be none. */
  open(place, first) {
    if (place && place.number !== this.placed) {
      // One that was there before this viewer was has been seen; if it stays, it still is, but nobody is taken to it.
      if (!first) this.show(place);
      else if (place.stays) {
        this.chosen.stay(place);
        if (place.slice === this.row?.index) this.lookAt(place);
      }
    } else if (!place && this.placed != null) this.chosen.stay(null);
    this.placed = place?.number;
  }

  /** Goes to a place and marks it, for a moment or until it is dismissed. */
  show(place) {
    const { slice, x, y, text } = place;
    if (!this.placeOf.has(slice)) return;
    this.go(this.placeOf.get(slice));
    this.lookAt(place);
    this.followLink();
    if (this.data.other) this.showOther(Boolean(place.other));
    this.chosen.stay(place.stays ? place : null);
    if (!place.stays) this.mark.put(slice, x, y);
    this.at.live.textContent = `${text} at x ${x}, y ${y}, slice ${slice}`;
    if (!place.quiet) this.stage.bringIntoSight();
  }

  /** Shows the one or the other of two runs where one picture is shown. */
  showOther(other) {
    this.layers.toggleOther(other);
    this.measures.show(this.measures.found);
  }

  lookAt({ x, y, area, box, openings }) {
    if (box) this.view.frame(box, openings);
    else this.view.centre(x, y, area, openings);
  }

  /** Selects the segment, or else the neurite, under a point of the stage, if their layers are shown. */
  async pick(point) {
    const { pane } = this.stage.paneAt(point);
    const neurites = this.neuritesOf(pane);
    const kinds = neurites.shown;
    const place = kinds.length && this.row ? this.view.pixelAt(point) : null;
    if (!place) return;
    const slice = this.row.index;
    let facts = null;
    try {
      facts = await neurites.factsOf(slice);
      await neurites.tileOf(slice, place.y >> 9, place.x >> 9);
    } catch (error) {
      this.say(`Nothing can be selected here: ${error.message}.`);
      return;
    }
    if (this.row?.index !== slice) return;
    const found = neurites.at(slice, place.x, place.y);
    const kind = [...kinds].reverse().find((one) => found[one]);
    if (!kind) {
      this.chosen.pick(null);
      return;
    }
    this.chosen.pick({ slice, kind, number: found[kind], other: neurites.other });
    this.at.live.textContent = `Selected: ${fateOf(facts, kind, found[kind])}`;
    this.exchange.tell({ picked: [kind, found[kind]] });
  }

  /** Those of the run that a pane shows. */
  neuritesOf(pane) {
    return this.panes?.[pane]?.other ? this.other.neurites : this.neurites;
  }

  setLast(last) {
    this.last = clamp(Math.round(last), 0, 255);
    this.syncMeasures();
    this.exchange.changed();
  }

  /** Has segments cut with another bias, in percent, and shows them. */
  setBias(bias) {
    this.neurites.cut(bias === this.row?.bias ? null : bias);
    if (!this.neurites.shown.includes("segment")) this.layers.toggle("segments");
    this.invalidate();
  }

  setTolerance(tolerance) {
    this.tolerance = clamp(tolerance, 0, BINS - 1);
    this.syncMeasures();
    this.exchange.changed();
  }

  /** Percent of wrong pixels of a slice, as far as it is known; null where there is none. */
  percentOf(position) {
    const { page, percent } = this.rows[position];
    return page == null ? null : (this.evidence.percent(page, this.last, this.tolerance) ?? percent);
  }

  /** Whether slices are ranked by the harm of their splits and merges, and not by wrong pixels. */
  get byHarm() {
    return this.harmFirst && this.harmful;
  }

  rankBy(harm) {
    this.harmFirst = harm;
    this.drawStrip();
  }

  /** What slices are ranked by; null where it is not known. */
  badnessOf(position) {
    return this.byHarm ? this.rows[position].harm : this.percentOf(position);
  }

  describe(position) {
    const { title, harm } = this.rows[position];
    const percent = this.percentOf(position);
    const whose = this.data.other ? ` in ${this.data.stack.split("/")[1]}` : "";
    const said = [
      percent == null ? "" : `${percentText(percent)} % wrong${whose}`,
      harm == null ? "" : `harm ${harm.toFixed(4)}`,
    ].filter(Boolean);
    return `slice ${title}${said.length ? `: ${said.join(", ")}` : ""}`;
  }

  // ------------------------------------------------------------ the page follows

  syncSlice() {
    const { row } = this;
    this.root.dataset.slice = row ? row.index : "";
    this.at.name.textContent = row
      ? [`Slice ${row.index}`, row.name, `${this.position + 1} of ${this.rows.length}`].filter(Boolean).join(" · ")
      : "";
    this.syncMeasures();
    this.readout.show();
  }

  syncMeasures() {
    this.measures.show(this.row && this.evidence.count(this.row.page, this.last, this.tolerance));
    // With the next frame: it measures the page, which is dear while the numbers on it change.
    this.stripStale = true;
    this.invalidate();
    this.evidence.recount(this.last, this.tolerance);
  }

  resize() {
    if (!this.data || !this.panes) return;
    this.measures.showApart();
    this.stage.reserve(this.at.parts);
    if (!this.stage.arrange(this.panes.length, this.data.height / this.data.width)) return;
    this.drawing.resize();
    this.view.resize();
    this.drawStrip();
    this.invalidate();
  }

  drawStrip() {
    this.stripStale = false;
    if (!this.rows?.length) return;
    const values = this.rows.map((_, at) => this.badnessOf(at));
    this.strip.draw(values, this.position, this.describe(this.position), this.starts);
    const by = this.at["worst-by"];
    by.textContent = this.byHarm ? "Harm" : "Wrong px";
    by.title = `The strip shows ${this.byHarm ? "harm" : "wrong pixels"} of each slice; the other with W`;
    by.setAttribute("aria-label", `The strip shows ${this.byHarm ? "harm" : "wrong pixels"}`);
  }

  /** Draws everything anew with the next frame. */
  invalidate() {
    if (this.frame || !this.data) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      if (this.stripStale) this.drawStrip();
      this.measures.showBias();
      this.measures.showApart();
      if (!this.row || !this.stage.width || !this.drawing.draw(this.row.index)) return;
      if (this.trouble) this.say("");
      this.trouble = false;
      this.ahead.paint();
    });
  }

  arrived(tile) {
    if (tile.key.startsWith(`${this.row?.index}/`)) {
      this.readout.show(); // it may be the one under a pointer that rests
      this.invalidate();
    } else this.ahead.paint();
  }

  failed(error, pause, urgent) {
    if (urgent) {
      // A fetch that gets no answer at all is a TypeError.
      const text = error instanceof TypeError ? "the server does not answer" : error.message;
      this.trouble = true;
      this.say(`This slice cannot be shown: ${text}.`, { stays: true });
      this.invalidate();
    }
    clearTimeout(this.retrying);
    this.retrying = setTimeout(() => this.invalidate(), pause + 20);
  }

  say(text, { stays = false } = {}) {
    const { message } = this.at;
    if (message.textContent !== text) message.textContent = text;
    message.hidden = !text;
    clearTimeout(this.hiding);
    if (text && !stays) this.hiding = setTimeout(() => (message.hidden = true), 6000);
  }

  remove() {
    clearTimeout(this.hiding);
    clearTimeout(this.retrying);
    cancelAnimationFrame(this.frame);
    this.ears.abort();
    this.observer.disconnect();
    this.tiles.clear();
    const { exchange, evidence, measures, mark, readout, ahead, neurites, apart, other } = this;
    for (const part of [exchange, evidence, measures, mark, readout, ahead, neurites, apart, other]) part.close();
    this.root.remove();
  }
}
