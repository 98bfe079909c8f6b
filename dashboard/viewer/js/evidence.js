/* Pixel tables of slices, from the server, a block at a time; of very many slices only the counts. */

class Evidence {
  /** `changed()` is called when more is known, `failed(error)` when it could not be had. */
  constructor(changed, failed) {
    this.changed = changed;
    this.failed = failed;
  }

  /** Forgets everything; from now on it is about this stack. */
  open(data) {
    this.data = data;
    this.tables = new Map(); // by page
    this.blocks = new Set(); // asked for
    this.counts = null; // {key, wrong}: wrong pixels of every page
    clearTimeout(this.counting);
  }

  /** Few enough slices to have all their tables here. */
  get small() {
    return this.data.evaluated <= this.data.most_tables;
  }

  /** What `countErrors` says of a page, or null while its table is under way and where there is none. */
  count(page, last, tolerance) {
    if (page == null || !this.data.labelled || !this.data.evaluated) return null;
    const table = this.tables.get(page);
    if (!table) this.fetch(Math.floor(page / this.data.most_tables));
    return table ? countErrors(table, last, tolerance) : null;
  }

  /** Percent of wrong pixels of a page, or null if that is not known. */
  percent(page, last, tolerance) {
    if (this.small) {
      const table = this.tables.get(page);
      if (!table) return null;
      const { wrong, pixels } = countErrors(table, last, tolerance);
      return (100 * wrong) / pixels;
    }
    return this.counts ? (100 * this.counts.wrong[page]) / (this.data.height * this.data.width) : null;
  }

  async fetch(block) {
    if (this.blocks.has(block)) return;
    this.blocks.add(block);
    const { data } = this,
      size = data.most_tables;
    try {
      const bytes = await this.load(`evidence/${data.stack}/${block * size}/${size}?v=${data.version}`);
      if (this.stale(data)) return;
      for (let at = 0; at < bytes.byteLength / (4 * TABLE); at++) {
        this.tables.set(block * size + at, new Uint32Array(bytes, at * 4 * TABLE, TABLE));
      }
      for (const oldest of this.blocks) {
        if (this.blocks.size <= 8) break;
        this.blocks.delete(oldest);
        for (let at = 0; at < size; at++) this.tables.delete(oldest * size + at);
      }
      this.changed();
    } catch (error) {
      if (this.stale(data)) return;
      setTimeout(() => {
        if (this.stale(data)) return;
        this.blocks.delete(block);
        this.changed(); // asks again
      }, RETRY_MS);
      this.failed(error);
    }
  }

  /** Counts of very many slices come from the server, once the reader pauses. */
  recount(last, tolerance) {
    const { data } = this;
    if (!data.labelled || !data.evaluated || this.small) return;
    clearTimeout(this.counting);
    this.counting = setTimeout(
      async () => {
        const key = `${last}/${tolerance}`;
        if (this.counts?.key === key) return;
        try {
          const wrong = new Uint32Array(await this.load(`wrong/${data.stack}/${key}?v=${data.version}`));
          if (this.stale(data)) return;
          this.counts = { key, wrong };
          this.changed();
        } catch (error) {
          if (!this.stale(data)) this.failed(error);
        }
      },
      this.counts ? 200 : 0,
    );
  }

  async load(path) {
    const response = await fetch(`/segcore/${path}`);
    if (!response.ok) throw new Error(await response.text());
    return response.arrayBuffer();
  }

  /** Whether another stack, or another version of it, was opened since. */
  stale({ stack, version }) {
    return stack !== this.data.stack || version !== this.data.version;
  }

  close() {
    clearTimeout(this.counting);
  }
}
