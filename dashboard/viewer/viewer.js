/* The slice viewer. One canvas, raw tiles from the server, everything else here.
 *
 * Pixels are classified in the browser: a tile's true class, boundary distance and probability become a code of
 * eight bits through a table that depends on threshold and tolerance, and code x grey value becomes a colour
 * through a table that depends on layers and opacity. Counts do not come from pixels but from the slice's table
 * of evidence, so that they are those of `segcore`, at any size and zoom.
 *
 * Parts: numbers (pure), Tiles (fetching and keeping), Painter (bytes to colours), Viewer (state, drawing, input).
 */

const TILE = 512;
const BINS = 6;
const TABLE = 2 * 256 * BINS;
const MISSED = "#0072B2", FALSE = "#D55E00", NEAR = "#F0E442", WRONG = "#FF0000";
const LABEL = "#2AD1D9", PREDICTION = "#CC79A7";
const LAYERS = ["image", "label", "probability", "prediction", "errors"];
const LARGEST_DOWNLOAD = 4096 * 4096;

// ---------------------------------------------------------------- numbers

/** The largest 8-bit probability a threshold calls membrane; as in segcore.evidence. */
export const lastMembraneValue = (threshold) => Math.floor(255 * threshold + 1e-6);

/** The threshold half-way above an 8-bit probability; as in segcore.evidence. */
export const thresholdAfter = (value) => Math.min(1, (value + 0.5) / 255);

/** Wrong pixels of one slice: {pixels, missed, false, wrong, near}; `near` is what the tolerance forgives. */
export function countErrors(table, last, tolerance) {
  let pixels = 0, missed = 0, falsely = 0, near = 0;
  for (let q = 0, at = 0; q < 256; q++) {
    for (let bin = 0; bin < BINS; bin++, at++) {
      const membrane = table[at], interior = table[at + 256 * BINS];
      pixels += membrane + interior;
      const wrong = q > last ? membrane : interior;
      if (bin < tolerance) near += wrong;
      else if (q > last) missed += membrane;
      else falsely += interior;
    }
  }
  return { pixels, missed, false: falsely, wrong: missed + falsely, near };
}

/** Two decimals, ties to even as Python rounds; toFixed rounds ties up, and 3.125 is one that happens. */
export function percentText(value) {
  const exact = value.toFixed(60);
  const dot = exact.indexOf(".");
  const rest = exact.slice(dot + 3);
  const tie = rest[0] === "5" && /^50*$/.test(rest);
  return tie && Number(exact[dot + 2]) % 2 === 0 ? exact.slice(0, dot + 3) : value.toFixed(2);
}

const grouped = (count) => count.toLocaleString("en-US");
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const CHANNELS = Object.fromEntries([MISSED, FALSE, NEAR, WRONG, LABEL, PREDICTION].map(
  (hex) => [hex, [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16))],
));

/** From light to dark purple. */
const shade = (share) => {
  const [light, dark] = [[196, 160, 206], [106, 27, 122]];
  return `rgb(${light.map((from, at) => Math.round(from + (dark[at] - from) * share)).join(",")})`;
};

/** A round length of at most `most`: 1, 2 or 5 times a power of ten. */
function roundLength(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  return [5, 2, 1].map((digit) => digit * power).find((length) => length <= most) ?? power;
}

// ---------------------------------------------------------------- tiles

/** Fetches tiles, what is on screen first; keeps the latest within a bound; drops what nobody wants any more. */
class Tiles {
  constructor(arrived, failed) {
    this.arrived = arrived;
    this.failed = failed;
    this.most = 160 * 2 ** 20;
    this.kept = new Map(); // in order of use
    this.bytes = 0;
    this.running = new Map();
    this.refused = new Map();
    this.queue = [];
  }

  clear() {
    for (const abort of this.running.values()) abort.abort();
    this.running.clear();
    this.kept.clear();
    this.refused.clear();
    this.queue = [];
    this.bytes = 0;
  }

  get(key) {
    const tile = this.kept.get(key);
    if (tile) {
      this.kept.delete(key);
      this.kept.set(key, tile);
    }
    return tile;
  }

  /** What is wanted now, most urgent first, each {key, url, urgent}. Everything else under way is given up. */
  want(list) {
    const keys = new Set(list.map((one) => one.key));
    for (const [key, abort] of this.running) {
      if (!keys.has(key)) {
        abort.abort();
        this.running.delete(key);
      }
    }
    const now = performance.now();
    this.queue = list.filter(
      ({ key }) => !this.kept.has(key) && !this.running.has(key) && !(this.refused.get(key) > now),
    );
    this.pump();
  }

  pump() {
    // Browsers open six connections to a host; what is only guessed at leaves some free.
    while (this.queue.length && this.running.size < (this.queue[0].urgent ? 6 : 3)) this.fetch(this.queue.shift());
  }

