/* What a network sees of a slice, epoch by epoch. */

const kept = new WeakMap();

export default function ({ data, parentElement }) {
  const find = (name) => parentElement.querySelector(name);
  const slider = find("input");
  const before = kept.get(parentElement);
  const newest = data.epochs.length - 1;
  // Who has gone back to an earlier epoch stays there when another one comes.
  const at = before?.run === data.run && before.at < before.newest ? Math.min(before.at, newest) : newest;
  for (const { url } of data.epochs) new Image().src = url;
  const show = (place) => {
    const { epoch, url } = data.epochs[place];
    if (find(".seen").getAttribute("src") !== url) find(".seen").src = url;
    find(".seen").alt = `Probability of interior after epoch ${epoch}`;
    find(".which").textContent = `the network after epoch ${epoch}`;
    find("output").textContent = `${epoch} of ${data.most}`;
    kept.set(parentElement, { run: data.run, at: place, newest });
  };
  for (const name of ["image", "label"]) {
    const picture = find(`.${name}`);
    picture.closest("figure").hidden = !data[name];
    if (data[name] && picture.getAttribute("src") !== data[name]) picture.src = data[name];
    picture.alt = name === "image" ? `Image of slice ${data.slice}` : `Label of slice ${data.slice}`;
  }
  slider.max = newest;
  slider.value = at;
  slider.disabled = newest < 1;
  slider.oninput = () => show(Number(slider.value));
  show(at);
}
