const QUEUES = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  let queue = QUEUES.get(parentElement);
  if (!queue) {
    queue = new Queue(parentElement);
    QUEUES.set(parentElement, queue);
  }
  queue.tell = (view) => setStateValue("view", view);
  queue.update(data);
  // Called on new data too: only what is gone from the page is removed.
  return () =>
    setTimeout(() => {
      if (parentElement.isConnected || QUEUES.get(parentElement) !== queue) return;
      QUEUES.delete(parentElement);
      queue.remove();
    }, 500);
}

const DECISIONS = [
  ["a", "acceptable", "Acceptable", "no harm to what the segmentation is for"],
  ["m", "model error", "Model error", "the model is wrong here"],
  ["l", "label error", "Label error", "the label is wrong here"],
  ["u", "unsure", "Unsure", "cannot be told from this slice"],
];
const LETTER = Object.fromEntries(DECISIONS.map(([key, decision]) => [decision, key.toUpperCase()]));
const REMEMBERED = "segcore reviewer";
// So long somebody who walks from row to row is not held up by the page being told.
const REST_MS = 400;
const SIDE_PX = 48;

const SHELL = `
<section class="queue" aria-label="Places to review">
  <div class="progress" data-at="progress"></div>
  <div class="head" aria-hidden="true"><span></span><span>place</span><span class="slice">slice</span><span class="harm">harm</span><span class="size">px</span><span></span></div>
  <div class="list" role="listbox" data-letters="free" tabindex="0" aria-label="Places, worst first. N and P go to the next and the previous one." data-at="list"></div>
  <div class="chosen">
    <div class="said" data-at="said"></div>
    <div class="decisions" role="group" aria-label="Verdict" data-at="decisions"></div>
    <textarea rows="2" maxlength="2000" placeholder="Note, kept with the verdict; #words are tags" aria-label="Note" data-at="note"></textarea>
    <form class="name" data-at="name" hidden>
      <label>Your name, kept with each verdict <input maxlength="80" autocomplete="name" required data-at="name-text"></label>
      <button type="submit">Save</button>
    </form>
    <div class="foot">
      <span class="status" role="status" data-at="status"></span>
      <span class="who" data-at="who"></span>
    </div>
  </div>
</section>`;

class Queue {
  constructor(parent) {
    const holder = document.createElement("div");
    holder.innerHTML = SHELL;
    this.root = holder.firstElementChild;
    parent.append(this.root);
    this.at = {};
    for (const element of this.root.querySelectorAll("[data-at]")) this.at[element.dataset.at] = element;
    this.reports = []; // not heard by the page yet
    this.buttons = DECISIONS.map(([key, decision, text, title]) => {
      const button = document.createElement("button");
      button.type = "button";
      button.title = `${text}: ${title} (${key.toUpperCase()})`;
      button.dataset.decision = decision;
      button.append(Object.assign(document.createElement("kbd"), { textContent: key.toUpperCase() }), text);
      button.addEventListener("click", () => this.decide(decision));
      return button;
    });
    const undo = document.createElement("button");
    undo.type = "button";
    undo.title = "Take back the last verdict (Ctrl-Z)";
    undo.textContent = "Undo";
    undo.addEventListener("click", () => this.takeBack());
    this.undo = undo;
    this.at.decisions.append(...this.buttons, undo);
    this.listen();
  }

