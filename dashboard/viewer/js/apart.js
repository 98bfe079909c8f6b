/* Errors taken apart: what wrong pixels are part of, from the server, once slice and threshold rest. */

// So long neither changes before the server is asked: it works out a slice as a whole, for each threshold.
const SETTLE_MS = 150;
// Of larger slices it takes so long that it is done only where somebody asks for the layer.
const LARGEST_UNASKED = 4096 * 4096;
// So small that the slices beside it are asked for as well.
const LARGEST_BESIDE = 1024 * 1024;

/** Fetches counts of slices, then tiles, as long as they are to be seen; apart from the tiles of pixels. */
class Apart {
  /** `changed(tile)` is called when more is here, `failed(text)` when it could not be had. */
  constructor(viewer, changed, failed) {
    this.viewer = viewer;
    this.changed = changed;
    this.failed = failed;
    this.tiles = new Tiles(changed, (error, pause) => this.refused(error, pause));
    this.tiles.most = 48 * 2 ** 20;
    this.open(viewer.data);
  }

  /** Forgets everything; from now on it is about this stack. */
  open(data) {
    this.data = data;
    this.giveUp();
    this.tiles.clear();
    this.counts = new Map(); // by slice and threshold
    this.pauses = new Map(); // until when what failed is not asked for again
    this.state = null; // slice and threshold that were last seen here
    this.before = null; // the threshold that is still seen while another is under way
  }

  /** Whether its layer is shown. */
  get shown() {
    return Boolean(this.viewer.panes?.some(({ overlays }) => overlays.has("apart")));
  }

  /** Whether anything of a slice is to be known: for its layer, or for what a tolerance does not forgive. */
  needed(z) {
    const { viewer, shown, data } = this;
    if (!viewer.layers.available("apart") || this.page(z) == null) return false;
    return shown || (viewer.tolerance > 0 && !this.large(data));
  }

  /** Whether it is worked out only where somebody asks for the layer. */
  large({ height, width }) {
    return height * width > LARGEST_UNASKED;
  }

  /** Whether pixels are drawn by it. */
  get drawn() {
    const { panes, tolerance } = this.viewer;
    return this.shown || (tolerance > 0 && Boolean(panes?.some(({ overlays }) => overlays.has("errors"))));
  }

  page(z) {
    const { rows, placeOf } = this.viewer;
    return rows[placeOf.get(z)]?.page;
  }

  /** Asks for what is to be known of a slice, and for the tiles that are seen. */
  want(z, level, seen) {
    const { ahead, last, readout } = this.viewer;
    if (!this.needed(z)) {
      this.state = null;
      this.giveUp();
      return;
    }
    if (!this.rests(z, last) || ahead.hurries) {
      this.giveUp();
      return;
    }
    // One request waits for the server to work it out, and not one for each tile: browsers open six at a time.
    if (!this.counts.has(this.slice(z, last))) {
      this.tiles.want([]);
      this.fetchCounts(z, last);
      return;
    }
    const list = this.drawn ? seen.map(([ty, tx]) => this.request(z, level, ty, tx, true)) : [];
    const here = list.every(({ key }) => this.tiles.kept.has(key));
    if (here && this.drawn) this.before = last;
    if (this.shown && readout.hover && level) list.push(this.request(z, 0, ...readout.tile(), false));
    if (here && this.data.height * this.data.width <= LARGEST_BESIDE) {
      for (const beside of [ahead.slice(1), ahead.slice(-1)].filter((one) => one != null && this.page(one) != null)) {
        if (!this.counts.has(this.slice(beside, last))) {
          this.fetchCounts(beside, last, "?soon=1");
          break;
        }
        if (this.drawn) list.push(...seen.map(([ty, tx]) => this.request(beside, level, ty, tx, false)));
      }
    }
    this.tiles.want(list);
  }

