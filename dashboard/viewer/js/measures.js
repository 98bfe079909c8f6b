/* Threshold and tolerance, and what is wrong at them: as controls, as numbers, and aloud. */

// Screen readers are told when the numbers have stopped changing.
const SPEAK_MS = 500;

class Measures {
  constructor(viewer) {
    this.viewer = viewer;
    this.at = viewer.at;
  }

  /** Offers thresholds by name, and hides what the stack has nothing for. */
  open({ points, predicted }, tested) {
    this.at.points.replaceChildren(
      ...Object.entries(points).map(([name, threshold]) => {
        const last = lastMembraneValue(threshold);
        const button = makeButton(`${name} ${threshold.toFixed(3)}`, () => this.viewer.setLast(last));
        button.dataset.last = last;
        button.title = `Threshold the run chose on validation: ${name}`;
        return button;
      }),
    );
    this.at.measures.hidden = !predicted;
    this.at["tolerance-control"].hidden = !tested;
    this.at["bias-control"].hidden = this.viewer.data.bias == null;
  }

  /** The bias of segments, and what V_Rand of the slice is with it, once that is known. */
  showBias() {
    const { at, viewer } = this;
    const { data, neurites, row } = viewer;
    if (data.bias == null || !row) return;
    const bias = neurites.bias ?? data.bias;
    if (Number(at.bias.value) !== bias) at.bias.value = bias;
    const scores = neurites.facts.get(neurites.factsKey(row.index))?.scores;
    const known = scores
      ? ` · V_Rand ${scores.v_rand.toFixed(4)}, V_Info ${scores.v_info.toFixed(4)}, ${scores.split} split, ${scores.merging} merging`
      : "";
    const text = `${(bias / 100).toFixed(2)}${neurites.bias == null ? " (the run's)" : ""}${known}`;
    if (at["bias-text"].textContent !== text) at["bias-text"].textContent = text;
  }

  /** `found` is what `countErrors` says of the slice shown, or null if that is not known. */
  show(found) {
    const { at } = this;
    const { last, tolerance, data } = this.viewer;
    at.threshold.value = last;
    at["threshold-text"].textContent = thresholdAfter(last).toFixed(3);
    at.threshold.setAttribute("aria-valuetext", `threshold ${thresholdAfter(last).toFixed(3)}`);
    at.tolerance.value = tolerance;
    const nm = data.voxel_nm && tolerance ? ` (${+(tolerance * data.voxel_nm).toPrecision(3)} nm)` : "";
    at["tolerance-text"].textContent = `${tolerance} px${nm}`;
    for (const button of at.points.children) button.setAttribute("aria-pressed", Number(button.dataset.last) === last);
    this.showNumbers(found);
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => this.speak(this.aloud(found)), SPEAK_MS);
  }

  /** Says what was not said before: the page that is drawn anew changes nothing, and something else may have been said. */
  speak(text) {
    if (text !== this.spoken) this.at.live.textContent = this.spoken = text;
  }

  showNumbers(found) {
    const { root, tolerance } = this.viewer;
    const { numbers } = this.at;
    if (!found) {
      numbers.replaceChildren();
      for (const name of ["wrong", "percent"]) delete root.dataset[name];
      return;
    }
    const percent = (100 * found.wrong) / found.pixels;
    root.dataset.wrong = found.wrong;
    root.dataset.percent = percent;
    const part = (count) => percentText((100 * count) / found.pixels);
    const shown = [
      ["total", null, `${percentText(percent)} %`, `${grouped(found.wrong)} wrong pixels`],
      ["missed", MISSED, grouped(found.missed), `missed membrane (${part(found.missed)} %)`],
      ["false", FALSE, grouped(found.false), `false membrane (${part(found.false)} %)`],
    ];
    if (tolerance) shown.push(["near", NEAR, grouped(found.near), "within tolerance"]);
    if (numbers.children.length !== shown.length) {
      numbers.replaceChildren(
        ...shown.map(([kind]) => {
          const span = document.createElement("span");
          span.className = kind;
          span.append(document.createElement("b"), document.createElement("span"));
          return span;
        }),
      );
    }
    shown.forEach(([, colour, big, small], index) => {
      const span = numbers.children[index];
      span.style.setProperty("--mark", colour ?? "transparent");
      span.firstChild.textContent = big;
      span.lastChild.textContent = small;
    });
  }

  aloud(found) {
    const { row, last, tolerance } = this.viewer;
    if (!found) return row ? `Slice ${row.title}` : "";
    return (
      `Slice ${row.title}: ${grouped(found.wrong)} wrong pixels,` +
      ` ${percentText((100 * found.wrong) / found.pixels)} percent; ${grouped(found.missed)} missed membrane,` +
      ` ${grouped(found.false)} false membrane;` +
      ` threshold ${thresholdAfter(last).toFixed(3)}, tolerance ${tolerance} pixels.`
    );
  }

  close() {
    clearTimeout(this.speaking);
  }
}