  async fetch({ key, url }) {
    const abort = new AbortController();
    this.running.set(key, abort);
    try {
      const tile = await Tiles.load(key, url, abort.signal);
      if (this.running.get(key) !== abort) return;
      this.keep(tile);
      this.running.delete(key);
      this.arrived(tile);
    } catch (error) {
      if (this.running.get(key) !== abort) return;
      this.running.delete(key);
      this.refused.set(key, performance.now() + 3000);
      this.failed(error);
    } finally {
      this.pump();
    }
  }

  static async load(key, url, signal) {
    const response = await fetch(url, { signal });
    const shape = response.headers.get("X-Shape");
    if (!response.ok || !shape) throw new Error(response.ok ? "the server has no tiles" : await response.text());
    const [height, width] = shape.split(",").map(Number);
    const names = response.headers.get("X-Planes").split(",");
    const bytes = await response.arrayBuffer();
    const size = height * width;
    if (bytes.byteLength !== size * names.length) throw new Error("a tile was cut short");
    const planes = {};
    names.forEach((name, at) => (planes[name] = new Uint8Array(bytes, at * size, size)));
    return { key, height, width, planes, bytes: bytes.byteLength, derived: new Map() };
  }

  keep(tile) {
    this.kept.set(tile.key, tile);
    this.bytes += tile.bytes;
    for (const [key, old] of this.kept) {
      if (this.bytes <= this.most || key === tile.key) break;
      this.kept.delete(key);
      this.bytes -= old.bytes;
    }
  }
}

// ---------------------------------------------------------------- painter

/* A pixel's code: bits 0-1 the error (1 missed membrane, 2 false membrane, 3 within tolerance), bit 2 true
 * membrane, bit 3 predicted membrane, bits 4-7 the probability in sixteen steps. */
const ERROR = 3, TRUE_MEMBRANE = 4, PREDICTED_MEMBRANE = 8;

/** Turns the planes of a tile into a picture. */
class Painter {
  constructor() {
    this.tables = new Map();
    this.pictures = new Map();
    this.pool = [];
    this.most = 24;
  }

  clear() {
    this.pictures.clear();
  }

  /** Code by true class, distance and probability: index (interior << 3 | bin) << 8 | q. */
  codeTable(last, tolerance, labelled, predicted) {
    const table = new Uint8Array(16 * 256);
    for (let truth = 0; truth < 16; truth++) {
      const interior = truth >> 3, bin = truth & 7;
      for (let q = 0; q < 256; q++) {
        let code = (q >> 4) << 4;
        const asMembrane = q <= last;
        if (labelled && !interior) code |= TRUE_MEMBRANE;
        if (predicted && asMembrane) code |= PREDICTED_MEMBRANE;
        if (labelled && predicted && asMembrane === Boolean(interior)) {
          code |= bin < tolerance ? 3 : interior ? 2 : 1;
        }
        table[(truth << 8) | q] = code;
      }
    }
    return table;
  }

  codes(tile, last, tolerance) {
    const key = `${last}/${tolerance}`;
    if (tile.derived.get("codes of") === key) return tile.derived.get("codes");
    const codes = tile.derived.get("codes") ?? new Uint8Array(tile.height * tile.width);
    const { truth, label, probability, peak, trough, near_peak: nearPeak, near_trough: nearTrough } = tile.planes;
    const labelled = Boolean(truth || label), predicted = Boolean(probability);
    const name = `${key}/${labelled}/${predicted}`;
    if (!this.tables.has(name)) {
      if (this.tables.size > 64) this.tables.clear();
      this.tables.set(name, this.codeTable(last, tolerance, labelled, predicted));
    }
    const table = this.tables.get(name);
    if (truth && probability) {
      for (let i = 0; i < codes.length; i++) codes[i] = table[(truth[i] << 8) | probability[i]];
    } else if (truth) {
      for (let i = 0; i < codes.length; i++) codes[i] = table[truth[i] << 8];
    } else {
      // Coarse, or without labels. The class of no tolerance is that of distance 5.
      for (let i = 0; i < codes.length; i++) {
        const interior = label ? label[i] >> 7 : 0;
        codes[i] = table[(interior << 11) | (5 << 8) | (probability ? probability[i] : 0)] & ~ERROR;
      }
      // A block can hold both errors; the one that merges neurites shows.
      if (peak) for (let i = 0; i < codes.length; i++) codes[i] |= peak[i] > last ? 1 : trough[i] <= last ? 2 : 0;
      if (nearPeak) {
        for (let i = 0; i < codes.length; i++) {
          if (!(codes[i] & ERROR) && (nearPeak[i] > last || nearTrough[i] <= last)) codes[i] |= 3;
        }
      }
    }
    tile.derived.set("codes", codes).set("codes of", key).delete("edges of");
    return codes;
  }

