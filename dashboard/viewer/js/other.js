/* A second run on the same slices, which the one that is shown is compared with. */

/** Its pixels and segments, fetched as long as they are to be seen. */
class OtherRun {
  /** `changed(tile)` is called when more is here, `failed` as by `Tiles`, `troubled(text)` as by `Neurites`. */
  constructor(viewer, changed, failed, troubled) {
    this.viewer = viewer;
    this.tiles = new Tiles(changed, failed);
    this.pyramid = new Pyramid(viewer, this.tiles, () => this.data);
    this.neurites = new Neurites(viewer, changed, troubled, true);
    this.evidence = new Evidence(
      () => viewer.syncMeasures(),
      ({ message }) => troubled(message),
    );
    this.data = null;
  }

  /** From now on it is about the run that Python names beside the shown one; there may be none. */
  open(data) {
    const { other } = data;
    const before = this.data;
    this.data = other && { ...data, ...other };
    if (`${before?.stack} ${before?.version}` === `${other?.stack} ${other?.version}`) return;
    this.tiles.clear();
    if (!other) return;
    this.neurites.open(this.data);
    this.evidence.open(this.data);
    this.pages = new Map(other.pages);
  }

  /** The last 8-bit probability that it calls membrane. */
  get last() {
    return lastMembraneValue(this.data.threshold);
  }

  /** Whether any pane needs its pixels. */
  get drawn() {
    const { panes } = this.viewer;
    return Boolean(this.data && panes?.some(({ other, overlays }) => other || overlays.has("changes")));
  }

  /** What is wrong of a slice; null while that is not known. */
  count(z) {
    return this.evidence.count(this.pages.get(z), this.last, 0);
  }

  /** Asks for what is seen of a slice, and where slices are small, of those beside it. */
  want(z, level, seen) {
    if (!this.data) return;
    this.neurites.want(z, level, seen);
    const { ahead, readout } = this.viewer;
    const list = [];
    const add = (slice, at, places, urgent) => {
      for (const [ty, tx] of places) list.push(this.pyramid.request(slice, at, ty, tx, urgent));
    };
    if (this.drawn) {
      if (level < this.data.coarsest) add(z, this.data.coarsest, [[0, 0]], true);
      if (!ahead.hurries) add(z, level, seen, true);
      const beside = seen.length > 4 || ahead.hurries ? [] : [ahead.slice(1), ahead.slice(-1)];
      for (const slice of beside) if (slice != null) add(slice, level, seen, false);
    } else if (!ahead.hurries && seen.length <= 4) {
      // Whoever goes to and fro between the two is not to wait.
      add(z, level, seen, false);
    }
    if (readout.hover && level) add(z, 0, [readout.tile()], false);
    this.tiles.want(list);
  }

  /** Whether there is nothing to wait for. */
  complete(z, level, seen) {
    if (!this.data) return true;
    const here = !this.drawn || seen.every(([ty, tx]) => this.tiles.kept.has(this.pyramid.key(z, level, ty, tx)));
    return here && this.neurites.complete(z, level, seen);
  }

  close() {
    this.tiles.clear();
    this.neurites.close();
    this.evidence.close();
  }
}
