// The view in which a person draws on faces where they are visible. The drawing is that of `util draw-masks`,
// a command that runs as long as the view is open.

import { commandLine, el, fill, say } from "./dom.js";
import { Driven } from "./driven.js";
import { MaskCanvas } from "./masks/canvas.js";
import { EXPLAINED, MaskInput } from "./masks/input.js";

export const masksView = { title: "Masks", make, open, missing };

function missing({ sides }) {
  if (sides.src.faces || sides.dst.faces) return null;
  return ["No faces yet. Here you draw what hides them, such as a hand, once there are some.", "project"];
}

const FILTERS = { all: "all", suggested: "to draw next", labeled: "drawn" };
const NONE = {
  all: "There is no face.", labeled: "Nothing was drawn yet.",
  suggested: "A trained mask model says which faces it is least sure of; train one first, or draw on any.",
};
const SOURCES = {
  label: "drawn", applied: "the mask is the network's: nothing was drawn",
  hull: "nothing was drawn: click around what hides the face, such as a hand, and press Enter to close the shape",
};
const NEAR = 60; // faces of the list that are shown before and after the current one

let view = null;

function make() {
  view = new MasksView();
  addEventListener("hashchange", () => {
    if (!location.hash.startsWith("#masks")) view.leave();
  });
  return view.element;
}

/** Open SIDE/FILTER. */
function open(address) {
  const [side, faces] = address.split("/");
  if (address || !view.side) view.show(side === "dst" ? "dst" : "src", faces in FILTERS ? faces : "all");
  else view.show(view.side, view.faces);
}

class MasksView {
  constructor() {
    this.command = new Driven(this);
    this.rows = []; // of each face: name, whether it is drawn, whether to check it, the model's doubt
    this.build();
    this.canvas = new MaskCanvas(this.stage);
    this.input = new MaskInput(this.canvas, (event) => this.send(event), {
      brush: () => this.toggleBrush(), mask: () => this.toggleMask(),
      go: (by) => this.go(this.position + by), keys: () => this.keys.showModal(),
    });
  }