  /** Codes with every mask reduced to its pixels that touch what is not of it. */
  edges(tile, last, tolerance) {
    const codes = this.codes(tile, last, tolerance);
    const key = `${last}/${tolerance}`;
    if (tile.derived.get("edges of") === key) return tile.derived.get("edges");
    const edges = tile.derived.get("edges") ?? new Uint8Array(codes.length);
    const { height, width } = tile;
    for (let y = 0, i = 0; y < height; y++) {
      const up = y ? -width : 0, down = y < height - 1 ? width : 0;
      for (let x = 0; x < width; x++, i++) {
        const code = codes[i];
        const differs = (code ^ codes[i + up]) | (code ^ codes[i + down])
          | (x ? code ^ codes[i - 1] : 0) | (x < width - 1 ? code ^ codes[i + 1] : 0);
        edges[i] = (code & 0xf0) | (code & differs & (TRUE_MEMBRANE | PREDICTED_MEMBRANE))
          | (differs & ERROR ? code & ERROR : 0);
      }
    }
    tile.derived.set("edges", edges).set("edges of", key);
    return edges;
  }

  /** Colour by code and base value: index code << 8 | value. */
  colours(style) {
    if (style.table) return style.table;
    const table = new Uint32Array(256 * 256);
    const { overlays, opacity } = style;
    const strength = style.contours ? 0.4 + 0.6 * opacity : opacity;
    const errors = style.notebook ? [null, WRONG, WRONG, NEAR] : [null, MISSED, FALSE, NEAR];
    for (let code = 0; code < 256; code++) {
      if (code > 15 && !overlays.has("probability")) {
        table.copyWithin(code << 8, (code & 15) << 8, ((code & 15) + 1) << 8);
        continue;
      }
      // Every overlay is a mix, so all of them together are: factor * value + added.
      let factor = 1, red = 0, green = 0, blue = 0;
      const mix = (hex, amount) => {
        const [r, g, b] = CHANNELS[hex];
        factor *= 1 - amount;
        red = red * (1 - amount) + r * amount;
        green = green * (1 - amount) + g * amount;
        blue = blue * (1 - amount) + b * amount;
      };
      if (overlays.has("probability")) mix(PREDICTION, opacity * (1 - (code >> 4) / 15));
      if (overlays.has("label") && code & TRUE_MEMBRANE) mix(LABEL, strength);
      if (overlays.has("prediction") && code & PREDICTED_MEMBRANE) mix(PREDICTION, strength);
      if (overlays.has("errors") && code & ERROR) mix(errors[code & ERROR], style.notebook ? 1 : strength);
      for (let value = 0, at = code << 8; value < 256; value++, at++) {
        const grey = factor * value + 0.5; // cut off below, which rounds
        table[at] = 0xff000000 | ((grey + blue) << 16) | ((grey + green) << 8) | (grey + red);
      }
    }
    style.table = table;
    return table;
  }

  base(tile, style, last) {
    const { image, label, truth, probability } = tile.planes;
    if (style.base === "image" && image) return image;
    if (style.base === "probability" && probability) return probability;
    const plane = new Uint8Array(tile.height * tile.width);
    if (style.base === "prediction" && probability) {
      for (let i = 0; i < plane.length; i++) plane[i] = probability[i] > last ? 255 : 0;
    } else if (style.base === "label" && (label || truth)) {
      if (label) plane.set(label);
      else for (let i = 0; i < plane.length; i++) plane[i] = truth[i] >> 3 ? 255 : 0;
    } else {
      plane.fill(style.base === "blank" ? 246 : 128);
    }
    return plane;
  }

  /** RGBA of a tile as 32-bit numbers, into `out`. */
  paint(tile, style, last, tolerance, out) {
    const codes = style.contours ? this.edges(tile, last, tolerance) : this.codes(tile, last, tolerance);
    const table = this.colours(style), base = this.base(tile, style, last);
    for (let i = 0; i < out.length; i++) out[i] = table[(codes[i] << 8) | base[i]];
  }

  /** A canvas that shows the tile in this style; kept while it is among the latest. */
  picture(tile, pane, style, last, tolerance) {
    const key = `${pane} ${tile.key}`;
    const version = `${style.version}/${last}/${tolerance}`;
    let picture = this.pictures.get(key);
    this.pictures.delete(key);
    if (!picture || picture.tile !== tile) {
      picture = { tile, canvas: this.pool.pop() ?? document.createElement("canvas"), version: null };
    }
    this.pictures.set(key, picture);
    if (picture.version !== version) {
      const { canvas } = picture;
      if (canvas.width !== tile.width || canvas.height !== tile.height) {
        canvas.width = tile.width;
        canvas.height = tile.height;
      }
      const context = canvas.getContext("2d", { willReadFrequently: true });
      const data = this.buffer(tile.width, tile.height);
      this.paint(tile, style, last, tolerance, new Uint32Array(data.data.buffer));
      context.putImageData(data, 0, 0);
      picture.version = version;
    }
    return picture.canvas;
  }

