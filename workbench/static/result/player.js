// Two clips in step, before and after: side by side, or one over the other with a wipe. A clip that the
// browser cannot decode, or a folder of frames, is shown frame by frame as the server sends it.

import { el, fill, say } from "../dom.js";
import { FrameClip } from "./frames.js";

const LOOSE = 0.25; // seconds apart from which the other clip jumps
const TIGHT = 0.02; // below that they are in step
const GUESS = 1 / 25; // seconds of a frame, until it is known
const INSIDE = 0.002; // of a frame: rounding must not show the one before

const NAMES = { before: "the footage", after: "the result" };
const MODES = { side: "Side by side", wipe: "Wipe", result: "Result only" };

export class Player {
  constructor() {
    this.times = null; // of the frames, in the result and in the footage
    this.frame = GUESS;
    this.listeners = new Set();
    this.clips = { before: null, after: null }; // { url, state, name } of each
    this.figures = Object.fromEntries(Object.keys(NAMES).map((role) => [role, this.figure(role)]));
    this.error = el("p", { class: "error", role: "alert" });
    this.said = el("p", { class: "help", role: "status" });
    this.stage = el("div", { class: "stage" }, Object.values(this.figures));
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
      el("div", { class: "buttons" }, this.playing, back, on, this.clock, this.modes), this.said, this.error);
    this.stage.addEventListener("pointerdown", (event) => this.drag(event));
    this.stage.addEventListener("pointermove", (event) => event.buttons && this.drag(event));
    for (const role of Object.keys(NAMES)) this.use(role, this.video(role));
    this.show("side");
  }

  video(role) {
    return el("video", { class: role, muted: true, playsInline: true, preload: "auto", "aria-label": NAMES[role] });
  }

  figure(role) {
    return el("figure", { class: role }, el("figcaption", {}, role));
  }

  /** Show a clip by a <video> or by a `FrameClip`. */
  use(role, media) {
    const before = this[role];
    before?.close?.();
    (before?.element ?? before)?.remove();
    this[role] = media;
    this.figures[role].prepend(media.element ?? media);
    const on = (name, act) => media.addEventListener(name, () => this[role] === media && act());
    on("error", () => this.cannot(role));
    on("loadedmetadata", () => {
      if (media.videoWidth === 0) this.cannot(role); // only the sound can be decoded
      else this.known(role);
    });
    if (role === "after") this.follows(media, on);
  }

  /** Keep clock, button and footage in step with the result. */
  follows(after, on) {
    on("play", () => {
      say(this.playing, "Pause");
      if (this.both && this.before.tagName) this.before.play().catch(() => {}); // else see `follow`
    });
    on("pause", () => {
      say(this.playing, "Play");
      this.before.pause();
      this.align();
    });
    on("seeked", () => this.tell());
    let last = null;
    const shown = (_, { mediaTime, presentedFrames }) => {
      if (this.after !== after) return;
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

  /** A clip says how long it is. */
  known(role) {
    if (this.after.frame && !this.times) this.frame = this.after.frame;
    if (role === "after") {
      this.time.max = this.after.duration;
      this.tell();
    }
    this.align();
  }

  get both() {
    return Boolean(this.before.getAttribute("src")) && this.mode !== "result";
  }

  /** The browser cannot decode a clip: let the server do it. */
  cannot(role) {
    const media = this[role], { url } = this.clips[role] ?? {};
    if (!this.clips[role] || (media.tagName && !media.getAttribute("src"))) return;
    if (media.tagName) return this.byFrames(role);
    const download = url ? el("a", { href: url, download: "" }, "Download it") : null;
    fill(this.error, `${media.message} `, download);
  }

  byFrames(role) {
    const { url, name } = this.clips[role];
    const frames = new FrameClip(NAMES[role], { clip: role, name });
    frames.guess = this.frame;
    this.use(role, frames);
    frames.currentTime = 0;
    frames.open();
    const why = url ? `This browser cannot decode ${NAMES[role]}` : `${NAMES[role]} is a folder of frames`;
    say(this.said, `${why[0].toUpperCase()}${why.slice(1)}: the server sends its frames, exact but without sound.`);
  }

  /** Load clips; `times` has the seconds of each frame in both, as evaluate measured them. */
  load(before, after, times) {
    this.times = times;
    if (times?.dense && times.after.length > 1) {
      this.frame = (times.after.at(-1) - times.after[0]) / (times.after.length - 1);
    }
    for (const [role, clip] of [["before", before], ["after", after]]) this.loadClip(role, clip);
    this.element.classList.toggle("alone", !before);
    this.align();
  }

  loadClip(role, clip) {
    const old = this.clips[role];
    if (old?.state === clip?.state && old?.name === clip?.name) {
      if (clip) this[role].open?.(); // it was closed with the view
      return;
    }
    this.clips[role] = clip;
    fill(this.error);
    say(this.said, "");
    if (clip && !clip.url) return this.byFrames(role);
    if (!this[role].tagName) this.use(role, this.video(role));
    if (clip) this[role].src = clip.url;
    else this[role].removeAttribute("src");
  }

  /** Let the server end what it decodes. */
  leave() {
    this.after.pause();
    for (const role of Object.keys(NAMES)) this[role].close?.();
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
    if (!before.tagName) return void (before.currentTime = this.there(after.currentTime)); // frame by frame
    before.playbackRate = Math.abs(ahead) < TIGHT ? 1 : Math.min(1.25, Math.max(0.8, 1 - ahead));
    if (before.paused && !before.ended) before.play().catch(() => {});
  }

  /** Show the same frame in both while they stand still. */
  align() {
    this.before.guess = this.frame; // of a folder, which has no times
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
