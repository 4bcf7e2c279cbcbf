// What pointer, wheel and keys do on the frame. Faces change in the command; the view changes here.

const STEP = 1.25; // of the zoom
const KEYS = {
  Enter: "enter", " ": "space", ".": ".", ",": ",", ArrowRight: "right", ArrowLeft: "left", a: "a", x: "x",
  Delete: "delete", n: "tab", c: "c", u: "u", Backspace: "backspace",
}; // and what the command calls them
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const NUDGE = 8; // pixels of the screen by which an arrow moves the pointer
const BUTTONS = ["left", "middle", "right"];
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

export class Input {
  /** `send` gives an event to the command. */
  constructor(canvas, send, showKeys) {
    Object.assign(this, { canvas, send, showKeys });
    this.waiting = null; // the last movement, not sent yet
    this.shifted = null; // where a drag of the frame was
    this.pressed = false;
    const { element } = canvas;
    element.addEventListener("pointermove", (event) => this.move(event));
    element.addEventListener("pointerdown", (event) => this.down(event));
    element.addEventListener("pointerup", (event) => this.up(event));
    element.addEventListener("pointercancel", (event) => this.up(event));
    element.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    element.addEventListener("contextmenu", (event) => event.preventDefault());
    element.addEventListener("keydown", (event) => this.key(event));
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
    const { frame } = this.canvas;
    const point = this.canvas.toFrame(event.offsetX, event.offsetY);
    const within = (at, side) => Math.min(Math.max(0, at), side - 1);
    return frame ? [within(point[0], frame.width), within(point[1], frame.height)] : point;
  }

  move(event) {
    const { canvas } = this;
    if (this.shifted) {
      canvas.shift(event.offsetX - this.shifted[0], event.offsetY - this.shifted[1]);
      this.shifted = [event.offsetX, event.offsetY];
      return;
    }
    if (!canvas.frame) return;
    this.pointTo(this.at(event));
  }

  /** Move the pointer; it is sent once for each image of the screen. */
  pointTo(point) {
    if (!this.waiting) requestAnimationFrame(() => this.flush());
    this.waiting = point;
    this.canvas.pointer = point;
    this.canvas.refresh();
  }

  down(event) {
    this.canvas.element.focus({ preventScroll: true });
    this.canvas.element.setPointerCapture(event.pointerId);
    if (!this.canvas.frame) return;
    event.preventDefault();
    if (BUTTONS[event.button] !== "left") {
      this.shifted = [event.offsetX, event.offsetY];
      return;
    }
    this.canvas.pointer = this.at(event);
    this.canvas.chosen = null;
    this.pressed = true;
    if (event.pointerType === "touch") this.mouse("move", this.canvas.pointer);
    this.mouse("left down", this.canvas.pointer, { shift: event.shiftKey });
  }

  up(event) {
    this.shifted = null;
    if (!this.pressed) return;
    this.pressed = false;
    this.canvas.pointer = this.at(event);
    this.mouse("move", this.canvas.pointer);
    this.mouse("left up", this.canvas.pointer);
  }

  wheel(event) {
    event.preventDefault();
    if (!this.canvas.frame || !event.deltaY) return;
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
    return canvas.pointer ?? [canvas.frame.width / 2, canvas.frame.height / 2];
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || !this.canvas.frame) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const arrow = ARROWS[key];
    const own = {
      l: () => this.lock(), z: () => this.toggleZoom(), "+": () => this.zoom(STEP), "=": () => this.zoom(STEP),
      "-": () => this.zoom(1 / STEP), "[": () => this.resize(-1), "]": () => this.resize(1),
      p: () => this.choose(event.shiftKey ? -1 : 1), h: this.showKeys, "?": this.showKeys,
    };
    if (arrow && event.altKey) this.moveLandmark(arrow);
    else if (arrow && event.shiftKey) this.movePointer(arrow);
    else if (key in own) own[key]();
    else if (key in KEYS) this.press(KEYS[key]);
    else return;
    event.preventDefault();
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