  buffer(width, height) {
    if (this.data?.width !== width || this.data?.height !== height) this.data = new ImageData(width, height);
    return this.data;
  }

  /** Forgets all but the latest pictures. */
  trim(visible) {
    const most = Math.max(this.most, visible * 2);
    for (const [key, picture] of this.pictures) {
      if (this.pictures.size <= most) break;
      this.pictures.delete(key);
      if (this.pool.length < 8) this.pool.push(picture.canvas);
    }
  }
}

// ---------------------------------------------------------------- the page's part

const SHELL = `
<div class="viewer" tabindex="0" role="group" aria-label="Slice viewer. Press question mark for the keys.">
  <div class="bar">
    <div class="group" role="group" aria-label="Layers" data-at="layers"></div>
    <div class="group" role="group" aria-label="Arrangement" data-at="modes"></div>
    <div class="group">
      <button type="button" data-do="masks" title="Masks on or off (X)"><kbd>X</kbd>Masks</button>
      <button type="button" data-do="contours" title="Contours or filled (Z)"><kbd>Z</kbd>Contours</button>
    </div>
    <label class="slider"><span>Opacity</span>
      <input type="range" min="0" max="100" step="1" data-at="opacity"><output data-at="opacity-text"></output></label>
    <div class="group end">
      <button type="button" data-do="png" title="Download what is shown, at native size, as PNG">PNG</button>
      <button type="button" data-do="tiff" title="Download what is shown, at native size, as TIFF">TIFF</button>
    </div>
  </div>
  <div class="bar measures" data-at="measures">
    <label class="slider wide"><span>Threshold</span>
      <input type="range" min="0" max="255" step="1" data-at="threshold"><output data-at="threshold-text"></output></label>
    <div class="group" role="group" aria-label="Thresholds the run chose" data-at="points"></div>
    <label class="slider" data-at="tolerance-control"><span>Tolerance</span>
      <input type="range" min="0" max="5" step="1" data-at="tolerance"><output data-at="tolerance-text"></output></label>
    <div class="numbers" data-at="numbers"></div>
  </div>
  <div class="stage" data-at="stage">
    <canvas data-at="canvas" aria-hidden="true"></canvas>
    <div class="titles" data-at="titles"></div>
    <div class="zoom" role="group" aria-label="Zoom, full screen, keys">
      <button type="button" data-do="in" title="Zoom in (+)" aria-label="Zoom in">+</button>
      <button type="button" data-do="out" title="Zoom out (-)" aria-label="Zoom out">−</button>
      <button type="button" data-do="fit" title="Whole slice (0)" aria-label="Whole slice">0</button>
      <button type="button" data-do="full" title="Full screen (F)" aria-label="Full screen"><svg viewBox="0 0 12 12" aria-hidden="true"><path d="M1 4V1h3M8 1h3v3M11 8v3H8M4 11H1V8"/></svg></button>
      <button type="button" data-do="help" title="Keys (?)" aria-label="Keys">?</button>
    </div>
    <div class="scale" data-at="scale"><i></i><span></span></div>
    <div class="message" data-at="message" role="alert" hidden></div>
    <div class="help" data-at="help" role="dialog" aria-label="Keys" hidden></div>
  </div>
  <div class="bar slices">
    <button type="button" data-do="previous" title="Previous slice (←)" aria-label="Previous slice">‹</button>
    <div class="strip" data-at="strip" role="slider" tabindex="0" aria-label="Slice"><canvas></canvas><i></i></div>
    <button type="button" data-do="next" title="Next slice (→)" aria-label="Next slice">›</button>
  </div>
  <div class="bar foot">
    <span class="name" data-at="name"></span>
    <span class="readout" data-at="readout"></span>
    <span class="legend" data-at="legend"></span>
  </div>
  <div class="unseen" aria-live="polite" data-at="live"></div>
</div>`;

