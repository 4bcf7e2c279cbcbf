// The project: what is there, what is next, what runs.

import { newest, on, post } from "./api.js";
import { card, commandLine, el, fill, say } from "./dom.js";
import { jobPanel } from "./jobs.js";
import { clipCard, video } from "./project/clips.js";

export const projectView = { title: "Project", make, open };

const VIEWS = { // where one looks on at a step
  sort: ["Faces", "#faces/src"], train: ["Train", "#train"], convert: ["Convert", "#convert"],
  evaluate: ["Result", "#result"],
};
const CHOOSE = "Look through the faces: delete blurred ones, cut-off ones and other people. Then train on both";
const FIRST = { // what is said while a clip is missing
  src: ["Choose a clip of the face to put in", "A video of the person whose face is put in, called src: " +
    "half a minute or more, best from many sides and with many expressions. Drop it below."],
  dst: ["Choose the footage to change", "The video in which that face replaces another one, called dst. " +
    "Drop it below."],
};
const CONSENT = "Swap a face only if both people agree: the one whose face it is and the one in the footage. " +
  "Every result is marked as synthetic.";
const WAY = [
  ["Choose two clips", ""],
  ["Find the faces in them", "some minutes"],
  ["Delete blurred faces and other people", "a few minutes of your own"],
  ["Train a network on both faces", "an hour or more; a preview shows how far it is"],
  ["Put the face into the footage", "some minutes"],
  ["Look at the result, and at how good it is", ""],
];

const right = el("div", { class: "column" });

function make() {
  right.append(wayCard(), previewCard(), factsCard());
  const left = el("div", { class: "column" }, nextCard(), clips(), resultCard());
  const page = el("div", { class: "columns" }, left, right);
  const guide = () => {
    const { sides, model } = newest("project") ?? { sides: {}, model: true };
    const both = Object.values(sides);
    const lacking = !model && both.every((side) => !side.faces) && both.some((side) => !side.footage);
    page.classList.toggle("fresh", lacking && !newest("jobs")?.jobs.length);
  };
  on("project", guide);
  on("jobs", guide);
  return page;
}

/** The way to a result, for those who see the page for the first time. */
function wayCard() {
  const steps = WAY.map(([step, takes]) => el("li", {}, step, takes ? el("span", { class: "help" }, ` ${takes}`) : null));
  const note = el("p", { class: "help" }, "The page says what is next, and each step can be stopped and continued.");
  const element = card("From two clips to a result", el("ol", { class: "way" }, steps), note);
  element.classList.add("guide");
  return element;
}

function open() {
  right.prepend(jobPanel());
}

function nextCard() {
  const purpose = el("p", { class: "purpose" });
  const about = el("p", {});
  const consent = el("p", { class: "consent" }, CONSENT);
  const line = commandLine();
  const error = el("p", { class: "error", role: "alert" });
  const run = el("button", { class: "primary", onclick: onRun }, "Run");
  const options = el("a", { class: "button", href: "#commands" }, "Options");
  const view = el("a", { class: "button" });
  const buttons = el("div", { class: "buttons" }, run, options, view);
  let next = { command: "", words: [] };
  let jobs = [];

  async function onRun() {
    run.disabled = true;
    say(error, "");
    try {
      await post("/api/jobs", { stage: next.stage, values: next.values });
    } catch (problem) {
      say(error, problem.message);
    }
    update();
  }

  /** Offer to run it, unless it runs or waits already. */
  function update() {
    const words = next.words.join("\n");
    const unfinished = jobs.filter((job) => ["running", "stopping", "changing", "waiting"].includes(job.state));
    const same = unfinished.find((job) => job.words.join("\n") === words);
    const busy = unfinished.some((job) => job.state !== "waiting");
    const training = unfinished.some((job) => job.state === "running" && job.words[0] === "train");
    run.disabled = Boolean(same);
    if (same) say(run, same.state === "waiting" ? "In the queue" : "Running");
    else say(run, busy ? `Run when the job before it has ended${training ? " or is stopped" : ""}` : "Run");
  }

  on("project", (project) => {
    next = project.next;
    update();
    say(purpose, wanted(project));
    const lacking = missingClip(project);
    say(about, FIRST[lacking]?.[1] ?? "");
    about.hidden = consent.hidden = !lacking;
    const command = lacking ? "" : next.command;
    line.set(command);
    buttons.hidden = !command;
    const [title, address] = (isChoosing(project) ? VIEWS.sort : VIEWS[next.stage]) ?? ["", ""];
    view.hidden = !title;
    view.href = address;
    say(view, `View ${title}`);
    options.href = `#commands/${encodeURIComponent(JSON.stringify([next.stage, next.values]))}`;
  });
  on("jobs", (event) => {
    jobs = event.jobs;
    update();
  });
  const element = card("Next", purpose, about, consent, line.element, buttons, error);
  element.classList.add("first");
  return element;
}

/** Whether the faces are to be looked through before the first training. */
function isChoosing({ next, model }) {
  return next.stage === "train" && !model;
}

/** The side whose clip comes next: both are chosen before the first extraction. */
function missingClip({ lacks, next, sides }) {
  const all = Object.entries(sides);
  if (lacks || next.stage !== "extract" || all.some(([, side]) => side.faces)) return lacks;
  return all.find(([, side]) => !side.footage)?.[0] ?? "";
}

/** What to do next, on a page. */
function wanted(project) {
  const { next } = project;
  const purpose = FIRST[missingClip(project)]?.[0] ?? (isChoosing(project) ? CHOOSE : next.purpose);
  return purpose && purpose[0].toUpperCase() + purpose.slice(1);
}

function clips() {
  return el("div", { class: "clips" }, clipCard("src"), clipCard("dst"));
}

function resultCard() {
  const box = el("div", { class: "video" });
  const element = card("Result", box);
  let shown;
  on("project", (project) => {
    if (project.result === shown) return;
    shown = project.result;
    element.hidden = !shown;
    fill(box, shown ? video(shown, "the result") : []);
  });
  element.hidden = true;
  return element;
}

function previewCard() {
  const image = el("img", { class: "preview", alt: "faces of src and dst, as trained so far" });
  const element = card("Training preview", image);
  element.classList.add("watched");
  element.hidden = true;
  on("preview", ({ url }) => {
    element.hidden = !url;
    if (url && image.getAttribute("src") !== url) image.src = url;
  });
  return element;
}

function factsCard() {
  const list = el("dl", { class: "facts" });
  let shown;
  on("project", ({ rows }) => {
    const text = JSON.stringify(rows);
    if (text === shown) return;
    shown = text;
    const pairs = rows.map(([title, value]) => [el("dt", {}, title), el("dd", {}, value)]);
    fill(list, pairs.flat());
  });
  const element = card("What is there", list);
  element.classList.add("facts-card");
  return element;
}