  listen() {
    this.ears = new AbortController();
    const { signal } = this.ears;
    const { list, name, note } = this.at;
    list.addEventListener("click", (event) => {
      const row = event.target.closest("[role=option]");
      if (row) this.choose(Number(row.dataset.index));
    });
    list.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
      if (!step) return;
      event.preventDefault();
      this.step(step);
    });
    name.addEventListener("submit", (event) => {
      event.preventDefault();
      this.named(this.at["name-text"].value.trim());
    });
    // A note that is changed after the verdict belongs to it, too.
    note.addEventListener("change", () => {
      const { row } = this;
      if (row?.decision && note.value !== row.note) this.decide(row.decision);
    });
    note.addEventListener("keydown", (event) => {
      if (event.key === "Escape") note.blur();
    });
    window.addEventListener("keydown", (event) => this.key(event), { signal });
    window.addEventListener("resize", () => this.fit(), { signal });
    // A viewer that was opened after something was chosen here.
    window.addEventListener("segcore:viewer", () => this.show({ quiet: true }), { signal });
  }

  key(event) {
    const target = event.composedPath()[0];
    if (event.defaultPrevented || writes(target)) return;
    const control = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    const found = DECISIONS.find(([one]) => one === key);
    if (control && key === "z" && !event.shiftKey) this.takeBack();
    else if (control || event.altKey) return;
    else if (key === "n") this.step(1);
    else if (key === "p") this.step(-1);
    else if (found && !event.repeat) this.decide(found[1]);
    else return;
    event.preventDefault();
  }

  // ------------------------------------------------------------ what is shown

  update(data) {
    const before = this.data;
    this.data = data;
    this.root.dataset.theme = data.theme ?? "";
    this.reports = this.reports.filter(({ number }) => number > data.heard);
    const chosen = this.row?.id ?? data.chosen;
    this.rows = data.rows;
    const unheard = new Map();
    for (const report of this.reports) {
      if (report.what === "decided") unheard.set(report.id, report);
      else if (report.what === "taken back") unheard.clear();
    }
    for (const row of this.rows) {
      const report = unheard.get(row.id);
      row.saving = Boolean(report);
      if (report) Object.assign(row, { decision: report.decision, note: report.note });
    }
    const made = `${data.version} ${data.pictures?.stack} ${data.pictures?.query}`;
    if (made !== this.made || this.at.list.children.length !== Math.max(1, this.rows.length)) this.fill();
    this.made = made;
    // Nobody is led away from a slice that a link names: nothing is chosen then.
    this.position = this.rows.findIndex(({ id }) => id === chosen);
    if (!data.reviewer && !this.asked) {
      this.asked = true;
      const remembered = recall();
      if (remembered && data.mayDecide) this.report({ what: "named", name: remembered });
    }
    this.at.progress.textContent = data.progress;
    this.at.status.textContent = data.message || (this.reports.length ? "Saving…" : "");
    this.at.who.textContent = data.reviewer ? `Reviewer: ${data.reviewer}` : "";
    this.sync();
    if (!before) requestAnimationFrame(() => this.fit());
    else if (before.version !== data.version) release();
    const { row } = this;
    // The same row that was shown stays as the reader left it.
    if (row && row.id !== this.shown) {
      this.reveal();
      this.show({ quiet: true });
    }
  }

  /** As high as the window has room for what stands below the list, and below the queue, too. */
  fit() {
    const { list } = this.at;
    const page = document.querySelector('[data-testid="stMain"]');
    const above = list.getBoundingClientRect().top + (page?.scrollTop ?? 0);
    const below = this.root.getBoundingClientRect().bottom - list.getBoundingClientRect().bottom;
    const room = window.innerHeight - above - below - this.data.belowPx;
    list.style.height = `${Math.max(this.data.leastPx || (this.data.pictures ? 272 : 200), Math.round(room - 12))}px`;
  }

  get row() {
    return this.rows?.[this.position];
  }

  fill() {
    const { list } = this.at;
    if (!this.rows.length) {
      const text = Object.assign(document.createElement("p"), { textContent: this.data.empty });
      list.replaceChildren(text);
      return;
    }
    const { pictures } = this.data;
    this.root.classList.toggle("pictured", Boolean(pictures));
    const most = Math.max(...this.rows.map(({ harm }) => harm ?? 0), 1e-9);
    list.replaceChildren(
      ...this.rows.map((row, index) => {
        const option = document.createElement("div");
        option.setAttribute("role", "option");
        option.id = `queue-row-${index}`;
        option.dataset.index = index;
        option.dataset.kind = row.kind;
        const cell = (name, text) =>
          Object.assign(document.createElement("span"), { className: name, textContent: text });
        const harm = cell("harm", row.harm == null ? "–" : row.harm.toFixed(4));
        harm.style.setProperty("--part", `${(100 * Math.max(0, row.harm ?? 0)) / most}%`);
        option.append(
          pictures ? picture(row.pictures ?? pictures, row) : cell("mark", ""),
          cell("title", row.title),
          cell("slice", row.place.slice),
          harm,
          cell("size", row.size.toLocaleString("en")),
          cell("verdict", ""),
        );
        return option;
      }),
    );
  }

  /** The page follows what is chosen and decided. */
  sync() {
    const { data, row, rows, position } = this;
    const options = this.at.list.querySelectorAll("[role=option]");
    options.forEach((option, index) => {
      const one = rows[index];
      const selected = index === position;
      if (option.getAttribute("aria-selected") !== String(selected)) option.setAttribute("aria-selected", selected);
      const verdict = option.lastChild;
      const others = one.others.map(([, decision]) => LETTER[decision]).join("");
      verdict.textContent = `${one.decision ? LETTER[one.decision] : ""}${others ? ` ${others.toLowerCase()}` : ""}`;
      verdict.title = [
        ...(one.decision ? [`you: ${one.decision}`] : []),
        ...one.others.map(([name, decision]) => `${name}: ${decision}`),
      ].join("; ");
      verdict.classList.toggle("saving", Boolean(one.saving));
    });
    this.at.list.setAttribute("aria-activedescendant", row ? `queue-row-${position}` : "");
    this.at.said.textContent = row
      ? `${row.said}${row.others.length ? ` ${row.others.map(([name, one]) => `${name}: ${one}.`).join(" ")}` : ""}`
      : "N goes to the first place, P to the one before.";
    for (const button of [...this.buttons, this.undo]) button.disabled = !data.mayDecide || !row;
    this.undo.disabled = !data.mayDecide;
    for (const button of this.buttons) {
      button.setAttribute("aria-pressed", String(button.dataset.decision === row?.decision));
    }
    const { note } = this.at;
    note.disabled = !row || !data.mayDecide;
    if (this.noted !== row?.id || (document.activeElement?.shadowRoot?.activeElement ?? null) !== note) {
      if (note.value !== (row?.note ?? "") && (this.noted !== row?.id || row?.decision)) note.value = row?.note ?? "";
    }
    this.noted = row?.id;
  }

  choose(position) {
    const to = Math.min(Math.max(position, 0), this.rows.length - 1);
    if (!this.rows.length) return;
    this.at.note.blur(); // a note that was being written is kept
    this.position = to;
    this.sync();
    this.reveal();
    this.show();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.send(), REST_MS);
  }

  /** Scrolls the list, and not the page, to the row that is chosen. */
  reveal() {
    const { list } = this.at;
    const { offsetTop, offsetHeight } = list.children[this.position];
    if (offsetTop < list.scrollTop) list.scrollTop = offsetTop;
    else if (offsetTop + offsetHeight > list.scrollTop + list.clientHeight)
      list.scrollTop = offsetTop + offsetHeight - list.clientHeight;
  }

  step(by) {
    this.choose(this.position + by);
  }

  /** Has the viewer show the row that is chosen; nobody who only opened the page is scrolled to it. */
  show({ quiet = false } = {}) {
    const { row } = this;
    if (!row) return;
    this.shown = row.id;
    window.dispatchEvent(new CustomEvent("segcore:show", { detail: { ...row.place, quiet } }));
  }

  // ------------------------------------------------------------ what was decided

  decide(decision) {
    const { data, row } = this;
    if (!data.mayDecide || !row) return;
    if (!data.reviewer && !this.reports.some(({ what }) => what === "named")) {
      this.waiting = decision;
      this.at.name.hidden = false;
      this.at["name-text"].focus();
      return;
    }
    const { note } = this.at;
    Object.assign(row, { decision, note: note.value, saving: true });
    this.report({ what: "decided", id: row.id, decision, note: note.value });
    this.sync();
  }

  named(name) {
    if (!name) return;
    remember(name);
    this.at.name.hidden = true;
    this.report({ what: "named", name });
    if (this.waiting) this.decide(this.waiting);
    this.waiting = null;
    this.at.list.focus({ preventScroll: true });
  }

  takeBack() {
    if (this.data.mayDecide && this.data.reviewer) this.report({ what: "taken back" });
  }

  report(change) {
    this.number = Math.max(Date.now() * 1000, (this.number ?? 0) + 1);
    this.reports.push({ number: this.number, ...change });
    this.at.status.textContent = "Saving…";
    this.send();
  }

  send() {
    clearTimeout(this.resting);
    this.tell({ reports: this.reports, chosen: this.row?.id ?? null });
  }

  remove() {
    clearTimeout(this.resting);
    this.ears.abort();
    this.root.remove();
  }
}

