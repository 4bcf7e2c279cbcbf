// Draws an aligned face with its mask and what was drawn on it, enlarged as the person likes.

import { Viewport } from "../viewport.js";

const COLORS = { include: "#3dff5a", exclude: "#ff5d5d", making: "#3ff3ff", suggestion: "#ffe03d" };
const HIDDEN = [255, 40, 40]; // what the mask leaves out
const SHARE = 0.45; // of its opacity

export class MaskCanvas extends Viewport {
  constructor(element) {
    super(element, { closest: 40, sharp: 6 });
    this.mask = null; // a canvas as large as the mask
    this.suggestion = null;
    this.painted = []; // a stroke of the brush that is not done yet
    this.brush = 0; // its width in image pixels; 0: polygons
    this.shows = { mask: true, suggestion: false };
  }

  show(picture) {
    this.mask = this.suggestion = null;
    this.painted = [];
    super.show(picture);
  }

  clear() {
    this.mask = this.suggestion = null;
    super.clear();
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

  drawOver() {
    if (this.shows.mask && this.mask) this.place(this.mask, SHARE);
    if (this.shows.suggestion && this.suggestion) this.place(this.suggestion, SHARE + 0.1);
    for (const [number, shape] of (this.state?.shapes ?? []).entries()) this.drawShape(shape, number);
    this.drawMaking();
  }

  drawShape(shape, number) {
    const color = shape.include ? COLORS.include : COLORS.exclude;
    const polygon = shape.kind === "polygon";
    this.line(shape.points, color, polygon);
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
      this.line(this.pointer && !this.brush ? [...corners, this.pointer] : corners, color, false);
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
