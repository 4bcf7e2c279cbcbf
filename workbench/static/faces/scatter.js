// Yaw and pitch of all faces as a cloud of points; a rectangle drawn in it filters the faces.
//
// It is drawn as the heads look: a nose to the left of the image is on the left, one down is below.

import { el } from "../dom.js";

const REACH = { yaw: 90, pitch: 60 }; // degrees at the edges; what is beyond lies on the edge
const POINT = 2; // pixels of a point
const SMALLEST = 4; // pixels of a rectangle; less is a click, which clears it

export class Scatter {
  constructor({ onRegion }) {
    this.onRegion = onRegion;
    this.region = null;
    this.canvas = el("canvas", {
      class: "scatter", role: "img",
      "aria-label": "Yaw and pitch of the faces; the fields below it select a region",
    });
    this.box = el("div", { class: "scatter-box", hidden: true });
    const axes = [["left", "nose left"], ["right", "nose right"], ["top", "up"], ["bottom", "down"]];
    this.element = el("div", { class: "scatter-frame" }, this.canvas, this.box,
      axes.map(([side, text]) => el("span", { class: `axis ${side}`, "aria-hidden": "true" }, text)));
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /** Show all `faces` softly, and the `rows` of them that pass the filters strongly. */
  show(faces, rows) {
    this.faces = faces;
    this.rows = rows;
    this.draw();
  }

  /** Draw the region that is filtered: { yaw: [low, high], pitch: [low, high] } or null. */
  mark(region) {
    this.region = region;
    this.box.hidden = region === null;
    if (region === null) return;
    const [left, right] = [this.x(region.yaw[1]), this.x(region.yaw[0])];
    const [top, bottom] = [this.y(region.pitch[0]), this.y(region.pitch[1])];
    Object.assign(this.box.style, {
      left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px`,
    });
  }

  x(yaw) {
    return ((REACH.yaw - clamp(yaw, REACH.yaw)) / (2 * REACH.yaw)) * this.canvas.clientWidth;
  }

  y(pitch) {
    return ((REACH.pitch + clamp(pitch, REACH.pitch)) / (2 * REACH.pitch)) * this.canvas.clientHeight;
  }

  draw() {
    const width = (this.canvas.width = this.canvas.clientWidth);
    const height = (this.canvas.height = this.canvas.clientHeight);
    if (!width || !height || !this.faces) return;
    const context = this.canvas.getContext("2d");
    const style = getComputedStyle(this.canvas);
    const columns = Math.ceil(width / POINT), lines = Math.ceil(height / POINT);
    const { yaw, pitch } = this.faces.columns;
    const [across, down] = [columns / (2 * REACH.yaw), lines / (2 * REACH.pitch)];
    const cells = (rows) => {
      const counts = new Uint32Array(columns * lines);
      for (const row of rows) {
        const x = Math.min((REACH.yaw - clamp(yaw[row], REACH.yaw)) * across, columns - 1);
        const y = Math.min((REACH.pitch + clamp(pitch[row], REACH.pitch)) * down, lines - 1);
        counts[Math.floor(y) * columns + Math.floor(x)]++;
      }
      return counts;
    };
    const paint = (counts, color) => {
      context.fillStyle = color;
      counts.forEach((count, cell) => {
        if (!count) return;
        context.globalAlpha = Math.min(1, 0.35 + 0.15 * Math.log2(count));
        context.fillRect((cell % columns) * POINT, Math.floor(cell / columns) * POINT, POINT, POINT);
      });
      context.globalAlpha = 1;
    };
    this.grid(context, style.getPropertyValue("--line"), width, height);
    const present = [];
    for (let row = 0; row < this.faces.count; row++) if (!this.faces.removed[row]) present.push(row);
    if (present.length !== this.rows.length) paint(cells(present), style.getPropertyValue("--soft"));
    paint(cells(this.rows), style.getPropertyValue("--accent"));
    this.mark(this.region);
  }

  /** Lines every 30 degrees, the middle ones stronger. */
  grid(context, color, width, height) {
    context.fillStyle = color;
    for (let angle = -60; angle <= 60; angle += 30) {
      context.globalAlpha = angle ? 0.6 : 1;
      context.fillRect(Math.round(this.x(angle)), 0, 1, height);
      if (Math.abs(angle) < REACH.pitch) context.fillRect(0, Math.round(this.y(angle)), width, 1);
    }
    context.globalAlpha = 1;
  }

  listen() {
    let start = null;
    const at = (event) => {
      const box = this.canvas.getBoundingClientRect();
      return [
        Math.min(Math.max(event.clientX - box.left, 0), box.width),
        Math.min(Math.max(event.clientY - box.top, 0), box.height),
      ];
    };
    const region = (event) => {
      const [[x0, y0], [x1, y1]] = [start, at(event)];
      if (Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0)) < SMALLEST) return null;
      const yaw = (x) => REACH.yaw * (1 - (2 * x) / this.canvas.clientWidth);
      const pitch = (y) => REACH.pitch * ((2 * y) / this.canvas.clientHeight - 1);
      return {
        yaw: [yaw(Math.max(x0, x1)), yaw(Math.min(x0, x1))].map(Math.round),
        pitch: [pitch(Math.min(y0, y1)), pitch(Math.max(y0, y1))].map(Math.round),
      };
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      start = at(event);
      this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener("pointermove", (event) => start && this.mark(region(event)));
    this.canvas.addEventListener("pointerup", (event) => {
      if (!start) return;
      const found = region(event);
      start = null;
      this.mark(found);
      this.onRegion(found);
    });
    this.canvas.addEventListener("pointercancel", () => (start = null));
  }
}

function clamp(value, most) {
  return Math.min(Math.max(value, -most), most);
}
