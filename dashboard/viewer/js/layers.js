/* Which layers of the slices are shown and how they are arranged, with the controls for that. */

const MODES = [
  ["single", "One"],
  ["panes", "Side by side"],
  ["notebook", "Notebook"],
];

/** Keeps what was chosen, and makes the panes of it. */
class Layers {
  /** `arranged()` is called when the panes are others, `faded()` when they only look another way. */
  constructor(root, at, arranged, faded) {
    Object.assign(this, { root, at, arranged, faded });
    this.chosen = {}; // what the lines around what was chosen stand for: colours by text
    this.mode = "single";
    this.masks = true;
    this.contours = false;
    this.opacity = 0.7;
    this.panes = null; // until there is data
    LAYERS.forEach((name, index) => {
      const button = makeButton(TITLES[name], () => this.toggle(name), String(index + 1));
      button.dataset.layer = name;
      at.layers.append(button);
    });
    for (const [name, text] of MODES) {
      const button = makeButton(text, () => {
        this.mode = name;
        this.restyle();
      });
      button.dataset.mode = name;
      at.modes.append(button);
    }
  }

  /** From now on it is about this stack, and arranged as Python says if it says something else than before. */
  open(data, tested) {
    const { predicted } = data;
    if (data.mode !== this.data?.mode) this.mode = data.mode;
    if (!this.data)
      this.shown = new Set(["image", tested && predicted ? "errors" : predicted ? "prediction" : "label"]);
    this.data = data;
  }

  available(name) {
    const { labelled, predicted, segmented } = this.data;
    return {
      image: true,
      label: labelled,
      probability: predicted,
      prediction: predicted,
      errors: labelled && predicted,
      neurites: labelled,
      segments: segmented,
      apart: labelled && predicted,
    }[name];
  }

  toggle(name) {
    if (!this.available(name)) return;
    if (this.mode !== "single") {
      this.mode = "single";
    } else if (!this.shown.delete(name)) this.shown.add(name);
    this.restyle();
  }

  toggleMasks() {
    this.masks = !this.masks;
    this.restyle();
  }

  toggleContours() {
    this.contours = !this.contours;
    this.restyle();
  }

  setOpacity(opacity) {
    this.opacity = opacity;
    this.syncOpacity();
    fade(this.panes ?? [], opacity);
    this.faded();
  }

  /** Works out the panes and what each shows; after any change of layers, arrangement, masks or contours. */
  restyle() {
    if (!this.data) return;
    this.panes = panesOf(this, (name) => this.available(name));
    this.at.titles.replaceChildren(
      ...this.panes.map(({ title }) => {
        return Object.assign(document.createElement("span"), { textContent: title, hidden: !title });
      }),
    );
    this.syncLegend();
    this.syncButtons();
    this.arranged();
  }

  syncLegend() {
    if (!this.panes) return;
    const { at, panes, mode, data, chosen } = this;
    const fill = (legend, entries) => {
      legend.replaceChildren(
        ...entries.map(([text, colour]) => {
          const span = Object.assign(document.createElement("span"), { textContent: text });
          span.style.setProperty("--mark", colour);
          return span;
        }),
      );
    };
    // Where errors are taken apart, that has a legend of its own.
    const errors = this.available("errors") && !panes.some(({ overlays }) => overlays.has("apart"));
    fill(at.legend, legendOf(panes, mode === "notebook", errors, data.ignores));
    fill(at["legend-of-neurites"], legendOfNeurites(panes, chosen));
  }

  syncButtons() {
    for (const button of this.at.layers.children) {
      const { layer } = button.dataset;
      button.disabled = !this.available(layer);
      button.hidden = button.disabled && ["neurites", "segments", "apart"].includes(layer);
      button.setAttribute("aria-pressed", this.mode === "single" && this.shown.has(layer));
    }
    const { labelled, predicted } = this.data;
    const there = { single: true, panes: labelled || predicted, notebook: labelled && predicted };
    for (const button of this.at.modes.children) {
      button.disabled = !there[button.dataset.mode];
      button.setAttribute("aria-pressed", this.mode === button.dataset.mode);
    }
    const press = (name, on) => this.root.querySelector(`[data-do=${name}]`).setAttribute("aria-pressed", on);
    press("masks", this.masks);
    press("contours", this.contours);
    this.at.opacity.value = Math.round(this.opacity * 100);
    this.syncOpacity();
    this.root.dataset.mode = this.mode;
  }

  syncOpacity() {
    this.at["opacity-text"].textContent = `${Math.round(this.opacity * 100)} %`;
  }
}
