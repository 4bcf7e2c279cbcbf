// Two clips in step, before and after: side by side, or one over the other with a wipe.

import { el, fill, say } from "../dom.js";

const LOOSE = 0.25; // seconds apart from which the other clip jumps
const TIGHT = 0.02; // below that they are in step
const GUESS = 1 / 25; // seconds of a frame, until it is known
const INSIDE = 0.002; // of a frame: rounding must not show the one before

const MODES = { side: "Side by side", wipe: "Wipe", result: "Result only" };

export class Player {
  constructor() {
    this.times = null; // of the frames, in the result and in the footage
    this.frame = GUESS;
    this.listeners = new Set();
    this.before = this.video("before");
    this.after = this.video("after");
    this.error = el("p", { class: "error", role: "alert" });
    this.stage = el("div", { class: "stage" }, this.figure(this.before, "before"), this.figure(this.after, "after"));
    this.line = el("input", { type: "range", min: "0", max: "100", value: "50", class: "wipe-at",
      "aria-label": "position of the wipe", oninput: () => this.wipe() });
    this.time = el("input", { type: "range", min: "0", max: "1", step: "any", value: "0", class: "time",
      "aria-label": "time", oninput: () => this.seek(Number(this.time.value)) });
    this.clock = el("output", { class: "clock" });
    this.playing = el("button", { class: "primary", onclick: () => this.toggle() }, "Play");
    this.modes = el("fieldset", { class: "modes" }, el("legend", {}, "Compare"),
      Object.entries(MODES).map(([mode, text]) => el("label", {}, el("input", { type: "radio",
        name: "compare", value: mode, checked: mode === "side", onchange: () => this.show(mode) }), text)));
    const back = el("button", { class: "quiet", "aria-label": "one frame back", onclick: () => this.step(-1) }, "◀");
    const on = el("button", { class: "quiet", "aria-label": "one frame on", onclick: () => this.step(1) }, "▶");
    this.element = el("div", { class: "player", tabindex: "-1", onkeydown: (event) => this.key(event) },
      this.stage, this.line, this.time,
      el("div", { class: "buttons" }, this.playing, back, on, this.clock, this.modes), this.error);
    this.stage.addEventListener("pointerdown", (event) => this.drag(event));
    this.stage.addEventListener("pointermove", (event) => event.buttons && this.drag(event));
    this.show("side");
    this.listen();
  }

  video(name) {
    return el("video", { class: name, muted: true, playsInline: true, preload: "auto",
      "aria-label": name === "before" ? "the footage" : "the result" });
  }

  figure(video, text) {
    return el("figure", { class: video.className }, video, el("figcaption", {}, text));
  }

  listen() {
    const { after, before } = this;
    after.addEventListener("loadedmetadata", () => {
      this.time.max = after.duration;
      this.tell();
    });
    after.addEventListener("play", () => {
      say(this.playing, "Pause");
      if (this.both) before.play().catch(() => {});
    });
    after.addEventListener("pause", () => {
      say(this.playing, "Play");
      before.pause();
      this.align();
    });
    after.addEventListener("seeked", () => this.tell());
    before.addEventListener("loadedmetadata", () => this.align());
    after.addEventListener("error", () => this.cannot(after, "the result"));
    before.addEventListener("error", () => this.cannot(before, "the footage"));
    let last = null;
    const shown = (_, { mediaTime, presentedFrames }) => {
      const frames = last ? presentedFrames - last.presentedFrames : 0;
      const passed = last ? (mediaTime - last.mediaTime) / frames : 0;
      if (!after.paused && frames === 1 && passed > 0.002 && passed < 0.2 && !this.times) this.frame = passed;
      last = { mediaTime, presentedFrames };
      this.shownAt = mediaTime;
      this.follow();
      this.tell();
      after.requestVideoFrameCallback(shown);
    };
    after.requestVideoFrameCallback?.(shown);
  }

  get both() {
    return Boolean(this.before.getAttribute("src")) && this.mode !== "result";
  }

