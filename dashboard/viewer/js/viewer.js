class Viewer {
  constructor(parent) {
    const holder = document.createElement("div");
    holder.innerHTML = SHELL;
    this.root = holder.firstElementChild;
    parent.append(this.root);
    this.at = {};
    for (const element of this.root.querySelectorAll("[data-at]")) this.at[element.dataset.at] = element;
    this.canvas = this.at.canvas;
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.tiles = new Tiles((tile) => this.arrived(tile), (...what) => this.failed(...what));
    this.painter = new Painter();
    this.evidence = new Evidence(() => this.syncMeasures(), (error) => this.say(error.message));
    this.strip = new Strip(this.at.strip);
    this.position = 0;
    this.last = 127;
    this.tolerance = 0;
    this.opacity = 0.7;
    this.masks = true;
    this.contours = false;
    this.layers = new Set(["image", "errors"]);
    this.mode = "single";
    this.view = { x: 0, y: 0, scale: 1, whole: true };
    this.size = { width: 0, height: 0 };
    this.pending = { slice: [], last: [], tolerance: [] };
    this.direction = 1;
    this.stepped = -Infinity;
    this.hurries = false;
    this.pointers = new Map();
    this.buildControls();
    listen(this);
  }

  // ------------------------------------------------------------ data from Python

  update(data) {
    const before = this.data;
    this.data = data;
    this.root.dataset.theme = data.theme ?? "";
    const stack = `${data.stack} ${data.version}`;
    const other = !before || stack !== `${before.stack} ${before.version}`;
    if (other) {
      this.trouble = false;
      this.tiles.clear();
      this.painter.clear();
      this.evidence.open(data);
      this.say("");
    }
    this.rows = data.slices.map(([index, name, percent, page]) => ({ index, name, percent, page }));
    this.placeOf = new Map(this.rows.map((row, at) => [row.index, at]));
    this.tested = data.labelled && data.evaluated > 0; // there are tables of evidence
    if (!before || before.height !== data.height || before.width !== data.width) this.view.whole = true;
    if (!before || data.mode !== before.mode) this.mode = data.mode;
    if (!before) this.layers = new Set(["image", this.tested && data.predicted ? "errors" : data.predicted ? "prediction" : "label"]);
    const known = this.known(data), earlier = before ? this.known(before) : {};
    this.adopt("slice", known.slice, earlier.slice, (z) => (this.position = this.placeOf.get(z) ?? 0));
    this.adopt("last", known.last, earlier.last, (last) => (this.last = last));
    this.adopt("tolerance", known.tolerance, earlier.tolerance, (tolerance) => (this.tolerance = tolerance));
    this.position = clamp(this.position, 0, Math.max(0, this.rows.length - 1));
    this.syncControls();
    this.resize();
    this.restyle();
    // A place that was there before this viewer was has been seen.
    if (before && data.place && data.place.number !== this.placed) this.show(data.place);
    this.placed = data.place?.number;
  }

  /** Takes over a value Python changed, unless it only repeats what was reported from here. */
  adopt(name, value, before, set) {
    if (value === before) return;
    const reported = this.pending[name].lastIndexOf(value);
    if (reported >= 0) this.pending[name].splice(0, reported + 1);
    else {
      this.pending[name] = [];
      set(value);
    }
  }

  /** What Python says is shown. Thresholds as 8-bit values, so that rounding in between makes no other one. */
  known(data) {
    return { slice: data.z, last: lastMembraneValue(data.threshold), tolerance: data.tolerance };
  }

  /** Tells Python once the user pauses. */
  changed() {
    clearTimeout(this.reporting);
    this.reporting = setTimeout(() => {
      const changes = {};
      const now = { slice: this.row?.index, last: this.last, tolerance: this.tolerance };
      const known = this.known(this.data);
      for (const name of Object.keys(now)) {
        const reported = this.pending[name];
        if (now[name] === (reported.length ? reported.at(-1) : known[name])) continue;
        changes[name] = now[name];
        reported.push(now[name]);
      }
      if ("last" in changes) changes.threshold = thresholdAfter(changes.last);
      if (Object.keys(changes).length) this.report({ number: `${Date.now()}-${Math.random()}`, changes });
    }, REST_MS);
  }

  // ------------------------------------------------------------ state

  get row() {
    return this.rows[this.position];
  }

  go(position) {
    const to = clamp(position, 0, this.rows.length - 1);
    if (to === this.position) return;
    this.direction = Math.sign(to - this.position);
    const now = performance.now();
    this.hurries = now - this.stepped < HURRY_MS;
    this.stepped = now;
    this.position = to;
    this.syncSlice();
    this.changed();
    this.invalidate();
  }

  goWorst(step) {
    const order = this.rows.map((_, at) => at).filter((at) => this.percentOf(at) != null);
    order.sort((a, b) => this.percentOf(b) - this.percentOf(a) || a - b);
    if (!order.length) return;
    const rank = order.indexOf(this.position);
    this.go(order[rank < 0 ? 0 : clamp(rank + step, 0, order.length - 1)]);
  }

  /** Goes to a place and marks it for a moment: its area fills about a third of the view. */
  show({ slice, x, y, area, text }) {
    if (!this.placeOf.has(slice)) return;
    this.go(this.placeOf.get(slice));
    const { w, h } = this.box(0);
    // A whole number, so that all pixels are of one size.
    const scale = clamp(Math.round(Math.sqrt((w * h) / 3 / Math.max(1, area))), 1, 12);
    this.view = { x: x + 0.5, y: y + 0.5, scale, whole: false };
    this.limit();
    this.mark = { slice, x, y, since: null };
    this.root.dataset.marked = `${x} ${y}`;
    this.at.live.textContent = `${text} at x ${x}, y ${y}, slice ${slice}`;
    const { top, bottom } = this.at.stage.getBoundingClientRect();
    if (top < 0 || bottom > window.innerHeight) this.at.stage.scrollIntoView({ block: "nearest" });
    this.invalidate();
  }

  setLast(last) {
    this.last = clamp(Math.round(last), 0, 255);
    this.syncMeasures();
    this.changed();
    this.invalidate();
  }

  setTolerance(tolerance) {
    this.tolerance = clamp(tolerance, 0, BINS - 1);
    this.syncMeasures();
    this.changed();
    this.invalidate();
  }

  toggleLayer(name) {
    if (!this.available(name)) return;
    if (this.mode !== "single") {
      this.mode = "single";
    } else if (!this.layers.delete(name)) this.layers.add(name);
    this.restyle();
  }

  available(name) {
    const { labelled, predicted } = this.data;
    return { image: true, label: labelled, probability: predicted, prediction: predicted, errors: labelled && predicted }[name];
  }

  /** Works out the panes and what each shows; after any change of layers, arrangement, opacity or contours. */
  restyle() {
    if (!this.data) return;
    const pane = (title, layers, notebook = false) => {
      const shown = layers.filter((name) => this.available(name));
      const base = ["image", "probability", "prediction", "label"].find((name) => shown.includes(name)) ?? "blank";
      const overlays = new Set(this.masks ? shown.filter((name) => name !== base && name !== "image") : []);
      const { opacity, contours } = this;
      return { title, base, overlays, opacity, contours, notebook, version: ++Viewer.styles };
    };
    const all = {
      single: () => [pane("", [...this.layers])],
      panes: () => this.data.predicted
        ? ["image", "label", "prediction", "errors"].filter((name) => this.available(name)).map(
          (name) => pane(TITLES[name], name === "errors" ? ["image", name] : [name]))
        : [["Image", ["image"]], ["Label", ["label"]], ["Superposition", ["image", "label"]]]
          .filter(([, names]) => names.every((name) => this.available(name)))
          .map(([title, names]) => pane(title, names)),
      notebook: () => [["Predicted", ["prediction"]], ["Expected", ["label"]], ["Error", ["label", "errors"]]]
        .filter(([, names]) => names.every((name) => this.available(name)))
        .map(([title, names]) => pane(title, names, true)),
    };
    this.panes = all[this.mode]();
    if (!this.panes.length) this.panes = [pane("Image", ["image"])];
    this.at.titles.replaceChildren(...this.panes.map(({ title }) => {
      const span = document.createElement("span");
      span.textContent = title;
      span.hidden = !title;
      return span;
    }));
    this.syncButtons();
    this.syncLegend();
    this.resize();
    this.invalidate();
  }

  /** Percent of wrong pixels of a slice, as far as it is known; null where there is none. */
  percentOf(position) {
    const { page, percent } = this.rows[position];
    return page == null ? null : this.evidence.percent(page, this.last, this.tolerance) ?? percent;
  }

  // ------------------------------------------------------------ controls

  buildControls() {
    LAYERS.forEach((name, at) => {
      const button = this.button(TITLES[name], () => this.toggleLayer(name), String(at + 1));
      button.dataset.layer = name;
      this.at.layers.append(button);
    });
    for (const [name, text] of MODES) {
      const button = this.button(text, () => {
        this.mode = name;
        this.restyle();
      });
      button.dataset.mode = name;
      this.at.modes.append(button);
    }
    const list = document.createElement("dl");
    for (const [keys, does] of KEYS) {
      const term = document.createElement("dt"), text = document.createElement("dd");
      term.textContent = keys;
      text.textContent = does;
      list.append(term, text);
    }
    this.at.help.append(list);
  }

  button(text, action, key) {
    const button = document.createElement("button");
    button.type = "button";
    if (key) button.append(Object.assign(document.createElement("kbd"), { textContent: key }));
    button.append(text);
    button.addEventListener("click", action);
    return button;
  }

  syncControls() {
    const { points } = this.data;
    this.at.points.replaceChildren(...Object.entries(points).map(([name, threshold]) => {
      const button = this.button(`${name} ${threshold.toFixed(3)}`, () => this.setLast(lastMembraneValue(threshold)));
      button.dataset.last = lastMembraneValue(threshold);
      button.title = `Threshold the run chose on validation: ${name}`;
      return button;
    }));
    this.at.measures.hidden = !this.data.predicted;
    this.at["tolerance-control"].hidden = !this.tested;
    this.syncSlice();
  }

  syncButtons() {
    for (const button of this.at.layers.children) {
      button.disabled = !this.available(button.dataset.layer);
      button.setAttribute("aria-pressed", this.mode === "single" && this.layers.has(button.dataset.layer));
    }
    const { labelled, predicted } = this.data;
    const there = { single: true, panes: labelled || predicted, notebook: labelled && predicted };
    for (const button of this.at.modes.children) {
      button.disabled = !there[button.dataset.mode];
      button.setAttribute("aria-pressed", this.mode === button.dataset.mode);
    }
    const press = (name, on) => this.root.querySelector(`[data-do=${name}]`).setAttribute("aria-pressed", on);
    press("masks", this.masks);
    press("contours", this.contours);
    this.at.opacity.value = Math.round(this.opacity * 100);
    this.at["opacity-text"].textContent = `${Math.round(this.opacity * 100)} %`;
    this.root.dataset.mode = this.mode;
  }

  syncSlice() {
    const { row } = this;
    this.root.dataset.slice = row ? row.index : "";
    this.at.name.textContent = row ? `Slice ${row.index} · ${row.name} · ${this.position + 1} of ${this.rows.length}` : "";
    this.syncMeasures();
    if (this.hover) this.showReadout();
  }

  syncMeasures() {
    const { at, data } = this;
    at.threshold.value = this.last;
    at["threshold-text"].textContent = thresholdAfter(this.last).toFixed(3);
    at.threshold.setAttribute("aria-valuetext", `threshold ${thresholdAfter(this.last).toFixed(3)}`);
    at.tolerance.value = this.tolerance;
    const nm = data.voxel_nm && this.tolerance ? ` (${+(this.tolerance * data.voxel_nm).toPrecision(3)} nm)` : "";
    at["tolerance-text"].textContent = `${this.tolerance} px${nm}`;
    for (const button of at.points.children) button.setAttribute("aria-pressed", Number(button.dataset.last) === this.last);
    this.showNumbers(this.row && this.evidence.count(this.row.page, this.last, this.tolerance));
    // With the next frame: it measures the page, which is dear while the numbers on it change.
    this.stripStale = true;
    this.invalidate();
    this.evidence.recount(this.last, this.tolerance);
  }

  showNumbers(found) {
    const { numbers, live } = this.at;
    clearTimeout(this.speaking);
    if (!found) {
      numbers.replaceChildren();
      for (const name of ["wrong", "percent"]) delete this.root.dataset[name];
      this.speaking = setTimeout(() => (live.textContent = this.row ? `Slice ${this.row.index}, ${this.row.name}` : ""), 500);
      return;
    }
    const percent = (100 * found.wrong) / found.pixels;
    this.root.dataset.wrong = found.wrong;
    this.root.dataset.percent = percent;
    const part = (count) => percentText((100 * count) / found.pixels);
    const shown = [
      ["total", null, `${percentText(percent)} %`, `${grouped(found.wrong)} wrong pixels`],
      ["missed", MISSED, grouped(found.missed), `missed membrane (${part(found.missed)} %)`],
      ["false", FALSE, grouped(found.false), `false membrane (${part(found.false)} %)`],
    ];
    if (this.tolerance) shown.push(["near", NEAR, grouped(found.near), "within tolerance"]);
    if (numbers.children.length !== shown.length) {
      numbers.replaceChildren(...shown.map(([kind]) => {
        const span = document.createElement("span");
        span.className = kind;
        span.append(document.createElement("b"), document.createElement("span"));
        return span;
      }));
    }
    shown.forEach(([, colour, big, small], index) => {
      const span = numbers.children[index];
      span.style.setProperty("--mark", colour ?? "transparent");
      span.firstChild.textContent = big;
      span.lastChild.textContent = small;
    });
    this.speaking = setTimeout(() => {
      live.textContent = `Slice ${this.row.index}, ${this.row.name}: ${grouped(found.wrong)} wrong pixels,`
        + ` ${percentText(percent)} percent; ${grouped(found.missed)} missed membrane, ${grouped(found.false)} false membrane;`
        + ` threshold ${thresholdAfter(this.last).toFixed(3)}, tolerance ${this.tolerance} pixels.`;
    }, 500);
  }

  syncLegend() {
    const shown = new Set(this.panes.flatMap((pane) => [...pane.overlays]));
    const notebook = this.mode === "notebook";
    const entries = [];
    if (this.available("errors")) {
      entries.push(...(notebook ? [["wrong pixel", WRONG]] : [["missed membrane", MISSED], ["false membrane", FALSE]]));
      entries.push(["within tolerance", NEAR]);
    }
    if (shown.has("label")) entries.push(["membrane in the label", LABEL]);
    if (shown.has("prediction")) entries.push(["predicted membrane", PREDICTION]);
    if (shown.has("probability")) entries.push(["probability of membrane", PREDICTION]);
    this.at.legend.replaceChildren(...entries.map(([text, colour]) => {
      const span = document.createElement("span");
      span.style.setProperty("--mark", colour);
      span.textContent = text;
      return span;
    }));
  }

  drawStrip() {
    this.stripStale = false;
    if (!this.rows?.length) return;
    const values = this.rows.map((_, at) => this.percentOf(at));
    this.strip.draw(values, this.position, this.describe(this.position, values[this.position]));
  }

  describe(position, percent = this.percentOf(position)) {
    const { index, name } = this.rows[position];
    return `slice ${index}, ${name}${percent == null ? "" : `: ${percentText(percent)} % wrong`}`;
  }

  // ------------------------------------------------------------ geometry

  resize() {
    if (!this.data || !this.panes) return;
    const { stage } = this.at;
    const width = stage.clientWidth;
    if (!width) return;
    const count = this.panes.length;
    const ratio = this.data.height / this.data.width;
    const full = document.fullscreenElement === this.root || this.root.matches(":fullscreen");
    const most = full ? stage.clientHeight : Math.max(280, Math.round(window.innerHeight * 0.64));
    // The arrangement of panes in which each is largest.
    let best = null;
    for (let columns = 1; columns <= count; columns++) {
      const rows = Math.ceil(count / columns);
      const paneWidth = Math.min(width / columns, most / rows / ratio);
      if (!best || paneWidth > best.paneWidth * 1.02) best = { columns, rows, paneWidth };
    }
    const height = full ? most : Math.round(clamp(best.paneWidth * ratio * best.rows, 240, most));
    if (!full) stage.style.height = `${height}px`;
    else stage.style.height = "";
    const device = window.devicePixelRatio || 1;
    this.background = getComputedStyle(stage).backgroundColor;
    this.size = { width, height, device, columns: best.columns, rows: best.rows };
    const [w, h] = [Math.round(width * device), Math.round(height * device)];
    if (this.canvas.width !== w || this.canvas.height !== h) Object.assign(this.canvas, { width: w, height: h });
    if (this.view.whole) this.fit();
    else this.limit();
    this.placeTitles();
    this.drawStrip();
    this.invalidate();
  }

  /** Where pane `index` lies on the stage, in CSS pixels. */
  box(index) {
    const { width, height, columns, rows } = this.size;
    const gap = this.panes.length > 1 ? 4 : 0;
    const w = (width - gap * (columns - 1)) / columns, h = (height - gap * (rows - 1)) / rows;
    return { x: (index % columns) * (w + gap), y: Math.floor(index / columns) * (h + gap), w, h };
  }

  placeTitles() {
    [...this.at.titles.children].forEach((span, index) => {
      const { x, y } = this.box(index);
      span.style.transform = `translate(${x + 8}px, ${y + 8}px)`;
    });
  }

  fitScale() {
    const { w, h } = this.box(0);
    return Math.min(w / this.data.width, h / this.data.height);
  }

  fit() {
    this.view = { x: this.data.width / 2, y: this.data.height / 2, scale: this.fitScale(), whole: true };
    this.showScale();
    this.invalidate();
  }

  limit() {
    const { view, data } = this;
    view.scale = clamp(view.scale, this.fitScale() / 2, 64);
    view.x = clamp(view.x, 0, data.width);
    view.y = clamp(view.y, 0, data.height);
    this.showScale();
  }

  /** Zooms so that what is under a point of the stage stays there; the middle of a pane without one. */
  zoom(factor, point) {
    const { view } = this;
    const { dx, dy } = point ? this.offset(point) : { dx: 0, dy: 0 };
    const before = view.scale;
    view.scale = clamp(before * factor, this.fitScale() / 2, 64);
    view.x += dx / before - dx / view.scale;
    view.y += dy / before - dy / view.scale;
    view.whole = false;
    this.limit();
    this.invalidate();
  }

  pan(dx, dy) {
    this.view.x -= dx / this.view.scale;
    this.view.y -= dy / this.view.scale;
    this.view.whole = false;
    this.limit();
    this.invalidate();
  }

  /** From the middle of the pane under a point of the stage, in CSS pixels. */
  offset({ x, y }) {
    for (let index = 0; index < this.panes.length; index++) {
      const box = this.box(index);
      if (x >= box.x && x < box.x + box.w && y >= box.y && y < box.y + box.h) {
        return { dx: x - box.x - box.w / 2, dy: y - box.y - box.h / 2, pane: index };
      }
    }
    return { dx: 0, dy: 0, pane: -1 };
  }

  point(event) {
    const box = this.at.stage.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  showScale() {
    const { scale, data, view } = this.at.scale ? { scale: this.at.scale, data: this.data, view: this.view } : {};
    const unit = data.voxel_nm || 1;
    const length = roundLength((110 / view.scale) * unit);
    scale.firstElementChild.style.width = `${(length / unit) * view.scale}px`;
    scale.lastElementChild.textContent = !data.voxel_nm ? `${length} px` : length >= 1000 ? `${length / 1000} µm` : `${length} nm`;
  }

  level() {
    const device = this.view.scale * this.size.device;
    return clamp(Math.floor(Math.log2(1 / device) + 0.25), 0, this.data.coarsest);
  }

  /** Tiles of a level that a pane can see, as [ty, tx]. */
  seen(level) {
    const { w, h } = this.box(0);
    const { x, y, scale } = this.view;
    const side = TILE << level;
    const last = (size) => Math.ceil(size / side) - 1;
    const [top, bottom] = [y - h / 2 / scale, y + h / 2 / scale].map((at) => clamp(Math.floor(at / side), 0, last(this.data.height)));
    const [left, right] = [x - w / 2 / scale, x + w / 2 / scale].map((at) => clamp(Math.floor(at / side), 0, last(this.data.width)));
    const found = [];
    for (let ty = top; ty <= bottom; ty++) for (let tx = left; tx <= right; tx++) found.push([ty, tx]);
    return found;
  }

  // ------------------------------------------------------------ drawing

  invalidate() {
    if (this.frame || !this.data) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      if (this.stripStale) this.drawStrip();
      this.draw();
    });
  }

  arrived(tile) {
    if (!tile.key.startsWith(`${this.row?.index}/`)) {
      this.paintAhead();
      return;
    }
    this.invalidate();
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

  /** Paints the slice that is likely to be next, when nothing else is to be done. */
  paintAhead() {
    clearTimeout(this.painting);
    this.painting = setTimeout(() => {
      const z = this.rows[this.position + this.direction]?.index;
      if (z == null || this.pointers.size) return;
      const level = this.level();
      const began = performance.now();
      for (const [ty, tx] of this.seen(level)) {
        const tile = this.tiles.get(this.key(z, level, ty, tx));
        if (!tile) continue;
        const around = this.around(z, level, ty, tx);
        this.panes.forEach((style, pane) => this.painter.picture(tile, pane, style, this.last, this.tolerance, around));
        if (performance.now() - began > 8) {
          this.paintAhead();
          return;
        }
      }
    }, 60);
  }

  key(z, level, ty, tx) {
    // Only the coarse levels depend on the tolerance: theirs is settled on the server.
    return `${z}/${level}/${ty}/${tx}${level && this.tested ? `?tolerance=${this.tolerance}` : ""}`;
  }

  request(z, level, ty, tx, urgent) {
    const key = this.key(z, level, ty, tx);
    const { stack, version } = this.data;
    const query = `v=${version}${urgent ? "" : "&soon=1"}`;
    return { key, urgent, url: `/segcore/tiles/${stack}/bundle/${key}${key.includes("?") ? "&" : "?"}${query}` };
  }

  draw() {
    if (!this.row || !this.size.width) return;
    const z = this.row.index;
    const level = this.level();
    const seen = this.seen(level);
    const { coarsest } = this.data;
    const ready = seen.map(([ty, tx]) => this.tiles.get(this.key(z, level, ty, tx)));
    this.wantTiles(z, level, seen);
    const fallback = ready.map((tile, at) => (tile ? null : this.ancestor(z, level, ...seen[at])));
    const complete = ready.every(Boolean);
    const nothing = !ready.some(Boolean) && !fallback.some(Boolean);
    // Nothing of this slice yet: the last picture stays rather than a flash of nothing.
    if (nothing && !this.trouble) return;
    const { context, size } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = this.background;
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    if (nothing) return;
    this.panes.forEach((style, pane) => {
      const { x, y, w, h } = this.box(pane);
      context.save();
      context.setTransform(size.device, 0, 0, size.device, 0, 0);
      context.beginPath();
      context.rect(x, y, w, h);
      context.clip();
      const scale = this.view.scale * size.device;
      context.setTransform(
        scale, 0, 0, scale,
        Math.round((x + w / 2) * size.device - this.view.x * scale),
        Math.round((y + h / 2) * size.device - this.view.y * scale),
      );
      // Pixels as squares once they are large enough to be told apart.
      context.imageSmoothingEnabled = scale < 2;
      seen.forEach(([ty, tx], at) => {
        const tile = ready[at];
        if (tile) {
          const around = style.contours ? this.around(z, level, ty, tx) : {};
          const picture = this.painter.picture(tile, pane, style, this.last, this.tolerance, around);
          this.place(picture, level, ty, tx, 0, 0, tile.width, tile.height);
        } else if (fallback[at]) this.placePart(fallback[at], pane, style, level, ty, tx);
      });
      if (this.hover && this.panes.length > 1 && this.hover.pane !== pane) this.drawCross(scale);
      this.drawMark(scale);
      context.restore();
    });
    this.painter.trim((coarsest ? seen.length + 1 : 1) * this.panes.length);
    this.painted(z, complete);
    if (!complete) return;
    if (this.trouble) this.say("");
    this.trouble = false;
    this.paintAhead();
  }

  /** The tiles beside a tile, as far as they are here. */
  around(z, level, ty, tx) {
    const sides = { up: [ty - 1, tx], down: [ty + 1, tx], left: [ty, tx - 1], right: [ty, tx + 1] };
    const found = {};
    for (const [side, place] of Object.entries(sides)) {
      const tile = this.tiles.kept.get(this.key(z, level, ...place));
      if (tile) found[side] = tile;
    }
    return found;
  }

  place(picture, level, ty, tx, sx, sy, width, height) {
    const side = TILE << level, grow = 1 << level;
    // The last block of an odd side reaches beyond the slice; it is cut there.
    const right = Math.min(this.data.width, tx * side + width * grow), bottom = Math.min(this.data.height, ty * side + height * grow);
    this.context.drawImage(
      picture, sx, sy, (right - tx * side) / grow, (bottom - ty * side) / grow,
      tx * side, ty * side, right - tx * side, bottom - ty * side,
    );
  }

  ancestor(z, level, ty, tx) {
    for (let up = 1; level + up <= this.data.coarsest; up++) {
      const tile = this.tiles.get(this.key(z, level + up, ty >> up, tx >> up));
      if (tile) return { tile, up };
    }
    return null;
  }

  placePart({ tile, up }, pane, style, level, ty, tx) {
    const picture = this.painter.picture(tile, pane, style, this.last, this.tolerance);
    const side = TILE << level, part = TILE >> up, grow = 1 << (level + up);
    const sx = (tx & ((1 << up) - 1)) * part, sy = (ty & ((1 << up) - 1)) * part;
    const width = Math.min(part, tile.width - sx), height = Math.min(part, tile.height - sy);
    if (width > 0 && height > 0) {
      this.context.drawImage(picture, sx, sy, width, height, tx * side, ty * side, width * grow, height * grow);
    }
  }

  drawCross(scale) {
    const { context } = this;
    const x = this.hover.x + 0.5, y = this.hover.y + 0.5, arm = 9 / scale;
    for (const [colour, width] of [["#000", 3], ["#fff", 1]]) {
      context.strokeStyle = colour;
      context.lineWidth = width / scale;
      context.beginPath();
      context.moveTo(x - arm, y);
      context.lineTo(x + arm, y);
      context.moveTo(x, y - arm);
      context.lineTo(x, y + arm);
      context.stroke();
    }
  }

  /** A ring that closes in on the marked place, and goes after three seconds. */
  drawMark(scale) {
    const { mark, context } = this;
    if (!mark) return;
    const now = performance.now();
    mark.since ??= now;
    const age = now - mark.since;
    if (mark.slice !== this.row.index || age > 3000) {
      this.mark = null;
      delete this.root.dataset.marked;
      return;
    }
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches || age > 500;
    const radius = (still ? 26 : 26 + 60 * (1 - age / 500)) * this.size.device / scale;
    for (const [colour, width] of [["#000", 5], ["#fff", 2.5]]) {
      context.strokeStyle = colour;
      context.lineWidth = (width * this.size.device) / scale;
      context.beginPath();
      context.arc(mark.x + 0.5, mark.y + 0.5, radius, 0, 2 * Math.PI);
      context.stroke();
    }
    clearTimeout(this.marking);
    this.marking = setTimeout(() => this.invalidate(), still ? 3001 - age : 0);
  }

  painted(z, complete) {
    this.root.dataset.painted = z;
    this.root.dataset.complete = complete;
    this.root.dataset.view = [this.view.x, this.view.y, this.view.scale].join(" ");
    window.dispatchEvent(new CustomEvent("segcore:painted", { detail: { z, complete, last: this.last, time: performance.now() } }));
  }

  wantTiles(z, level, seen) {
    const { coarsest } = this.data;
    const list = [];
    const add = (slice, at, places, urgent) => {
      for (const [ty, tx] of places) list.push(this.request(slice, at, ty, tx, urgent));
    };
    // The coarsest tile first: it is one small request, and shows the whole slice.
    if (level < coarsest) add(z, coarsest, [[0, 0]], true);
    if (level < coarsest && this.hurries) {
      // A key is held down: what is fine would be out of date before it is here, and keep the server from the rest.
      for (let step = 1; step <= HURRY_AHEAD; step++) {
        const slice = this.rows[this.position + step * this.direction]?.index;
        if (slice != null) add(slice, coarsest, [[0, 0]], step <= 2);
      }
      this.tiles.want(list);
      clearTimeout(this.resting);
      this.resting = setTimeout(() => {
        this.hurries = false;
        this.invalidate();
      }, HURRY_MS);
      return;
    }
    add(z, level, seen, true);
    const near = [1, 2, -1, 3, -2].map((step) => this.rows[this.position + step * this.direction]?.index);
    for (const slice of near) if (slice != null && level < coarsest) add(slice, coarsest, [[0, 0]], false);
    for (const slice of near.slice(0, seen.length > 4 ? 2 : 5)) if (slice != null) add(slice, level, seen, false);
    // Values under the pointer are those of single pixels.
    if (this.hover && level) add(z, 0, [[this.hover.y >> 9, this.hover.x >> 9]], false);
    this.tiles.want(list);
  }

  // ------------------------------------------------------------ under the pointer

  moveHover(event) {
    const point = this.point(event);
    const { dx, dy, pane } = this.offset(point);
    const x = Math.floor(this.view.x + dx / this.view.scale), y = Math.floor(this.view.y + dy / this.view.scale);
    const inside = pane >= 0 && x >= 0 && y >= 0 && x < this.data.width && y < this.data.height;
    this.hover = inside ? { x, y, pane } : null;
    this.showReadout();
    if (this.panes.length > 1) this.invalidate();
  }

  showReadout() {
    const { readout } = this.at;
    if (!this.hover || !this.row) {
      readout.textContent = "";
      return;
    }
    const { x, y } = this.hover;
    const tile = this.tiles.get(this.key(this.row.index, 0, y >> 9, x >> 9));
    const parts = [`x ${x}, y ${y}`];
    if (tile) {
      const at = (y & 511) * tile.width + (x & 511);
      const { image, truth, probability } = tile.planes;
      parts.push(`intensity ${image[at]}`);
      if (truth) parts.push(`label ${truth[at] >> 3 ? "interior" : "membrane"}`);
      if (probability) {
        const q = probability[at];
        parts.push(`probability ${(q / 255).toFixed(3)} → ${q > this.last ? "interior" : "membrane"}`);
      }
      if (truth) {
        const bin = truth[at] & 7;
        const nm = this.data.voxel_nm ? ` (${+(bin * this.data.voxel_nm).toPrecision(3)}${bin === 5 ? "+" : ""} nm)` : "";
        parts.push(`boundary ${bin === 5 ? "5+" : bin} px away${nm}`);
      }
    } else {
      parts.push("…");
      clearTimeout(this.peeking);
      this.peeking = setTimeout(() => this.peek(), 80);
    }
    readout.textContent = parts.join(" · ");
  }

  /** Fetches the pixels under the pointer when the view is too coarse to have them. */
  async peek() {
    if (!this.hover || !this.row) return;
    const { key, url } = this.request(this.row.index, 0, this.hover.y >> 9, this.hover.x >> 9, false);
    if (this.tiles.kept.has(key) || this.peeked === key) return;
    this.peeked = key;
    try {
      this.tiles.keep(await Tiles.load(key, url));
    } catch {
      return; // the picture itself says what is wrong
    } finally {
      this.peeked = null;
    }
    this.showReadout();
  }

  // ------------------------------------------------------------ actions

  act(name) {
    const actions = {
      previous: () => this.go(this.position - 1),
      next: () => this.go(this.position + 1),
      first: () => this.go(0),
      last: () => this.go(this.rows.length - 1),
      worse: () => this.goWorst(1),
      better: () => this.goWorst(-1),
      masks: () => {
        this.masks = !this.masks;
        this.restyle();
      },
      contours: () => {
        this.contours = !this.contours;
        this.restyle();
      },
      in: () => this.zoom(1.5),
      out: () => this.zoom(1 / 1.5),
      fit: () => this.fit(),
      lower: () => this.setLast(this.last - 1),
      higher: () => this.setLast(this.last + 1),
      help: () => (this.at.help.hidden = !this.at.help.hidden),
      full: () => this.fullScreen(),
      png: () => download(this, "png"),
      tiff: () => download(this, "tiff"),
    };
    actions[name]?.();
  }

  async fullScreen() {
    try {
      if (document.fullscreenElement) await document.exitFullscreen();
      else await this.root.requestFullscreen();
    } catch {
      this.say("This browser does not allow full screen here.");
    }
  }

  say(text, { stays = false } = {}) {
    const { message } = this.at;
    if (message.textContent !== text) message.textContent = text;
    message.hidden = !text;
    clearTimeout(this.hiding);
    if (text && !stays) this.hiding = setTimeout(() => (message.hidden = true), 6000);
  }

  remove() {
    const timers = [this.reporting, this.speaking, this.hiding, this.peeking, this.retrying, this.painting, this.marking];
    for (const timer of timers) clearTimeout(timer);
    cancelAnimationFrame(this.frame);
    this.ears.abort();
    this.observer.disconnect();
    this.tiles.clear();
    this.evidence.close();
    this.root.remove();
  }
}
Viewer.styles = 0;

