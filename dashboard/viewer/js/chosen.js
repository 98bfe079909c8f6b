/* What was chosen and stays in sight: a place with its neurites, segments and openings, and what was clicked. */

// Of the lines around them, in CSS pixels: solid for neurites, dashes for segments.
const LINE = 2,
  CASING = 4.5,
  DASHES = [9, 6];

/** Keeps what was chosen, and draws it over whatever is shown. */
class Chosen {
  /** `changed()` is called when it is to be drawn again. */
  constructor(root, changed) {
    this.root = root;
    this.changed = changed;
    this.place = null;
    this.picked = null; // {slice, kind, number, other}
  }

  /** A place that stays, or none. */
  stay(place) {
    if (!place && !this.place) return;
    this.place = place;
    this.update();
  }

  pick(picked) {
    this.picked = picked;
    this.update();
  }

  /** Forgets what was clicked, or else the place; says whether there was anything. */
  dismiss() {
    if (!this.picked && !this.place) return false;
    if (this.picked) this.picked = null;
    else this.place = null;
    this.update();
    return true;
  }

  /** Forgets all of it. */
  clear() {
    if (!this.picked && !this.place) return;
    this.picked = this.place = null;
    this.update();
  }

  /** What the lines stand for, as colours by text. */
  legend() {
    const { place, picked } = this;
    const there = (kind) => picked?.kind === kind || place?.[`${kind}s`].length;
    const texts = { neurite: "neurite (line)", segment: "segment (dashes)" };
    return Object.fromEntries(KINDS.filter(there).map((kind) => [texts[kind], OUTLINES[kind]]));
  }

  update() {
    this.version = (this.version ?? 0) + 1; // lines that were traced for others are out of date
    this.say("picked", this.picked && `${this.picked.kind} ${this.picked.number}`);
    this.changed();
  }

  /** What is to be outlined on a slice, as a set of numbers by kind, of the one run or the other; null for nothing. */
  on(z, other) {
    const { place, picked } = this;
    const found = { neurite: new Set(), segment: new Set() };
    if (place?.slice === z && Boolean(place.other) === other) {
      for (const kind of KINDS) for (const number of place[`${kind}s`]) found[kind].add(number);
    }
    if (picked?.slice === z && picked.other === other) found[picked.kind].add(picked.number);
    return found.neurite.size + found.segment.size ? found : null;
  }

  /** The rings that stay on a slice. */
  rings(z) {
    const { place } = this;
    if (place?.slice !== z || place.ringed === false) return [];
    return place.openings.length ? place.openings : [place];
  }

  /** The lines around what was chosen, drawn in a pane, in pixels of the slice. */
  draw(context, viewer, style, z, level, seen, scale) {
    const unit = viewer.stage.device / scale;
    const paths = { neurite: [], segment: [] };
    const outlined = [];
    for (const neurites of [viewer.neurites, viewer.other.neurites]) {
      const wanted = this.on(z, neurites.other);
      if (!wanted) continue;
      // Other segments than those that were chosen have these numbers, or another run has them.
      if (neurites.bias != null || (neurites.other !== style.other && !style.overlays.has("changes"))) {
        wanted.segment.clear();
      }
      for (const kind of KINDS) {
        if (!wanted[kind].size) continue;
        const found = seen.map(([ty, tx]) => this.path(viewer.data, neurites, kind, wanted[kind], z, level, ty, tx));
        paths[kind].push(...found.filter(Boolean));
        if (paths[kind].length) outlined.push(...[...wanted[kind]].map((one) => `${kind} ${one}`));
      }
    }
    const stroke = (kind, colour, width, dashes) => {
      context.strokeStyle = colour;
      context.lineWidth = width * unit;
      context.setLineDash(dashes.map((length) => length * unit));
      for (const path of paths[kind]) context.stroke(path);
    };
    context.lineJoin = context.lineCap = "round";
    // All that is dark below all that is bright: where both kinds run along one border, both are seen.
    for (const kind of KINDS) stroke(kind, "#000", CASING, []);
    stroke("neurite", OUTLINES.neurite, LINE, []);
    context.lineCap = "butt";
    stroke("segment", OUTLINES.segment, LINE, DASHES);
    context.setLineDash([]);
    const rings = this.rings(z);
    drawRings(context, rings, scale, viewer.stage.device);
    this.say("outlined", outlined.join(", "));
    this.say("rings", rings.map(({ x, y }) => `${x} ${y}`).join(", "));
  }

  /** For whoever tests what is on the screen. */
  say(name, text) {
    if (text && this.root.dataset[name] !== text) this.root.dataset[name] = text;
    else if (!text) delete this.root.dataset[name];
  }

  /** The part of the lines that lies in a tile, in pixels of the slice; null while its numbers are not here. */
  path(data, neurites, kind, wanted, z, level, ty, tx) {
    const tile = neurites.get(z, level, ty, tx);
    const numbers = tile && Neurites.numbers(tile, kind);
    if (!numbers) return null;
    const around = neurites.around(z, level, ty, tx);
    const key = `${this.version} ${Object.keys(around)}`;
    const name = `path ${kind}`;
    if (tile.derived.get(name)?.key !== key) {
      const side = TILE << level,
        grow = 1 << level;
      const [top, left] = [ty * side, tx * side];
      const ends = { up: !ty, left: !tx, down: top + side >= data.height, right: left + side >= data.width };
      const beside = Neurites.beside(around, kind);
      const path = new Path2D();
      for (const line of tracedBorders(numbers, tile.height, tile.width, wanted, beside, ends)) {
        for (let i = 0; i < line.length; i += 2) {
          // The last block of an odd side reaches beyond the slice.
          const x = Math.min(data.width, left + line[i] * grow),
            y = Math.min(data.height, top + line[i + 1] * grow);
          if (i) path.lineTo(x, y);
          else path.moveTo(x, y);
        }
      }
      tile.derived.set(name, { key, path });
    }
    return tile.derived.get(name).path;
  }
}
