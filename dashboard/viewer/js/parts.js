/* What wrong pixels are part of: names, colours, and what the bytes of `apart` tiles mean; pure. */

/** In the order of their codes, from 1; as in segcore/measures/error_parts.py. */
const ERROR_PARTS = ["thin", "thick", "merge", "split", "invented", "missed"];

/** In the order they are named: text, colour, meaning. A pixel of one of them has its place here as its number, from 1. */
const PARTS = {
  near: ["near a boundary", NEAR, "Within the tolerance of a true boundary, and neither joins nor cuts neurites."],
  thin: ["membrane too thin", THIN, "Missed membrane that leaves the membrane closed."],
  thick: ["membrane too thick", THICK, "False membrane that leaves the neurite whole."],
  merge: ["opens a membrane", MISSED, "Missed membrane where two neurites are joined."],
  split: ["cuts a neurite", FALSE, "False membrane where a neurite is cut."],
  missed: ["neurite missed", OBJECT_MISSED, "Neurites of which not one pixel was found."],
  invented: ["neurite invented", OBJECT_INVENTED, "Pieces called interior that lie within membrane as a whole."],
};

/** Set in a byte of what no tolerance forgives; as in dashboard/viewer/apart.py. */
const GRAVE = 64;

/** Numbers as in `PARTS`, 0 for none, by the byte of a pixel or block. */
function partsByByte(tolerance) {
  const names = Object.keys(PARTS);
  const number = (name) => names.indexOf(name) + 1;
  return Uint8Array.from({ length: 256 }, (_, byte) => {
    if (byte & GRAVE) return number(ERROR_PARTS[(byte & 7) - 1]);
    const thin = byte & 7,
      thick = byte >> 3;
    // Each is 1 more than the largest distance, and what lies less far than the tolerance is forgiven.
    if (thin > tolerance) return number("thin");
    if (thick > tolerance) return number("thick");
    return thin || thick ? number("near") : 0;
  });
}

/** Whether a byte of what no tolerance forgives is of missed membrane, and not of false. */
const isMissed = (byte) => Boolean(byte & 1); // merges and inventions have the odd codes

/** Pixels of a part by its place in `ERROR_PARTS`, at distances from one up to another, that one not included. */
const ofDistances = (counts, at, from, to) =>
  counts.slice(at * BINS + from, at * BINS + to).reduce((sum, count) => sum + count, 0);

/** Wrong pixels by name, together all there are; as `ErrorParts.wrong` in segcore. `counts` are by part and distance. */
function countParts(counts, tolerance) {
  const found = { near: 0 };
  ERROR_PARTS.forEach((name, at) => {
    const forgives = name === "thin" || name === "thick" ? tolerance : 0;
    found[name] = ofDistances(counts, at, forgives, BINS);
    found.near += ofDistances(counts, at, 0, forgives);
  });
  return found;
}

/** Pixels within a tolerance that are never forgiven, by part; together `ErrorParts.forgiven_though` in segcore. */
function countGrave(counts, tolerance) {
  const graves = ERROR_PARTS.map((name, at) => [name, ofDistances(counts, at, 0, tolerance)]).slice(2);
  return Object.fromEntries(graves);
}

/** What of so many forgiven pixels is never forgiven, in words; `grave` is by part, and left out where it is not known. */
function forgivenText(near, grave = null) {
  const forgiven = `${grouped(near)} px forgiven`;
  if (!near || !grave) return forgiven;
  const whom = grave.split ? "one" : "a neurite";
  const found = [
    [grave.merge, "opens a membrane", "open a membrane"],
    [grave.split, "cuts a neurite", "cut a neurite"],
    [grave.missed + grave.invented, `misses or invents ${whom}`, `miss or invent ${whom}`],
  ]
    .filter(([count]) => count)
    .map(([count, one, several]) => `${grouped(count)} ${count === 1 ? one : several}`);
  if (!found.length) return `${forgiven}, none of which opens a membrane or cuts a neurite`;
  const list = found.length > 1 ? `${found.slice(0, -1).join(", ")} and ${found.at(-1)}` : found[0];
  const though = grave.merge || grave.split ? " (within tolerance, but merges or splits)" : "";
  return `${forgiven}, of them ${list} all the same${though}; the percentage leaves them out`;
}
