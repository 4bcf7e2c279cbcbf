// The view in which a person marks faces and corrects landmarks, frame by frame. The faces are those of
// `util edit-faces`, a command that runs as long as the view is open.

import { commandLine, el, fill, say } from "./dom.js";
import { Driven } from "./driven.js";
import { Canvas } from "./landmarks/canvas.js";
import { EXPLAINED, Input } from "./landmarks/input.js";

export const landmarksView = { title: "Landmarks", make, open, missing };

function missing({ sides }) {
  if (sides.src.footage || sides.dst.footage) return null;
  return ["No footage yet. Here you mark faces and correct landmarks, once there is a clip.", "project"];
}

const FILTERS = {
  doubtful: "doubtful", faceless: "without a face", multi: "with several faces", all: "all",
};
const NONE = {
  doubtful: "No frame is doubtful.", faceless: "Every frame has a face.",
  multi: "No frame has several faces.", all: "No frame is extracted yet.",
};
const NEAR = 60; // frames of the list that are shown before and after the current one

let view = null;

function make() {
  view = new LandmarksView();
  addEventListener("hashchange", () => {
    if (!location.hash.startsWith("#landmarks")) view.leave();
  });
  return view.element;
}

/** Open SIDE/FILTER. */
function open(address) {
  const [side, frames] = address.split("/");
  if (address || !view.side) view.show(side === "src" ? "src" : "dst", frames in FILTERS ? frames : "doubtful");
  else view.show(view.side, view.frames);
}

class LandmarksView {
  constructor() {
    this.command = new Driven(this);
    this.rows = []; // of each frame: name, number of faces, whether it is decided, doubts
    this.build();
    this.canvas = new Canvas(this.stage);
    this.input = new Input(this.canvas, (event) => this.send(event), () => this.keys.showModal());
  }

  build() {
    const button = (text, key, run, title) => el("button", { type: "button", title: `${title} (${key})`,
      "aria-keyshortcuts": key, onclick: run }, text);
    const press = (text, shown, key, title) => button(text, shown, () => this.press(key), title);
    this.sides = ["src", "dst"].map((side) => el("a", { class: "button", "data-side": side }, side));
    this.filter = el("select", { id: "landmarks-filter",
      onchange: () => (location.hash = `#landmarks/${this.side}/${this.filter.value}`) },
    Object.entries(FILTERS).map(([name, text]) => el("option", { value: name }, text)));
    this.number = el("input", { id: "landmarks-number", inputmode: "numeric", autocomplete: "off",
      onchange: () => this.go(Number(this.number.value) - 1) });
    this.total = el("span", { class: "counts" });
    this.name = el("span", { class: "landmarks-name" });
    this.stage = el("canvas", { class: "landmarks-canvas", tabindex: "0", role: "application",
      "aria-label": "The frame", "aria-describedby": "landmarks-facts" });
    this.facts = el("p", { class: "landmarks-facts", id: "landmarks-facts", role: "status" });
    this.state = el("div", { class: "landmarks-state" });
    this.list = el("ol", { class: "landmarks-list", "aria-label": "Frames" });
    this.line = commandLine();
    this.keys = this.help();
    this.tools = el("div", { class: "buttons landmarks-tools", role: "toolbar", "aria-label": "Faces" },
      button("Keep, next", "Enter", () => this.press("enter"), "Keep the faces, next undecided frame"),
      press("No face", "Space", "space", "No face in this frame, next undecided frame"),
      press("‹", "ArrowLeft", "left", "Previous frame"), press("›", "ArrowRight", "right", "Next frame"),
      press("Add", "A", "a", "Add another face"), press("Other", "N", "tab", "Go to the next face"),
      press("Remove", "X", "x", "Remove the face"),
      this.copy = press("Copy previous", "C", "c", "Copy the faces of the frame before"),
      press("Undo", "U", "u", "Undo the last change of this frame"),
      button("Lock", "L", () => this.touch(() => this.input.lock()), "Lock or unlock the face"),
      button("Smaller", "[", () => this.touch(() => this.input.resize(-1)), "Smaller rectangle"),
      button("Larger", "]", () => this.touch(() => this.input.resize(1)), "Larger rectangle"),
      button("Zoom", "Z", () => this.touch(() => this.input.toggleZoom()), "Zoom in on the face, and out"),
      button("Keys", "H", () => this.keys.showModal(), "What keys and mouse do"));
    this.tools.firstChild.classList.add("primary");
    const labeled = (text, input) => el("div", { class: "labeled" }, el("label", { for: input.id }, text), input);
    const bar = el("div", { class: "landmarks-bar" },
      el("div", { class: "buttons", role: "group", "aria-label": "Whose faces" }, this.sides),
      labeled("Frames", this.filter), labeled("Frame", this.number), this.total, this.name);
    const middle = el("div", { class: "landmarks-middle" }, this.stage, this.state);
    this.element = el("div", { class: "landmarks" }, bar, middle,
      el("section", { class: "card landmarks-side", "aria-label": "Frames" }, this.list),
      this.tools, this.facts, this.line.element, this.keys);
  }

  help() {
    const rows = EXPLAINED.flatMap(([keys, text]) => [el("dt", {}, keys), el("dd", {}, text)]);
    const close = el("button", { class: "primary", type: "button", onclick: () => this.keys.close() }, "Close");
    return el("dialog", { class: "card landmarks-keys", "aria-label": "Mouse and keys" },
      el("h2", {}, "Mouse and keys"), el("dl", { class: "facts" }, rows), close);
  }

  // The command.

