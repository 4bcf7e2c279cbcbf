// Draws a frame with its faces on a canvas, enlarged as the person likes.

import { Viewport } from "../viewport.js";

const COLORS = { following: "#3dff5a", locked: "#3ff3ff", kept: "#ffe03d", box: "#5a8cff", crop: "#ff4b4b" };
const PARTS = [[0, 16], [17, 21], [22, 26], [27, 30], [31, 35], [36, 41, true], [42, 47, true],
  [48, 59, true], [60, 67, true]]; // first and last landmark of each line; closed ones
const HANDLES = 150; // pixels of a face from which its landmarks are marked
const SHARE = 0.8; // of the shorter side, which a face fills after zooming in on it

export class Canvas extends Viewport {
  constructor(element) {
    super(element, { closest: 24, sharp: 4 });
  }

  /** Enlarge a rectangle of the frame to a good part of the canvas. */
  enlargeTo([left, top, right, bottom]) {
    const { clientWidth, clientHeight } = this.element;
    const side = Math.max(1, right - left, bottom - top);
    this.zoomTo((SHARE * Math.min(clientWidth, clientHeight)) / side / this.fit);
    this.left = (left + right) / 2 - clientWidth / 2 / this.scale;
    this.top = (top + bottom) / 2 - clientHeight / 2 / this.scale;
    this.shift(0, 0);
  }

  drawOver() {
    const { state } = this;
    if (!state) return;
    for (const face of state.kept) this.drawFace(face, COLORS.kept, COLORS.kept, COLORS.kept);
    const current = this.moved(state);
    const color = state.locked ? COLORS.locked : COLORS.following;
    if (current) this.drawFace(current, color, COLORS.box, COLORS.crop);
    if (current && state.locked) this.drawHandles(current, state.dragged);
  }

  /** The current face where the pointer has led it, which the command does not know yet. */
  moved(state) {
    if (!state.current || !this.pointer) return state.current;
    const follows = state.dragging || !state.locked;
    const [dx, dy] = follows ? this.pointer.map((at, axis) => at - state.mouse[axis]) : [0, 0];
    if (!dx && !dy) return state.current;
    const by = ([x, y]) => [x + dx, y + dy];
    const face = { ...state.current };
    if (state.dragging && state.dragged !== null) {
      face.landmarks = face.landmarks.map((point, number) => (number === state.dragged ? by(point) : point));
      return face;
    }
    const [left, top, right, bottom] = face.rect;
    face.rect = [...by([left, top]), ...by([right, bottom])];
    face.landmarks = face.landmarks.map(by);
    face.crop = face.crop?.map(by);
    return face;
  }

  drawFace(face, color, box, crop) {
    const [left, top, right, bottom] = face.rect;
    this.line([[left, top], [right, top], [right, bottom], [left, bottom]], box, true);
    if (face.crop) this.line(face.crop, crop, true);
    for (const [first, last, closed] of PARTS) {
      this.line(face.landmarks.slice(first, last + 1), color, closed);
    }
  }

  drawHandles(face, dragged) {
    const points = face.landmarks.map((point) => this.toCanvas(point));
    const size = Math.max(...[0, 1].map((axis) => {
      const along = points.map((point) => point[axis]);
      return Math.max(...along) - Math.min(...along);
    }));
    face.landmarks.forEach((point, number) => {
      const large = number === dragged || number === this.chosen;
      if (size >= HANDLES || large) this.handle(point, COLORS.locked, large ? 6 : 3);
    });
  }
}
