// The interactive preview: choose the look of each frame, then render.

import { get, newest, on, post } from "./api.js";
import { card, commandLine, el, fill, say } from "./dom.js";
import { jobPanel, stageProgress } from "./jobs.js";
import { keyName, keysDialog } from "./convert/keys.js";
import { Link } from "./convert/link.js";
import { Settings } from "./convert/settings.js";
import { Stage } from "./convert/stage.js";
import { Strip } from "./convert/strip.js";

export const convertView = { title: "Convert", make, open, missing };

function missing({ model }) {
  return model ? null : ["No model yet. Train one first; then you choose here how its faces are blended in.", "train"];
}

const VIEWS = { result: "", original: "space", mask: "0" };
let view = null;

function make() {
  view = new ConvertView();
  return view.element;
}

function open() {
  view.opened();
}

class ConvertView {
  constructor() {
    this.link = new Link();
    this.stage = new Stage(this.link);
    this.strip = new Strip((frame) => this.link.send({ go: frame }));
    this.settings = new Settings((name, value, continues) =>
      this.link.send({ set: name, value, continues }));
    this.keys = keysDialog();
    this.state = null;
    this.status = { open: false, text: "", error: "", values: {} };
    this.start = this.startCard();
    this.render = this.renderCard();
    this.job = el("div", { class: "convert-job" });
    this.work = el("div", { class: "convert" }, this.middle(), this.side(), this.job);
    this.element = el("div", { class: "convert-view" }, this.start, this.work, this.keys.element);
    this.link.on("preview", (status) => this.setStatus(status));
    this.link.on("footage", (footage) => this.setFootage(footage));
    this.link.on("state", (state) => this.setState(state));
    this.link.on("image", ({ failures, missing }) => this.setImage(failures, missing));
    this.link.on("render", () => this.addJob());
    addEventListener("keydown", (event) => this.press(event));
    on("project", () => this.refreshCommand());
    this.show();
  }

  opened() {
    this.refreshCommand();
    this.job.append(jobPanel());
  }

  startCard() {
    this.startLine = commandLine();
    this.startProblem = el("p", { class: "error", role: "alert" });
    this.startText = el("p", { class: "said busy", role: "status" });
    this.startButton = el("button", { class: "primary", onclick: () => this.openPreview() },
      "Open the preview");
    this.output = el("input", { id: "convert-output", placeholder: "result.mp4", autocomplete: "off",
      spellcheck: "false", oninput: () => this.refreshCommand() });
    return card("Choose the look", el("p", {},
      "The preview shows each frame as it will be rendered. Change how the face is blended in, for all " +
      "frames or from a frame on; the settings are saved as you go. Nothing is rendered until you say so."),
      el("div", { class: "field" }, el("label", { for: "convert-output" }, "Result"), this.output,
        el("p", { class: "help" }, "a video, or a folder for frames; each has settings of its own")),
      this.startLine.element, this.startProblem, this.startText,
      el("div", { class: "buttons" }, this.startButton));
  }

  middle() {
    const button = (text, key, label) =>
      el("button", { class: "quiet", title: `${label} (${key})`, "aria-label": label,
        onclick: () => this.link.send({ key }) }, text);
    this.views = Object.keys(VIEWS).map((name) =>
      el("button", { class: "quiet", "data-view": name, onclick: () => this.setView(name) }, name));
    this.compareButton = el("button", { class: "quiet", "aria-pressed": "false",
      title: "the original beside the result; drag on the image", onclick: () => this.compare() }, "Compare");
    this.zoomButton = button("Zoom", "9", "zoom to the face");
    this.playButton = button("Play", "v", "play in a loop / stop");
    this.undoButton = button("Undo", "backspace", "undo");
    const help = el("button", { class: "quiet", onclick: () => this.keys.open() }, "Keys");
    const close = el("button", { class: "quiet", onclick: () => this.closePreview() }, "Close");
    const bar = el("div", { class: "convert-bar", role: "toolbar", "aria-label": "what is shown" },
      el("span", { class: "views" }, this.views), this.compareButton, this.zoomButton, this.playButton,
      this.undoButton, el("span", { class: "gap" }), help, close);
    this.nextDoubtful = el("button", { class: "quiet", onclick: () => this.goToDoubtful() }, "Next doubtful");
    this.position = el("p", { class: "position" });
    this.about = el("p", { class: "about-frame", role: "status" });
    this.message = el("p", { class: "message", role: "status" });
    const foot = el("div", { class: "convert-foot" },
      button("|◀", "[", "previous frame with a face"), button("◀", "left", "previous frame"),
      this.position, button("▶", "right", "next frame"), button("▶|", "]", "next frame with a face"),
      this.nextDoubtful, this.about);
    return el("section", { class: "card convert-middle", "aria-label": "Preview" }, bar,
      this.stage.element, this.strip.element, foot, this.message);
  }

