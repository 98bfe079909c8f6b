/* True neurites and segments: whose each pixel is, and what there is to know of them. */

const KINDS = ["neurite", "segment"];

/** Fetches tiles of numbers and facts of slices, as long as they are shown; apart from the tiles of pixels. */
class Neurites {
  /**
   * `changed(tile)` is called when more is here, `failed(text)` when it could not be had; `other` says whether segments
   * are those of the other of two runs.
   */
  constructor(viewer, changed, failed, other = false) {
    this.viewer = viewer;
    this.other = other;
    this.changed = changed;
    this.failed = failed;
    this.tiles = new Tiles(changed, (error, pause) => this.refused(error, pause));
    this.tiles.most = 48 * 2 ** 20;
    this.facts = new Map(); // by slice and bias; null while they are under way
    this.bias = null; // in percent; those of the evaluation where it is null
    this.before = null; // the bias that is still seen while the new one is under way
  }

  /** Forgets everything; from now on it is about this stack. */
  open(data) {
    this.data = data;
    this.tiles.clear();
    this.facts.clear();
    this.bias = this.before = null;
  }

  /** From now on segments are those of another bias. */
  cut(bias) {
    if (bias === this.bias) return;
    this.before = this.bias;
    this.bias = bias;
  }

  /** The kinds whose layers are shown. */
  get shown() {
    const panes = this.viewer.panes?.filter(({ other }) => other === this.other);
    return KINDS.filter((kind) => panes?.some((pane) => pane.overlays.has(`${kind}s`)));
  }

  /** Asks for the numbers of what is seen of a slice, and of its neighbours, if anybody looks at them. */
  want(z, level, seen) {
    const { ahead, readout, chosen } = this.viewer;
    const shown = this.shown.length > 0;
    if (!(shown || chosen.on(z, this.other)) || ahead.hurries) {
      this.tiles.want([]);
      return;
    }
    const list = seen.map(([ty, tx]) => this.request(z, level, ty, tx, true));
    if (shown) {
      this.fetchFacts(z);
      if (readout.hover && level) list.push(this.request(z, 0, ...readout.tile(), false));
      if (seen.length <= 4) {
        for (const slice of [ahead.slice(1), ahead.slice(-1)].filter((one) => one != null)) {
          list.push(...seen.map(([ty, tx]) => this.request(slice, level, ty, tx, false)));
          if (this.tiles.kept.has(this.key(z, level, ...seen[0]))) this.fetchFacts(slice);
        }
      }
    }
    this.tiles.want(list);
  }

  /** Whether there is nothing to wait for. */
  complete(z, level, seen) {
    const shown = this.shown.length > 0;
    if (!(shown || this.viewer.chosen.on(z, this.other))) return true;
    if (shown && !this.facts.get(this.factsKey(z))) return this.tiles.failures > 0;
    return seen.every(([ty, tx]) => {
      const key = this.key(z, level, ty, tx);
      return this.tiles.kept.has(key) || this.tiles.refused.has(key);
    });
  }

  key(...place) {
    return place.join("/") + this.suffix(this.bias);
  }

  factsKey(z, bias = this.bias) {
    return `${z}${this.suffix(bias)}`;
  }

  suffix(bias) {
    return bias == null ? "" : `@${bias}`;
  }

  /** What is asked for with every address. */
  query() {
    return `v=${this.data.version}${this.bias == null ? "" : `&bias=${this.bias}`}`;
  }

  request(z, level, ty, tx, urgent) {
    const url = `/segcore/tiles/${this.data.stack}/numbers/${[z, level, ty, tx].join("/")}?${this.query()}`;
    return { key: this.key(z, level, ty, tx), urgent, url: `${url}${urgent ? "" : "&soon=1"}` };
  }

  get(...place) {
    return this.tiles.get(this.key(...place));
  }

  /** A tile of numbers with the facts of its slice; those of the bias before while the new ones are under way. */
  known(z, ...place) {
    for (const bias of [this.bias, this.before]) {
      const facts = this.facts.get(this.factsKey(z, bias));
      const tile = facts && this.tiles.get([z, ...place].join("/") + this.suffix(bias));
      if (tile) return { tile, facts };
    }
    return null;
  }

  around(z, level, ty, tx) {
    return besides(ty, tx, (...place) => this.tiles.kept.get(this.key(z, level, ...place)));
  }

  /** Numbers of a kind in a tile, 16 bits each; null where there are none. */
  static numbers(tile, kind) {
    if (tile.derived.has(kind)) return tile.derived.get(kind);
    const low = tile.planes[`${kind}_low`],
      high = tile.planes[`${kind}_high`];
    const numbers = low ? Uint16Array.from(low, (byte, at) => byte | (high[at] << 8)) : null;
    tile.derived.set(kind, numbers);
    return numbers;
  }

  /** Numbers of a kind in the tiles around, each {numbers, height, width}, by their side. */
  static beside(around, kind) {
    return Object.fromEntries(
      Object.entries(around).map(([side, tile]) => {
        return [side, { numbers: Neurites.numbers(tile, kind), height: tile.height, width: tile.width }];
      }),
    );
  }

  /** {neurite, segment} of a pixel, 0 for none and undefined where there are none; null if it is not here. */
  at(z, x, y) {
    const tile = this.get(z, 0, y >> 9, x >> 9);
    if (!tile) return null;
    const place = (y & 511) * tile.width + (x & 511);
    return Object.fromEntries(KINDS.map((kind) => [kind, Neurites.numbers(tile, kind)?.[place]]));
  }

  /** A tile of single pixels, fetched if it is not here. */
  async tileOf(z, ty, tx) {
    const { key, url } = this.request(z, 0, ty, tx, true);
    const tile = this.tiles.get(key) ?? (await Tiles.load(key, url));
    this.tiles.keep(tile);
    return tile;
  }

  /** What there is to know of a slice's neurites and segments, fetched if it is not here. */
  async factsOf(z) {
    const known = this.facts.get(this.factsKey(z));
    if (known) return known;
    const response = await fetch(`/segcore/neurites/${this.data.stack}/${z}?${this.query()}`);
    if (!response.ok) throw new Error(await response.text());
    return response.json();
  }

  async fetchFacts(z) {
    const key = this.factsKey(z);
    if (this.facts.has(key)) return;
    const { data } = this;
    this.facts.set(key, null);
    try {
      const facts = await this.factsOf(z);
      if (this.stale(data)) return;
      this.facts.set(key, facts);
      for (const oldest of this.facts.keys()) {
        if (this.facts.size <= 32) break;
        this.facts.delete(oldest);
      }
      this.changed({ key: `${z}/` });
    } catch {
      // The tiles say what is wrong.
      setTimeout(() => {
        if (this.stale(data)) return;
        this.facts.delete(key);
        this.viewer.invalidate(); // asks again
      }, RETRY_MS);
    }
  }

  stale({ stack, version }) {
    return stack !== this.data.stack || version !== this.data.version;
  }

  refused(error, pause) {
    if (!(error instanceof TypeError)) this.failed(error.message);
    clearTimeout(this.retrying);
    this.retrying = setTimeout(() => this.viewer.invalidate(), pause + 20);
  }

  close() {
    clearTimeout(this.retrying);
    this.tiles.clear();
  }
}
