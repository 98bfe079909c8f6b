/* The borders of numbered areas: as the pixels along them, and as lines between pixels; pure. */

/** Numbers (1 or 2 bytes) of a tile that touch another number, 0 elsewhere. `beside` has the numbers of the tiles around. */
function alongBorders(numbers, height, width, beside) {
  const found = new Uint16Array(numbers.length);
  const { up, down, left, right } = beside;
  for (let y = 0, i = 0; y < height; y++) {
    // A slice ends where nothing is beyond, and has no border there.
    const [above, aboveAt] = y ? [numbers, i - width] : up ? [up.numbers, (up.height - 1) * up.width] : [numbers, i];
    const [below, belowAt] = y < height - 1 ? [numbers, i + width] : down ? [down.numbers, 0] : [numbers, i];
    const before = left ? left.numbers[(y + 1) * left.width - 1] : numbers[i];
    const after = right ? right.numbers[y * right.width] : numbers[i + width - 1];
    for (let x = 0; x < width; x++, i++) {
      const number = numbers[i];
      if (
        number !== above[aboveAt + x] ||
        number !== below[belowAt + x] ||
        number !== (x ? numbers[i - 1] : before) ||
        number !== (x < width - 1 ? numbers[i + 1] : after)
      ) {
        found[i] = number;
      }
    }
  }
  return found;
}

/**
 * Lines around the wanted numbers of a tile, each as [x, y, x, y, ..] of corners between pixels; a border between two of
 * them is there once. `ends` says at which of its sides the slice ends. What lies on the upper or left side of a tile is
 * its own, as far as the tile beyond is here; what lies on the others is theirs.
 */
function tracedBorders(numbers, height, width, wanted, beside, ends) {
  const { up, left } = beside;
  const wide = width + 1;
  const next = new Map(); // from a corner to those that a piece of border leads to
  const join = (from, to) => {
    if (next.has(from)) next.get(from).push(to);
    else next.set(from, [to]);
  };
  const border = (one, other) => one !== other && (wanted.has(one) || wanted.has(other));
  for (let y = 0; y <= height; y++) {
    for (let x = 0; x <= width; x++) {
      const at = y * wide + x,
        here = y * width + x;
      if (x < width) {
        const above = y ? numbers[here - width] : up ? up.numbers[(up.height - 1) * up.width + x] : ends.up ? 0 : null;
        const below = y < height ? numbers[here] : ends.down ? 0 : null;
        if (above != null && below != null && border(above, below)) {
          join(at, at + 1);
          join(at + 1, at);
        }
      }
      if (y < height) {
        const before = x ? numbers[here - 1] : left ? left.numbers[(y + 1) * left.width - 1] : ends.left ? 0 : null;
        const after = x < width ? numbers[here] : ends.right ? 0 : null;
        if (before != null && after != null && border(before, after)) {
          join(at, at + wide);
          join(at + wide, at);
        }
      }
    }
  }
  return chained(next).map((corners) => straightened(corners).flatMap((at) => [at % wide, Math.floor(at / wide)]));
}

/** Lines as long as they can be from pieces between two corners; they end where other than two pieces meet. */
function chained(next) {
  const lines = [];
  const step = (from, to) => {
    next.get(from).splice(next.get(from).indexOf(to), 1);
    next.get(to).splice(next.get(to).indexOf(from), 1);
  };
  const ends = new Set([...next].filter(([, others]) => others.length !== 2).map(([at]) => at));
  const walk = (start) => {
    const line = [start];
    for (let at = start; next.get(at).length; ) {
      const to = next.get(at)[0];
      step(at, to);
      line.push(to);
      at = to;
      if (ends.has(at)) break;
    }
    lines.push(line);
  };
  for (const at of ends) while (next.get(at).length) walk(at);
  for (const [at, others] of next) if (others.length) walk(at);
  return lines;
}

/** A line without the corners at which it goes straight on. */
function straightened(line) {
  return line.filter((at, i) => i === 0 || i === line.length - 1 || at - line[i - 1] !== line[i + 1] - at);
}