  /** Whether slice and threshold have not changed for a moment, or only to another slice that is known. */
  rests(z, last) {
    const { state } = this;
    if (state?.z !== z || state.last !== last) {
      clearTimeout(this.settling);
      const known = state?.last === last && state.rests && this.counts.has(this.slice(z, last));
      this.state = { z, last, rests: !state || known };
      if (!this.state.rests) {
        this.settling = setTimeout(() => {
          if (this.state) this.state.rests = true;
          this.viewer.invalidate();
        }, SETTLE_MS);
      }
    }
    return this.state.rests;
  }

  giveUp() {
    this.running?.abort.abort();
    this.running = null;
    this.tiles.want([]);
  }

  /** Whether there is nothing to wait for. */
  complete(z, level, seen) {
    const { last } = this.viewer;
    if (!this.needed(z) || this.pauses.has(this.slice(z, last))) return true;
    if (!this.counts.has(this.slice(z, last))) return false;
    return (
      !this.drawn ||
      seen.every(([ty, tx]) => {
        const key = this.key(last, z, level, ty, tx);
        return this.tiles.kept.has(key) || this.tiles.refused.has(key);
      })
    );
  }

  slice(z, last) {
    return `${z}@${last}`;
  }

  key(last, ...place) {
    return `${place.join("/")}@${last}`;
  }

  request(z, level, ty, tx, urgent) {
    const { last } = this.viewer;
    const { stack, version } = this.data;
    const query = `value=${last}&v=${version}${urgent ? "" : "&soon=1"}`;
    const url = `/segcore/tiles/${stack}/apart/${[z, level, ty, tx].join("/")}?${query}`;
    return { key: this.key(last, z, level, ty, tx), urgent, url };
  }

  /** A tile; that of the threshold before while the new one is under way, null if there is neither. */
  known(...place) {
    for (const last of [this.viewer.last, this.before]) {
      const tile = last == null ? null : this.tiles.get(this.key(last, ...place));
      if (tile) return tile;
    }
    return null;
  }

  /** A tile with those around it, all of one threshold where that is here; null where pixels are not drawn by it. */
  drawnOf(z, level, ty, tx, contours) {
    const tile = this.drawn ? this.known(z, level, ty, tx) : null;
    return tile && { tile, around: contours ? besides(ty, tx, (...at) => this.known(z, level, ...at)) : {} };
  }

  /** Counts of a slice by part and distance at the threshold that is chosen; null while they are not known. */
  countsOf(z) {
    return this.counts.get(this.slice(z, this.viewer.last)) ?? null;
  }

  /** A tile of single pixels, fetched if it is not here; for downloads. */
  async tileOf(z, ty, tx) {
    const { key, url } = this.request(z, 0, ty, tx, true);
    const tile = this.tiles.get(key) ?? (await Tiles.load(key, url));
    this.tiles.keep(tile);
    return tile;
  }

  async fetchCounts(z, last, query = "?") {
    const key = this.slice(z, last);
    if (this.running?.key === key || this.pauses.get(key) > performance.now()) return;
    this.giveUp();
    const running = { key, abort: new AbortController() };
    this.running = running;
    const { stack, version } = this.data;
    try {
      const url = `/segcore/apart/${stack}/${z}/${last}${query}&v=${version}`;
      const response = await fetch(url, { signal: running.abort.signal });
      if (!response.ok) throw new Error(await response.text());
      const counts = new Uint32Array(await response.arrayBuffer());
      if (this.running !== running) return;
      this.counts.set(key, counts);
      this.pauses.delete(key);
      for (const oldest of this.counts.keys()) {
        if (this.counts.size <= 512) break;
        this.counts.delete(oldest);
      }
    } catch (error) {
      if (this.running !== running) return;
      this.pauses.set(key, performance.now() + RETRY_MS);
      this.refused(error, RETRY_MS);
    }
    this.running = null;
    this.viewer.invalidate();
  }

  refused(error, pause) {
    // Where the server does not answer at all, the tiles of pixels say so.
    if (this.shown && !(error instanceof TypeError)) this.failed(error.message);
    clearTimeout(this.retrying);
    this.retrying = setTimeout(() => this.viewer.invalidate(), pause + 20);
  }

  close() {
    clearTimeout(this.settling);
    clearTimeout(this.retrying);
    this.giveUp();
    this.tiles.clear();
  }
}