const KEYS = [
  ["← →", "previous, next slice"], ["Home End", "first, last slice"], ["N P", "next, previous worst slice"],
  ["1 – 5", "image, label, probability, prediction, errors"], ["X", "masks on or off"],
  ["Z", "contours or filled"], ["+ − 0", "zoom in, out, whole slice"], ["[ ]", "threshold down, up"],
  ["F", "full screen"], ["wheel, pinch", "zoom"], ["drag", "move"], ["?", "this list"],
];
const MODES = [["single", "One"], ["panes", "Side by side"], ["notebook", "Notebook"]];
const TITLES = { image: "Image", label: "Label", probability: "Probability", prediction: "Prediction", errors: "Errors" };

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
    this.tiles = new Tiles((tile) => this.arrived(tile), (error) => this.failed(error));
    this.painter = new Painter();
    this.tables = new Map();
    this.blocks = new Map();
    this.wrong = null;
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
    this.pointers = new Map();
    this.buildControls();
    this.listen();
  }

  // ------------------------------------------------------------ data from Python

  update(data) {
    const before = this.data;
    this.data = data;
    this.root.dataset.theme = data.theme ?? "";
    const stack = `${data.stack} ${data.version}`;
    const other = !before || stack !== `${before.stack} ${before.version}`;
    if (other) {
      this.tiles.clear();
      this.painter.clear();
      this.tables.clear();
      this.blocks.clear();
      this.wrong = null;
      this.say("");
    }
    this.rows = data.slices.map(([index, name, percent, page]) => ({ index, name, percent, page }));
    this.placeOf = new Map(this.rows.map((row, at) => [row.index, at]));
    this.tested = data.labelled && data.evaluated > 0;
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
    this.fetchStrip();
    this.restyle();
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
    }, 250);
  }

  // ------------------------------------------------------------ state

  get row() {
    return this.rows[this.position];
  }

  go(position) {
    const to = clamp(position, 0, this.rows.length - 1);
    if (to === this.position) return;
    this.direction = Math.sign(to - this.position);
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
      panes: () => ["image", "label", "prediction", "errors"].filter((name) => this.available(name)).map(
        (name) => pane(TITLES[name], name === "errors" ? ["image", name] : [name])),
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

  // ------------------------------------------------------------ evidence

  /** The table of a slice, or null until it is there. Tables come in blocks. */
  table(page) {
    if (page == null || !this.tested) return null;
    if (this.tables.has(page)) return this.tables.get(page);
    const size = this.data.most_tables;
    const block = Math.floor(page / size);
    if (!this.blocks.has(block)) {
      const { stack, version } = this.data;
      const loading = fetch(`/segcore/evidence/${stack}/${block * size}/${size}?v=${version}`).then(async (response) => {
        if (!response.ok) throw new Error(await response.text());
        const bytes = await response.arrayBuffer();
        if (version !== this.data.version || stack !== this.data.stack) return;
        for (let at = 0; at < bytes.byteLength / (4 * TABLE); at++) {
          this.tables.set(block * size + at, new Uint32Array(bytes, at * 4 * TABLE, TABLE));
        }
        while (this.blocks.size > 8) {
          const oldest = this.blocks.keys().next().value;
          this.blocks.delete(oldest);
          for (let at = 0; at < size; at++) this.tables.delete(oldest * size + at);
        }
        this.syncMeasures();
      });
      this.blocks.set(block, loading);
      loading.catch((error) => {
        this.blocks.set(block, null);
        this.say(error.message);
      });
    }
    return null;
  }

  percentOf(position) {
    const { page, percent } = this.rows[position];
    if (page == null) return null;
    if (this.live) {
      const table = this.tables.get(page);
      if (!table) return percent;
      const { wrong, pixels } = countErrors(table, this.last, this.tolerance);
      return (100 * wrong) / pixels;
    }
    return this.wrong ? (100 * this.wrong[page]) / (this.data.height * this.data.width) : percent;
  }

  /** Few enough slices to have all their tables here. */
  get live() {
    return this.data.evaluated <= this.data.most_tables;
  }

  /** Counts of very many slices come from the server, once the user pauses. */
  fetchStrip() {
    if (!this.tested || this.live) return;
    clearTimeout(this.stripping);
    this.stripping = setTimeout(async () => {
      const { stack, version } = this.data;
      const wanted = `${stack}/${this.last}/${this.tolerance}`;
      if (wanted === this.wrongOf) return;
      try {
        const response = await fetch(`/segcore/wrong/${wanted}?v=${version}`);
        if (!response.ok) throw new Error(await response.text());
        const wrong = new Uint32Array(await response.arrayBuffer());
        if (version !== this.data.version || wanted !== `${this.data.stack}/${this.last}/${this.tolerance}`) return;
        this.wrong = wrong;
        this.wrongOf = wanted;
        this.drawStrip();
      } catch (error) {
        this.say(error.message);
      }
    }, this.wrong ? 200 : 0);
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
    for (const button of this.at.modes.children) button.setAttribute("aria-pressed", this.mode === button.dataset.mode);
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
    const nm = data.voxel_nm ? ` (${+(this.tolerance * data.voxel_nm).toPrecision(3)} nm)` : "";
    at["tolerance-text"].textContent = `${this.tolerance} px${nm}`;
    for (const button of at.points.children) button.setAttribute("aria-pressed", Number(button.dataset.last) === this.last);
    const table = this.row && this.table(this.row.page);
    this.showNumbers(table ? countErrors(table, this.last, this.tolerance) : null);
    // With the next frame: it measures the page, which is dear while the numbers on it change.
    this.stripStale = true;
    this.invalidate();
    this.fetchStrip();
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

  // ------------------------------------------------------------ the strip of slices

  drawStrip() {
    this.stripStale = false;
    if (!this.data || !this.rows.length) return;
    const { strip } = this.at;
    const canvas = strip.firstElementChild;
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(strip.clientWidth * ratio), height = Math.round(strip.clientHeight * ratio);
    if (!width || !height) return;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    const count = this.rows.length;
    const values = this.rows.map((_, at) => this.percentOf(at));
    const most = Math.max(1e-9, ...values.filter((value) => value != null));
    const least = Math.min(most, ...values.filter((value) => value != null));
    const gap = width / count > 6 * ratio ? ratio : 0;
    // Several slices to a pixel: the worst of them shows.
    for (let x = 0; x < Math.min(width, count); x++) {
      const from = Math.floor((x * count) / Math.min(width, count));
      const to = Math.max(from + 1, Math.floor(((x + 1) * count) / Math.min(width, count)));
      const value = Math.max(...values.slice(from, to).map((one) => one ?? -1));
      const left = Math.round((x * width) / Math.min(width, count)), right = Math.round(((x + 1) * width) / Math.min(width, count));
      // Taller and darker is worse; purple, another scale than the colours of the errors.
      const share = value < 0 ? 0.25 : value / most;
      const tall = Math.max(ratio * 2, Math.round(share * height));
      context.fillStyle = value < 0 ? "rgba(128,128,128,0.35)" : shade((value - least) / (most - least || 1));
      context.fillRect(left, height - tall, Math.max(1, right - left - gap), tall);
    }
    const marker = strip.lastElementChild;
    marker.style.left = `${(100 * this.position) / count}%`;
    marker.style.width = `${100 / count}%`;
    const percent = values[this.position];
    strip.setAttribute("aria-valuemin", 1);
    strip.setAttribute("aria-valuemax", count);
    strip.setAttribute("aria-valuenow", this.position + 1);
    strip.setAttribute("aria-valuetext", this.describe(this.position, percent));
  }

  describe(position, percent = this.percentOf(position)) {
    const { index, name } = this.rows[position];
    return `slice ${index}, ${name}${percent == null ? "" : `: ${percentText(percent)} % wrong`}`;
  }

  stripPosition(event) {
    const box = this.at.strip.getBoundingClientRect();
    return clamp(Math.floor(((event.clientX - box.left) / box.width) * this.rows.length), 0, this.rows.length - 1);
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
    if (tile.key.startsWith(`${this.row?.index}/`)) this.invalidate();
  }

  failed(error) {
    this.say(error.message);
    clearTimeout(this.retrying);
    this.retrying = setTimeout(() => this.invalidate(), 3200);
  }

  key(z, level, ty, tx) {
    // Only the coarse levels depend on the tolerance: theirs is settled on the server.
    return `${z}/${level}/${ty}/${tx}${level && this.tested ? `?tolerance=${this.tolerance}` : ""}`;
  }

  request(z, level, ty, tx, urgent) {
    const key = this.key(z, level, ty, tx);
    const { stack, version } = this.data;
    return { key, urgent, url: `/segcore/tiles/${stack}/bundle/${key}${key.includes("?") ? "&" : "?"}v=${version}` };
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
    // Nothing of this slice yet: the last picture stays rather than a flash of nothing.
    if (!complete && !ready.some(Boolean) && !fallback.some(Boolean)) return;
    const { context, size } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = this.background;
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
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
          const picture = this.painter.picture(tile, pane, style, this.last, this.tolerance);
          this.place(picture, level, ty, tx, 0, 0, tile.width, tile.height);
        } else if (fallback[at]) this.placePart(fallback[at], pane, style, level, ty, tx);
      });
      if (this.hover && this.panes.length > 1 && this.hover.pane !== pane) this.drawCross(scale);
      context.restore();
    });
    this.painter.trim((coarsest ? seen.length + 1 : 1) * this.panes.length);
    this.painted(z, complete);
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

  // ------------------------------------------------------------ input

  listen() {
    this.ears = new AbortController();
    const { signal } = this.ears;
    const on = (target, names, listener, options = {}) => {
      for (const name of names.split(" ")) target.addEventListener(name, listener, { signal, ...options });
    };
    const { stage, strip } = this.at;
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.root);
    on(window, "resize", () => this.resize());
    on(document, "fullscreenchange", () => this.resize());

    on(stage, "wheel", (event) => {
      event.preventDefault();
      // A pinch on a trackpad is a wheel with the control key, and finer.
      const unit = event.deltaMode === 1 ? 16 : 1;
      this.zoom(Math.exp(-clamp(event.deltaY * unit, -240, 240) * (event.ctrlKey ? 0.01 : 0.002)), this.point(event));
    }, { passive: false });
    on(this.canvas, "pointerdown", (event) => this.press(event));
    on(this.canvas, "pointermove", (event) => this.drag(event));
    on(this.canvas, "pointerup pointercancel", (event) => this.pointers.delete(event.pointerId));
    on(this.canvas, "dblclick", (event) => this.zoom(event.shiftKey ? 0.5 : 2, this.point(event)));
    on(this.canvas, "pointerleave", () => {
      this.hover = null;
      this.showReadout();
      this.invalidate();
    });

    on(strip, "pointerdown", (event) => {
      strip.setPointerCapture(event.pointerId);
      this.go(this.stripPosition(event));
    });
    on(strip, "pointermove", (event) => {
      if (!this.rows?.length) return;
      strip.title = this.describe(this.stripPosition(event));
      if (event.buttons & 1) this.go(this.stripPosition(event));
    });

    on(this.at.threshold, "input", (event) => this.setLast(Number(event.target.value)));
    on(this.at.tolerance, "input", (event) => this.setTolerance(Number(event.target.value)));
    on(this.at.opacity, "input", (event) => {
      this.opacity = Number(event.target.value) / 100;
      this.at["opacity-text"].textContent = `${Math.round(this.opacity * 100)} %`;
      for (const style of this.panes ?? []) {
        Object.assign(style, { opacity: this.opacity, table: null, version: ++Viewer.styles });
      }
      this.invalidate();
    });
    on(this.root, "click", (event) => {
      const name = event.target.closest?.("[data-do]")?.dataset.do;
      if (name) this.act(name);
    });
    on(this.root, "pointerenter", () => (this.under = true));
    on(this.root, "pointerleave", () => (this.under = false));
    on(this.root, "keydown", (event) => this.keydown(event));
    // Also without a click into it, as long as the pointer is over it and nothing else has the keys.
    on(window, "keydown", (event) => {
      if (this.under && event.target === document.body) this.keydown(event);
    });
  }

  press(event) {
    if (event.button > 1) return;
    this.root.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  }

  drag(event) {
    const held = this.pointers.get(event.pointerId);
    if (!held) {
      this.moveHover(event);
      return;
    }
    const now = { x: event.clientX, y: event.clientY };
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const apart = (a, b) => Math.hypot(a.x - b.x, a.y - b.y) || 1;
      const middle = { clientX: (now.x + other.x) / 2, clientY: (now.y + other.y) / 2 };
      this.pan((now.x - held.x) / 2, (now.y - held.y) / 2);
      this.zoom(apart(now, other) / apart(held, other), this.point(middle));
    } else this.pan(now.x - held.x, now.y - held.y);
    this.pointers.set(event.pointerId, now);
  }

  keydown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.composedPath()[0];
    // A slider keeps its arrows.
    if (target.matches?.("input, select, textarea") && /^(Arrow|Home|End|Page)/.test(event.key)) return;
    const actions = {
      ArrowLeft: "previous", ArrowRight: "next", Home: "first", End: "last", n: "worse", p: "better", x: "masks",
      z: "contours", "+": "in", "=": "in", "-": "out", "_": "out", 0: "fit", "[": "lower", "]": "higher", "?": "help", f: "full",
    };
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const layer = LAYERS["12345".indexOf(key)];
    if (key === "Escape" && !this.at.help.hidden) this.at.help.hidden = true;
    else if (layer) this.toggleLayer(layer);
    else if (actions[key]) this.act(actions[key]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

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
      png: () => this.download("png"),
      tiff: () => this.download("tiff"),
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

  say(text) {
    const { message } = this.at;
    message.textContent = text;
    message.hidden = !text;
    clearTimeout(this.hiding);
    if (text) this.hiding = setTimeout(() => (message.hidden = true), 6000);
  }

  // ------------------------------------------------------------ downloads

  /** What is shown, a pixel for a pixel: the whole slice, or what is in view of a very large one. */
  async download(kind) {
    const { data, row, view } = this;
    let area = { left: 0, top: 0, right: data.width, bottom: data.height };
    if (data.width * data.height > LARGEST_DOWNLOAD) {
      const { w, h } = this.box(0);
      area = {
        left: Math.max(0, Math.floor(view.x - w / 2 / view.scale)), right: Math.min(data.width, Math.ceil(view.x + w / 2 / view.scale)),
        top: Math.max(0, Math.floor(view.y - h / 2 / view.scale)), bottom: Math.min(data.height, Math.ceil(view.y + h / 2 / view.scale)),
      };
    }
    const width = area.right - area.left, height = area.bottom - area.top;
    if (width * height > LARGEST_DOWNLOAD) {
      this.say("Zoom in first: downloads at native size hold at most 4096 × 4096 pixels.");
      return;
    }
    const gap = 8, panes = this.panes;
    try {
      const canvas = Object.assign(document.createElement("canvas"), { width: panes.length * (width + gap) - gap, height });
      const context = canvas.getContext("2d", { willReadFrequently: true });
      context.fillStyle = "#fff";
      context.fillRect(0, 0, canvas.width, canvas.height);
      for (let ty = area.top >> 9; ty <= (area.bottom - 1) >> 9; ty++) {
        for (let tx = area.left >> 9; tx <= (area.right - 1) >> 9; tx++) {
          const { key, url } = this.request(row.index, 0, ty, tx, true);
          const tile = this.tiles.get(key) ?? (await Tiles.load(key, url));
          panes.forEach((style, pane) => {
            const picture = new ImageData(tile.width, tile.height);
            this.painter.paint(tile, style, this.last, this.tolerance, new Uint32Array(picture.data.buffer));
            const from = pane * (width + gap) + tx * TILE - area.left, top = ty * TILE - area.top;
            const cut = { left: Math.max(0, area.left - tx * TILE), right: Math.min(tile.width, area.right - tx * TILE) };
            context.putImageData(picture, from, top, cut.left, 0, cut.right - cut.left, tile.height);
          });
        }
      }
      const blob = kind === "png" ? await new Promise((done) => canvas.toBlob(done, "image/png")) : tiffBlob(context, canvas);
      const part = panes.length > 1 ? this.mode : [...this.layers].join("-") || "blank";
      const name = `${data.stack.split("/")[0]}-${row.index}-${part}-threshold-${thresholdAfter(this.last).toFixed(3)}.${kind === "png" ? "png" : "tif"}`;
      const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    } catch (error) {
      this.say(`The download failed: ${error.message}`);
    }
  }

  remove() {
    for (const timer of [this.reporting, this.speaking, this.stripping, this.hiding, this.peeking, this.retrying]) clearTimeout(timer);
    cancelAnimationFrame(this.frame);
    this.ears.abort();
    this.observer.disconnect();
    this.tiles.clear();
    this.root.remove();
  }
}
Viewer.styles = 0;