  build() {
    const button = (text, key, run, title) => el("button", { type: "button", title: key ? `${title} (${key})` : title,
      "aria-keyshortcuts": key || null, onclick: () => this.touch(run) }, text);
    const does = (text, key, name, title) => button(text, key, () => this.send({ do: name }), title);
    this.sides = ["src", "dst"].map((side) => el("a", { class: "button", "data-side": side }, side));
    this.filter = el("select", { id: "masks-filter",
      onchange: () => (location.hash = `#masks/${this.side}/${this.filter.value}`) },
    Object.entries(FILTERS).map(([name, text]) => el("option", { value: name }, text)));
    this.number = el("input", { id: "masks-number", inputmode: "numeric", autocomplete: "off",
      onchange: () => this.go(Number(this.number.value) - 1) });
    this.total = el("span", { class: "counts" });
    this.name = el("span", { class: "landmarks-name" });
    this.stage = el("canvas", { class: "landmarks-canvas", tabindex: "0", role: "application",
      "aria-label": "The face", "aria-describedby": "masks-facts" });
    this.facts = el("p", { class: "landmarks-facts", id: "masks-facts", role: "status" });
    this.state = el("div", { class: "landmarks-state" });
    this.list = el("ol", { class: "landmarks-list", "aria-label": "Faces" });
    this.line = commandLine();
    this.keys = this.help();
    const tools = [
      button("Keep, next", "Enter", () => this.send({ do: "enter" }), "Keep the mask, next face that is not drawn"),
      this.brush = button("Brush", "B", () => this.toggleBrush(), "Paint instead of clicking corners"),
      button("Smaller", "[", () => this.input.resize(0.8), "Smaller brush"),
      button("Larger", "]", () => this.input.resize(1.25), "Larger brush"),
      this.hides = button("Hides the face", "X", () => this.input.turn(), "What is drawn next hides the face, or shows it"),
      this.undo = does("Undo", "U", "undo", "Take back the last step"),
      this.redo = does("Redo", "Control+Y", "redo", "Do again what was undone"),
      does("Copy last", "C", "copy", "Copy what was kept last, moved with the landmarks"),
      this.accept = does("Take suggestion", "S", "accept", "Take the outline that the trained model suggests"),
      does("Clear", "", "clear", "Remove all shapes"),
      this.remove = button("Not drawn", "", () => this.send({ do: "forget" }), "Remove what was drawn from the file"),
      this.shows = button("Mask", "V", () => this.toggleMask(), "Show or hide the mask"),
      button("‹", "PageUp", () => this.go(this.position - 1), "Previous face"),
      button("›", "PageDown", () => this.go(this.position + 1), "Next face"),
      button("Zoom", "Plus", () => this.input.zoom(1.5), "Zoom in; Z shows the whole face"),
      button("Keys", "H", () => this.keys.showModal(), "What keys and mouse do"),
    ];
    this.tools = el("div", { class: "buttons landmarks-tools masks-tools", role: "toolbar", "aria-label": "Drawing" }, tools);
    tools[0].classList.add("primary");
    this.brush.setAttribute("aria-pressed", "false");
    this.shows.setAttribute("aria-pressed", "true");
    const labeled = (text, input) => el("div", { class: "labeled" }, el("label", { for: input.id }, text), input);
    const legend = el("span", { class: "masks-legend" },
      el("span", {}, el("i", { class: "hides" }), "hides the face"), el("span", {}, el("i", { class: "shows" }), "shows it"));
    const bar = el("div", { class: "landmarks-bar" },
      el("div", { class: "buttons", role: "group", "aria-label": "Whose faces" }, this.sides),
      labeled("Faces", this.filter), labeled("Face", this.number), this.total, this.name, legend);
    const middle = el("div", { class: "landmarks-middle" }, this.stage, this.state);
    this.element = el("div", { class: "landmarks masks" }, bar, middle,
      el("section", { class: "card landmarks-side", "aria-label": "Faces" }, this.list),
      this.tools, this.facts, this.line.element, this.keys);
  }

  help() {
    const rows = EXPLAINED.flatMap(([keys, text]) => [el("dt", {}, keys), el("dd", {}, text)]);
    const close = el("button", { class: "primary", type: "button", onclick: () => this.keys.close() }, "Close");
    return el("dialog", { class: "card landmarks-keys", "aria-label": "Mouse and keys" },
      el("h2", {}, "Mouse and keys"), el("dl", { class: "facts" }, rows), close);
  }

  // The command.

