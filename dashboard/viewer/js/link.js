/* A link to the exact view: the page's own address, and after the # what only the viewer knows. */

// So long after it was opened a link decides what is in view, also over a place that something else shows.
const LINK_MS = 3000;

/** The address with what is in view, which layers are shown and how they are arranged. */
function linkTo({ view, layers, neurites }) {
  const url = new URL(location.href);
  const parts = {
    view: [view.x, view.y, view.scale].join(","),
    layers: [...layers.shown].join(","),
    mode: layers.mode,
    look: [Number(layers.masks), Number(layers.contours), Math.round(100 * layers.opacity)].join(","),
    ...(layers.tones.brightness || layers.tones.contrast
      ? { tones: `${layers.tones.brightness},${layers.tones.contrast}` }
      : {}),
    ...(layers.other ? { run: "other" } : {}),
    ...(neurites.bias == null ? {} : { bias: neurites.bias }),
  };
  url.hash = new URLSearchParams(parts).toString();
  return url.href;
}

/** What a link says of the view; null where it says nothing that makes sense. */
function readLink() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const view = (parts.get("view") ?? "").split(",").map(Number);
  if (view.length !== 3 || !view.every(Number.isFinite) || view[2] <= 0) return null;
  const [x, y, scale] = view;
  const look = (parts.get("look") ?? "1,0,70").split(",").map(Number);
  const [masks, contours, percent] = look.length === 3 && look.every(Number.isFinite) ? look : [1, 0, 70];
  const tones = (parts.get("tones") ?? "0,0").split(",").map(Number);
  const [brightness, contrast] = tones.every((one) => Math.abs(one) <= 100) ? tones : [0, 0];
  const bias = Number(parts.get("bias") ?? Number.NaN);
  return {
    view: { x, y, scale },
    layers: (parts.get("layers") ?? "").split(",").filter((name) => LAYERS.includes(name)),
    mode: MODES.some(([name]) => name === parts.get("mode")) ? parts.get("mode") : "single",
    look: { masks: Boolean(masks), contours: Boolean(contours), opacity: clamp(percent, 0, 100) / 100 },
    tones: { brightness, contrast: contrast ?? 0 },
    other: parts.get("run") === "other",
    bias: Number.isInteger(bias) && bias >= 5 && bias <= 95 ? bias : null,
    until: performance.now() + LINK_MS,
  };
}

async function copyLink(viewer) {
  const link = linkTo(viewer);
  try {
    await navigator.clipboard.writeText(link);
    viewer.say("The link to this view was copied.");
  } catch {
    // Without permission, or over plain http from another machine.
    viewer.say(`Copy this link: ${link}`, { stays: true });
  }
}
