// The queue: the jobs, the one that runs, and what it prints.

import { on, post, show } from "./api.js";
import { card, duration, el, fill, say } from "./dom.js";

export const jobsView = { title: "Queue", make, open };

const ACTIVE = ["running", "stopping", "changing"];
const SHOWN = new Set(["message", "announcement", "warning", "error"]);
const LINES = 1000; // of a log that are kept on the page

const right = el("div", { class: "column" });
let panel = null;

function make() {
  return el("div", { class: "columns" }, el("div", { class: "column" }, jobsCard()), right);
}

function open() {
  right.prepend(jobPanel());
}

/** The card of the job whose log is shown; the views share it. */
export function jobPanel() {
  panel ??= makePanel();
  requestAnimationFrame(toEnd); // not before it is in the page
  return panel;
}

function toEnd() {
  const log = panel.querySelector(".log");
  log.scrollTop = log.scrollHeight;
}

function action(label, path, text) {
  const button = el("button", { class: "quiet", "aria-label": label, onclick }, text);
  async function onclick() {
    button.disabled = true;
    try {
      await post(path);
    } catch (problem) {
      button.title = problem.message;
    }
    button.disabled = false;
  }
  return button;
}

function buttons(job) {
  const at = (verb) => `/api/jobs/${job.number}/${verb}`;
  if (job.state === "running") return action(`Stop job ${job.number}`, at("cancel"), "Stop");
  if (job.state === "waiting") return action(`Cancel job ${job.number}`, at("cancel"), "Cancel");
  if (job.state === "interrupted") {
    return action(`Continue job ${job.number}`, at("retry"), "Continue");
  }
  if (["failed", "canceled"].includes(job.state)) {
    return action(`Run job ${job.number} again`, at("retry"), "Again");
  }
  return null;
}

/** Buttons that let a waiting job change places with the one before or after it. */
function movers(job, waiting, failed) {
  if (job.state !== "waiting" || waiting.length < 2) return null;
  const at = waiting.indexOf(job);
  const mover = (label, sign, last) => {
    const text = `Move job ${job.number} ${label}`;
    const button = el("button", { class: "quiet", "aria-label": text, title: text, onclick,
      "data-move": `${job.number} ${label}`, disabled: last }, sign);
    async function onclick() {
      try {
        await post(`/api/jobs/${job.number}/move`, { before: label });
        failed("");
      } catch (problem) {
        failed(problem.message);
      }
    }
    return button;
  };
  return [mover("up", "↑", at === 0), mover("down", "↓", at === waiting.length - 1)];
}

/** Jobs as one looks for them: those that run, those that wait in their order, the newest that ended. */
function arranged(jobs) {
  const running = jobs.filter((job) => ACTIVE.includes(job.state));
  const waiting = jobs.filter((job) => job.state === "waiting");
  const ended = jobs.filter((job) => !running.includes(job) && !waiting.includes(job));
  return [...running, ...waiting, ...ended.sort((one, other) => (other.ended ?? other.number) - (one.ended ?? one.number))];
}

/** What a waiting job waits for. */
function waitsFor(job, jobs) {
  const before = jobs.filter((other) => job.after.includes(other.number) && other.state !== "done");
  if (job.state !== "waiting" || !before.length) return "";
  const end = ({ state }) => (["failed", "canceled"].includes(state) ? `${state}: run it again` : state);
  return ` after ${before.map((other) => `${other.number} (${end(other)})`).join(", ")}`;
}

function jobsCard() {
  const list = el("ol", { class: "jobs" });
  const empty = el("p", { class: "empty" }, "Nothing was run yet.");
  const error = el("p", { class: "error", role: "alert" });
  const start = action("Run the queue", "/api/queue/run", "Run the queue");
  let shown;
  on("jobs", ({ jobs, runners }) => {
    const text = JSON.stringify(jobs);
    start.hidden = runners > 0 || !jobs.some((job) => job.state === "waiting");
    empty.hidden = jobs.length > 0;
    if (text === shown) return;
    shown = text;
    const focused = document.activeElement?.dataset?.move;
    fill(list, arranged(jobs).map((job) => row(job, jobs, (problem) => say(error, problem))));
    if (focused) refocus(list, focused);
  });
  const element = card("Jobs", start, empty, error, list);
  element.classList.add("first");
  return element;
}

/** Keep the focus on the button that moved a job; at the end, on the one that moves it back. */
function refocus(list, move) {
  const button = list.querySelector(`[data-move="${move}"]`);
  const other = list.querySelector(`[data-move^="${move.split(" ")[0]} "]:not(:disabled)`);
  (button?.disabled ? other : button)?.focus();
}