  side() {
    const action = (text, key, label) => el("button", { class: "quiet", title: `${label} (${key})`,
      onclick: () => this.link.send({ key }) }, text);
    this.source = el("p", { class: "help" });
    this.scopes = ["from this frame on", "to this frame only"].map((text, only) =>
      el("label", { class: "scope" },
        el("input", { type: "radio", name: "scope", onchange: () => this.setScope(Boolean(only)) }), text));
    const scope = el("fieldset", {}, el("legend", {}, "Changes apply"), this.scopes);
    const copy = el("div", { class: "buttons" },
      action("Copy to next", "/", "copy the settings to the next frame"),
      action("To all later", "\\", "copy the settings to all later frames"),
      action("To all earlier", "|", "copy the settings to all earlier frames"),
      action("Drop own", "delete", "drop this frame's own settings"));
    const settings = card("Settings", scope, this.source, this.settings.element, copy);
    settings.classList.add("settings-card");
    return el("div", { class: "column convert-side" }, settings, this.render);
  }

  renderCard() {
    this.renderLine = commandLine();
    this.renderProblem = el("p", { class: "error", role: "alert" });
    this.renderSaid = el("p", { class: "said", role: "status" });
    this.overwrite = el("input", { type: "checkbox", id: "render-overwrite",
      onchange: () => this.refreshCommand() });
    this.overwriteRow = el("p", { class: "scope" }, this.overwrite,
      el("label", { for: "render-overwrite" }, "replace the earlier result"));
    this.overwriteRow.hidden = true;
    this.renderButton = el("button", { class: "primary", onclick: () => this.addJob() }, "Render");
    this.watch = el("a", { class: "button", href: "#result" }, "Watch it");
    return card("Render", this.overwriteRow, this.renderLine.element, this.renderProblem, this.renderSaid,
      el("div", { class: "buttons" }, this.renderButton, this.watch), stageProgress("convert"));
  }

  show() {
    const ready = this.status.open && this.state !== null;
    this.start.hidden = ready;
    this.work.hidden = !ready;
    say(this.startText, this.status.open && !ready ? `${this.status.text} …` : "");
    say(this.startProblem, this.status.error);
    this.startButton.disabled = this.status.open;
    say(this.startButton, this.status.error ? "Try again" : "Open the preview");
  }

  setStatus(status) {
    if (!status.open) {
      this.state = null;
      this.stage.clear();
    }
    this.status = status;
    this.show();
    this.refreshCommand();
  }

  async setFootage(footage) {
    this.footage = footage;
    this.doubts = new Map(footage.doubtful);
    this.strip.setFootage(footage);
    this.keys.build(footage.keys);
    this.nextDoubtful.hidden = !footage.doubtful.length;
    const form = await get("/api/form/convert");
    const look = form.groups.find((group) => group.title === "Look");
    this.settings.build(look.fields, footage.keys_by_setting);
  }

  setState(state) {
    const first = this.state === null;
    this.state = state;
    this.settings.update(state.look);
    this.strip.setState(state);
    for (const button of this.views) {
      button.setAttribute("aria-pressed", `${button.dataset.view === state.view}`);
    }
    this.stage.view = state.view;
    this.zoomButton.setAttribute("aria-pressed", `${state.zoomed}`);
    this.playButton.setAttribute("aria-pressed", `${Boolean(state.playing)}`);
    this.undoButton.disabled = !state.undo;
    this.scopes.forEach((label, only) => {
      label.firstChild.checked = state.this_frame_only === Boolean(only);
    });
    say(this.source, state.set_at === state.frame ? "set at this frame" : `set at frame ${state.set_at}`);
    const time = state.time === null ? "" : `, ${state.time.toFixed(2)} s`;
    say(this.position, `${state.frame} of ${this.footage.count - 1}${time}`);
    const doubt = this.doubts.get(state.frame);
    say(this.about, doubt ? `doubtful: ${doubt.join(", ")}` : state.has_face ? "" : "no face");
    this.say();
    if (first) {
      this.show();
      this.stage.tellSize();
      if (!this.work.hidden) this.strip.canvas.focus({ preventScroll: true });
    }
  }

