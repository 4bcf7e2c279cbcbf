// The view in which a person draws on faces where they are visible. The drawing is that of `util draw-masks`,
// a command that runs as long as the view is open.

import { el, fill, say } from "./dom.js";
import { Marking, viewOf } from "./marking.js";
import { MaskCanvas } from "./masks/canvas.js";
import { EXPLAINED, MaskInput } from "./masks/input.js";

export const masksView = viewOf(() => new MasksView(), { name: "masks", title: "Masks", missing });

function missing({ sides }) {
  if (sides.src.faces || sides.dst.faces) return null;
  return ["No faces yet. Here you draw what hides them, such as a hand, once there are some.", "project"];
}

const KIND = {
  name: "masks", one: "face", many: "faces", side: "src", opening: "Reading the faces …",
  broken: "The command was ended from outside; what was kept is written.",
  filters: { all: "all", suggested: "to draw next", labeled: "drawn" },
};
const NONE = {
  all: "There is no face.", labeled: "Nothing was drawn yet.",
  suggested: "A trained mask model says which faces it is least sure of; train one first, or draw on any.",
};
const SOURCES = {
  label: "drawn", applied: "the mask is the network's: nothing was drawn",
  hull: "nothing was drawn: click around what hides the face, such as a hand, and press Enter to close the shape",
};

class MasksView extends Marking {
  constructor() {
    super(KIND, { // a row: name, whether it is drawn, whether to check it, the model's doubt
      faces: ({ rows }) => {
        this.rows = rows;
        say(this.total, `of ${rows.length.toLocaleString()}`);
        this.sayThen();
      },
      face: (face, image) => this.showPicture(face, `${face.name}, frame ${face.frame}`, image),
      suggestion: (_, image) => this.canvas.takeSuggestion(image),
      state: (state, image) => this.takeState(state, image),
      saved: ({ position, row }) => {
        this.rows[position] = row;
        this.listRows();
        this.sayThen();
      },
    });
    this.then = el("span", { class: "help" });
    this.build("Drawing", this.tools(), EXPLAINED, [legend(), this.then]);
    this.brush.setAttribute("aria-pressed", "false");
    this.shows.setAttribute("aria-pressed", "true");
    this.canvas = new MaskCanvas(this.stage);
    this.input = new MaskInput(this.canvas, (event) => this.send(event), {
      brush: () => this.toggleBrush(), mask: () => this.toggleMask(),
      go: (by) => this.go(this.position + by), keys: () => this.keys.showModal(),
    });
  }

  tools() {
    const does = (text, key, name, title) => this.tool(text, key, () => this.send({ do: name }), title);
    return [
      does("Keep, next", "Enter", "enter", "Keep the mask, next face that is not drawn"),
      this.brush = this.tool("Brush", "B", () => this.toggleBrush(), "Paint instead of clicking corners"),
      this.tool("Smaller", "[", () => this.input.resize(0.8), "Smaller brush"),
      this.tool("Larger", "]", () => this.input.resize(1.25), "Larger brush"),
      this.hides = this.tool("Hides the face", "X", () => this.input.turn(), "What is drawn next hides the face, or shows it"),
      this.undo = does("Undo", "U", "undo", "Take back the last step"),
      this.redo = does("Redo", "Control+Y", "redo", "Do again what was undone"),
      does("Copy last", "C", "copy", "Copy what was kept last, moved with the landmarks"),
      this.accept = does("Take suggestion", "S", "accept", "Take the outline that the trained model suggests"),
      does("Clear", "", "clear", "Remove all shapes"),
      this.remove = does("Not drawn", "", "forget", "Remove what was drawn from the file"),
      this.shows = this.tool("Mask", "V", () => this.toggleMask(), "Show or hide the mask"),
      this.tool("‹", "PageUp", () => this.go(this.position - 1), "Previous face"),
      this.tool("›", "PageDown", () => this.go(this.position + 1), "Next face"),
      this.tool("Zoom", "Plus", () => this.input.zoom(1.5), "Zoom in; Z shows the whole face"),
    ];
  }

  /** Say what comes after drawing. */
  sayThen() {
    const drawn = this.rows.filter((row) => row[1]).length;
    const run = (text, stage, values) =>
      el("a", { href: `#commands/${encodeURIComponent(JSON.stringify([stage, values]))}` }, text);
    fill(this.then, `${drawn} drawn. After 10 to 20: `, run("train the masks", "train", { model: "MASK" }),
      ", then ", run("apply them", "mask apply", { side: this.side }), ".");
  }

  jump(position) {
    if (position < this.rows.length) this.send({ do: "show", position });
  }

  toggleBrush() {
    this.brush.setAttribute("aria-pressed", `${this.input.toggleBrush()}`);
  }

  toggleMask() {
    this.input.show("mask", !this.canvas.shows.mask);
    this.shows.setAttribute("aria-pressed", `${this.canvas.shows.mask}`);
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
    this.listRows();
  }

  about([, drawn, moved, doubt]) {
    return {
      about: drawn ? "✓ drawn" : doubt ? `${Math.round(100 * doubt)} % unsure` : "",
      doubts: moved ? "moved: check it" : "",
    };
  }

  /** Faces that were shown are no failure of the command. */
  get failures() {
    return this.rows.length ? [] : super.failures;
  }

  finished() {
    this.finish(NONE[this.filter]);
  }

  wayOut() {
    return el("a", { class: "button", href: "#project" }, "Project");
  }
}

function legend() {
  return el("span", { class: "masks-legend" },
    el("span", {}, el("i", { class: "hides" }), "hides the face"), el("span", {}, el("i", { class: "shows" }), "shows it"));
}