function row(job, jobs, failed) {
  const open = el("button", { class: "link", onclick: () => show(job.number) }, job.words.join(" "));
  const device = job.device === "default" ? "" : ` (${job.device})`;
  const state = el("span", { class: `state ${job.state}` }, job.state + device + waitsFor(job, jobs));
  const waiting = jobs.filter((other) => other.state === "waiting");
  const does = el("span", { class: "does" }, movers(job, waiting, failed), buttons(job));
  return el("li", { value: job.number }, el("span", { class: "number" }, `${job.number}`), open, state, does);
}

function makePanel() {
  const title = el("p", { class: "job-title" });
  const state = el("span", { class: "state" });
  const bar = el("progress", { max: 1, "aria-label": "progress of the job" });
  const facts = el("p", { class: "progress-facts" });
  const stop = el("span", {});
  const log = el("div", { class: "log", role: "log", tabindex: "0", "aria-label": "what the job prints" });
  const empty = el("p", { class: "empty" }, "Nothing runs. What a command prints is shown here.");
  const head = el("div", { class: "job-head" }, title, state, stop);
  const element = card("Job", empty, head, bar, facts, log);
  element.classList.add("watched");
  let number = null;
  let jobs = [];
  let latest = null;

  function update() {
    const job = jobs.find((other) => other.number === number);
    empty.hidden = Boolean(job);
    for (const part of [head, log]) part.hidden = !job;
    const active = job && ACTIVE.includes(job.state);
    bar.hidden = facts.hidden = !active;
    if (!job) return;
    say(title, `${job.number}. ${job.words.join(" ")}`);
    say(state, job.state + waitsFor(job, jobs));
    state.className = `state ${job.state}`;
    if (stop.dataset.state !== `${number} ${job.state}`) {
      stop.dataset.state = `${number} ${job.state}`;
      fill(stop, buttons(job) ?? []);
    }
    tell(bar, facts, latest);
  }

  on("jobs", (event) => {
    jobs = event.jobs;
    update();
  });
  on("log", ({ job, first, events }) => {
    if (first || job !== number) {
      number = job;
      latest = null;
      log.replaceChildren();
    }
    const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
    for (const event of events) {
      if (event.event === "progress") latest = event;
      else if (SHOWN.has(event.event)) log.append(line(event));
    }
    while (log.childElementCount > LINES) log.firstChild.remove();
    if (atEnd) log.scrollTop = log.scrollHeight;
    update();
  });
  update();
  return element;
}

/** A bar for the job of a stage that runs; its log is followed from then on. */
export function stageProgress(stage) {
  const bar = el("progress", { max: 1, "aria-label": `progress of ${stage}` });
  const facts = el("p", { class: "progress-facts" });
  const element = el("div", { class: "stage-progress", hidden: true }, bar, facts);
  let number = null;
  on("jobs", ({ jobs }) => {
    const job = jobs.find(({ words, state }) => words[0] === stage && ACTIVE.includes(state));
    element.hidden = !job;
    if ((job?.number ?? null) === number) return;
    number = job?.number ?? null;
    tell(bar, facts, null);
    if (job) show(number);
  });
  on("log", ({ job, events }) => {
    const latest = events.findLast((event) => event.event === "progress");
    if (job === number && latest) tell(bar, facts, latest);
  });
  return element;
}

function tell(bar, facts, latest) {
  if (latest?.of) bar.value = latest.item / latest.of;
  else bar.removeAttribute("value");
  say(facts, latest ? describe(latest) : "");
}

function line(event) {
  const before = ["warning", "error"].includes(event.event) ? `${event.event}: ` : "";
  const after = event.event === "announcement" ? " ..." : "";
  return el("div", { class: `line ${event.event}` }, before + event.text + after);
}

/** A progress event in words: "Extracting: 120 of 655 frames, 8.1/s, 66 s left". */
function describe(event) {
  const parts = [];
  const number = (value) => value.toLocaleString("en");
  if (event.of) parts.push(`${number(event.item)} of ${number(event.of)} ${event.unit}s`);
  else parts.push(`${event.unit} ${number(event.item)}`);
  if (event.rate) parts.push(`${Number(event.rate.toPrecision(2))}/s`);
  if (event.eta !== null && event.item < event.of) parts.push(`${duration(event.eta)} left`);
  for (const [name, value] of Object.entries(event.values)) parts.push(`${name} ${value.toFixed(4)}`);
  return `${event.message}: ${parts.join(", ")}`;
}