  setImage(failures, missing) {
    this.failures = failures.join("; ");
    this.missing = missing;
    this.say();
  }

  /** Say what is wrong, or else what was done last, or else what goes on. */
  say() {
    const { typed, problem, message, playing, late } = this.state ?? {};
    const wrong = problem || this.failures || "";
    const waiting = this.missing ? `colors: ${this.missing} frames before to go …` : "";
    const asked = typed === null || typed === undefined ? "" :
      `go to frame: ${typed}_ (Enter goes there, Esc stays here)`;
    say(this.message, asked || wrong || playing || message || (late ? "rendering …" : waiting));
    this.message.classList.toggle("error", Boolean(wrong) && !asked);
  }

  setView(name) {
    const key = VIEWS[name] || VIEWS[this.state.view];
    if (name !== this.state.view && key) this.link.send({ key });
  }

  compare() {
    this.stage.setCompare(!this.stage.compare);
    this.compareButton.setAttribute("aria-pressed", `${this.stage.compare}`);
  }

  setScope(only) {
    if (only !== this.state.this_frame_only) this.link.send({ key: "b" });
  }

  goToDoubtful() {
    const frames = [...this.doubts.keys()];
    const next = frames.find((frame) => frame > this.state.frame) ?? frames[0];
    this.link.send({ go: next });
  }

  press(event) {
    if (!this.element.isConnected || this.work.hidden || this.keys.element.open) return;
    if (event.key === "?") {
      this.keys.open();
      event.preventDefault();
      return;
    }
    const key = keyName(event);
    if (!key) return;
    event.preventDefault();
    this.link.send({ key, held: event.repeat });
  }

  async openPreview() {
    await this.ask(this.startProblem, () => post("/api/convert/open", this.values()));
  }

  async closePreview() {
    await this.ask(this.renderProblem, () => post("/api/convert/close"));
  }

  /** Values of the form; those of the preview that is open. */
  values() {
    if (this.status.open) return this.status.values;
    const output = this.output.value.trim();
    return output ? { output_dir: output } : {};
  }

  /** The result that they name; "" is the usual one. */
  get resultName() {
    return this.values().output_dir ?? "";
  }

  renderValues() {
    const values = { ...this.values() };
    if (this.overwrite.checked && !this.overwriteRow.hidden) values.overwrite = true;
    return values;
  }

  async refreshCommand() {
    const asked = (this.asked = (this.asked ?? 0) + 1);
    const name = encodeURIComponent(this.resultName);
    const { result } = await get(`/api/result?name=${name}`).catch(() => ({}));
    if (asked !== this.asked) return;
    if (this.overwriteRow.hidden && result) this.overwrite.checked = true;
    this.overwriteRow.hidden = this.watch.hidden = !result;
    this.watch.setAttribute("href", name ? `#result/${name}` : "#result");
    const form = (values) => get(`/api/form/convert?values=${encodeURIComponent(JSON.stringify(values))}`);
    const rendered = await form(this.renderValues());
    const shown = await form({ ...this.values(), interactive: true });
    if (asked !== this.asked) return;
    this.renderLine.set(rendered.command);
    this.startLine.set(shown.command);
    if (!this.status.open) say(this.startProblem, this.status.error || shown.problem);
    this.startButton.disabled = this.status.open || Boolean(shown.problem);
  }

  async addJob() {
    await this.ask(this.renderProblem, async () => {
      const job = await post("/api/jobs", { stage: "convert", values: this.renderValues() });
      say(this.renderSaid, `job ${job.number} renders with these settings`);
    });
  }

  async ask(problem, action) {
    say(problem, "");
    try {
      await action();
    } catch (error) {
      say(problem, error.message);
    }
  }
}