/** An uncompressed RGB TIFF. */
function tiffBlob(context, { width, height }) {
  const rgba = context.getImageData(0, 0, width, height).data;
  const start = 8 + 2 + 10 * 12 + 4 + 6;
  const bytes = new Uint8Array(start + width * height * 3);
  const head = new DataView(bytes.buffer);
  head.setUint32(0, 0x49492a00);
  head.setUint32(4, 8, true);
  const entries = [
    [256, 4, 1, width], [257, 4, 1, height], [258, 3, 3, start - 6], [259, 3, 1, 1], [262, 3, 1, 2],
    [273, 4, 1, start], [277, 3, 1, 3], [278, 4, 1, height], [279, 4, 1, width * height * 3], [284, 3, 1, 1],
  ];
  head.setUint16(8, entries.length, true);
  entries.forEach(([tag, type, count, value], at) => {
    const place = 10 + at * 12;
    head.setUint16(place, tag, true);
    head.setUint16(place + 2, type, true);
    head.setUint32(place + 4, count, true);
    head.setUint32(place + 8, value, true);
  });
  for (let at = 0; at < 3; at++) head.setUint16(start - 6 + 2 * at, 8, true);
  for (let i = 0, o = start; i < rgba.length; i += 4) {
    bytes[o++] = rgba[i];
    bytes[o++] = rgba[i + 1];
    bytes[o++] = rgba[i + 2];
  }
  return new Blob([bytes], { type: "image/tiff" });
}

// ---------------------------------------------------------------- Streamlit

const VIEWERS = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  let viewer = VIEWERS.get(parentElement);
  if (!viewer) {
    viewer = new Viewer(parentElement);
    VIEWERS.set(parentElement, viewer);
  }
  viewer.report = (view) => setStateValue("view", view);
  viewer.update(data);
  // Called on new data too: only what is gone from the page is removed.
  return () => setTimeout(() => {
    if (parentElement.isConnected || VIEWERS.get(parentElement) !== viewer) return;
    VIEWERS.delete(parentElement);
    viewer.remove();
  }, 500);
}
