// What pointer, wheel and keys do on the frame. Faces change in the command; the view changes here.

import { ARROWS, Gestures, STEP } from "../gestures.js";

const KEYS = {
  Enter: "enter", " ": "space", ".": ".", ",": ",", ArrowRight: "right", ArrowLeft: "left", a: "a", x: "x",
  Delete: "delete", n: "tab", c: "c", u: "u", Backspace: "backspace",
}; // and what the command calls them
const NUDGE = 8; // pixels of the screen by which an arrow moves the pointer
export const EXPLAINED = [
  ["move", "moves the rectangle; landmarks are located in it"],
  ["wheel, [ and ]", "resizes the rectangle"],
  ["click, L", "locks the face where it is; again: unlocks it"],
  ["Enter", "keeps the locked faces, or the one under the pointer; next undecided frame"],
  ["Space", "no face in this frame; next undecided frame"],
  [". , → ←", "next and previous frame; only locked faces are kept"],
  ["drag a point", "moves a landmark of a locked face; with Shift the whole face"],
  ["A, N, X", "adds a face; goes to the next one; removes it"],
  ["C", "copies the faces of the previous frame that has any"],
  ["U", "undoes the last change of this frame"],
  ["Z, + and −, Ctrl-wheel", "zooms in on the face and out again; by steps"],
  ["right drag", "moves the zoomed frame"],
  ["Shift-arrows", "move the rectangle; with a locked face the whole face"],
  ["P, Alt-arrows", "chooses the next landmark (Shift: previous); moves it by a pixel"],
];

export class Input extends Gestures {
  constructor(canvas, send, showKeys) {
    super(canvas, send);
    this.showKeys = showKeys;
    this.waiting = null; // the last movement, not sent yet
    this.pressed = false;
  }

  /** Send a mouse event at a point of the frame. */
  mouse(what, [x, y], more = {}) {
    this.flush();
    const { scale } = this.canvas;
    this.send({ mouse: what, x: (x + 0.5) * scale - 0.5, y: (y + 0.5) * scale - 0.5, scale, ...more });
  }

  /** Send the last movement, if it was not sent. */
  flush() {
    const point = this.waiting;
    this.waiting = null;
    if (point) this.mouse("move", point);
  }

  at(event) {
    const [x, y] = this.canvas.toImage(event.offsetX, event.offsetY);
    const { width, height } = this.canvas.size;
    const within = (at, side) => Math.min(Math.max(0, at), side - 1);
    return [within(x, width), within(y, height)];
  }

  hover(event) {
    this.pointTo(this.at(event));
  }

  /** Move the pointer; it is sent once for each image of the screen. */
  pointTo(point) {
    if (!this.waiting) requestAnimationFrame(() => this.flush());
    this.waiting = point;
    this.canvas.pointer = point;
    this.canvas.refresh();
  }

  begin(event) {
    this.canvas.pointer = this.at(event);
    this.canvas.chosen = null;
    this.pressed = true;
    if (event.pointerType === "touch") this.mouse("move", this.canvas.pointer);
    this.mouse("left down", this.canvas.pointer, { shift: event.shiftKey });
  }

  finish(event) {
    const { pressed } = this;
    this.pressed = false;
    if (!pressed || !this.ready) return; // the frame may be gone
    this.canvas.pointer = this.at(event);
    this.mouse("move", this.canvas.pointer);
    this.mouse("left up", this.canvas.pointer);
  }

  turnWheel(event) {
    if (!event.deltaY) return;
    if (event.ctrlKey || event.metaKey) this.zoom(event.deltaY < 0 ? STEP : 1 / STEP, event.offsetX, event.offsetY);
    else this.resize(event.deltaY < 0 ? 1 : -1);
  }

  resize(wheel) {
    this.mouse("wheel", this.point(), { wheel });
  }

  zoom(factor, x = null, y = null) {
    const { canvas } = this;
    const [middleX, middleY] = canvas.toCanvas(this.point());
    canvas.enlarge(factor, x ?? middleX, y ?? middleY);
  }

  /** Zoom in on the face, or show the whole frame again. */
  toggleZoom() {
    const { canvas } = this;
    const rect = canvas.state?.current?.rect ?? canvas.state?.rect;
    if (canvas.zoom > 1 || !rect) canvas.whole();
    else canvas.enlargeTo(rect);
  }

  /** Where the pointer is, at first in the middle. */
  point() {
    const { canvas } = this;
    return canvas.pointer ?? canvas.middle;
  }

  meaning(key, event, control) {
    if (control) return null;
    const arrow = ARROWS[key];
    const own = {
      ...this.zooms, l: () => this.lock(), z: () => this.toggleZoom(),
      "[": () => this.resize(-1), "]": () => this.resize(1),
      p: () => this.choose(event.shiftKey ? -1 : 1), h: this.showKeys, "?": this.showKeys,
    };
    if (arrow && event.altKey) return () => this.moveLandmark(arrow);
    if (arrow && event.shiftKey) return () => this.movePointer(arrow);
    return own[key] ?? (key in KEYS ? () => this.press(KEYS[key]) : null);
  }

  press(key) {
    this.flush();
    this.send({ key });
  }

  lock() {
    const { state } = this.canvas;
    const rect = state?.locked && state.current?.rect;
    const point = rect ? [rect[0], rect[1]] : this.point(); // at the corner there is no landmark to drag
    if (!rect) this.mouse("move", point);
    this.mouse("left down", point);
    this.mouse("left up", point);
    if (rect) this.pointTo([(rect[0] + rect[2]) / 2, (rect[1] + rect[3]) / 2]);
  }

  movePointer([dx, dy]) {
    const { canvas } = this;
    const [x, y] = this.point();
    const by = NUDGE / canvas.scale;
    const to = [x + dx * by, y + dy * by];
    if (canvas.state?.locked) this.drag(this.point(), to, { shift: true });
    else this.pointTo(to);
    canvas.pointer = to;
  }

  choose(by) {
    const { canvas } = this;
    const count = canvas.state?.current?.landmarks.length;
    if (!count || !canvas.state.locked) return;
    const before = canvas.chosen ?? (by > 0 ? -1 : count);
    canvas.chosen = (before + by + count) % count;
    canvas.refresh();
  }

  moveLandmark([dx, dy]) {
    const { canvas } = this;
    const point = canvas.state?.current?.landmarks[canvas.chosen ?? -1];
    if (!point || !canvas.state.locked) return;
    this.drag(point, [point[0] + dx, point[1] + dy]);
  }

  drag(from, to, more = {}) {
    this.mouse("left down", from, more);
    this.mouse("move", to, more);
    this.mouse("left up", to, more);
  }
}
