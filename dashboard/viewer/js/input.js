/* Pointer, wheel, fingers and keys. */

// A hand that clicks moves the pointer less than this.
const CLICK_PX = 4;

/** Everything the reader does with pointer, wheel, fingers and keys. */
function listen(viewer) {
  viewer.ears = new AbortController();
  const { signal } = viewer.ears;
  const on = (target, names, listener, options = {}) => {
    for (const name of names.split(" ")) target.addEventListener(name, listener, { signal, ...options });
  };
  const { view, readout } = viewer;
  const { stage, strip, canvas } = viewer.at;
  viewer.observer = new ResizeObserver(() => viewer.resize());
  viewer.observer.observe(viewer.root);
  on(window, "resize", () => viewer.resize());
  on(document, "fullscreenchange", () => viewer.resize());

  on(
    stage,
    "wheel",
    (event) => {
      if (!zoomsByWheel(viewer, event)) return;
      event.preventDefault();
      // A pinch on a trackpad is a wheel with the control key, and finer.
      const unit = event.deltaMode === 1 ? 16 : 1;
      const factor = Math.exp(-clamp(event.deltaY * unit, -240, 240) * (event.ctrlKey ? 0.01 : 0.002));
      view.zoom(factor, viewer.stage.point(event));
    },
    { passive: false },
  );
  // Two fingers are the viewer's; with one the page goes on.
  on(canvas, "touchmove", (event) => event.touches.length > 1 && event.preventDefault(), { passive: false });
  on(canvas, "pointerdown", (event) => press(viewer, event));
  on(canvas, "pointermove", (event) => drag(viewer, event));
  on(canvas, "pointerup pointercancel", (event) => release(viewer, event));
  on(canvas, "dblclick", (event) => view.zoom(event.shiftKey ? 0.5 : 2, viewer.stage.point(event)));
  on(canvas, "pointerleave", () => readout.leave());

  on(strip, "pointerdown", (event) => {
    strip.setPointerCapture(event.pointerId);
    viewer.go(viewer.strip.positionOf(event));
  });
  on(strip, "pointermove", (event) => {
    if (!viewer.rows?.length) return;
    strip.title = viewer.describe(viewer.strip.positionOf(event));
    if (event.buttons & 1) viewer.go(viewer.strip.positionOf(event));
  });

  on(viewer.at.threshold, "input", (event) => viewer.setLast(Number(event.target.value)));
  on(viewer.at.tolerance, "input", (event) => viewer.setTolerance(Number(event.target.value)));
  on(viewer.at.bias, "input", (event) => viewer.setBias(Number(event.target.value)));
  on(viewer.at.opacity, "input", (event) => viewer.layers.setOpacity(Number(event.target.value) / 100));
  for (const name of ["brightness", "contrast"]) {
    on(viewer.at[name], "input", () => {
      viewer.layers.setTones(Number(viewer.at.brightness.value), Number(viewer.at.contrast.value));
    });
  }
  on(viewer.root, "click", (event) => {
    const name = event.target.closest?.("[data-do]")?.dataset.do;
    if (name) act(viewer, name);
  });
  on(viewer.root, "pointerenter", () => (viewer.under = true));
  on(viewer.root, "pointerleave", () => (viewer.under = false));
  on(viewer.root, "keydown", (event) => keydown(viewer, event));
  // Also without a click into it, as long as the pointer is over it and nothing else has the keys.
  on(window, "keydown", (event) => {
    const name = keyName(event);
    if (event.defaultPrevented || takesKey(event.composedPath()[0], name)) return;
    if (viewer.under && !event.composedPath().includes(viewer.root)) keydown(viewer, event);
    if (name !== "Escape" || event.defaultPrevented) return;
    if (viewer.chosen.dismiss()) event.preventDefault();
  });
  // What else is on the page has places to show, at once and without its script.
  on(window, "segcore:show", ({ detail }) => viewer.show(detail));
}

/** Whether the wheel is the viewer's: it was clicked, or fills the screen, or Control is held. Else the page goes on. */
function zoomsByWheel(viewer, event) {
  if (event.ctrlKey || viewer.root.matches(":focus-within, :fullscreen")) return true;
  viewer.say("Click the picture, or hold Ctrl, to zoom with the wheel.");
  return false;
}

function press(viewer, event) {
  if (event.button > 1) return;
  viewer.root.focus({ preventScroll: true });
  viewer.at.canvas.setPointerCapture(event.pointerId);
  viewer.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  // One pointer that goes up where it went down is a click.
  viewer.pressed = viewer.pointers.size === 1 && event.button === 0 ? { x: event.clientX, y: event.clientY } : null;
}

function release(viewer, event) {
  viewer.pointers.delete(event.pointerId);
  if (event.type === "pointerup" && viewer.pressed) viewer.pick(viewer.stage.point(event));
  viewer.pressed = null;
}

function drag(viewer, event) {
  const { view, stage } = viewer;
  const held = viewer.pointers.get(event.pointerId);
  if (!held) {
    viewer.readout.follow(event);
    return;
  }
  const now = { x: event.clientX, y: event.clientY };
  const { pressed } = viewer;
  if (pressed && Math.hypot(now.x - pressed.x, now.y - pressed.y) > CLICK_PX) viewer.pressed = null;
  const other = [...viewer.pointers].find(([id]) => id !== event.pointerId)?.[1];
  if (other) {
    const apart = (a, b) => Math.hypot(a.x - b.x, a.y - b.y) || 1;
    const middle = { clientX: (now.x + other.x) / 2, clientY: (now.y + other.y) / 2 };
    view.pan((now.x - held.x) / 2, (now.y - held.y) / 2);
    view.zoom(apart(now, other) / apart(held, other), stage.point(middle));
  } else if (event.pointerType !== "touch" || viewer.root.matches(":fullscreen")) {
    view.pan(now.x - held.x, now.y - held.y);
  }
  viewer.pointers.set(event.pointerId, now);
}

function keydown(viewer, event) {
  if (viewer.data?.keys.includes(keyName(event))) return; // left to the page
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const target = event.composedPath()[0];
  // A slider keeps its arrows.
  if (target.matches?.("input, select, textarea") && /^(Arrow|Home|End|Page)/.test(event.key)) return;
  const actions = {
    ArrowLeft: "previous",
    ArrowRight: "next",
    Home: "first",
    End: "last",
    n: "worse",
    p: "better",
    x: "masks",
    w: "worst",
    z: "contours",
    "+": "in",
    "=": "in",
    "-": "out",
    _: "out",
    0: "fit",
    "[": "lower",
    "]": "higher",
    "?": "help",
    f: "full",
    b: "other",
    g: "tones",
  };
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const layer = LAYERS["123456789".indexOf(key)];
  if (key === "Escape") {
    if (viewer.at.help.hidden && !viewer.chosen.dismiss()) return;
    viewer.at.help.hidden = true;
  } else if (layer) viewer.layers.toggle(layer);
  else if (actions[key]) act(viewer, actions[key]);
  else return;
  event.preventDefault();
  event.stopPropagation();
}
