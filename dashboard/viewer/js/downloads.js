/* What is shown as a file. */

/** What is shown, a pixel for a pixel: the whole slice, or what is in view of a very large one. */
async function download(viewer, kind) {
  const { data, row, view, layers, last, tolerance, other } = viewer;
  let area = { left: 0, top: 0, right: data.width, bottom: data.height };
  if (data.width * data.height > LARGEST_DOWNLOAD) {
    const seen = view.area();
    area = {
      left: Math.max(0, Math.floor(seen.left)),
      right: Math.min(data.width, Math.ceil(seen.right)),
      top: Math.max(0, Math.floor(seen.top)),
      bottom: Math.min(data.height, Math.ceil(seen.bottom)),
    };
  }
  const width = area.right - area.left,
    height = area.bottom - area.top;
  if (width * height > LARGEST_DOWNLOAD) {
    viewer.say("Zoom in first: downloads at native size hold at most 4096 × 4096 pixels.");
    return;
  }
  const gap = 8,
    panes = viewer.panes;
  try {
    const canvas = Object.assign(document.createElement("canvas"), {
      width: panes.length * (width + gap) - gap,
      height,
    });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    // All tiles first: contours go across their borders.
    const own = await tilesOf(viewer, row.index, area);
    const rival = other.drawn ? await tilesOf(other, row.index, area) : null;
    const parts = new Map();
    const { apart } = viewer;
    if (apart.drawn && apart.needed(row.index)) {
      for (const { place, ty, tx } of placesIn(area)) parts.set(place, await apart.tileOf(row.index, ty, tx));
    }
    for (const { place, ty, tx } of placesIn(area)) {
      const beside = (found) => besides(ty, tx, (...at) => found.get(at.join(" ")));
      const taken = parts.has(place) ? { tile: parts.get(place), around: beside(parts) } : null;
      panes.forEach((style, pane) => {
        const { tiles, numbers, facts, last } = style.other ? rival : own;
        const tile = tiles.get(place);
        const whose = facts && { tile: numbers.get(place), facts, around: beside(numbers) };
        const against = style.overlays.has("changes") ? { tile: rival.tiles.get(place), last: rival.last } : null;
        const picture = new ImageData(tile.width, tile.height);
        const out = new Uint32Array(picture.data.buffer);
        const apartOfIt = style.other ? null : taken;
        viewer.painter.paint(tile, style, last, tolerance, out, beside(tiles), whose, apartOfIt, against);
        const from = pane * (width + gap) + tx * TILE - area.left,
          top = ty * TILE - area.top;
        const cut = { left: Math.max(0, area.left - tx * TILE), right: Math.min(tile.width, area.right - tx * TILE) };
        context.putImageData(picture, from, top, cut.left, 0, cut.right - cut.left, tile.height);
      });
    }
    const blob =
      kind === "png" ? await new Promise((done) => canvas.toBlob(done, "image/png")) : tiffBlob(context, canvas);
    const part = panes.length > 1 ? layers.mode : [...layers.shown].join("-") || "blank";
    const [dataset] = data.stack.split("/");
    // Of a visitor's stack the name is a secret.
    const name = `${dataset.startsWith("~") ? "upload" : dataset}-${row.index}-${part}-threshold-${thresholdAfter(last).toFixed(3)}.${kind === "png" ? "png" : "tif"}`;
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  } catch (error) {
    viewer.say(`The download failed: ${error.message}`);
  }
}

/** The tiles of single pixels that an area touches. */
function placesIn({ top, left, bottom, right }) {
  const found = [];
  for (let ty = top >> 9; ty <= (bottom - 1) >> 9; ty++) {
    for (let tx = left >> 9; tx <= (right - 1) >> 9; tx++) found.push({ place: `${ty} ${tx}`, ty, tx });
  }
  return found;
}

/** Of a run all that its panes need of an area, fetched where it is not here. */
async function tilesOf({ pyramid, tiles, neurites, last }, z, area) {
  const found = { tiles: new Map(), numbers: new Map(), last };
  found.facts = neurites.shown.length ? await neurites.factsOf(z) : null;
  for (const { place, ty, tx } of placesIn(area)) {
    const { key, url } = pyramid.request(z, 0, ty, tx, true);
    found.tiles.set(place, tiles.get(key) ?? (await Tiles.load(key, url)));
    if (found.facts) found.numbers.set(place, await neurites.tileOf(z, ty, tx));
  }
  return found;
}

/** An uncompressed RGB TIFF. */
function tiffBlob(context, { width, height }) {
  const rgba = context.getImageData(0, 0, width, height).data;
  const start = 8 + 2 + 10 * 12 + 4 + 6;
  const bytes = new Uint8Array(start + width * height * 3);
  const head = new DataView(bytes.buffer);
  head.setUint32(0, 0x49492a00);
  head.setUint32(4, 8, true);
  const entries = [
    [256, 4, 1, width],
    [257, 4, 1, height],
    [258, 3, 3, start - 6],
    [259, 3, 1, 1],
    [262, 3, 1, 2],
    [273, 4, 1, start],
    [277, 3, 1, 3],
    [278, 4, 1, height],
    [279, 4, 1, width * height * 3],
    [284, 3, 1, 1],
  ];
  head.setUint16(8, entries.length, true);
  entries.forEach(([tag, type, count, value], at) => {
    const place = 10 + at * 12;
    head.setUint16(place, tag, true);
    head.setUint16(place + 2, type, true);
    head.setUint32(place + 4, count, true);
    head.setUint32(place + 8, value, true);
  });
  for (let at = 0; at < 3; at++) head.setUint16(start - 6 + 2 * at, 8, true);
  for (let i = 0, o = start; i < rgba.length; i += 4) {
    bytes[o++] = rgba[i];
    bytes[o++] = rgba[i + 1];
    bytes[o++] = rgba[i + 2];
  }
  return new Blob([bytes], { type: "image/tiff" });
}
