// Draws an aligned face with its mask and what was drawn on it, enlarged as the person likes.

const COLORS = { include: "#3dff5a", exclude: "#ff5d5d", making: "#3ff3ff", suggestion: "#ffe03d" };
const CLOSEST = 40; // pixels for one of the image
const HIDDEN = [255, 40, 40]; // what the mask leaves out
const SHARE = 0.45; // of its opacity

export class MaskCanvas {
  constructor(element) {
    this.element = element;
    this.context = element.getContext("2d");
    this.picture = null;
    this.mask = null; // a canvas as large as the mask
    this.suggestion = null;
    this.state = null;
    this.pointer = null; // image pixels
    this.painted = []; // a stroke of the brush that is not done yet
    this.brush = 0; // its width in image pixels; 0: polygons
    this.chosen = null; // [shape, point]
    this.shows = { mask: true, suggestion: false };
    this.zoom = 1;
    this.left = this.top = 0; // what is at the canvas's corner, image pixels
    this.asked = 0;
    new ResizeObserver(() => this.refresh()).observe(element);
  }

  get size() {
    return this.picture?.width ?? 1;
  }

  get fit() {
    return Math.min(this.element.clientWidth, this.element.clientHeight) / this.size;
  }

  /** CSS pixels for one of the image. */
  get scale() {
    return this.fit * this.zoom;
  }

  /** Show another face. */
  show(picture) {
    const same = this.picture?.width === picture.width;
    this.picture?.close();
    this.picture = picture;
    this.mask = this.suggestion = this.state = this.chosen = null;
    this.painted = [];
    if (same) this.refresh();
    else this.whole();
  }

  clear() {
    this.picture?.close();
    this.picture = this.state = this.mask = this.suggestion = null;
    this.refresh();
  }

  /** Take a mask: a gray image, 255 where the face is visible. */
  takeMask(gray) {
    this.mask?.remove?.();
    this.mask = tinted(gray);
    this.refresh();
  }

  takeSuggestion(gray) {
    this.suggestion = tinted(gray, [255, 224, 61]);
    this.refresh();
  }

  toImage(x, y) {
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

  /** Move the image by pixels of the canvas; no more of its outside is seen than need be. */
  shift(dx, dy) {
    const within = (at, seen) => (seen >= this.size ? (this.size - seen) / 2 : Math.min(Math.max(0, at), this.size - seen));
    const { clientWidth, clientHeight } = this.element;
    this.left = within(this.left - dx / this.scale, clientWidth / this.scale);
    this.top = within(this.top - dy / this.scale, clientHeight / this.scale);
    this.refresh();
  }

  /** The point of a shape near a place of the canvas: [shape, point], or null. */
  near(x, y, reach = 9) {
    let found = null;
    let best = reach;
    this.state?.shapes.forEach((shape, number) => shape.points.forEach((point, at) => {
      const [px, py] = this.toCanvas(point);
      const distance = Math.hypot(px - x, py - y);
      if (distance <= best) [found, best] = [[number, at], distance];
    }));
    return found;
  }

  /** The side of a polygon near a place: [shape, the point before it], or null. */
  nearSide(x, y, reach = 7) {
    for (const [number, shape] of (this.state?.shapes ?? []).entries()) {
      const points = shape.points.map((point) => this.toCanvas(point));
      const count = shape.kind === "polygon" ? points.length : points.length - 1;
      for (let at = 0; at < count; at += 1) {
        if (away([x, y], points[at], points[(at + 1) % points.length]) <= reach) return [number, at];
      }
    }
    return null;
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
    context.imageSmoothingQuality = "high";
    context.imageSmoothingEnabled = this.scale < 6;
    this.place(this.picture);
    context.imageSmoothingEnabled = true;
    if (this.shows.mask && this.mask) this.place(this.mask, SHARE);
    if (this.shows.suggestion && this.suggestion) this.place(this.suggestion, SHARE + 0.1);
    for (const [number, shape] of (this.state?.shapes ?? []).entries()) this.drawShape(shape, number);
    this.drawMaking();
  }

  place(image, opacity = 1) {
    const { context, scale } = this;
    context.globalAlpha = opacity;
    context.drawImage(image, -this.left * scale, -this.top * scale, this.size * scale, this.size * scale);
    context.globalAlpha = 1;
  }

  drawShape(shape, number) {
    const color = shape.include ? COLORS.include : COLORS.exclude;
    const polygon = shape.kind === "polygon";
    this.line(shape.points, color, polygon, 1.5);
    shape.points.forEach((point, at) => {
      const chosen = this.chosen?.[0] === number && this.chosen[1] === at;
      if (chosen || polygon || at === 0) this.handle(point, color, chosen ? 6 : 3.5);
    });
  }

  drawMaking() {
    const { context } = this;
    const corners = this.state?.corners ?? [];
    const color = this.state?.include ? COLORS.include : COLORS.making;
    if (corners.length) {
      this.line(this.pointer && !this.brush ? [...corners, this.pointer] : corners, color, false, 1.5);
      corners.forEach((point, at) => this.handle(point, color, at ? 3.5 : 6));
    }
    if (this.painted.length) {
      context.globalAlpha = 0.6;
      Object.assign(context, { lineCap: "round", lineJoin: "round" });
      this.line(this.painted, color, false, this.brush * this.scale, 0);
      context.globalAlpha = 1;
    }
    if (this.brush && this.pointer) {
      const [x, y] = this.toCanvas(this.pointer);
      context.beginPath();
      context.arc(x, y, (this.brush * this.scale) / 2, 0, 2 * Math.PI);
      Object.assign(context, { strokeStyle: color, lineWidth: 1.5 });
      context.stroke();
    }
  }

  line(points, color, closed, width, edge = 2) {
    const { context } = this;
    context.beginPath();
    const placed = points.map((point) => this.toCanvas(point));
    if (placed.length === 1) placed.push(placed[0]);
    placed.forEach(([x, y]) => context.lineTo(x, y));
    if (closed) context.closePath();
    for (const [style, more] of edge ? [["#000a", edge], [color, 0]] : [[color, 0]]) { // readable on any image
      Object.assign(context, { strokeStyle: style, lineWidth: width + more });
      context.stroke();
    }
  }

  handle(point, color, radius) {
    const { context } = this;
    const [x, y] = this.toCanvas(point);
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    Object.assign(context, { fillStyle: color, strokeStyle: "#000", lineWidth: 1 });
    context.fill();
    context.stroke();
  }
}

/** The distance of a point from a side. */
function away([x, y], [ax, ay], [bx, by]) {
  const [dx, dy] = [bx - ax, by - ay];
  const along = Math.min(Math.max(0, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1)), 1);
  return Math.hypot(x - ax - along * dx, y - ay - along * dy);
}

/** A canvas that is colored where a mask is 0, and transparent where it is 255. */
function tinted(gray, color = HIDDEN) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: gray.width, height: gray.height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(gray, 0, 0);
  const pixels = context.getImageData(0, 0, gray.width, gray.height);
  for (let at = 0; at < pixels.data.length; at += 4) {
    const visible = pixels.data[at];
    pixels.data.set([...color, 255 - visible], at);
  }
  context.putImageData(pixels, 0, 0);
  gray.close();
  return canvas;
}
