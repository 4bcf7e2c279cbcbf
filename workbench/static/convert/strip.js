// The frame strip: where there is a face, a doubtful one, settings of its own, and the current frame.

import { el } from "../dom.js";

const HEIGHT = 26; // pixels

export class Strip {
  /**
   * @param go called with the number of a frame
   */
  constructor(go) {
    this.go = go;
    this.footage = null;
    this.state = null;
    this.canvas = el("canvas", { class: "strip", role: "slider", tabindex: "0", "aria-label": "frame",
      "aria-valuemin": "0", "aria-valuemax": "0", "aria-valuenow": "0" });
    this.legend = el("p", { class: "legend" },
      ["face", "no-face", "doubtful", "own"].map((name) =>
        el("span", { class: `mark ${name}` }, name.replace("-", " ").replace("own", "own settings"))));
    this.element = el("div", { class: "strip-frame" }, this.canvas, this.legend);
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      this.scrub(event);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (event.buttons & 1) this.scrub(event);
    });
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  scrub(event) {
    if (!this.footage) return;
    const box = this.canvas.getBoundingClientRect();
    const part = (event.clientX - box.left) / box.width;
    const frame = Math.min(Math.max(Math.floor(part * this.footage.count), 0), this.footage.count - 1);
    if (frame !== this.asked) this.go(frame);
    this.asked = frame;
  }

  setFootage(footage) {
    this.footage = footage;
    this.canvas.setAttribute("aria-valuemax", footage.count - 1);
  }

  setState(state) {
    this.state = state;
    this.asked = state.frame;
    this.canvas.setAttribute("aria-valuenow", state.frame);
    this.draw();
  }

  draw() {
    if (!this.footage || !this.state || !this.canvas.clientWidth) return;
    const ratio = devicePixelRatio;
    const width = Math.round(this.canvas.clientWidth * ratio);
    const height = Math.round(HEIGHT * ratio);
    this.canvas.width = width;
    this.canvas.height = height;
    const context = this.canvas.getContext("2d");
    const style = getComputedStyle(this.canvas);
    const one = width / this.footage.count;
    const mark = (color, first, last, top, bottom) => {
      context.fillStyle = style.getPropertyValue(color);
      const left = Math.floor(first * one);
      const right = Math.max(Math.ceil((last + 1) * one), left + ratio);
      context.fillRect(left, top * height, right - left, (bottom - top) * height);
    };
    for (const [first, last] of this.footage.faces) mark("--face", first, last, 0.3, 0.8);
    for (const [frame] of this.footage.doubtful) mark("--warn", frame, frame, 0.3, 0.8);
    for (const frame of this.state.own) {
      context.fillStyle = style.getPropertyValue("--accent");
      context.fillRect(Math.floor(frame * one), 0, 3 * ratio, height * 0.25);
    }
    mark("--text", this.state.frame, this.state.frame, 0.9, 1);
    context.fillStyle = style.getPropertyValue("--text");
    context.fillRect(Math.floor((this.state.frame + 0.5) * one - ratio), 0.2 * height, 2 * ratio, height);
  }
}
