/* A pixel's code: bits 0-1 the error (1 missed membrane, 2 false membrane, 3 within tolerance), bit 2 true
 * membrane, bit 3 predicted membrane, bits 4-7 the probability in sixteen steps. */
const ERROR = 3,
  TRUE_MEMBRANE = 4,
  PREDICTED_MEMBRANE = 8;

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
      const interior = truth >> 3,
        bin = truth & 7;
      for (let q = 0; q < 256; q++) {
        let code = (q >> 4) << 4;
        const asMembrane = q <= last,
          known = labelled && truth !== IGNORED;
        if (known && !interior) code |= TRUE_MEMBRANE;
        if (predicted && asMembrane) code |= PREDICTED_MEMBRANE;
        if (known && predicted && asMembrane === Boolean(interior)) {
          code |= bin < tolerance ? 3 : interior ? 2 : 1;
        }
        table[(truth << 8) | q] = code;
      }
    }
    return table;
  }

  /** With the tile of what wrong pixels are part of, `apart`, what is never forgiven is wrong at any tolerance. */
  codes(tile, last, tolerance, apart) {
    const grave = tolerance && apart?.planes.apart.length === tile.height * tile.width ? apart : null;
    const key = `${last}/${tolerance}/${grave?.key ?? ""}`;
    if (tile.derived.get("codes of") === key) return tile.derived.get("codes");
    const codes = tile.derived.get("codes") ?? new Uint8Array(tile.height * tile.width);
    const { truth, label, ignored, probability, peak, trough, interior } = tile.planes;
    const { near_peak: nearPeak, near_trough: nearTrough } = tile.planes;
    const labelled = Boolean(truth || label),
      predicted = Boolean(probability);
    const name = `${last}/${tolerance}/${labelled}/${predicted}`;
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
        const mostly = label ? label[i] >> 7 : 0;
        codes[i] = table[(mostly << 11) | (5 << 8) | (probability ? probability[i] : 0)] & ~ERROR;
        if (ignored && ignored[i] > 127) codes[i] &= ~TRUE_MEMBRANE;
      }
      // A block can hold both errors; the one that merges neurites shows.
      // Above the threshold 1 lies nothing: all interior is false membrane, and its trough, 255 also where there is
      // none, does not tell.
      const all = last === 255,
        counted = interior ?? label;
      if (peak) {
        for (let i = 0; i < codes.length; i++) {
          codes[i] |= peak[i] > last ? 1 : (all ? counted[i] : trough[i] <= last) ? 2 : 0;
        }
      }
      if (nearPeak) {
        for (let i = 0; i < codes.length; i++) {
          if (!(codes[i] & ERROR) && (nearPeak[i] > last || (all ? label[i] : nearTrough[i] <= last))) codes[i] |= 3;
        }
      }
    }
    if (grave) this.neverForgive(codes, grave.planes.apart, Boolean(truth));
    tile.derived.set("codes", codes).set("codes of", key).delete("edges of");
    return codes;
  }

  /** Makes what joins or cuts neurites wrong, of pixels or of blocks; only what is wrong in some way already. */
  neverForgive(codes, apart, pixels) {
    for (let i = 0; i < codes.length; i++) {
      const error = codes[i] & ERROR;
      if (!error || !(apart[i] & GRAVE)) continue;
      // These can still be the parts at another threshold: of a pixel the label says which error it is.
      const missed = pixels ? codes[i] & TRUE_MEMBRANE : isMissed(apart[i]);
      // In a block the error that merges neurites shows.
      if (error === 3 || (missed && !pixels)) codes[i] = (codes[i] & ~ERROR) | (missed ? 1 : 2);
    }
  }

  /** Codes with every mask reduced to its pixels that touch what is not of it, also in the tiles around. */
  edges(tile, last, tolerance, around, apart) {
    const codes = this.codes(tile, last, tolerance, apart?.tile);
    const key = `${tile.derived.get("codes of")}/${Object.keys(around)}/${Object.keys(apart?.around ?? {})}`;
    if (tile.derived.get("edges of") === key) return tile.derived.get("edges");
    const edges = tile.derived.get("edges") ?? new Uint8Array(codes.length);
    const { height, width } = tile;
    const { up, down, left, right } = Object.fromEntries(
      Object.entries(around).map(([side, other]) => [side, this.codes(other, last, tolerance, apart?.around[side])]),
    );
    for (let y = 0, i = 0; y < height; y++) {
      // Rows above and below as an array and the place in it; a slice ends where nothing is beyond.
      const [above, aboveAt] = y ? [codes, i - width] : up ? [up, up.length - width] : [codes, i];
      const [below, belowAt] = y < height - 1 ? [codes, i + width] : down ? [down, 0] : [codes, i];
      const before = left ? left[(y + 1) * around.left.width - 1] : codes[i];
      const after = right ? right[y * around.right.width] : codes[i + width - 1];
      for (let x = 0; x < width; x++, i++) {
        const code = codes[i];
        const differs =
          (code ^ above[aboveAt + x]) |
          (code ^ below[belowAt + x]) |
          (code ^ (x ? codes[i - 1] : before)) |
          (code ^ (x < width - 1 ? codes[i + 1] : after));
        edges[i] =
          (code & 0xf0) |
          (code & differs & (TRUE_MEMBRANE | PREDICTED_MEMBRANE)) |
          (differs & ERROR ? code & ERROR : 0);
      }
    }
    tile.derived.set("edges", edges).set("edges of", key);
    return edges;
  }

  /** Colour by code and base value: index code << 8 | value. */
  colours(style) {
    if (style.table) return style.table;
    const table = new Uint32Array(256 * 256);
    const { overlays, opacity, tones } = style;
    const toned = style.base === "image";
    const strength = style.contours ? 0.4 + 0.6 * opacity : opacity;
    const errors = style.notebook ? [null, WRONG, WRONG, NEAR] : [null, MISSED, FALSE, NEAR];
    for (let code = 0; code < 256; code++) {
      if (code > 15 && !overlays.has("probability")) {
        table.copyWithin(code << 8, (code & 15) << 8, ((code & 15) + 1) << 8);
        continue;
      }
      // Every overlay is a mix, so all of them together are: factor * value + added.
      let factor = 1,
        red = 0,
        green = 0,
        blue = 0;
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
        const grey = factor * (toned ? tones[value] : value) + 0.5; // cut off below, which rounds
        table[at] = 0xff000000 | ((grey + blue) << 16) | ((grey + green) << 8) | (grey + red);
      }
    }
    style.table = table;
    return table;
  }

  base(tile, style, last) {
    const { image, label, truth, ignored, probability } = tile.planes;
    if (style.base === "image" && image) return image;
    if (style.base === "probability" && probability) return probability;
    const plane = new Uint8Array(tile.height * tile.width);
    if (style.base === "prediction" && probability) {
      for (let i = 0; i < plane.length; i++) plane[i] = probability[i] > last ? 255 : 0;
    } else if (style.base === "label" && (label || truth)) {
      if (label) for (let i = 0; i < plane.length; i++) plane[i] = ignored && ignored[i] > 127 ? 200 : label[i];
      else for (let i = 0; i < plane.length; i++) plane[i] = truth[i] === IGNORED ? 200 : truth[i] >> 3 ? 255 : 0;
    } else {
      plane.fill(style.base === "blank" ? 246 : 128);
    }
    return plane;
  }

  /**
   * RGBA of a tile as 32-bit numbers, into `out`. `around` has the tiles `up`, `down`, `left`, `right` that are here,
   * `whose` the numbers of its pixels and `apart` what they are part of, if that is to be seen; `against` is the tile of
   * another run, with its own `last`.
   */
  paint(tile, style, last, tolerance, out, around, whose, apart, against = null) {
    const codes = style.contours
      ? this.edges(tile, last, tolerance, around, apart)
      : this.codes(tile, last, tolerance, apart?.tile);
    const table = this.colours(style),
      base = this.base(tile, style, last);
    for (let i = 0; i < out.length; i++) out[i] = table[(codes[i] << 8) | base[i]];
    if (apart && style.overlays.has("apart")) this.colourByPart(apart, style, tolerance, out);
    if (against && style.overlays.has("changes")) this.colourChanges(tile, last, tolerance, against, style, out);
    for (const kind of whose ? KINDS : [])
      if (style.overlays.has(`${kind}s`)) this.colourByNumber(kind, whose, style, out);
    if (style.hatched) this.hatch(tile, out);
  }

  /** Colours of identity over what is painted: of a kind, by the numbers of the pixels. */
  colourByNumber(kind, { tile, facts, around }, style, out) {
    const all = Neurites.numbers(tile, kind),
      own = facts[`${kind}s`];
    if (!all || !own || all.length !== out.length) return;
    const numbers = style.contours ? this.bordersOf(`${kind}s`, tile, all, Neurites.beside(around, kind)) : all;
    this.tint(numbers, facts.palette, own.colour, style, out);
  }

  /** Colours of parts over what is painted. */
  colourByPart({ tile, around }, style, tolerance, out) {
    const all = this.partsOf(tile, tolerance);
    if (all.length !== out.length) return;
    const beside = Object.entries(around).map(([side, other]) => {
      return [side, { numbers: this.partsOf(other, tolerance), height: other.height, width: other.width }];
    });
    const numbers = style.contours ? this.bordersOf("parts", tile, all, Object.fromEntries(beside)) : all;
    const colours = Object.values(PARTS).map(([, colour]) => colour);
    this.tint(numbers, colours, [...colours.keys()], style, out);
  }

  /** What is right in one of two runs only, and what is wrong in both, over what is painted. */
  colourChanges(tile, last, tolerance, against, style, out) {
    const own = this.codes(tile, last, tolerance),
      others = this.codes(against.tile, against.last, tolerance);
    // Filled also with contours: there is no border to see between pixels that are scattered.
    const wrong = (code) => (code & ERROR) === 1 || (code & ERROR) === 2;
    const changes = own.map((code, i) => (wrong(code) ? 1 : 0) | (wrong(others[i]) ? 2 : 0));
    const colours = [FIXED, BROKEN, WRONG_IN_BOTH]; // wrong in this run only, in the other only, in both
    this.tint(changes, colours, [...colours.keys()], { ...style, contours: false }, out);
  }

  /** What each pixel is part of, as a number; kept with the tile. */
  partsOf(tile, tolerance) {
    if (tile.derived.get("parts")?.tolerance !== tolerance) {
      const table = partsByByte(tolerance);
      const found = tile.planes.apart.map((byte) => table[byte]);
      tile.derived.set("parts", { tolerance, found }).delete("borders of parts");
    }
    return tile.derived.get("parts").found;
  }

  /** Mixes colours over what is painted: of number n, from 1, that at place `of[n - 1]` of the palette. */
  tint(numbers, palette, of, style, out) {
    const amount = style.contours ? 0.4 + 0.6 * style.opacity : style.opacity;
    const [reds, greens, blues] = [16, 8, 0].map((shift) => {
      const channel = palette.map((hex) => (parseInt(hex.slice(1), 16) >> shift) & 255);
      return Float32Array.from([0, ...of], (colour, number) => (number ? channel[colour] * amount + 0.5 : 0));
    });
    const rest = 1 - amount;
    for (let i = 0; i < out.length; i++) {
      const number = numbers[i];
      if (!number) continue;
      const pixel = out[i];
      const red = (pixel & 255) * rest + reds[number],
        green = ((pixel >> 8) & 255) * rest + greens[number],
        blue = ((pixel >> 16) & 255) * rest + blues[number];
      out[i] = 0xff000000 | (blue << 16) | (green << 8) | red;
    }
  }

  /** Numbers of the pixels along borders, 0 elsewhere; kept with the tile. */
  bordersOf(what, tile, numbers, beside) {
    const name = `borders of ${what}`,
      key = `${Object.keys(beside)}`;
    if (tile.derived.get(name)?.key !== key) {
      const found = alongBorders(numbers, tile.height, tile.width, beside);
      tile.derived.set(name, { key, found });
    }
    return tile.derived.get(name).found;
  }

  /** Stripes over what the label says nothing of. */
  hatch(tile, out) {
    const { truth, ignored } = tile.planes;
    if (!truth && !ignored) return; // a coarse tile without any
    const [r, g, b] = CHANNELS[UNKNOWN],
      stripe = 0xff000000 | (b << 16) | (g << 8) | r;
    for (let y = 0, i = 0; y < tile.height; y++) {
      for (let x = 0; x < tile.width; x++, i++) {
        if ((x + y) % 8 < 2 && (truth ? truth[i] === IGNORED : ignored[i] > 127)) out[i] = stripe;
      }
    }
  }

  /** A canvas that shows the tile in this style; kept while it is among the latest. */
  picture(tile, pane, style, last, tolerance, around = {}, whose = null, apart = null, against = null) {
    const key = `${pane} ${tile.key}`;
    const beside = ({ around }) => (style.contours ? Object.keys(around) : "");
    const numbered = whose ? `/of ${whose.tile.key} ${beside(whose)}` : "";
    const taken = apart ? `/apart ${apart.tile.key} ${beside(apart)}` : "";
    const compared = against ? `/against ${against.last}` : "";
    const version = `${style.version}/${last}/${tolerance}/${beside({ around })}${numbered}${taken}${compared}`;
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
      this.paint(tile, style, last, tolerance, new Uint32Array(data.data.buffer), around, whose, apart, against);
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
