// The view in which a person marks faces and corrects landmarks, frame by frame. The faces are those of
// `util edit-faces`, a command that runs as long as the view is open.

import { el, say } from "./dom.js";
import { Canvas } from "./landmarks/canvas.js";
import { EXPLAINED, Input } from "./landmarks/input.js";
import { Marking, viewOf } from "./marking.js";

export const landmarksView = viewOf(() => new LandmarksView(), { name: "landmarks", title: "Landmarks", missing });

function missing({ sides }) {
  if (sides.src.footage || sides.dst.footage) return null;
  return ["No footage yet. Here you mark faces and correct landmarks, once there is a clip.", "project"];
}

const KIND = {
  name: "landmarks", one: "frame", many: "frames", side: "dst", opening: "Opening the footage …",
  broken: "The command was ended from outside; what was decided is written.",
  filters: { doubtful: "doubtful", faceless: "without a face", multi: "with several faces", all: "all" },
};
const NONE = {
  doubtful: "No frame is doubtful.", faceless: "Every frame has a face.",
  multi: "No frame has several faces.", all: "No frame is extracted yet.",
};

class LandmarksView extends Marking {
  constructor() {
    super(KIND, { // a row: name, number of faces, whether it is decided, doubts
      frames: ({ of, rows }) => Object.assign(this, { of, rows }),
      frame: (frame) => this.takeFrame(frame),
      state: (state) => this.takeState(state),
      saved: ({ name, faces }) => this.takeSaved(name, faces),
    });
    this.build("Faces", this.tools(), EXPLAINED);
    this.canvas = new Canvas(this.stage);
    this.input = new Input(this.canvas, (event) => this.send(event), () => this.keys.showModal());
  }

  tools() {
    const press = (text, shown, key, title) => this.tool(text, shown, () => this.input.press(key), title);
    return [
      press("Keep, next", "Enter", "enter", "Keep the faces, next undecided frame"),
      press("No face", "Space", "space", "No face in this frame, next undecided frame"),
      press("‹", "ArrowLeft", "left", "Previous frame"), press("›", "ArrowRight", "right", "Next frame"),
      press("Add", "A", "a", "Add another face"), press("Other", "N", "tab", "Go to the next face"),
      press("Remove", "X", "x", "Remove the face"),
      this.copy = press("Copy previous", "C", "c", "Copy the faces of the frame before"),
      press("Undo", "U", "u", "Undo the last change of this frame"),
      this.tool("Lock", "L", () => this.input.lock(), "Lock or unlock the face"),
      this.tool("Smaller", "[", () => this.input.resize(-1), "Smaller rectangle"),
      this.tool("Larger", "]", () => this.input.resize(1), "Larger rectangle"),
      this.tool("Zoom", "Z", () => this.input.toggleZoom(), "Zoom in on the face, and out"),
    ];
  }

  jump(position) {
    this.send({ go: position });
  }

  async takeFrame(frame) {
    const bytes = Uint8Array.from(atob(frame.jpeg), (character) => character.charCodeAt(0));
    const picture = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
    say(this.total, this.of ? `of ${this.of.toLocaleString()}` : "");
    this.showPicture(frame, frame.name, picture, frame);
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
      this.rows[this.position]?.[3] ?? "",
    ];
    say(this.facts, state.message || facts.filter(Boolean).join(" · "));
    this.copy.disabled = !state.previous;
  }

  takeSaved(name, faces) {
    const row = this.rows.find((each) => each[0] === name);
    if (row) [row[1], row[2]] = [faces, true];
    this.listRows();
  }

  about([, faces, decided, doubts]) {
    const count = faces === 1 ? "1 face" : faces ? `${faces} faces` : "no face";
    return { about: decided ? `✓ ${count}` : count, doubts: decided ? "" : doubts, title: doubts };
  }

  finished() {
    const count = this.rows.filter((row) => row[2]).length;
    const text = this.rows.length
      ? `That was the last of these frames; ${count} of ${this.rows.length} are decided.`
      : NONE[this.filter];
    this.finish(text, this.rows.length ? this.again("Look again") : null);
  }

  wayOut(text) {
    if (text.includes("is writing into")) return el("a", { class: "button", href: "#jobs" }, "What runs");
    const extract = `#commands/${encodeURIComponent(JSON.stringify(["extract", { side: this.side }]))}`;
    return el("a", { class: "button", href: extract }, "Extract");
  }
}
