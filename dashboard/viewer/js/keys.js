/* Keys by name, and who takes them. */

// What types, searches or moves by letters; of a grid nobody knows from outside whether it can be written in.
const TAKES_LETTERS =
  'textarea, select, canvas, iframe, [role="textbox"], [role="searchbox"], [role="combobox"], [role="listbox"]:not([data-letters="free"]), ' +
  '[role="grid"], [role="treegrid"], [role="tree"], [role="menu"], [role="dialog"]';
const TAKES_NO_LETTERS = ["button", "checkbox", "color", "file", "image", "radio", "range", "reset", "submit"];

/** A key's name, such as "n", "Enter" or "ctrl+z". */
function keyName({ key, ctrlKey, metaKey, altKey }) {
  const name = key.length === 1 ? key.toLowerCase() : key;
  return `${ctrlKey || metaKey ? "ctrl+" : ""}${altKey ? "alt+" : ""}${name}`;
}

/** Whether the element that has the focus does something of its own with a key. */
function takesKey(target, name) {
  if (!(target instanceof Element)) return false;
  if (target.isContentEditable || target.closest(TAKES_LETTERS)) return true;
  if (target.matches("input") && !TAKES_NO_LETTERS.includes(target.type)) return true;
  // Buttons, boxes and sliders have Enter, space and arrows.
  const special = name === " " || /^(Enter|Arrow|Home|End|Page|Tab)/.test(name);
  return special && target.matches('input, button, a, summary, [tabindex]:not([tabindex="-1"]), [role="slider"]');
}
