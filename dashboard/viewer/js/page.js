/* What the viewer consists of on the page. */

const SHELL = `
<div class="viewer" tabindex="0" role="group" aria-label="Slice viewer. Press question mark for the keys.">
  <div class="bar">
    <div class="group" role="group" aria-label="Layers" data-at="layers"></div>
    <div class="group" role="group" aria-label="Arrangement" data-at="modes"></div>
    <div class="group">
      <button type="button" data-do="masks" title="Masks on or off (X)"><kbd>X</kbd>Masks</button>
      <button type="button" data-do="contours" title="Contours or filled (Z)"><kbd>Z</kbd>Contours</button>
      <button type="button" data-do="other" title="The other run in the same place (B), to and fro" hidden><kbd>B</kbd><span></span></button>
    </div>
    <label class="slider"><span>Opacity</span>
      <input type="range" min="0" max="100" step="1" data-at="opacity"><output data-at="opacity-text"></output></label>
  </div>
  <div class="bar measures" data-at="measures">
    <label class="slider wide" data-at="threshold-control"><span>Threshold</span>
      <input type="range" min="0" max="255" step="1" data-at="threshold"><output data-at="threshold-text"></output></label>
    <div class="group" role="group" aria-label="Thresholds the run chose" data-at="points"></div>
    <label class="slider" data-at="tolerance-control"><span>Tolerance</span>
      <input type="range" min="0" max="5" step="1" data-at="tolerance"><output data-at="tolerance-text"></output></label>
    <label class="slider" data-at="bias-control" title="How much counts as membrane when segments are cut: higher makes more of them. Moved, it shows what they would be; the evaluation stays as it is."><span>Bias</span>
      <input type="range" min="5" max="95" step="1" data-at="bias"><output data-at="bias-text"></output></label>
    <div class="forgiven" data-at="forgiven"></div>
    <div class="numbers" data-at="numbers"></div>
  </div>
  <div class="stage" data-at="stage">
    <canvas data-at="canvas" aria-hidden="true"></canvas>
    <div class="titles" data-at="titles"></div>
    <div class="zoom" role="group" aria-label="Zoom, full screen, keys">
      <button type="button" data-do="in" title="Zoom in (+)" aria-label="Zoom in">+</button>
      <button type="button" data-do="out" title="Zoom out (-)" aria-label="Zoom out">−</button>
      <button type="button" data-do="fit" title="Whole slice (0)" aria-label="Whole slice">0</button>
      <button type="button" data-do="tones" title="Brightness and contrast (G)" aria-label="Brightness and contrast" aria-expanded="false" data-at="tones-button"><svg viewBox="0 0 12 12" aria-hidden="true"><circle cx="6" cy="6" r="4.6"/><path d="M6 1.4a4.6 4.6 0 0 1 0 9.2z" fill="currentColor"/></svg></button>
      <button type="button" data-do="full" title="Full screen (F)" aria-label="Full screen"><svg viewBox="0 0 12 12" aria-hidden="true"><path d="M1 4V1h3M8 1h3v3M11 8v3H8M4 11H1V8"/></svg></button>
      <button type="button" data-do="help" title="Keys (?)" aria-label="Keys">?</button>
    </div>
    <div class="tones" data-at="tones" role="group" aria-label="Brightness and contrast of the image" hidden>
      <label class="slider"><span>Brightness</span>
        <input type="range" min="-100" max="100" step="1" value="0" data-at="brightness"><output data-at="brightness-text">0</output></label>
      <label class="slider"><span>Contrast</span>
        <input type="range" min="-100" max="100" step="1" value="0" data-at="contrast"><output data-at="contrast-text">0</output></label>
      <button type="button" data-do="untoned">As it is</button>
    </div>
    <div class="scale" data-at="scale"><i></i><span></span></div>
    <div class="message" data-at="message" role="alert" hidden></div>
    <div class="help" data-at="help" role="dialog" aria-label="Keys" hidden></div>
  </div>
  <div class="bar slices">
    <button type="button" data-do="worst" data-at="worst-by" hidden></button>
    <button type="button" data-do="previous" title="Previous slice (←)" aria-label="Previous slice">‹</button>
    <div class="strip" data-at="strip" role="slider" tabindex="0" aria-label="Slice"><canvas></canvas><i></i></div>
    <button type="button" data-do="next" title="Next slice (→)" aria-label="Next slice">›</button>
    <div class="group">
      <button type="button" data-do="link" title="Copy a link to exactly this view">Link</button>
      <button type="button" data-do="png" title="Download what is shown, at native size, as PNG">PNG</button>
      <button type="button" data-do="tiff" title="Download what is shown, at native size, as TIFF">TIFF</button>
    </div>
  </div>
  <div class="bar foot">
    <span class="name" data-at="name"></span>
    <span class="readout" data-at="readout"></span>
    <span class="legend" data-at="legend"></span>
  </div>
  <div class="fates" data-at="fates" hidden>
    <span data-kind="neurite"></span><span data-kind="segment"></span>
    <span class="legend" data-at="legend-of-neurites"></span>
  </div>
  <div class="parts" role="group" aria-label="Wrong pixels of this slice, taken apart" data-at="parts" hidden></div>
  <div class="unseen" aria-live="polite" data-at="live"></div>
</div>`;

const KEYS = [
  ["← →", "previous, next slice"],
  ["Home End", "first, last slice"],
  ["N P", "next, previous worst slice"],
  ["W", "worst by harm or by wrong pixels, in the strip of slices"],
  ["1 – 5", "image, label, probability, prediction, errors"],
  ["6 7", "true neurites, segments: in colours of their own"],
  ["8", "errors taken apart: what each wrong pixel is part of"],
  ["9", "changes: right in one of two runs only, or wrong in both"],
  ["B", "the other of two runs in the same place, to and fro"],
  ["X", "masks on or off"],
  ["Z", "contours or filled"],
  ["+ − 0", "zoom in, out, whole slice"],
  ["G", "brightness and contrast of the image"],
  ["[ ]", "threshold down, up"],
  ["F", "full screen"],
  ["wheel, pinch", "zoom; the wheel once the picture was clicked, or with Ctrl"],
  ["drag", "move"],
  ["click", "select a neurite or segment, while 6 or 7 is on"],
  ["Esc", "end that, or a place that stays marked"],
  ["?", "this list"],
];

/** The list of keys, for the help, without those that are the page's, and those for two runs, or for harm, only where there is any. */
function keyList(ofPage, other, harmful) {
  const list = document.createElement("dl");
  const known = KEYS.filter(([key]) => (key === "W" ? harmful : other || !["9", "B"].includes(key))).map(
    ([keys, does]) => {
      return [
        keys
          .split(" ")
          .filter((key) => !ofPage.includes(key.toLowerCase()))
          .join(" "),
        does,
      ];
    },
  );
  for (const [keys, does] of known.filter(([keys]) => keys)) {
    const term = document.createElement("dt"),
      text = document.createElement("dd");
    term.textContent = keys;
    text.textContent = does;
    list.append(term, text);
  }
  return list;
}

/** A button, with the key that does the same if there is one. */
function makeButton(text, action, key) {
  const button = document.createElement("button");
  button.type = "button";
  if (key) button.append(Object.assign(document.createElement("kbd"), { textContent: key }));
  button.append(text);
  button.addEventListener("click", action);
  return button;
}
