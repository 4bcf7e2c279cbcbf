// The image, and beside it the original up to where it is wiped.

import { el } from "../dom.js";

export class Stage {
  /**
   * @param link connection to the preview
   */
  constructor(link) {
    this.link = link;
    this.images = {};
    this.asked = 0;
    this.compare = false;
    this.canvas = el("canvas", { class: "stage", role: "img", "aria-label": "the preview" });
    this.wipe = el("input", { type: "range", class: "wipe", min: "0", max: "100", value: "50",
      "aria-label": "original up to here, in percent of the width", oninput: () => this.draw() });
    this.wipe.hidden = true;
    this.element = el("div", { class: "stage-frame" }, this.canvas, this.wipe);
    this.canvas.addEventListener("pointerdown", (event) => this.press(event));
    this.canvas.addEventListener("pointermove", (event) => {
      if (event.buttons & 1) this.move(event);
    });
    new ResizeObserver(() => this.tellSize()).observe(this.canvas);
    link.on("image", (image) => this.receive(image));
    link.on("ready", () => this.tellSize());
  }

  tellSize() {
    const { clientWidth, clientHeight } = this.canvas;
    if (!clientWidth) return; // another view is shown
    const ratio = Math.min(devicePixelRatio, 2);
    this.link.send({
      width: Math.round(clientWidth * ratio),
      height: Math.round(clientHeight * ratio),
      compare: this.compare,
    });
  }

  setCompare(compare) {
    this.compare = compare;
    this.wipe.hidden = !compare;
    this.tellSize();
    this.draw();
  }

  /** Take an image; one that is decoded after a newer one is left out. */
  async receive({ data, view, frame, ...facts }) {
    const number = ++this.asked;
    const side = view === "original" ? "original" : "shown";
    const bitmap = await createImageBitmap(new Blob([data], { type: "image/jpeg" }));
    if ((this.images[side]?.number ?? 0) > number) return;
    this.images[side]?.bitmap.close();
    this.images[side] = { bitmap, number, frame, view, ...facts };
    this.draw();
  }

  /** Forget the images. */
  clear() {
    this.images = {};
    this.canvas.width = this.canvas.width; // which empties it
  }

  draw() {
    const { original, shown } = this.images;
    const image = this.view === "original" && original ? original : shown;
    if (!image) return;
    const { width, height } = image.bitmap;
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    const context = this.canvas.getContext("2d");
    context.drawImage(image.bitmap, 0, 0);
    if (this.compare && original && original.frame === image.frame) {
      const x = Math.round((width * this.wipe.value) / 100);
      if (x) context.drawImage(original.bitmap, 0, 0, x, height, 0, 0, x, height);
      context.fillStyle = "#fff";
      context.fillRect(x - 1, 0, 2, height);
      context.fillStyle = "#0008";
      context.fillRect(x + 1, 0, 1, height);
    }
    this.canvas.dataset.frame = image.frame;
    this.canvas.dataset.drawn = image.number;
  }

  press(event) {
    if (event.button !== 0 || !this.compare) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.move(event);
  }

  /** Wipe up to the pointer. */
  move(event) {
    if (!this.compare) return;
    const box = this.canvas.getBoundingClientRect();
    const scale = Math.min(box.width / this.canvas.width, box.height / this.canvas.height);
    const left = (box.width - this.canvas.width * scale) / 2;
    const x = (event.clientX - box.left - left) / (this.canvas.width * scale);
    this.wipe.value = Math.round(100 * Math.min(Math.max(x, 0), 1));
    this.draw();
  }
}