  show(side, frames) {
    if (this.command.socket && side === this.side && frames === this.frames) return;
    this.side = side;
    this.frames = frames;
    this.filter.value = frames;
    for (const link of this.sides) {
      link.setAttribute("href", `#landmarks/${link.dataset.side}/${frames}`);
      link.setAttribute("aria-current", `${link.dataset.side === side}`);
    }
    this.start();
  }

  start() {
    this.problem = "";
    this.ended = null;
    this.rows = [];
    this.canvas.clear();
    fill(this.list);
    for (const element of [this.total, this.name, this.facts]) say(element, "");
    this.number.value = "";
    this.line.set("");
    this.tell("opening", "Opening the footage …", el("progress", { "aria-label": "Opening" }));
    this.command.open(`/api/landmarks/${this.side}`, { frames: this.frames });
  }

  /** Let the command end: what was decided is written, locked faces are kept. */
  leave() {
    this.command.close();
  }

  send(event) {
    this.command.send(event);
  }

  press(key) {
    this.touch(() => this.input.press(key));
  }

  touch(run) {
    if (this.canvas.frame) run();
    this.stage.focus({ preventScroll: true });
  }

  go(position) {
    if (Number.isInteger(position) && position >= 0) this.send({ go: position });
    this.stage.focus({ preventScroll: true });
  }

  // What it tells.

  async take(event) {
    const takes = {
      command: ({ text }) => this.line.set(text),
      frames: ({ of, rows }) => {
        this.of = of;
        this.rows = rows;
      },
      frame: (frame) => this.takeFrame(frame),
      state: (state) => this.takeState(state),
      saved: ({ name, faces }) => this.takeSaved(name, faces),
      warning: ({ text }) => say(this.facts, text),
      error: ({ text }) => (this.problem = text),
      end: (end) => (this.ended = end),
    };
    await takes[event.event]?.(event);
  }

  async takeFrame(frame) {
    const bytes = Uint8Array.from(atob(frame.jpeg), (character) => character.charCodeAt(0));
    const picture = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
    const first = !this.canvas.frame;
    this.position = frame.position;
    this.canvas.show(frame, picture);
    fill(this.state);
    this.element.dataset.state = "ready";
    this.number.value = `${frame.position + 1}`;
    say(this.total, this.of ? `of ${this.of.toLocaleString()}` : "");
    say(this.name, frame.name);
    this.stage.setAttribute("aria-label", `The frame ${frame.name}`);
    this.listFrames();
    if (first && [document.body, null].includes(document.activeElement)) this.stage.focus({ preventScroll: true });
  }

  takeState(state) {
    this.canvas.state = state;
    this.canvas.refresh();
    const current = state.current;
    const place = state.locked ? "locked" : "not locked: click locks it";
    const facts = [
      current ? place : state.kept.length ? "" : "move over the face, or copy that of the frame before",
      current && !current.sure ? "landmarks uncertain" : "",
      state.kept.length ? `${state.kept.length} more kept` : "",
      this.doubts(),
    ];
    say(this.facts, state.message || facts.filter(Boolean).join(" · "));
    this.copy.disabled = !state.previous;
  }

  doubts() {
    return this.rows[this.position]?.[3] ?? "";
  }

  takeSaved(name, faces) {
    const row = this.rows.find((each) => each[0] === name);
    if (row) [row[1], row[2]] = [faces, true];
    this.listFrames();
  }

  listFrames() {
    const first = Math.max(0, this.position - NEAR);
    const rows = this.rows.slice(first, this.position + NEAR + 1);
    fill(this.list, rows.map(([name, faces, decided, doubts], number) => {
      const position = first + number;
      const current = position === this.position;
      const count = faces === 1 ? "1 face" : faces ? `${faces} faces` : "no face";
      return el("li", {}, el("button", { class: "link", type: "button", title: doubts,
        "aria-current": current ? "true" : null, onclick: () => this.go(position) },
      el("span", {}, name), el("span", { class: "soft" }, decided ? `✓ ${count}` : count),
      doubts && !decided ? el("span", { class: "doubts" }, doubts) : null));
    }));
    const row = this.list.querySelector("[aria-current]");
    if (row) this.list.scrollTop = row.offsetTop - this.list.offsetTop - this.list.clientHeight / 2;
  }

  // Its end.

  lost() {
    this.canvas.clear();
    say(this.facts, "");
    if (this.problem) this.fail(this.problem);
    else if (this.ended?.failures?.length) this.fail(this.ended.failures.join("\n"));
    else if (this.ended) this.finished();
    else this.fail("The command was ended from outside; what was decided is written.");
  }

  finished() {
    const count = this.rows.filter((row) => row[2]).length;
    const text = this.rows.length
      ? `That was the last of these frames; ${count} of ${this.rows.length} are decided.`
      : NONE[this.frames];
    const others = Object.keys(FILTERS).filter((name) => name !== this.frames);
    this.tell("empty", text, el("div", { class: "buttons" },
      this.rows.length ? el("button", { class: "primary", onclick: () => this.start() }, "Look again") : null,
      others.map((name) => el("a", { class: "button", href: `#landmarks/${this.side}/${name}` },
        `Frames: ${FILTERS[name]}`))));
  }

  fail(text) {
    const extract = `#commands/${encodeURIComponent(JSON.stringify(["extract", { side: this.side }]))}`;
    this.tell("failed", el("p", { class: "error", role: "alert" }, text), el("div", { class: "buttons" },
      el("button", { class: "primary", onclick: () => this.start() }, "Try again"),
      text.includes("is writing into") ? el("a", { class: "button", href: "#jobs" }, "What runs")
        : el("a", { class: "button", href: extract }, "Extract")));
  }

  tell(state, ...content) {
    this.element.dataset.state = state;
    const [first, ...rest] = content;
    fill(this.state, typeof first === "string" ? el("p", { role: "status" }, first) : first, rest);
  }
}