  show(side, faces) {
    if (this.command.socket && side === this.side && faces === this.faces) return;
    Object.assign(this, { side, faces });
    this.filter.value = faces;
    for (const link of this.sides) {
      link.setAttribute("href", `#masks/${link.dataset.side}/${faces}`);
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
    this.tell("opening", "Reading the faces …", el("progress", { "aria-label": "Opening" }));
    this.command.open(`/api/masks/${this.side}`, { faces: this.faces });
  }

  /** Let the command end; what was kept is written. */
  leave() {
    this.command.close();
  }

  send(event) {
    this.command.send(event);
  }

  touch(run) {
    if (this.canvas.state) run();
    this.stage.focus({ preventScroll: true });
  }

  go(position) {
    if (Number.isInteger(position) && position >= 0 && position < this.rows.length) this.send({ do: "show", position });
    this.stage.focus({ preventScroll: true });
  }

  toggleBrush() {
    this.brush.setAttribute("aria-pressed", `${this.input.toggleBrush()}`);
  }

  toggleMask() {
    this.input.show("mask", !this.canvas.shows.mask);
    this.shows.setAttribute("aria-pressed", `${this.canvas.shows.mask}`);
  }

  // What it tells.

  async take(event, image) {
    const takes = {
      command: ({ text }) => this.line.set(text),
      faces: ({ rows }) => {
        this.rows = rows;
        say(this.total, `of ${rows.length.toLocaleString()}`);
      },
      face: (face) => this.takeFace(face, image),
      suggestion: () => this.canvas.takeSuggestion(image),
      state: (state) => this.takeState(state, image),
      saved: ({ position, row }) => {
        this.rows[position] = row;
        this.listFaces();
      },
      warning: ({ text }) => say(this.facts, text),
      error: ({ text }) => (this.problem = text),
      end: (end) => (this.ended = end),
    };
    await takes[event.event]?.(event);
  }

  takeFace(face, picture) {
    const first = !this.canvas.picture;
    this.position = face.position;
    this.canvas.show(picture);
    fill(this.state);
    this.element.dataset.state = "ready";
    this.number.value = `${face.position + 1}`;
    say(this.name, `${face.name}, frame ${face.frame}`);
    this.stage.setAttribute("aria-label", `The face ${face.name}`);
    this.listFaces();
    if (first && [document.body, null].includes(document.activeElement)) this.stage.focus({ preventScroll: true });
  }

  takeState(state, mask) {
    this.canvas.state = state;
    this.canvas.takeMask(mask);
    this.rows[state.position] = state.row;
    const count = state.shapes.length;
    const drawn = count ? `${count} shape${count > 1 ? "s" : ""}` : SOURCES[state.source];
    const corners = state.corners.length;
    const facts = [
      corners ? `${corners} corner${corners > 1 ? "s" : ""}: click the first or press Enter to close` : drawn,
      state.changed && !corners ? "not kept yet" : "",
      state.row[2] ? "taken over from another extraction: check it" : "",
    ];
    say(this.facts, state.message || facts.filter(Boolean).join(" · "));
    say(this.hides, state.include ? "Shows the face" : "Hides the face");
    this.undo.disabled = !state.undo;
    this.redo.disabled = !state.redo;
    this.remove.disabled = !state.row[1];
    this.accept.disabled = !this.canvas.suggestion;
    this.listFaces();
  }

  listFaces() {
    const first = Math.max(0, this.position - NEAR);
    const rows = this.rows.slice(first, this.position + NEAR + 1);
    fill(this.list, rows.map(([name, drawn, moved, doubt], number) => {
      const position = first + number;
      const current = position === this.position;
      const about = drawn ? "✓ drawn" : doubt ? `${Math.round(100 * doubt)} % unsure` : "";
      return el("li", {}, el("button", { class: "link", type: "button",
        "aria-current": current ? "true" : null, onclick: () => this.go(position) },
      el("span", {}, name), el("span", { class: "soft" }, about),
      moved ? el("span", { class: "doubts" }, "moved: check it") : null));
    }));
    const row = this.list.querySelector("[aria-current]");
    if (row) this.list.scrollTop = row.offsetTop - this.list.offsetTop - this.list.clientHeight / 2;
  }

  // Its end.

  lost() {
    this.canvas.clear();
    say(this.facts, "");
    if (this.problem) this.fail(this.problem);
    else if (this.ended?.failures?.length && !this.rows.length) this.fail(this.ended.failures.join("\n"));
    else if (this.ended) this.finished();
    else this.fail("The command was ended from outside; what was kept is written.");
  }

  finished() {
    const others = Object.keys(FILTERS).filter((name) => name !== this.faces);
    this.tell("empty", NONE[this.faces], el("div", { class: "buttons" }, others.map((name) =>
      el("a", { class: "button", href: `#masks/${this.side}/${name}` }, `Faces: ${FILTERS[name]}`))));
  }

  fail(text) {
    this.tell("failed", el("p", { class: "error", role: "alert" }, text), el("div", { class: "buttons" },
      el("button", { class: "primary", onclick: () => this.start() }, "Try again"),
      el("a", { class: "button", href: "#project" }, "Project")));
  }

  tell(state, ...content) {
    this.element.dataset.state = state;
    const [first, ...rest] = content;
    fill(this.state, typeof first === "string" ? el("p", { role: "status" }, first) : first, rest);
  }
}
