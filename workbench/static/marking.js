// A view in which a person works on one picture after another, by a command that runs as long as the view is open:
// what the views Landmarks and Masks have in common.

import { commandLine, el, fill, say } from "./dom.js";
import { Driven } from "./driven.js";

const NEAR = 60; // rows of the list that are shown before and after the current one

/** What the page knows of a view; `begin` makes it when it is first opened. */
export function viewOf(begin, { name, title, missing }) {
  let view = null;
  const make = () => {
    view = begin();
    addEventListener("hashchange", () => {
      if (!location.hash.startsWith(`#${name}`)) view.leave();
    });
    return view.element;
  };
  return { title, make, open: (address) => view.open(address), missing };
}

/** A subclass has a `canvas` and an `input`, and says what a row tells and how the work ends. */
export class Marking {
  /**
   * `kind` has the `name` in addresses, words for `one` picture and `many`, the `filters` and the usual `side`, and
   * the texts `opening` and `broken`; of the filters the first is the usual one. `takes` are events of the command.
   */
  constructor(kind, takes) {
    this.kind = kind;
    this.command = new Driven(this);
    this.rows = []; // of each picture: its name, and what the command tells of it
    this.takes = {
      command: ({ text }) => this.line.set(text),
      warning: ({ text }) => say(this.facts, text),
      error: ({ text }) => (this.problem = text),
      end: (end) => (this.ended = end),
      ...takes,
    };
  }

  /**
   * Build the view around its tools, the first of which is the usual one; `explained` are keys and the mouse.
   * Its styles are those of landmarks.css.
   */
  build(label, tools, explained, legend = null) {
    const { name, one, many, filters } = this.kind;
    this.sides = ["src", "dst"].map((side) => el("a", { class: "button", "data-side": side }, side));
    this.choice = el("select", { id: `${name}-filter`,
      onchange: () => (location.hash = `#${name}/${this.side}/${this.choice.value}`) },
    Object.entries(filters).map(([value, text]) => el("option", { value }, text)));
    this.number = el("input", { id: `${name}-number`, inputmode: "numeric", autocomplete: "off",
      onchange: () => this.go(Number(this.number.value) - 1) });
    this.total = el("span", { class: "counts" });
    this.name = el("span", { class: "landmarks-name" });
    this.stage = el("canvas", { class: "landmarks-canvas", tabindex: "0", role: "application",
      "aria-label": `The ${one}`, "aria-describedby": `${name}-facts` });
    this.facts = el("p", { class: "landmarks-facts", id: `${name}-facts`, role: "status" });
    this.state = el("div", { class: "landmarks-state" });
    this.list = el("ol", { class: "landmarks-list", "aria-label": titled(many) });
    this.line = commandLine();
    this.keys = help(explained);
    tools[0].classList.add("primary");
    const labeled = (text, input) =>
      el("div", { class: "labeled" }, el("label", { for: input.id }, titled(text)), input);
    this.element = el("div", { class: `landmarks ${name}` },
      el("div", { class: "landmarks-bar" },
        el("div", { class: "buttons", role: "group", "aria-label": "Whose faces" }, this.sides),
        labeled(many, this.choice), labeled(one, this.number), this.total, this.name, legend),
      el("div", { class: "landmarks-middle" }, this.stage, this.state),
      el("section", { class: "card landmarks-side", "aria-label": titled(many) }, this.list),
      el("div", { class: "buttons landmarks-tools", role: "toolbar", "aria-label": label }, tools,
        button("Keys", "H", () => this.keys.showModal(), "What keys and mouse do")),
      this.facts, this.line.element, this.keys);
  }

  /** A button for what is done to the picture, and the key that does the same. */
  tool(text, key, run, title) {
    return button(text, key, () => this.touch(run), title);
  }

  // The command.

  /** Open SIDE/FILTER. */
  open(address) {
    const { filters } = this.kind;
    let [side, filter] = address || !this.side ? address.split("/") : [this.side, this.filter];
    if (!["src", "dst"].includes(side)) side = this.kind.side;
    if (!(filter in filters)) [filter] = Object.keys(filters);
    this.show(side, filter);
  }

  show(side, filter) {
    if (this.command.socket && side === this.side && filter === this.filter) return;
    Object.assign(this, { side, filter });
    this.choice.value = filter;
    for (const link of this.sides) {
      link.setAttribute("href", `#${this.kind.name}/${link.dataset.side}/${filter}`);
      link.setAttribute("aria-current", `${link.dataset.side === side}`);
    }
    this.start();
  }

