// Draws a frame with its faces on a canvas, enlarged as the person likes.

const COLORS = { following: "#3dff5a", locked: "#3ff3ff", kept: "#ffe03d", box: "#5a8cff", crop: "#ff4b4b" };
const PARTS = [[0, 16], [17, 21], [22, 26], [27, 30], [31, 35], [36, 41, true], [42, 47, true],
  [48, 59, true], [60, 67, true]]; // first and last landmark of each line; closed ones
const HANDLES = 150; // pixels of a face from which its landmarks are marked
const CLOSEST = 24; // pixels for one of the frame
const SHARE = 0.8; // of the shorter side, which a face fills after zooming in on it

export class Canvas {
  constructor(element) {
    this.element = element;
    this.context = element.getContext("2d");
    this.frame = null;
    this.picture = null;
    this.zoom = 1;
    this.left = 0; // what part of the frame is at the canvas's corner, frame pixels
    this.top = 0;
    this.state = null;
    this.pointer = null; // frame pixels
    this.chosen = null; // the landmark that keys move
    this.asked = 0;
    new ResizeObserver(() => this.refresh()).observe(element);
  }

  /** CSS pixels for one of the frame. */
  get scale() {
    return this.fit * this.zoom;
  }

  get fit() {
    const { clientWidth, clientHeight } = this.element;
    return this.frame ? Math.min(clientWidth / this.frame.width, clientHeight / this.frame.height) : 1;
  }

  /** Show a frame; the part that is visible stays the same if it has the size of the last one. */
  show(frame, picture) {
    const same = this.frame && frame.width === this.frame.width && frame.height === this.frame.height;
    this.picture?.close();
    this.picture = picture;
    this.frame = frame;
    this.state = null;
    this.chosen = null;
    if (!same) this.whole();
    else this.refresh();
  }

  /** Show no frame. */
  clear() {
    this.picture?.close();
    this.picture = this.frame = this.state = null;
    this.refresh();
  }

  /** The point of the frame at a point of the canvas. */
  toFrame(x, y) {
    return [x / this.scale + this.left - 0.5, y / this.scale + this.top - 0.5];
  }

  toCanvas([x, y]) {
    return [(x + 0.5 - this.left) * this.scale, (y + 0.5 - this.top) * this.scale];
  }

  whole() {
    this.zoom = 1;
    this.shift(0, 0);
  }

  /** Enlarge; what is at a point of the canvas stays there. */
  enlarge(factor, x, y) {
    const before = this.scale;
    this.zoom = Math.min(Math.max(1, this.zoom * factor), Math.max(1, CLOSEST / this.fit));
    this.left += x / before - x / this.scale;
    this.top += y / before - y / this.scale;
    this.shift(0, 0);
  }

  /** Enlarge a rectangle of the frame to a good part of the canvas. */
  enlargeTo([left, top, right, bottom]) {
    const { clientWidth, clientHeight } = this.element;
    const side = Math.max(1, right - left, bottom - top);
    this.zoom = Math.max(1, (SHARE * Math.min(clientWidth, clientHeight)) / side / this.fit);
    this.zoom = Math.min(this.zoom, Math.max(1, CLOSEST / this.fit));
    this.left = (left + right) / 2 - clientWidth / 2 / this.scale;
    this.top = (top + bottom) / 2 - clientHeight / 2 / this.scale;
    this.shift(0, 0);
  }

  /** Move the frame by pixels of the canvas; no more of its outside is seen than need be. */
  shift(dx, dy) {
    if (!this.frame) return;
    const within = (at, side, seen) => (seen >= side ? (side - seen) / 2 : Math.min(Math.max(0, at), side - seen));
    const { clientWidth, clientHeight } = this.element;
    this.left = within(this.left - dx / this.scale, this.frame.width, clientWidth / this.scale);
    this.top = within(this.top - dy / this.scale, this.frame.height, clientHeight / this.scale);
    this.refresh();
  }

  /** Draw soon: at most once for each image of the screen. */
  refresh() {
    if (!this.asked) this.asked = requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.asked = 0;
    const { element, context } = this;
    const ratio = devicePixelRatio;
    const [width, height] = [element.clientWidth * ratio, element.clientHeight * ratio].map(Math.round);
    if (element.width !== width || element.height !== height) {
      Object.assign(element, { width, height });
      this.shift(0, 0);
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    if (!this.picture) return;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.imageSmoothingEnabled = this.scale < 4;
    context.imageSmoothingQuality = "high";
    const { scale } = this;
    context.drawImage(this.picture, -this.left * scale, -this.top * scale,
      this.frame.width * scale, this.frame.height * scale);
    if (this.state) this.drawFaces(this.state);
  }

  drawFaces(state) {
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
    this.line([[left, top], [right, top], [right, bottom], [left, bottom]], box, true, 1.5);
    if (face.crop) this.line(face.crop, crop, true, 1.5);
    for (const [first, last, closed] of PARTS) {
      this.line(face.landmarks.slice(first, last + 1), color, closed, 1.5);
    }
  }

  line(points, color, closed, width) {
    const { context } = this;
    context.beginPath();
    points.map((point) => this.toCanvas(point)).forEach(([x, y]) => context.lineTo(x, y));
    if (closed) context.closePath();
    for (const [style, more] of [["#000a", 2], [color, 0]]) { // readable on any image
      Object.assign(context, { strokeStyle: style, lineWidth: width + more });
      context.stroke();
    }
  }

  drawHandles(face, dragged) {
    const points = face.landmarks.map((point) => this.toCanvas(point));
    const size = Math.max(...[0, 1].map((axis) => {
      const along = points.map((point) => point[axis]);
      return Math.max(...along) - Math.min(...along);
    }));
    points.forEach(([x, y], number) => {
      const large = number === dragged || number === this.chosen;
      if (size >= HANDLES || large) this.handle(x, y, large ? 6 : 3);
    });
  }

  handle(x, y, radius) {
    const { context } = this;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    Object.assign(context, { fillStyle: COLORS.locked, strokeStyle: "#000", lineWidth: 1 });
    context.fill();
    context.stroke();
  }
}
