/* What each pane shows: a grey base, and the overlays on it. */

const TITLES = {
  image: "Image",
  label: "Label",
  probability: "Probability",
  prediction: "Prediction",
  errors: "Errors",
  neurites: "True neurites",
  segments: "Segments",
  apart: "Errors taken apart",
  changes: "Changes",
};

let styles = 0; // a number for each, so that pictures painted in another one are known

/** The panes of an arrangement; `available(name)` says whether the slices have that layer. */
function panesOf({ mode, shown, masks, contours, opacity, tones, other: ofOther, data }, available) {
  const toned = tonesOf(tones);
  const pane = (title, layers, notebook = false, other = ofOther) => {
    const names = layers.filter((name) => available(name, other));
    const base = ["image", "probability", "prediction", "label"].find((name) => names.includes(name)) ?? "blank";
    // Taken apart errors have colours of their own, in which blue is not all of what was missed.
    const instead = names.includes("apart") ? "errors" : base;
    const overlays = new Set(masks ? names.filter((name) => ![base, "image", instead].includes(name)) : []);
    const hatched = ["label", "errors", "neurites", "apart"].some((name) => names.includes(name));
    const look = { opacity, contours, notebook, tones: toned };
    return { title, base, overlays, hatched, other, version: ++styles, ...look };
  };
  const whole = (panes, notebook) =>
    panes
      .filter(([, names]) => names.every((name) => available(name)))
      .map(([title, names]) => pane(title, names, notebook));
  const arrangements = {
    single: () => [pane(data.other ? nameOf(data, ofOther) : "", [...shown])],
    panes: () =>
      available("prediction")
        ? ["image", "label", "prediction", "errors"]
            .filter((name) => available(name))
            .map((name) => pane(TITLES[name], name === "errors" ? ["image", name] : [name]))
        : whole([
            ["Image", ["image"]],
            ["Label", ["label"]],
            ["Superposition", ["image", "label"]],
          ]),
    notebook: () =>
      whole(
        [
          ["Predicted", ["prediction"]],
          ["Expected", ["label"]],
          ["Error", ["label", "errors"]],
        ],
        true,
      ),
    both: () => [
      ...[false, true].map((other) => pane(nameOf(data, other), ["image", "errors"], false, other)),
      pane(TITLES.changes, ["image", "changes"]),
      pane(TITLES.image, ["image"]),
    ],
  };
  const panes = arrangements[mode]();
  return panes.length ? panes : [pane("Image", ["image"])];
}

/** What a pane is called that shows the one or the other of two runs. */
function nameOf(data, other) {
  const { run, threshold } = other ? data.other : { run: data.stack.split("/")[1], threshold: data.threshold };
  return `${run} at ${threshold.toFixed(3)}`;
}

/** The same panes in another look: `opacity` or `tones`. */
function repaint(panes, look) {
  for (const style of panes) Object.assign(style, look, { table: null, version: ++styles });
}

/** What each grey value of the image is shown as. Contrast is a slope of 1/4 to 4 through the middle. */
function tonesOf({ brightness, contrast }) {
  const slope = 4 ** (contrast / 100);
  return Uint8ClampedArray.from({ length: 256 }, (_, value) => (value - 127.5) * slope + 127.5 + 1.275 * brightness);
}

/** What the colours in the panes stand for, as [text, colour]. */
function legendOf(panes, notebook, withErrors, { ignores, other, stack }) {
  const overlays = new Set(panes.flatMap((pane) => [...pane.overlays]));
  const entries = [];
  if (withErrors) {
    entries.push(
      ...(notebook
        ? [["wrong pixel", WRONG]]
        : [
            ["missed membrane", MISSED],
            ["false membrane", FALSE],
          ]),
    );
    if (!other) entries.push(["within tolerance", NEAR]);
  }
  if (overlays.has("changes")) {
    const [, run] = stack.split("/");
    entries.push(
      [`right in ${other.run} only`, FIXED],
      [`right in ${run} only`, BROKEN],
      ["wrong in both", WRONG_IN_BOTH],
    );
  }
  if (overlays.has("label")) entries.push(["membrane in the label", LABEL]);
  if (overlays.has("prediction")) entries.push(["predicted membrane", PREDICTION]);
  if (overlays.has("probability")) entries.push(["probability of membrane", PREDICTION]);
  if (ignores) entries.push(["ignored (striped): in no figure", UNKNOWN]);
  return entries;
}

/** What colours of identity and the lines around what was `chosen` stand for, as [text, colour or picture]. */
function legendOfNeurites(panes, chosen) {
  const entries = Object.entries(chosen);
  if (panes.some(({ overlays }) => overlays.has("neurites") || overlays.has("segments"))) {
    entries.unshift(["colours: one neurite each", "linear-gradient(90deg, #E02060 33%, #60E0E0 33% 66%, #E0E020 66%)"]);
  }
  return entries;
}