  cannot(video, what) {
    if (!video.getAttribute("src")) return;
    fill(this.error, `This browser cannot play ${what}. `, el("a", { href: video.getAttribute("src"), download: "" }, "Download it"));
  }

  /** Load clips; `times` has the seconds of each frame in both, as evaluate measured them. */
  load(before, after, times) {
    this.times = times;
    if (times?.dense && times.after.length > 1) {
      this.frame = (times.after.at(-1) - times.after[0]) / (times.after.length - 1);
    }
    for (const [video, url] of [[this.before, before], [this.after, after]]) {
      if (video.getAttribute("src") === url) continue;
      fill(this.error);
      if (url) video.src = url;
      else video.removeAttribute("src");
    }
    this.element.classList.toggle("alone", !before);
    this.align();
  }

  /** The time in the footage of a time in the result. */
  there(time) {
    const { times } = this;
    if (!times?.after.length) return time;
    const at = place(times.after, time);
    const since = time - times.after[at];
    const last = at === times.after.length - 1; // which ends later than it begins
    return times.before[at] + (last ? Math.min(since, 0.5 * this.frame) : since);
  }

  /** Keep the footage in step while both play. */
  follow() {
    const { before, after } = this;
    if (!this.both || after.paused || before.seeking) return;
    const ahead = before.currentTime - this.there(after.currentTime);
    if (Math.abs(ahead) > LOOSE) before.currentTime = this.there(after.currentTime);
    before.playbackRate = Math.abs(ahead) < TIGHT ? 1 : Math.min(1.25, Math.max(0.8, 1 - ahead));
    if (before.paused && !before.ended) before.play().catch(() => {});
  }

  /** Show the same frame in both while they stand still. */
  align() {
    if (!this.after.paused || !this.before.getAttribute("src")) return;
    this.before.currentTime = this.there(this.after.currentTime);
  }

  seek(time) {
    this.after.currentTime = Math.min(Math.max(time, 0), this.after.duration || 0);
    this.before.currentTime = this.there(this.after.currentTime);
    this.tell();
  }

  step(frames) {
    this.after.pause();
    const now = this.after.currentTime;
    const { times } = this;
    if (times?.dense && times.after.length) {
      const next = place(times.after, now) + frames;
      if (next >= 0 && next < times.after.length) return this.seek(times.after[next] + INSIDE);
    }
    const current = Math.floor((now + INSIDE) / this.frame);
    return this.seek((current + frames + 0.25) * this.frame);
  }

  toggle() {
    if (this.after.paused) this.after.play().catch(() => {});
    else this.after.pause();
  }

  key(event) {
    if (event.target.matches("input")) return;
    const moves = { ArrowLeft: -1, ArrowRight: 1, ",": -1, ".": 1 };
    if (event.key in moves) this.step(moves[event.key]);
    else if (event.key === "k") this.toggle();
    else return;
    event.preventDefault();
  }

  show(mode) {
    this.mode = mode;
    this.stage.dataset.mode = mode;
    this.line.hidden = mode !== "wipe";
    if (this.both && !this.after.paused) this.follow();
    else if (!this.both) this.before.pause();
    this.wipe();
    this.align();
  }

  wipe() {
    this.stage.style.setProperty("--wipe", `${this.line.value}%`);
  }

  drag(event) {
    if (this.mode !== "wipe") return;
    const box = this.stage.getBoundingClientRect();
    this.line.value = (100 * (event.clientX - box.left)) / box.width;
    this.wipe();
    event.preventDefault();
  }

  tell() {
    const now = this.after.currentTime;
    if (document.activeElement !== this.time || !this.after.paused) this.time.value = now;
    const total = this.after.duration;
    say(this.clock, Number.isFinite(total) ? `${now.toFixed(2)} of ${total.toFixed(2)} s` : "");
    for (const listener of this.listeners) listener(now);
  }
}

/** The index of the last time that is no later. */
function place(times, time) {
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (times[middle] <= time + 1e-4) low = middle;
    else high = middle - 1;
  }
  return low;
}
