/* What buttons and keys do, by name. */

function act(viewer, name) {
  const { view, layers, at } = viewer;
  // Two runs are compared each at its own threshold.
  const by = viewer.data.other ? 0 : 1;
  const actions = {
    previous: () => viewer.go(viewer.position - 1),
    next: () => viewer.go(viewer.position + 1),
    first: () => viewer.go(0),
    last: () => viewer.go(viewer.rows.length - 1),
    worse: () => viewer.goWorst(1),
    better: () => viewer.goWorst(-1),
    worst: () => viewer.harmful && viewer.rankBy(!viewer.byHarm),
    masks: () => layers.toggleMasks(),
    contours: () => layers.toggleContours(),
    other: () => viewer.showOther(!layers.other),
    in: () => view.zoom(1.5),
    out: () => view.zoom(1 / 1.5),
    fit: () => view.fit(),
    lower: () => viewer.setLast(viewer.last - by),
    higher: () => viewer.setLast(viewer.last + by),
    tones: () => viewer.layers.openTones(),
    untoned: () => viewer.layers.setTones(0, 0),
    help: () => (at.help.hidden = !at.help.hidden),
    full: () => fullScreen(viewer),
    link: () => copyLink(viewer),
    png: () => download(viewer, "png"),
    tiff: () => download(viewer, "tiff"),
  };
  actions[name]?.();
}

async function fullScreen(viewer) {
  try {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await viewer.root.requestFullscreen();
  } catch {
    viewer.say("This browser does not allow full screen here.");
  }
}
