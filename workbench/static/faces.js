// The view of the faces of a side: look through them, select, delete, take it back.

import { get, on } from "./api.js";
import { commandLine, el, fill, say } from "./dom.js";
import { Faces, GROUPS, ORDERS, readTable } from "./faces/data.js";
import { Deletion } from "./faces/deletion.js";
import { compare, Details, frameDialog, showKeys } from "./faces/details.js";
import { Filters } from "./faces/filters.js";
import { Grid } from "./faces/grid.js";
import { listen } from "./faces/pointer.js";
import { Selection } from "./faces/selection.js";

export const facesView = { title: "Faces", make, open, missing };

function missing({ sides }) {
  if (sides.src.faces || sides.dst.faces) return null;
  return ["No faces yet. Extract them from the clips first.", "project"];
}

const SIZES = { least: 48, most: 256, step: 16, first: 96 };
const METHODS = [
  "hist", "hist-dissim", "hist-blur", "face", "face-dissim", "motion-blur", "hue", "black", "oneface",
  "source-size", "identity", "final",
];
const LOOK = 700; // ms between two looks how far the measuring is

let view = null;

function make() {
  view = new FacesView();
  return view.element;
}

function open(side) {
  view.load(side === "dst" ? "dst" : "src");
}

class FacesView {
  constructor() {
    this.side = null;
    this.rows = [];
    this.deletion = new Deletion(this);
    this.grid = new Grid(this, { label: "Faces", size: SIZES.first });
    this.selection = new Selection(this.grid);
    this.filters = new Filters(() => this.arrange());
    this.portrait = new Details();
    this.line = commandLine();
    this.count = el("p", { class: "counts", role: "status" });
    this.said = el("p", { class: "said", role: "status" });
    this.problem = el("p", { class: "error", role: "alert" });
    this.state = el("div", { class: "faces-state" });
    this.build();
    listen(this.grid, this);
    on("faces", ({ stamps }) => this.follow(stamps));
  }

  build() {
    const change = () => this.arrange();
    this.order = el("select", { id: "faces-order", onchange: () => this.reorder() },
      el("optgroup", { label: "At once" }, Object.entries(ORDERS).map(([name, [text]]) =>
        el("option", { value: name }, text))),
      el("optgroup", { label: "Sort methods" }, METHODS.map((name) =>
        el("option", { value: `by:${name}` }, name))));
    this.reversed = el("input", { type: "checkbox", id: "faces-reversed", onchange: change });
    this.group = el("select", { id: "faces-group", onchange: change },
      Object.entries(GROUPS).map(([name, text]) => el("option", { value: name }, text)));
    this.size = el("input", {
      type: "range", id: "faces-size", min: `${SIZES.least}`, max: `${SIZES.most}`,
      step: `${SIZES.step}`, value: `${SIZES.first}`,
      oninput: () => this.grid.resizeTo(Number(this.size.value)),
    });
    const button = (text, run, title) => el("button", { type: "button", title, onclick: run }, text);
    this.sides = ["src", "dst"].map((side) => el("a", { class: "button", href: `#faces/${side}` }, side));
    this.recognize = button("Recognize people", () => this.reread({ people: true }),
      "Tell people apart; the first time this takes a minute or more");
    this.buttons = {
      erase: button("Delete", () => this.erase(), "Move the selected faces to the trash (Delete)"),
      undo: button("Undo", () => this.undo(), "Take the last deletion back (Ctrl-Z)"),
      compare: button("Compare", () => this.compare(), "Show the first two selected faces (C)"),
      frame: button("Frame", () => this.showFrame(), "Show the frame of the face (Enter)"),
    };
    const labeled = (text, input) => el("div", { class: "labeled" },
      el("label", { for: input.id }, text), input);
    const bar = el("div", { class: "faces-bar" },
      el("div", { class: "buttons", role: "group", "aria-label": "Whose faces" }, this.sides),
      labeled("Order", this.order), labeled("Reversed", this.reversed), labeled("Groups", this.group),
      labeled("Size", this.size), this.recognize);
    const foot = el("div", { class: "faces-foot" },
      el("div", { class: "buttons" }, Object.values(this.buttons),
        button("?", showKeys, "The keys")), this.count, this.said, this.problem, this.line.element);
    this.element = el("div", { class: "faces" }, bar, this.filters.element,
      el("div", { class: "faces-middle" }, this.grid.element, this.state), this.portrait.element, foot);
  }

  // What the grid asks.

  face(position) {
    const { name, key } = this.faces.columns;
    const row = this.rows[position];
    return [key[row], name[row]];
  }

  get address() {
    return `/api/faces/${this.side}/thumbnails`;
  }

  label(position) {
    const row = this.rows[position];
    const doubts = this.faces.reasons(row);
    return this.faces.columns.name[row] + (doubts.length ? `, ${doubts.join(", ")}` : "");
  }

  mark(position) {
    return this.faces.columns.review[this.rows[position]] > 0;
  }

  chosen(position) {
    return this.faces.selected[this.rows[position]] === 1;
  }

  image(row) {
    return `/api/faces/${this.side}/image?name=${encodeURIComponent(this.faces.columns.name[row])}`;
  }

  // The table.

  async load(side) {
    if (side === this.side) return this.follow(this.stamps);
    this.side = side;
    this.faces = null;
    this.rows = [];
    this.grid.show(0, []);
    for (const text of [this.count, this.said, this.problem]) say(text, "");
    this.line.set("");
    this.sides.forEach((link) => link.setAttribute("aria-current", `${link.textContent === side}`));
    await this.reread({});
  }

  /** Read the table after the deletions that are under way. */
  reread(asked) {
    return this.deletion.then(() => this.read(asked));
  }

