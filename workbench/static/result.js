// The result: before and after, what was measured of it, and what its signature says.

import { get, newest, on, post } from "./api.js";
import { chart, number } from "./chart.js";
import { card, commandLine, el, fill, say } from "./dom.js";
import { stageProgress } from "./jobs.js";
import { Player } from "./result/player.js";

export const resultView = { title: "Result", make, open, missing };

function missing({ result, evaluation }) {
  return result || evaluation ? null : ["No result yet. Convert puts the faces into the footage.", "convert"];
}

const WORST = 8; // frames that are listed
const APART = 0.4; // seconds between two of them

let view = null;

function make() {
  view = new Result();
  addEventListener("hashchange", () => {
    if (!location.hash.startsWith("#result")) view.player.leave();
  });
  return view.element;
}

/** Open a result by its name; "" is the usual one. */
function open(name) {
  view.load(name);
}

class Result {
  constructor() {
    this.player = new Player();
    this.empty = el("p", { class: "empty" }, "There is no result yet: convert makes one.");
    this.shifted = el("p", { class: "help" }, "The result begins later than the footage (--from): measure it, and both are shown in step.");
    this.file = el("p", { class: "help" });
    this.name = "";
    this.verified = verifyCard(() => this.name);
    this.pick = el("select", { id: "result-name",
      onchange: () => (location.hash = `#result/${encodeURIComponent(this.pick.value)}`) });
    this.others = el("div", { class: "labeled" }, el("label", { for: "result-name" }, "Result"), this.pick);
    this.measured = new Measured(this.player);
    this.left = el("div", { class: "column" }, this.measured.curves);
    this.right = el("div", { class: "column" }, this.measured.figures, this.verified);
    const clips = card("Before and after", this.others, this.empty, this.player.element, this.shifted, this.file);
    clips.classList.add("first");
    this.element = el("div", { class: "result" }, clips,
      el("div", { class: "columns" }, this.left, this.right));
    let seen;
    on("project", ({ result, evaluation, sides }) => {
      const now = JSON.stringify([result, evaluation, sides.dst.clip]);
      if (now !== seen && this.element.isConnected) this.load(this.name);
      seen = now;
    });
  }

  async load(name) {
    this.name = name;
    let found;
    try {
      found = await get(`/api/result?name=${encodeURIComponent(name)}`);
    } catch (problem) {
      return this.measured.problem(problem.message);
    }
    if (name !== this.name || !this.element.isConnected) return;
    this.offer(found.names, name);
    this.empty.hidden = Boolean(found.result);
    this.player.element.hidden = this.verified.hidden = !found.result;
    const measured = found.stale ? null : found.evaluation;
    const known = measured?.seconds?.length && !measured.seconds.concat(measured.before_seconds).includes(null);
    const times = known
      ? { after: measured.seconds, before: measured.before_seconds, dense: measured.every === 1 }
      : null;
    this.shifted.hidden = !found.result || !found.partial || Boolean(times);
    if (found.result) this.player.load(found.before, { ...found.result, name }, times);
    this.showFile(found.result, found.names, name);
    this.measured.show(found);
    const place = this.measured.curves.hidden ? this.left : this.right; // no column stays empty
    if (this.measured.figures.parentNode !== place) place.prepend(this.measured.figures);
  }

  /** Say where the result lies, and offer a copy of a video. */
  showFile(result, names, name) {
    this.file.hidden = !result;
    const file = name || names[0];
    fill(this.file, `The file: ${newest("project")?.folder ?? ""}/${file}`,
      result?.url ? [" ", el("a", { href: result.url, download: file }, "Save a copy")] : []);
  }

  /** Offer the results that convert has made, if there are several. */
  offer(names, name) {
    const all = name && !names.includes(name) ? [...names, name] : names;
    this.others.hidden = all.length < 2;
    fill(this.pick, all.map((each) => el("option", { value: each }, each)));
    this.pick.value = name || all[0];
  }
}

/** What evaluate measured: the verdict, the table, the curves and the worst frames. */
class Measured {
  constructor(player) {
    this.player = player;
    this.chosen = 0;
    this.error = el("p", { class: "error", role: "alert" });
    this.verdict = el("ul", { class: "verdict" });
    this.table = el("table", { class: "figures" });
    this.missing = el("p", { class: "empty" });
    this.measure = measureButton();
    this.figures = card("How good it is", this.missing, this.measure, this.error, this.verdict,
      el("details", { class: "all-figures" }, el("summary", {}, "All figures"), el("div", { class: "scrolls" }, this.table)));
    this.pick = el("select", { "aria-label": "what is drawn", onchange: () => this.draw(Number(this.pick.value)) });
    this.chart = chart({ label: "what each frame scores", x: "s", picked: (index) => this.go(index) });
    this.worst = el("ol", { class: "worst" });
    this.hint = el("p", { class: "help" }, "Click to go to a frame; drag to zoom, double-click to see all.");
    this.curves = card("Over time", this.pick, this.chart.element, this.hint,
      el("h3", {}, "Worst frames"), this.worst);
    this.curves.hidden = true;
    player.listeners.add((time) => this.chart.mark(time));
  }

  problem(text) {
    say(this.error, text);
  }

