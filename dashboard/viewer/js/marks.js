/* What points at pixels: the ring around a marked place, and the pointer's cross in the other panes. */

const MARK_MS = 3000,
  CLOSING_MS = 500;

// Radius of a ring that stays, in CSS pixels: several of them can be close together.
const STAYING = 15;

/** A ring that closes in on the marked place, and goes after three seconds. */
class Mark {
  /** `changed()` is called when it is to be drawn again. */
  constructor(root, changed) {
    this.root = root;
    this.changed = changed;
    this.place = null;
  }

  put(slice, x, y) {
    this.place = { slice, x, y, since: null };
    this.root.dataset.marked = `${x} ${y}`;
  }

  /** With the slice that is shown, the screen's pixels for one of the slice, and those for a CSS pixel. */
  draw(context, slice, scale, device) {
    const { place } = this;
    if (!place) return;
    const now = performance.now();
    place.since ??= now;
    const age = now - place.since;
    if (place.slice !== slice || age > MARK_MS) {
      this.place = null;
      delete this.root.dataset.marked;
      return;
    }
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches || age > CLOSING_MS;
    const radius = ((still ? 26 : 26 + 60 * (1 - age / CLOSING_MS)) * device) / scale;
    strokeTwice(context, [(5 * device) / scale, (2.5 * device) / scale], () => {
      context.arc(place.x + 0.5, place.y + 0.5, radius, 0, 2 * Math.PI);
    });
    clearTimeout(this.marking);
    this.marking = setTimeout(this.changed, still ? MARK_MS + 1 - age : 0);
  }

  close() {
    clearTimeout(this.marking);
  }
}

/** A ring around each of some pixels, for as long as they are drawn. */
function drawRings(context, places, scale, device) {
  const unit = device / scale;
  for (const { x, y } of places) {
    strokeTwice(context, [4.5 * unit, 2 * unit], () => context.arc(x + 0.5, y + 0.5, STAYING * unit, 0, 2 * Math.PI));
  }
}

function drawCross(context, hover, scale) {
  const x = hover.x + 0.5,
    y = hover.y + 0.5,
    arm = 9 / scale;
  strokeTwice(context, [3 / scale, 1 / scale], () => {
    context.moveTo(x - arm, y);
    context.lineTo(x + arm, y);
    context.moveTo(x, y - arm);
    context.lineTo(x, y + arm);
  });
}

/** White on wider black, to be seen on any picture. */
function strokeTwice(context, [black, white], path) {
  for (const [colour, width] of [
    ["#000", black],
    ["#fff", white],
  ]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    path();
    context.stroke();
  }
}
