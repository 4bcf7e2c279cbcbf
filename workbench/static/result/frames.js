// A clip that the browser cannot decode, shown frame by frame as the server sends them. It looks like a
// <video> to the player: currentTime, duration, paused, play(), pause(), seeking, and the events of one.

import { el } from "../dom.js";
import { Driven } from "../driven.js";

const GUESS = 1 / 25; // seconds of a frame of a folder, until the other clip tells
const LAST = 1e-4; // seconds of rounding

export class FrameClip extends EventTarget {
  /** `asked` says which clip: { clip: "before" } or { clip: "after", name }. */
  constructor(label, asked) {
    super();
    this.asked = asked;
    this.command = new Driven(this);
    this.seconds = [];
    this.count = 0;
    this.paused = true;
    this.seeking = false;
    this.playbackRate = 1; // only of a <video>
    this.at = 0;
    this.shown = -1; // number of the frame on the canvas
    this.waiting = -1; // number of the one that was asked for
    this.callbacks = [];
    this.element = el("canvas", { class: "frames", role: "img", "aria-label": label });
    new ResizeObserver(() => this.resized()).observe(this.element);
  }

  // What the player asks of a <video>.

  get currentTime() {
    return this.at;
  }

  set currentTime(time) {
    this.at = Math.min(Math.max(time, 0), this.duration || 0);
    this.begun = performance.now() - 1000 * this.at;
    this.want(this.numberAt(this.at));
  }

  get duration() {
    if (!this.count) return NaN;
    return this.timeOf(this.count - 1) + this.frame;
  }

  get ended() {
    return this.count > 0 && this.shown === this.count - 1;
  }

  getAttribute(name) {
    return name === "src" && this.command.socket ? "frames" : null;
  }

  requestVideoFrameCallback(callback) {
    this.callbacks.push(callback);
  }

  async play() {
    if (!this.paused || !this.count) return;
    this.currentTime = this.ended ? 0 : this.at;
    this.paused = false;
    this.tell("play");
    this.tick();
  }

  pause() {
    if (this.paused) return;
    this.paused = true;
    if (this.shown >= 0) this.at = this.timeOf(this.shown);
    this.tell("pause");
  }

  // Its frames.

  /** Seconds of a frame. */
  get frame() {
    const known = this.seconds.length > 1;
    return known ? (this.seconds.at(-1) - this.seconds[0]) / (this.seconds.length - 1) : this.guess ?? GUESS;
  }

  timeOf(number) {
    return this.seconds[number] ?? number * this.frame;
  }

  /** The number of the frame that is shown at a time. */
  numberAt(time) {
    let low = 0, high = this.count - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.timeOf(middle) <= time + LAST) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Play: show what is due, and ask for the next one when that has come. */
  tick() {
    if (this.paused) return;
    this.at = Math.min((performance.now() - this.begun) / 1000, this.timeOf(this.count - 1));
    const number = this.numberAt(this.at);
    if (this.waiting < 0 && number !== this.shown) this.ask(number);
    if (this.ended && number === this.shown) return this.pause();
    requestAnimationFrame(() => this.tick());
  }

  want(number) {
    if (number === this.shown || !this.count) return this.arrived();
    this.seeking = true;
    this.wanted = number;
    if (this.waiting < 0) this.ask(number);
  }

  ask(number) {
    if (!this.command.isOpen) return;
    const { clientWidth, clientHeight } = this.element;
    const ratio = Math.min(devicePixelRatio, 2);
    this.waiting = number;
    this.size = `${clientWidth} ${clientHeight}`;
    this.command.send({ frame: number,
      width: Math.max(1, Math.round(clientWidth * ratio)), height: Math.max(1, Math.round(clientHeight * ratio)) });
  }

  /** Ask for the frame again in another size. */
  resized() {
    const { clientWidth, clientHeight } = this.element;
    if (!this.count || !clientWidth || this.size === `${clientWidth} ${clientHeight}`) return;
    if (this.waiting < 0) this.ask(Math.max(0, this.shown));
  }

  draw(bitmap, number) {
    Object.assign(this.element, { width: bitmap.width, height: bitmap.height });
    this.element.getContext("2d").drawImage(bitmap, 0, 0);
    bitmap.close();
    this.element.dataset.frame = number;
    this.came(number);
  }

  /** A frame is there, or cannot be: show what was wanted meanwhile. */
  came(number) {
    this.shown = number;
    this.waiting = -1;
    if (this.paused && this.wanted !== undefined && this.wanted !== number) this.ask(this.wanted);
    else this.arrived();
  }

  arrived() {
    this.seeking = false;
    this.wanted = undefined;
    const callbacks = this.callbacks.splice(0);
    for (const callback of callbacks) callback(performance.now(), { mediaTime: this.timeOf(Math.max(0, this.shown)), presentedFrames: 0 });
    this.tell("seeked");
  }

  tell(name) {
    this.dispatchEvent(new Event(name));
  }

  // The connection.

  open() {
    if (!this.command.socket) this.command.open("/api/result/frames", this.asked);
  }

  close() {
    this.command.close();
    this.pause();
  }

  take(event, bitmap) {
    if (bitmap) this.draw(bitmap, event.frame);
    else if (event.event === "footage") this.begin(event);
    else if (event.event === "unreadable") {
      this.fail(event.text);
      this.came(event.frame);
    } else if (event.event === "error") this.problem = event.text;
  }

  begin({ count, seconds }) {
    this.count = count;
    this.seconds = seconds.includes(null) ? [] : seconds;
    this.element.dataset.count = count;
    this.tell("loadedmetadata");
    this.shown = -1;
    this.ask(this.numberAt(this.at));
  }

  lost() {
    this.count = 0;
    this.pause();
    this.fail(this.problem ?? "The frames do not come any more; open the view again.");
  }

  fail(text) {
    this.message = text;
    this.tell("error");
  }
}
