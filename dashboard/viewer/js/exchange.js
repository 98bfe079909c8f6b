/* What Python and the viewer tell each other. */

// So long nothing changes before the page is told, which then draws itself anew: someone who steps from slice to slice
// is not held up by that at every step.
const REST_MS = 500;
// So many reports are kept that Python has not said it heard.
const MOST_REPORTS = 200;

/** Takes over what Python changes, and tells it what the reader changes, without either repeating the other. */
class Exchange {
  /** `shown()` says what is shown: {slice, last, tolerance}. Whoever starts the viewer sets `report(view)`. */
  constructor(shown) {
    this.shown = shown;
    this.known = {}; // what Python last said is shown
    this.pending = { slice: [], last: [], tolerance: [] }; // reported, and not repeated by Python yet
    // Every report has all that were not heard: of several in a row a busy page sees only the last.
    this.reports = []; // [number, changes]
  }

  /** What Python changed, by name; what only repeats a report from here is left out. */
  receive(data) {
    this.reports.splice(0, this.reports.findIndex(([number]) => number === data.heard) + 1);
    const before = this.known;
    // Thresholds as 8-bit values, so that rounding in between makes no other one.
    this.known = { slice: data.z, last: lastMembraneValue(data.threshold), tolerance: data.tolerance };
    const changes = {};
    for (const [name, value] of Object.entries(this.known)) {
      if (value === before[name]) continue;
      const reported = this.pending[name].lastIndexOf(value);
      if (reported >= 0) this.pending[name].splice(0, reported + 1);
      else {
        this.pending[name] = [];
        changes[name] = value;
      }
    }
    return changes;
  }

  /** Tells Python once the reader pauses. */
  changed() {
    clearTimeout(this.reporting);
    this.reporting = setTimeout(() => this.tell(), REST_MS);
  }

  /** Tells Python now, and `more` of what the reader did. */
  tell(more = {}) {
    clearTimeout(this.reporting);
    const changes = { ...more };
    for (const [name, value] of Object.entries(this.shown())) {
      const reported = this.pending[name];
      if (value === (reported.length ? reported.at(-1) : this.known[name])) continue;
      changes[name] = value;
      reported.push(value);
    }
    if ("last" in changes) changes.threshold = thresholdAfter(changes.last);
    if (!Object.keys(changes).length) return;
    this.reports.push([`${Date.now()}-${Math.random()}`, changes]);
    this.reports.splice(0, this.reports.length - MOST_REPORTS);
    this.report({ reports: [...this.reports] });
  }

  close() {
    clearTimeout(this.reporting);
  }
}
