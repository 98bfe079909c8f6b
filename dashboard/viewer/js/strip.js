/* The strip of all slices: taller and darker is worse. */

class Strip {
  constructor(element) {
    this.element = element;
    this.canvas = element.querySelector("canvas");
    this.marker = element.querySelector("i");
    this.count = 0;
  }

  /** `values` are wrong pixels or harm, null where unknown, `position` the slice shown, `text` what it is; volumes `starts`. */
  draw(values, position, text, starts) {
    const { element, canvas, marker } = this;
    const count = values.length;
    this.count = count;
    marker.style.left = `${(100 * position) / count}%`;
    marker.style.width = `${100 / count}%`;
    element.setAttribute("aria-valuemin", 1);
    element.setAttribute("aria-valuemax", count);
    element.setAttribute("aria-valuenow", position + 1);
    element.setAttribute("aria-valuetext", text);
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(element.clientWidth * ratio),
      height = Math.round(element.clientHeight * ratio);
    if (!width || !height) return;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    const known = values.filter((value) => value != null);
    const most = Math.max(1e-9, ...known),
      least = Math.min(most, ...known);
    const columns = Math.min(width, count);
    const gap = width / count > 6 * ratio ? ratio : 0;
    for (let x = 0; x < columns; x++) {
      // Several slices to a pixel: the worst of them shows.
      const from = Math.floor((x * count) / columns);
      const to = Math.max(from + 1, Math.floor(((x + 1) * count) / columns));
      const value = Math.max(...values.slice(from, to).map((one) => one ?? -1));
      const left = Math.round((x * width) / columns),
        right = Math.round(((x + 1) * width) / columns);
      // Purple, another scale than the colours of the errors.
      const share = value < 0 ? 0.25 : value / most;
      const tall = Math.max(ratio * 2, Math.round(share * height));
      context.fillStyle = value < 0 ? "rgba(128,128,128,0.35)" : shade((value - least) / (most - least || 1));
      context.fillRect(left, height - tall, Math.max(1, right - left - gap), tall);
    }
    context.fillStyle = "rgb(128,128,128)";
    for (const start of starts) {
      context.fillRect(Math.round((start * width) / count - ratio), 0, Math.max(1, Math.round(1.5 * ratio)), height);
    }
  }

  /** The slice under a pointer. */
  positionOf(event) {
    const box = this.element.getBoundingClientRect();
    return clamp(Math.floor(((event.clientX - box.left) / box.width) * this.count), 0, this.count - 1);
  }
}
