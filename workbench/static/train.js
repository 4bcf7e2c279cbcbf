// Training: each model of the workspace, its preview and its curves, and what it can be asked for.

import { get, newest, on, post } from "./api.js";
import { chart, number } from "./chart.js";
import { card, commandLine, duration, el, fill, say } from "./dom.js";
import { jobPanel } from "./jobs.js";
import { ChangeForm } from "./train/change.js";
import { compareCard } from "./train/compare.js";

export const trainView = { title: "Train", make, open, missing };

const first = el("div", { class: "train-first", hidden: true }); // what the first training says before its model is there

function missing({ sides, model }) {
  if (model || newest("training")?.models.length || (sides.src.faces && sides.dst.faces)) return null;
  return ["Nothing to train on yet. Extract the faces of src and dst first.", "project"];
}

const USUAL = "model"; // the folder of the workspace's own model
const ACTIVE = ["running", "stopping", "changing"];
const UNFINISHED = ["waiting", ...ACTIVE];
const STATES = {
  running: "training",
  stopping: "stopping: it saves first",
  changing: "saving; then it goes on with other options",
};

function make() {
  const grid = el("div", { class: "models" });
  const empty = emptyCard();
  const columns = new Map();
  const compared = compareCard((names) => {
    for (const [name, { element }] of columns) element.hidden = !names.includes(name);
    grid.classList.toggle("one", names.length === 1);
  });
  on("training", ({ models }) => {
    empty.hidden = models.length > 0;
    if (models.length) first.hidden = true;
    const names = models.map(({ name }) => name);
    if (JSON.stringify(names) !== JSON.stringify([...columns.keys()])) {
      for (const name of columns.keys()) if (!names.includes(name)) columns.delete(name);
      const old = new Map(columns);
      columns.clear();
      for (const name of names) columns.set(name, old.get(name) ?? new Model(name));
      fill(grid, [...columns.values()].map(({ element }) => element));
    }
    for (const model of models) columns.get(model.name).show(model);
    compared.show(names);
  });
  on("jobs", ({ jobs }) => (first.hidden = empty.hidden || !jobs.some(({ words }) => words[0] === "train")));
  return el("div", { class: "train" }, empty, first, compared.models, grid, compared.element);
}

function open() {
  first.append(jobPanel());
}

function emptyCard() {
  const options = formLink({}, "Options");
  const start = new Start({});
  const element = card("No model yet", el("p", { class: "empty" },
    "Training teaches a network both faces: Quick96, unless the options say another one. It goes on until you stop it, " +
    "unless a target is set; give it half an hour, better an hour. What is shown here tells how far it is."),
    start.line.element, el("div", { class: "buttons" }, start.run, options), start.error);
  element.classList.add("first");
  return element;
}

function formLink(values, text) {
  return el("a", { class: "button", href: `#commands/${encodeURIComponent(JSON.stringify(["train", values]))}` }, text);
}

/** A button that starts a training, with the command that it is. */
class Start {
  constructor(values) {
    this.values = values;
    this.line = commandLine();
    this.error = el("p", { class: "error", role: "alert" });
    this.problem = "";
    this.run = el("button", { class: "primary", onclick: () => this.start() }, "Train");
    const asked = encodeURIComponent(JSON.stringify(values));
    get(`/api/form/train?values=${asked}`).then(({ command }) => this.line.set(command)).catch(() => {});
    on("jobs", ({ jobs }) => this.update(jobs));
  }

  update(jobs) {
    const given = this.values.model_dir ?? USUAL;
    const mine = ({ words, state }) => words[0] === "train" && UNFINISHED.includes(state) && folderOf(words) === given;
    const job = jobs.find(mine);
    const busy = jobs.some(({ state }) => ACTIVE.includes(state));
    this.run.disabled = Boolean(job);
    say(this.run, job ? (job.state === "waiting" ? "In the queue" : "Training") : busy ? "Train when the job before it has ended" : "Train");
  }

  async start() {
    this.run.disabled = true;
    this.problem = "";
    say(this.error, "");
    try {
      await post("/api/jobs", { stage: "train", values: this.values });
    } catch (problem) {
      this.problem = problem.message;
      say(this.error, problem.message);
      this.run.disabled = false;
    }
  }
}

function folderOf(words) {
  const at = words.findIndex((word) => word.split("=")[0] === "--model-dir");
  if (at < 0) return USUAL;
  const path = words[at].includes("=") ? words[at].split("=").slice(1).join("=") : words[at + 1];
  return path.split(/[\\/]+/).findLast((part) => part);
}

