// What pointer, wheel and keys do on the face. Shapes change in the command; the view changes here.

import { ARROWS, Gestures, STEP } from "../gestures.js";

const BRUSHES = [0.005, 0.5]; // of the image's side
const LEAST_STEP = 0.5; // image pixels between two points of a stroke
const LONGEST = 2000; // points
const CLOSE = 10; // CSS pixels from the first corner that close a polygon
const NUDGE = { plain: 1, shift: 10 }; // pixels of the image by which an arrow moves the pointer
export const EXPLAINED = [
  ["click", "adds a corner of a polygon; on the first corner closes it"],
  ["Enter", "closes the polygon; else keeps the mask and goes to the next face without one"],
  ["drag a point", "moves it"],
  ["Shift-click a side", "adds a point there"],
  ["Alt-click, Delete", "removes the point; Shift-Delete the whole shape"],
  ["B", "brush or polygon; drag paints; [ and ] or Alt-wheel make it smaller and larger"],
  ["X", "what is drawn next hides the face, or shows it; on a chosen point: turns its shape"],
  ["C", "copies what was kept last, moved with the landmarks"],
  ["S, hold Q", "takes the model's suggestion; shows it while held"],
  ["V", "shows or hides the mask"],
  ["Escape", "drops the polygon that is not closed"],
  ["U, Ctrl-Z; Ctrl-Y", "undoes; does it again"],
  ["PageDown, PageUp", "next and previous face; what was not kept is dropped"],
  ["arrows, Space", "move the pointer (Shift: by ten pixels); click there"],
  ["wheel, + and −, Z", "zooms; Z: the whole face"],
  ["right drag", "moves the zoomed face"],
];

export class MaskInput extends Gestures {
  /** `run` are what keys do beside the canvas. */
  constructor(canvas, send, run) {
    super(canvas, send);
    this.run = run;
    this.dragged = null;
    this.width = 0.06; // of the brush, in sides of the image
    const { element } = canvas;
    element.addEventListener("pointerleave", () => this.leave());
    element.addEventListener("keyup", (event) => event.key.toLowerCase() === "q" && this.show("suggestion", false));
    element.addEventListener("blur", () => this.show("suggestion", false));
  }

  get ready() {
    return Boolean(this.canvas.state);
  }

  hover(event) {
    const { canvas } = this;
    const place = [event.offsetX, event.offsetY];
    canvas.pointer = canvas.toImage(...place);
    if (canvas.painted.length) this.paint(canvas.pointer);
    if (this.dragged) this.drag(canvas.pointer);
    canvas.element.style.cursor = !canvas.brush && canvas.near(...place) ? "grab" : "";
    canvas.refresh();
  }

  /** Lengthen the stroke; a very long one is sent in pieces. */
  paint(point) {
    const { painted } = this.canvas;
    const [x, y] = painted.at(-1);
    if (Math.hypot(point[0] - x, point[1] - y) < LEAST_STEP) return;
    painted.push(point.map((at) => Math.round(100 * at) / 100));
    if (painted.length < LONGEST) return;
    this.send({ do: "stroke", points: painted, width: this.canvas.brush });
    this.canvas.painted = [painted.at(-1)];
  }

  /** Move the dragged point; it is sent once for each image of the screen. */
  drag(point) {
    const { shape, at } = this.dragged;
    if (!this.waiting) requestAnimationFrame(() => this.flush());
    this.waiting = point;
    const shown = this.canvas.state?.shapes[shape];
    if (shown) shown.points[at] = point; // a key may have removed it
  }

  flush() {
    const point = this.waiting;
    this.waiting = null;
    if (!point || !this.dragged) return;
    const { shape, at, moved } = this.dragged;
    this.send({ do: "move", shape, point: at, x: point[0], y: point[1], continues: moved });
    this.dragged.moved = true;
  }

  begin(event) {
    this.canvas.pointer = this.canvas.toImage(event.offsetX, event.offsetY);
    this.press(event.offsetX, event.offsetY, event);
  }