  start() {
    Object.assign(this, { problem: "", ended: null, rows: [], position: 0 });
    this.canvas.clear();
    fill(this.list);
    for (const element of [this.total, this.name, this.facts]) say(element, "");
    this.number.value = "";
    this.line.set("");
    this.tell("opening", el("p", { role: "status" }, this.kind.opening), el("progress", { "aria-label": "Opening" }));
    this.command.open(`/api/${this.kind.name}/${this.side}`, { [this.kind.many]: this.filter });
  }

  /** Let the command end; what the person decided is written. */
  leave() {
    this.command.close();
  }

  send(event) {
    this.command.send(event);
  }

  touch(run) {
    if (this.input.ready) run();
    this.stage.focus({ preventScroll: true });
  }

  go(position) {
    if (Number.isInteger(position) && position >= 0) this.jump(position);
    this.stage.focus({ preventScroll: true });
  }

  // What it tells.

  async take(event, image) {
    await this.takes[event.event]?.(event, image);
  }

  /** Show the picture at a position; `about` is said of it, `size` is that of its image. */
  showPicture({ position, name }, about, picture, size = picture) {
    const first = !this.canvas.picture;
    this.position = position;
    this.canvas.show(picture, size);
    fill(this.state);
    this.element.dataset.state = "ready";
    this.number.value = `${position + 1}`;
    say(this.name, about);
    this.stage.setAttribute("aria-label", `The ${this.kind.one} ${name}`);
    this.listRows();
    if (first && [document.body, null].includes(document.activeElement)) this.stage.focus({ preventScroll: true });
  }

  listRows() {
    const first = Math.max(0, this.position - NEAR);
    const rows = this.rows.slice(first, this.position + NEAR + 1);
    fill(this.list, rows.map((row, number) => {
      const position = first + number;
      const { about, doubts, title } = this.about(row);
      return el("li", {}, el("button", { class: "link", type: "button", title,
        "aria-current": position === this.position ? "true" : null, onclick: () => this.go(position) },
      el("span", {}, row[0]), el("span", { class: "soft" }, about),
      doubts ? el("span", { class: "doubts" }, doubts) : null));
    }));
    const row = this.list.querySelector("[aria-current]");
    if (row) this.list.scrollTop = row.offsetTop - this.list.offsetTop - this.list.clientHeight / 2;
  }

  // Its end.

  lost() {
    this.canvas.clear();
    say(this.facts, "");
    if (this.problem) this.fail(this.problem);
    else if (this.failures.length) this.fail(this.failures.join("\n"));
    else if (this.ended) this.finished();
    else this.fail(this.kind.broken);
  }

  get failures() {
    return this.ended?.failures ?? [];
  }

  /** Say that there is no more to do here, and where there is. */
  finish(text, again = null) {
    const { name, many, filters } = this.kind;
    const others = Object.keys(filters).filter((filter) => filter !== this.filter);
    this.tell("empty", el("p", { role: "status" }, text), buttons(again, others.map((filter) =>
      el("a", { class: "button", href: `#${name}/${this.side}/${filter}` }, `${titled(many)}: ${filters[filter]}`))));
  }

  fail(text) {
    this.tell("failed", el("p", { class: "error", role: "alert" }, text),
      buttons(this.again("Try again"), this.wayOut(text)));
  }

  again(text) {
    return el("button", { class: "primary", onclick: () => this.start() }, text);
  }

  tell(state, ...content) {
    this.element.dataset.state = state;
    fill(this.state, content);
  }
}

function button(text, key, run, title) {
  return el("button", { type: "button", title: key ? `${title} (${key})` : title, "aria-keyshortcuts": key || null,
    onclick: run }, text);
}

function buttons(...children) {
  return el("div", { class: "buttons" }, ...children);
}

function help(explained) {
  const rows = explained.flatMap(([keys, text]) => [el("dt", {}, keys), el("dd", {}, text)]);
  const dialog = el("dialog", { class: "card landmarks-keys", "aria-label": "Mouse and keys" },
    el("h2", {}, "Mouse and keys"), el("dl", { class: "facts" }, rows),
    el("button", { class: "primary", type: "button", onclick: () => dialog.close() }, "Close"));
  return dialog;
}

function titled(text) {
  return text[0].toUpperCase() + text.slice(1);
}