  /** What a table must have to show what is shown. */
  get wanted() {
    const [kind, by] = this.order.value.split(":");
    return { ...(kind === "by" ? { by } : {}), ...(this.faces?.people ? { people: true } : {}) };
  }

  /** Read the table again if another page or program has changed the faces since. */
  follow(stamps) {
    this.stamps = stamps;
    if (this.isOld()) this.deletion.then(() => this.isOld() && this.read(this.wanted, { quiet: true })); // after our own
  }

  isOld() {
    return this.faces && this.element.isConnected && this.stamps?.[this.side] > this.stamp;
  }

  /** Let the table be written and show it. */
  async read(asked, { quiet } = {}) {
    const side = this.side;
    if (!quiet) this.wait(asked.people ? "Recognizing the people. The first time this takes a minute or more."
      : "Measuring the faces. The first time this takes some seconds, with some orders minutes.");
    try {
      const { command, stamp, table } = await readTable(side, asked);
      if (side !== this.side) return;
      this.line.set(command);
      this.stamp = stamp;
      this.show(new Faces(table), asked.by && this.order.value !== `by:${asked.by}`);
    } catch (problem) {
      if (side === this.side) this.fail(problem.message);
    }
  }

  wait(text) {
    say(this.problem, "");
    const bar = el("progress", { "aria-label": "Measuring" });
    fill(this.state, el("p", { role: "status" }, text), bar);
    this.element.dataset.state = "busy";
    const look = async () => {
      if (!bar.isConnected) return;
      const { item, of } = await get(`/api/faces/${this.side}/progress`).catch(() => ({}));
      if (of) Object.assign(bar, { max: of, value: item });
      setTimeout(look, LOOK);
    };
    setTimeout(look, LOOK);
  }

  fail(message) {
    fill(this.state, el("p", { class: "error", role: "alert" }, message),
      el("div", { class: "buttons" },
        el("button", { onclick: () => this.reread({}) }, "Try again"),
        el("a", { class: "button", href: `#commands/${encodeURIComponent(JSON.stringify(["extract", { side: this.side }]))}` },
          "Extract faces")));
    this.element.dataset.state = "failed";
  }

  /** Show a table; `passed` if another order was chosen while this one was measured. */
  show(faces, passed = false) {
    const chosen = new Set(this.faces?.selectedNames);
    this.faces = faces;
    faces.selectNames(chosen);
    this.deletion.forget();
    this.element.dataset.state = "ready";
    const method = this.group.querySelector("option[value=method]");
    method?.remove();
    if (faces.table.order?.groups.some(([name]) => name)) {
      this.group.prepend(el("option", { value: "method" }, `groups of ${faces.method}`));
      if (!passed) this.group.value = "method";
    }
    if (!this.group.value) this.group.value = "none";
    if (!passed) this.order.value = faces.method ? `by:${faces.method}` : this.order.value.replace(/^by:.*/, "name");
    this.recognize.hidden = Boolean(faces.people);
    this.filters.offer(faces);
    this.arrange();
  }

  reorder() {
    const [kind, method] = this.order.value.split(":");
    if (kind === "by" && method !== this.faces?.method) this.reread({ by: method });
    else this.arrange();
  }

  /** Show the faces as order, groups and filters say. */
  arrange() {
    if (!this.faces) return;
    const order = this.order.value;
    const ofMethod = this.group.value === "method" && order.startsWith("by:");
    const group = this.group.value === "method" && !ofMethod ? "none" : this.group.value;
    const { rows, groups } = this.faces.view({
      order, reversed: this.reversed.checked, group, filters: this.filters.value,
    });
    this.rows = rows;
    this.faces.selectOnly(rows.filter((row) => this.faces.selected[row])); // none that is hidden
    this.selection.show(this.faces, rows);
    this.grid.show(rows.length, groups);
    this.filters.scatter.show(this.faces, rows);
    fill(this.state, rows.length ? [] : el("p", {}, "No face passes the filters."));
    this.tell();
  }

  /** Show the counts, and the face at the cursor. */
  tell() {
    const number = (count) => count.toLocaleString("en");
    say(this.count, `${number(this.rows.length)} of ${number(this.faces.left)} faces shown, ` +
      `${number(this.faces.chosen)} selected`);
    const { erase, compare, frame } = this.buttons;
    erase.disabled = !this.faces.chosen;
    compare.disabled = this.faces.chosen < 2;
    frame.disabled = !this.rows.length;
    const row = this.rows[this.grid.current];
    this.portrait.show(this.faces, row, row === undefined ? "" : this.image(row));
  }

  // What keys and mouse mean; see `listen`.

  choose(positions, how) {
    if (!this.rows.length) return;
    this.selection.choose(positions, how);
    this.tell();
  }

  all() {
    this.choose(this.rows.map((_, position) => position), "all");
  }

  none() {
    this.choose([], "none");
  }

  help() {
    showKeys();
  }

  zoom(step) {
    this.size.value = Number(this.size.value) + step * SIZES.step;
    this.grid.resizeTo(Number(this.size.value));
  }

  showFrame() {
    const row = this.rows[this.grid.current];
    if (row === undefined) return;
    const name = this.faces.columns.name[row];
    frameDialog(name, `/api/faces/${this.side}/frame?name=${encodeURIComponent(name)}`);
  }

  compare() {
    const rows = this.rows.filter((row) => this.faces.selected[row]).slice(0, 2);
    if (rows.length === 2) compare(this.faces, rows, (row) => this.image(row));
  }

  erase() {
    this.deletion.erase();
  }

  undo() {
    this.deletion.undo();
  }
}