/** A small picture of a row's place. It is asked for when the reader comes near it, and takes its room from the start. */
function picture({ stack, query }, { kind, place }) {
  const { top, left, bottom, right } = place.box;
  const at = place.openings.flatMap(({ y, x }) => [y, x]);
  const shown = Object.assign(new Image(SIDE_PX, SIDE_PX), { alt: "", loading: "lazy", decoding: "async" });
  shown.addEventListener("error", () => shown.classList.add("missing"));
  shown.src = `${stack}/${[place.slice, top, left, bottom, right].join("/")}?kind=${kind}&at=${at.join(",")}&${query}`;
  return shown;
}

/** Takes the keys from a list of choices that was just chosen from and is closed: they are for what it brought. */
function release() {
  const { activeElement } = document;
  if (activeElement?.matches('[role="combobox"][aria-expanded="false"]')) activeElement.blur();
}

/** Whether an element takes letters for itself. */
function writes(target) {
  if (!(target instanceof Element)) return false;
  const takes =
    'textarea, select, [contenteditable="true"], [role="textbox"], [role="combobox"], [role="grid"], canvas[role]';
  if (target.closest(takes)) return true;
  return target.matches("input") && !["checkbox", "radio", "range", "button"].includes(target.type);
}

function recall() {
  try {
    return localStorage.getItem(REMEMBERED) ?? "";
  } catch {
    return ""; // a browser that keeps nothing
  }
}

function remember(name) {
  try {
    localStorage.setItem(REMEMBERED, name);
  } catch {
    // asked again next time
  }
}
