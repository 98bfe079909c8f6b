/* Stands in a dialog. A field hands over what is typed a moment after the last letter, or when it is left. Escape closes
 * the dialog before either, so it leaves the field first. And while something is waited for, it asks now and then for
 * the dialog to be drawn anew, and nothing else with it. */

const MS_BETWEEN_LOOKS = 2000;

export default function ({ data, setTriggerValue }) {
  const leave = (event) => {
    const field = document.activeElement;
    if (event.key === "Escape" && field?.closest('[role="dialog"]')) field.blur();
  };
  addEventListener("keydown", leave, { capture: true });
  const timer = data.waits ? setInterval(() => setTriggerValue("looked", true), MS_BETWEEN_LOOKS) : undefined;
  return () => {
    removeEventListener("keydown", leave, { capture: true });
    clearInterval(timer);
  };
}
