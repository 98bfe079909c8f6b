/* Numbers and words, all pure: counts are those of `segcore`, to the last digit. */

const TILE = 512;
const BINS = 6;
const TABLE = 2 * 256 * BINS;
/** What the plane `truth` holds where the label is to be ignored; as in dashboard/viewer/tiles.py. */
const IGNORED = 6;
const LAYERS = ["image", "label", "probability", "prediction", "errors", "neurites", "segments", "apart", "changes"];
const RETRY_MS = 3000;
const LARGEST_DOWNLOAD = 4096 * 4096;

/** The largest 8-bit probability a threshold calls membrane; as in segcore/measures/threshold_values.py. */
const lastMembraneValue = (threshold) => Math.floor(255 * threshold + 1e-6);

/** The threshold half-way above an 8-bit probability; as in segcore/measures/threshold_values.py. */
const thresholdAfter = (value) => Math.min(1, (value + 0.5) / 255);

/** Wrong pixels of one slice: {pixels, missed, false, wrong, near}; `near` is what the tolerance forgives. */
function countErrors(table, last, tolerance) {
  let pixels = 0,
    missed = 0,
    falsely = 0,
    near = 0;
  for (let q = 0, at = 0; q < 256; q++) {
    for (let bin = 0; bin < BINS; bin++, at++) {
      const membrane = table[at],
        interior = table[at + 256 * BINS];
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
function percentText(value) {
  const exact = value.toFixed(60);
  const dot = exact.indexOf(".");
  const rest = exact.slice(dot + 3);
  const tie = rest[0] === "5" && /^50*$/.test(rest);
  return tie && Number(exact[dot + 2]) % 2 === 0 ? exact.slice(0, dot + 3) : value.toFixed(2);
}

const grouped = (count) => count.toLocaleString("en-US");
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const CHANNELS = Object.fromEntries(
  [MISSED, FALSE, NEAR, WRONG, UNKNOWN, LABEL, PREDICTION].map((hex) => [
    hex,
    [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)),
  ]),
);

/** From light to dark purple. */
const shade = (share) => {
  const [light, dark] = [
    [196, 160, 206],
    [106, 27, 122],
  ];
  return `rgb(${light.map((from, at) => Math.round(from + (dark[at] - from) * share)).join(",")})`;
};

/** A round length of at most `most`: 1, 2 or 5 times a power of ten. */
function roundLength(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  return [5, 2, 1].map((digit) => digit * power).find((length) => length <= most) ?? power;
}
