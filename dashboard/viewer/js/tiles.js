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
    this.failures = 0; // one after the other
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

  async fetch({ key, url, urgent }) {
    const abort = new AbortController();
    this.running.set(key, abort);
    try {
      const tile = await Tiles.load(key, url, abort.signal);
      if (this.running.get(key) !== abort) return;
      this.keep(tile);
      this.failures = 0;
      this.running.delete(key);
      this.arrived(tile);
    } catch (error) {
      if (this.running.get(key) !== abort) return;
      this.running.delete(key);
      // What failed once may have been a file that was just being replaced.
      const pause = Math.min(3000, 250 * 2 ** this.failures++);
      this.refused.set(key, performance.now() + pause);
      this.failed(error, pause, urgent);
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
    for (const [at, name] of names.entries()) planes[name] = new Uint8Array(bytes, at * size, size);
    return { key, height, width, planes, bytes: bytes.byteLength, derived: new Map() };
  }

  keep(tile) {
    this.bytes -= this.kept.get(tile.key)?.bytes ?? 0;
    this.kept.set(tile.key, tile);
    this.bytes += tile.bytes;
    for (const [key, old] of this.kept) {
      if (this.bytes <= this.most || key === tile.key) break;
      this.kept.delete(key);
      this.bytes -= old.bytes;
    }
  }
}
