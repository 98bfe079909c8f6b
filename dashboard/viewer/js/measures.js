/* Threshold and tolerance, and what is wrong at them: as controls, as numbers, and aloud. */

// Screen readers are told when the numbers have stopped changing.
const SPEAK_MS = 500;

class Measures {
  constructor(viewer) {
    this.viewer = viewer;
    this.at = viewer.at;
  }

  /** Offers thresholds by name, and hides what the stack has nothing for. */
  open({ points, predicted, other }, tested) {
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
    // Two runs are compared each at its own threshold.
    this.at["threshold-control"].hidden = this.at.points.hidden = Boolean(other);
    this.at["tolerance-control"].hidden = this.at.forgiven.hidden = !tested || Boolean(other);
    this.at["bias-control"].hidden = !this.viewer.cuttable || Boolean(other);
  }

  /** The bias of segments, and what V_Rand of the slice is with it, once that is known. */
  showBias() {
    const { at, viewer } = this;
    const { neurites, row } = viewer;
    if (!viewer.cuttable || !row) return;
    at.bias.disabled = row.bias == null; // a slice that was not evaluated
    if (at.bias.disabled) {
      at["bias-text"].textContent = "";
      return;
    }
    const bias = neurites.bias ?? row.bias; // slices may have their own
    if (Number(at.bias.value) !== bias) at.bias.value = bias;
    const scores = neurites.facts.get(neurites.factsKey(row.index))?.scores;
    const known = scores
      ? ` · V_Rand ${scores.v_rand.toFixed(4)}, V_Info ${scores.v_info.toFixed(4)}, ${scores.split} split, ${scores.merging} merging`
      : "";
    const text = `${(bias / 100).toFixed(2)}${neurites.bias == null ? " (the run's)" : ""}${known}`;
    if (at["bias-text"].textContent !== text) at["bias-text"].textContent = text;
  }

  /** What the tolerance forgives and what it never does, and the wrong pixels by part where that layer is shown. */
  showApart() {
    const { at, found, viewer } = this;
    const { apart, row, tolerance } = viewer;
    const counts = row ? apart.countsOf(row.index) : null;
    const text = found && tolerance ? this.forgiven(found.near, counts) : "";
    if (at.forgiven.textContent !== text) {
      at.forgiven.textContent = at.forgiven.title = text; // the line may be too short for it
    }
    at.parts.hidden = !apart.shown;
    if (!apart.shown) return;
    if (!at.parts.children.length) at.parts.append(...this.partsLegend());
    const byPart = counts && countParts(counts, tolerance);
    if (byPart) byPart.all = Object.values(byPart).reduce((sum, count) => sum + count, 0);
    const unknown = row && apart.page(row.index) == null ? "–" : "…";
    for (const span of at.parts.children) {
      const number = byPart ? grouped(byPart[span.dataset.part]) : unknown;
      if (span.lastChild.textContent !== number) span.lastChild.textContent = number;
    }
  }

  forgiven(near, counts) {
    const { apart, row, tolerance, data } = this.viewer;
    if (counts || !near) return forgivenText(near, counts && countGrave(counts, tolerance));
    if (apart.pauses.has(apart.slice(row.index, this.viewer.last))) return forgivenText(near);
    return apart.large(data) && !apart.shown
      ? `${forgivenText(near)}; which of them join or cut neurites is told with ${TITLES.apart.toLowerCase()}`
      : `${forgivenText(near)}, of them … open a membrane and … cut a neurite all the same`;
  }

  /** A name and a place for the number of each part. */
  partsLegend() {
    const all = [
      "wrong pixels in all",
      "transparent",
      "Those that are forgiven as well: each is exactly one of these.",
    ];
    return Object.entries({ ...PARTS, all }).map(([name, [text, colour, meaning]]) => {
      const span = Object.assign(document.createElement("span"), { title: meaning });
      span.dataset.part = name;
      span.style.setProperty("--mark", colour);
      span.append(text, document.createElement("b"));
      return span;
    });
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
    this.found = found;
    this.showNumbers(found);
    this.showApart();
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => this.speak(this.aloud(found)), SPEAK_MS);
  }

  /** Says what was not said before: the page that is drawn anew changes nothing, and something else may have been said. */
  speak(text) {
    if (text !== this.spoken) this.at.live.textContent = this.spoken = text;
  }

  showNumbers(found) {
    const { root } = this.viewer;
    const { numbers } = this.at;
    if (!found) {
      numbers.replaceChildren();
      for (const name of ["wrong", "percent"]) delete root.dataset[name];
      return;
    }
    const { other, data, row } = this.viewer;
    const percent = (100 * found.wrong) / found.pixels;
    root.dataset.wrong = found.wrong;
    root.dataset.percent = percent;
    const part = (count) => percentText((100 * count) / found.pixels);
    const rival = other.data && row ? other.count(row.index) : null;
    const inRun = (run, { wrong, pixels }) => {
      return ["total", null, `${percentText((100 * wrong) / pixels)} %`, `${grouped(wrong)} wrong in ${run}`];
    };
    const both = rival && [inRun(data.stack.split("/")[1], found), inRun(other.data.run, rival)];
    const shown = both ?? [
      ["total", null, `${percentText(percent)} %`, `${grouped(found.wrong)} wrong pixels`],
      ["missed", MISSED, grouped(found.missed), `missed membrane (${part(found.missed)} %)`],
      ["false", FALSE, grouped(found.false), `false membrane (${part(found.false)} %)`],
    ];
    if (numbers.children.length !== shown.length) {
      numbers.replaceChildren(
        ...shown.map(() => {
          const span = document.createElement("span");
          span.append(document.createElement("b"), document.createElement("span"));
          return span;
        }),
      );
    }
    shown.forEach(([kind, colour, big, small], index) => {
      const span = numbers.children[index];
      span.className = kind;
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
