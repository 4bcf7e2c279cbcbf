// What pointer, wheel and keys do on a viewport: the view changes here, and the rest is a subclass's.

export const STEP = 1.25; // of the zoom
export const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Gestures {
  /** `send` gives an event to the command. */
  constructor(canvas, send) {
    Object.assign(this, { canvas, send });
    this.shifted = null; // where a drag of the image was
    const { element } = canvas;
    element.addEventListener("pointermove", (event) => this.move(event));
    element.addEventListener("pointerdown", (event) => this.down(event));
    element.addEventListener("pointerup", (event) => this.up(event));
    element.addEventListener("pointercancel", (event) => this.up(event));
    element.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    element.addEventListener("contextmenu", (event) => event.preventDefault());
    element.addEventListener("keydown", (event) => this.key(event));
  }

  /** Whether there is something to act on. */
  get ready() {
    return Boolean(this.canvas.size);
  }

  move(event) {
    const place = [event.offsetX, event.offsetY];
    if (this.shifted) {
      this.canvas.shift(place[0] - this.shifted[0], place[1] - this.shifted[1]);
      this.shifted = place;
    } else if (this.canvas.size) {
      this.hover(event);
    }
  }

  down(event) {
    const { element } = this.canvas;
    element.focus({ preventScroll: true });
    if (!this.ready) return;
    element.setPointerCapture(event.pointerId);
    event.preventDefault();
    if (event.button === 0) this.begin(event);
    else this.shifted = [event.offsetX, event.offsetY];
  }

  up(event) {
    this.shifted = null;
    this.finish(event);
  }

  wheel(event) {
    event.preventDefault();
    if (this.canvas.size) this.turnWheel(event);
  }

  key(event) {
    if (!this.ready) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const run = this.meaning(key, event, event.ctrlKey || event.metaKey);
    if (!run) return;
    run();
    event.preventDefault();
  }

  /** What keys do that zoom. */
  get zooms() {
    const [closer, away] = [() => this.zoom(STEP), () => this.zoom(1 / STEP)];
    return { "+": closer, "=": closer, "-": away };
  }
}
