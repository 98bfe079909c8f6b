/* Which layers of the slices are shown and how they are arranged, with the controls for that. */

const MODES = [
  ["single", "One"],
  ["panes", "Side by side"],
  ["notebook", "Notebook"],
  ["both", "Both runs"],
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
    this.tones = { brightness: 0, contrast: 0 }; // of the image, from -100 to 100
    this.other = false; // whether the other of two runs is shown, where one picture is
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

  /** Whether there is such a layer, of the other run too where that is shown. */
  available(name, other = this.other) {
    const { labelled, predicted, segmented, other: rival } = this.data;
    return {
      image: true,
      label: labelled,
      probability: predicted,
      prediction: predicted,
      errors: labelled && predicted,
      neurites: labelled,
      segments: other ? rival?.segmented : segmented,
      // Of the other run nothing is taken apart.
      apart: labelled && predicted && !rival,
      changes: Boolean(rival),
    }[name];
  }

  toggle(name) {
    if (!this.available(name)) return;
    if (this.mode !== "single") {
      this.mode = "single";
      this.shown.add(name);
    } else if (!this.shown.delete(name)) this.shown.add(name);
    this.restyle();
  }

  toggleMasks() {
    this.masks = !this.masks;
    this.restyle();
  }

  /** Shows one run or the other in the same picture; to and fro, what changes catches the eye. */
  toggleOther(other = !this.other) {
    if (!this.data.other || this.mode === "both" || other === this.other) return;
    this.other = other;
    this.restyle();
  }

  toggleContours() {
    this.contours = !this.contours;
    this.restyle();
  }

  setOpacity(opacity) {
    this.opacity = opacity;
    this.syncOpacity();
    repaint(this.panes ?? [], { opacity });
    this.faded();
  }

  openTones() {
    const open = this.at.tones.hidden;
    this.at.tones.hidden = !open;
    this.at["tones-button"].setAttribute("aria-expanded", open);
    if (open) this.at.brightness.focus();
  }

  /** Shows the image brighter or darker, and with more contrast or less; its values stay what they are. */
  setTones(brightness, contrast) {
    this.tones = { brightness, contrast };
    this.syncTones();
    repaint(this.panes ?? [], { tones: tonesOf(this.tones) });
    this.faded();
  }

  syncTones() {
    for (const [name, value] of Object.entries(this.tones)) {
      this.at[name].value = value;
      this.at[`${name}-text`].textContent = value > 0 ? `+${value}` : `${value}`;
    }
    const changed = this.tones.brightness || this.tones.contrast;
    this.at["tones-button"].setAttribute("aria-pressed", Boolean(changed));
  }

  /** Works out the panes and what each shows; after any change of layers, arrangement, masks or contours. */
  restyle() {
    if (!this.data) return;
    if (!this.data.other) this.other = false;
    this.panes = panesOf(this, (name, other) => this.available(name, other));
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
    const withErrors = errors && (!data.other || panes.some(({ overlays }) => overlays.has("errors")));
    fill(at.legend, legendOf(panes, mode === "notebook", withErrors, data));
    fill(at["legend-of-neurites"], legendOfNeurites(panes, chosen));
  }

  syncButtons() {
    for (const button of this.at.layers.children) {
      const { layer } = button.dataset;
      button.disabled = !this.available(layer);
      button.hidden = button.disabled && ["neurites", "segments", "apart", "changes"].includes(layer);
      button.setAttribute("aria-pressed", this.mode === "single" && this.shown.has(layer));
    }
    const { labelled, predicted, other } = this.data;
    const there = {
      single: true,
      panes: labelled || predicted,
      notebook: labelled && predicted && !other,
      both: Boolean(other),
    };
    for (const button of this.at.modes.children) {
      button.disabled = !there[button.dataset.mode];
      button.hidden = button.dataset.mode === (other ? "notebook" : "both");
      button.setAttribute("aria-pressed", this.mode === button.dataset.mode);
    }
    const press = (name, on) => this.root.querySelector(`[data-do=${name}]`).setAttribute("aria-pressed", on);
    press("masks", this.masks);
    press("contours", this.contours);
    press("other", this.other);
    const flicker = this.root.querySelector("[data-do=other]");
    flicker.hidden = !other;
    flicker.disabled = this.mode === "both";
    flicker.lastChild.textContent = other ? other.run : "";
    this.at.opacity.value = Math.round(this.opacity * 100);
    this.syncOpacity();
    this.syncTones();
    this.root.dataset.mode = this.mode;
  }

  syncOpacity() {
    this.at["opacity-text"].textContent = `${Math.round(this.opacity * 100)} %`;
  }
}