  show({ evaluation, problem, stale, result, usual }) {
    say(this.error, problem);
    this.missing.hidden = this.measure.hidden = Boolean(evaluation) && !stale && Boolean(evaluation.curves?.length);
    say(this.missing, result ? reason(evaluation, stale, usual) : "Nothing is measured yet.");
    this.measure.hidden ||= !result || !usual;
    this.figures.querySelector("details").hidden = !evaluation;
    fill(this.verdict, (evaluation?.verdict ?? []).map((line) => el("li", {}, line)));
    if (evaluation) fill(this.table, ...table(evaluation.rows));
    this.evaluation = stale ? null : evaluation;
    const curves = this.evaluation?.curves ?? [];
    this.curves.hidden = !curves.length;
    fill(this.pick, curves.map(({ label }, index) => el("option", { value: `${index}`, selected: index === this.chosen }, label)));
    if (curves.length) this.draw(Math.min(this.chosen, curves.length - 1));
  }

  draw(index) {
    this.chosen = index;
    const { curves, seconds } = this.evaluation;
    const { label, values } = curves[index];
    this.chart.set(seconds.map((time, at) => time ?? at), [[label, values]]);
    this.chart.mark(this.player.after.currentTime);
    fill(this.worst, this.worstOf(curves[index]).map((at) => el("li", {},
      el("button", { class: "quiet", onclick: () => this.go(at) }, this.describe(curves[index], at)))));
  }

  describe({ values }, at) {
    const { seconds, names } = this.evaluation;
    const where = seconds[at] === null ? names[at] : `${seconds[at].toFixed(2)} s`;
    return `${where}: ${values[at] === null ? "no face" : number(values[at])}`;
  }

  /** The worst frames, not all of one moment; those without a face come first. */
  worstOf({ values, rising }) {
    const { seconds } = this.evaluation;
    const bad = (at) => (values[at] === null ? Infinity : rising ? -values[at] : values[at]);
    const found = [];
    for (const at of values.map((_, index) => index).sort((a, b) => bad(b) - bad(a) || a - b)) {
      const near = (other) => Math.abs((seconds[at] ?? at) - (seconds[other] ?? other)) < APART;
      if (!found.some(near)) found.push(at);
      if (found.length === WORST) break;
    }
    return found;
  }

  go(at) {
    const time = this.evaluation.seconds[at];
    if (time === null) return;
    this.player.after.pause();
    this.player.seek(time + 0.002);
    this.player.element.scrollIntoView({ block: "nearest" });
  }
}

function reason(evaluation, stale, usual) {
  if (!usual) return "Figures are shown of result.mp4 only; evaluate --result measures another one.";
  if (!evaluation) return "Nothing is measured yet.";
  if (stale) return "The result was made again since it was measured.";
  return "An earlier version measured it, without values of each frame.";
}

function table({ heads, lines }) {
  return [
    el("thead", {}, el("tr", {}, el("td", {}), heads.map((head) => el("th", { scope: "col" }, head)))),
    el("tbody", {}, lines.map(([label, ...cells]) =>
      el("tr", {}, el("th", { scope: "row" }, label), cells.map((cell) => el("td", {}, cell))))),
  ];
}

/** The command that measures, and the button that runs it. */
function measureButton() {
  const line = commandLine();
  const error = el("p", { class: "error", role: "alert" });
  const run = el("button", { class: "primary", onclick }, "Measure");
  async function onclick() {
    run.disabled = true;
    say(error, "");
    try {
      await post("/api/jobs", { stage: "evaluate", values: {} });
    } catch (problem) {
      say(error, problem.message);
      run.disabled = false;
    }
  }
  get("/api/form/evaluate").then(({ command }) => line.set(command)).catch(() => {});
  on("jobs", ({ jobs }) => {
    const job = jobs.find(({ words, state }) => words[0] === "evaluate" && ["waiting", "running", "stopping"].includes(state));
    run.disabled = Boolean(job);
    say(run, job ? (job.state === "waiting" ? "In the queue" : "Measuring") : "Measure");
  });
  return el("div", { class: "measure" }, line.element, el("div", { class: "buttons" }, run),
    stageProgress("evaluate"), error);
}

function verifyCard(nameOf) {
  const said = el("p", { class: "purpose", role: "status" });
  const lines = el("ul", { class: "verdict" });
  const error = el("p", { class: "error", role: "alert" });
  const about = el("p", { class: "help" }, "Whether the file still says that it is synthetic, and is as it was made.");
  const run = el("button", { onclick }, "Check it");
  let checked;
  async function onclick() {
    run.disabled = true;
    say(error, "");
    say(said, "Reading the file");
    const url = newest("project")?.result;
    try {
      const found = await post(`/api/result/verify?name=${encodeURIComponent(nameOf())}`);
      checked = url;
      say(said, found.status === 0 ? "Marked as synthetic, unchanged, signed on this machine." : "Something is wrong with it.");
      fill(lines, found.lines.map((line) => el("li", {}, line)));
    } catch (problem) {
      say(said, "");
      say(error, problem.message);
    }
    run.disabled = false;
  }
  on("project", ({ result }) => {
    if (result === checked) return;
    checked = undefined;
    say(said, "");
    fill(lines);
  });
  return card("Origin and signature", about, said, lines, error, el("div", { class: "buttons" }, run));
}
