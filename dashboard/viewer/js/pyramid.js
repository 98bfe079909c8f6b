/* The pyramid of tiles of every slice: level 0 has its pixels, and each level above blocks twice as large. */

/** Finds tiles by slice, level, row and column, as far as they are here, and says where to get them. */
class Pyramid {
  /** `of()` says which run's they are: {stack, version}. */
  constructor(viewer, tiles, of = () => viewer.data) {
    this.viewer = viewer;
    this.tiles = tiles;
    this.of = of;
  }

  key(z, level, ty, tx) {
    // Only the coarse levels depend on the tolerance: theirs is settled on the server.
    const { tested, tolerance } = this.viewer;
    return `${z}/${level}/${ty}/${tx}${level && tested ? `?tolerance=${tolerance}` : ""}`;
  }

  /** What `Tiles` needs to fetch a tile. */
  request(z, level, ty, tx, urgent) {
    const key = this.key(z, level, ty, tx);
    const { stack, version } = this.of();
    const query = `v=${version}${urgent ? "" : "&soon=1"}`;
    return { key, urgent, url: `/segcore/tiles/${stack}/bundle/${key}${key.includes("?") ? "&" : "?"}${query}` };
  }

  get(z, level, ty, tx) {
    return this.tiles.get(this.key(z, level, ty, tx));
  }

  /** The tiles beside a tile, as far as they are here. */
  around(z, level, ty, tx) {
    return besides(ty, tx, (...place) => this.tiles.kept.get(this.key(z, level, ...place)));
  }

  /** The finest tile above that holds this one's area, and how many levels it is up; null if there is none here. */
  ancestor(z, level, ty, tx) {
    for (let up = 1; level + up <= this.viewer.data.coarsest; up++) {
      const tile = this.get(z, level + up, ty >> up, tx >> up);
      if (tile) return { tile, up };
    }
    return null;
  }
}

/** What `find(ty, tx)` has on each side of a tile; sides without anything are left out. */
function besides(ty, tx, find) {
  const sides = { up: [ty - 1, tx], down: [ty + 1, tx], left: [ty, tx - 1], right: [ty, tx + 1] };
  return Object.fromEntries(
    Object.entries(sides)
      .map(([side, place]) => [side, find(...place)])
      .filter(([, tile]) => tile),
  );
}