class Model {
  constructor(name) {
    this.name = name;
    this.model = {};
    const values = name === USUAL ? {} : { model_dir: name };
    this.start = new Start(values);
    this.state = el("span", { class: "state" });
    this.facts = el("dl", { class: "facts" });
    this.stop = el("button", { title: "Saves and ends; jobs that wait for it begin",
      onclick: () => this.ask(`/api/jobs/${this.model.job}/cancel`, "") }, "Stop");
    this.save = el("button", { onclick: () => this.ask(this.at("save"), "It saves after this step.") }, "Save now");
    this.backup = el("button", { onclick: () => this.ask(this.at("backup"), "It makes a backup after this step.") }, "Back up");
    this.said = el("p", { class: "said", role: "status" });
    this.problem = el("p", { class: "error", role: "alert" });
    this.preview = el("img", { class: "preview", alt: `faces of src and dst, as ${name} draws them` });
    this.charts = {
      losses: chart({ label: `losses of ${name}`, x: "iteration", height: 170 }),
      swap: chart({ label: `metrics of the swap by ${name}`, x: "iteration", height: 170 }),
      faces: chart({ label: `reconstruction of held-out faces by ${name}`, x: "iteration", height: 150 }),
    };
    this.titles = {
      losses: el("h3", {}, "Losses: lower is better"),
      swap: el("h3", {}, "The swap: 1 is best"),
      faces: el("h3", {}, "Held-out faces, rebuilt: 1 is best"),
    };
    this.changes = el("ol", { class: "changes" });
    this.changed = el("div", { class: "changed", hidden: true }, el("h3", {}, "Options that changed"), this.changes);
    this.change = new ChangeForm(name);
    this.unmeasured = el("p", { class: "empty" }, "Every few minutes some faces that it does not train on are measured; their curve is drawn here.");
    this.options = formLink(values, "Options");
    this.begin = formLink({ load_weights: name, model_dir: "" }, "Begin a pair from it");
    const buttons = el("div", { class: "buttons" }, this.start.run, this.stop, this.save, this.backup, this.options, this.begin);
    this.element = el("section", { class: "card model", "aria-label": name },
      el("h2", { class: "model-head" }, name, this.state),
      el("div", { class: "part" }, this.facts, buttons, this.said, this.problem, this.start.error, this.start.line.element, this.preview, this.change.element),
      el("div", { class: "part" }, Object.keys(this.charts).flatMap((key) => [this.titles[key], this.charts[key].element,
        key === "losses" ? this.changed : null]), this.unmeasured));
    on(`curves ${name}`, (curves) => this.draw(curves));
  }

  at(what) {
    return `/api/train/${encodeURIComponent(this.name)}/${what}`;
  }

  async ask(path, text) {
    say(this.said, "");
    say(this.problem, "");
    try {
      await post(path);
      say(this.said, text);
    } catch (problem) {
      say(this.problem, problem.message);
    }
  }

  show(model) {
    if (model.saved !== this.model.saved) say(this.said, "");
    this.model = model;
    const ours = model.job !== null;
    const running = ours || model.elsewhere;
    say(this.state, ours ? STATES[model.state] : model.elsewhere ? "training, started in a terminal or by another program" : "not training");
    this.state.className = `state ${ours ? model.state : model.elsewhere ? "running" : ""}`;
    this.start.run.hidden = this.start.line.element.hidden = this.options.hidden = running || model.base;
    this.begin.hidden = running || !model.base; // whose faces a base was trained on, it does not know
    this.stop.hidden = !ours;
    this.save.hidden = this.backup.hidden = this.change.element.hidden = !running;
    for (const button of [this.stop, this.save, this.backup]) button.disabled = ours && model.state !== "running";
    if (!running) this.change.element.open = false;
    this.change.beginsIn = model.begins_in;
    say(this.start.error, model.failure ? `The last training failed: ${model.failure}` : this.start.problem);
    const facts = describe(model);
    const text = JSON.stringify(facts);
    if (text !== this.shown) fill(this.facts, facts.flatMap(([title, value]) => [el("dt", {}, title), el("dd", {}, value)]));
    this.shown = text;
    if (model.preview && this.preview.getAttribute("src") !== model.preview) this.preview.src = model.preview;
    if (!model.preview) this.preview.removeAttribute("src");
  }

  draw({ losses, metrics, problem, changes }) {
    say(this.problem, problem);
    this.list(changes);
    const all = { losses: [losses.iterations, losses.values], swap: [metrics.iterations, metrics.swap], faces: [metrics.iterations, metrics.faces] };
    for (const [key, [x, lines]] of Object.entries(all)) {
      const some = x.length > 1 && Object.keys(lines).length > 0;
      this.titles[key].hidden = this.charts[key].element.hidden = !some;
      if (some) this.charts[key].set(x, Object.entries(lines));
    }
    this.unmeasured.hidden = metrics.iterations.length > 1;
  }

  /** List where options changed, and mark it on the curve of losses. */
  list(changes) {
    const text = JSON.stringify(changes);
    if (text === this.listed) return;
    this.listed = text;
    this.changed.hidden = !changes.length;
    fill(this.changes, changes.map((change) => el("li", {}, `from iteration ${(change.iteration + 1).toLocaleString("en")}: ${change.text}`)));
    this.charts.losses.note(changes.map(({ iteration }, index) => [iteration, `${index + 1}`]));
    this.change.changed();
  }
}

function describe({ kind, iteration, seconds, saved, latest, memory }) {
  const count = (value) => value.toLocaleString("en");
  const facts = [["architecture", kind || "new"]];
  if (typeof iteration === "number") facts.push(["iteration", count(iteration)]);
  if (typeof saved === "number" && saved !== iteration) facts.push(["saved", `iteration ${count(saved)}`]);
  if (typeof seconds === "number" && !latest) facts.push(["trained for", duration(seconds)]);
  if (latest) {
    if (latest.rate) facts.push(["speed", latest.rate < 1 ? `${number(1 / latest.rate)} s each` : `${number(latest.rate)} per second`]);
    facts.push(["left", latest.eta === null ? "no target, it goes on until you stop it" : duration(latest.eta)]);
    const losses = Object.entries(latest.values).map(([name, value]) => `${name} ${value.toFixed(4)}`);
    if (losses.length) facts.push(["losses", `${losses.join(", ")} (means of the last 100 iterations)`]);
  }
  const size = (bytes) => `${(bytes / 2 ** 30).toFixed(1)} GB`;
  if (memory) facts.push(["memory", size(memory)]);
  const gpu = latest?.gpu_memory;
  if (gpu) facts.push(["GPU memory", `${size(gpu.now)}, at most ${size(gpu.most)}`]);
  return facts;
}