  /** Do what a click does at a place of the canvas. */
  press(x, y, { shiftKey = false, altKey = false } = {}) {
    const { canvas } = this;
    const near = canvas.near(x, y);
    const side = shiftKey && canvas.nearSide(x, y);
    const point = canvas.toImage(x, y);
    if (near && altKey) {
      this.send({ do: "remove", shape: near[0], point: near[1] });
    } else if (side) {
      this.send({ do: "divide", shape: side[0], point: side[1], x: point[0], y: point[1] });
    } else if (canvas.brush) {
      canvas.painted = [point];
    } else if (near && !canvas.state.corners.length) {
      canvas.chosen = near;
      this.dragged = { shape: near[0], at: near[1], moved: false };
    } else { // the command knows whether that is the first corner again: its answers may be late
      canvas.chosen = null;
      this.send({ do: "corner", x: point[0], y: point[1], reach: CLOSE / canvas.scale });
    }
    canvas.refresh();
  }

  finish() {
    const { canvas } = this;
    this.flush();
    this.dragged = null;
    if (!canvas.painted.length) return;
    this.send({ do: "stroke", points: canvas.painted, width: canvas.brush });
    canvas.painted = [];
    canvas.refresh();
  }

  leave() {
    if (this.dragged || this.canvas.painted.length) return;
    this.canvas.pointer = null;
    this.canvas.refresh();
  }

  turnWheel(event) {
    const factor = event.deltaY < 0 || event.deltaX < 0 ? STEP : 1 / STEP;
    if (event.altKey) this.resize(factor);
    else this.canvas.enlarge(factor, event.offsetX, event.offsetY);
  }

  zoom(factor) {
    const { clientWidth, clientHeight } = this.canvas.element;
    const [x, y] = this.canvas.pointer ? this.canvas.toCanvas(this.canvas.pointer) : [clientWidth / 2, clientHeight / 2];
    this.canvas.enlarge(factor, x, y);
  }

  toggleBrush() {
    this.canvas.brush = this.canvas.brush ? 0 : this.width * this.canvas.size.width;
    this.canvas.refresh();
    return this.canvas.brush > 0;
  }

  resize(factor) {
    this.width = Math.min(Math.max(BRUSHES[0], this.width * factor), BRUSHES[1]);
    if (this.canvas.brush) this.canvas.brush = this.width * this.canvas.size.width;
    this.canvas.refresh();
  }

  show(what, whether) {
    this.canvas.shows[what] = whether;
    this.canvas.refresh();
  }

  /** Hide or show the face with what is drawn next; a chosen point turns its shape instead. */
  turn() {
    const { canvas } = this;
    if (canvas.chosen && canvas.state.shapes[canvas.chosen[0]]) this.send({ do: "turn", shape: canvas.chosen[0] });
    else this.send({ do: "include", value: !canvas.state.include });
  }

  remove(whole) {
    const { chosen, state } = this.canvas;
    if (!chosen || !state.shapes[chosen[0]]) return;
    this.canvas.chosen = null;
    this.send(whole ? { do: "remove", shape: chosen[0] } : { do: "remove", shape: chosen[0], point: chosen[1] });
  }

  meaning(key, event, control) {
    if (key in ARROWS && !control) {
      return () => this.nudge(ARROWS[key], event.shiftKey ? NUDGE.shift : NUDGE.plain);
    }
    const own = control
      ? { z: () => this.send({ do: event.shiftKey ? "redo" : "undo" }), y: () => this.send({ do: "redo" }) }
      : {
        ...this.zooms,
        Enter: () => this.send({ do: "enter" }), b: () => this.run.brush(), x: () => this.turn(),
        c: () => this.send({ do: "copy" }), s: () => this.send({ do: "accept" }), q: () => this.show("suggestion", true), v: () => this.run.mask(),
        u: () => this.send({ do: "undo" }), Backspace: () => this.send({ do: "undo" }),
        PageDown: () => this.run.go(1), PageUp: () => this.run.go(-1), z: () => this.canvas.whole(),
        Delete: () => this.remove(event.shiftKey), " ": () => this.click(), Escape: () => this.escape(),
        "[": () => this.resize(1 / STEP), "]": () => this.resize(STEP), h: this.run.keys, "?": this.run.keys,
      };
    return own[key];
  }

  escape() {
    this.canvas.chosen = null;
    this.canvas.painted = [];
    this.send({ do: "drop" });
    this.canvas.refresh();
  }

  nudge([dx, dy], by) {
    const { canvas } = this;
    const [x, y] = canvas.pointer ?? canvas.middle;
    canvas.pointer = [x + dx * by, y + dy * by];
    canvas.refresh();
  }

  click() {
    const { canvas } = this;
    canvas.pointer ??= canvas.middle;
    this.press(...canvas.toCanvas(canvas.pointer));
    this.finish();
  }
}
