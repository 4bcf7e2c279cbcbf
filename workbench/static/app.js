// The page: its views and the line at the top. A view is { title, make() -> element }; until the workspace
// has what it shows, `missing(project)` is the sentence that says so, and which view comes first.

import { emit, newest, on, start } from "./api.js";
import { card, el, fill, say } from "./dom.js";
import { commandView } from "./command.js";
import { convertView } from "./convert.js";
import { facesView } from "./faces.js";
import { jobsView } from "./jobs.js";
import { landmarksView } from "./landmarks.js";
import { masksView } from "./masks.js";
import { projectView } from "./project.js";
import { resultView } from "./result.js";
import { trainView } from "./train.js";

const VIEWS = {
  project: projectView,
  faces: facesView,
  landmarks: landmarksView,
  masks: masksView,
  train: trainView,
  convert: convertView,
  result: resultView,
  commands: commandView,
  jobs: jobsView,
};

const main = document.getElementById("main");
const made = {};
let started = false;
let lack = null; // what the view that is shown waits for

function currentView() {
  const [name] = location.hash.slice(1).split("/");
  return name in VIEWS ? name : "project";
}

/** What the current view needs and the workspace has not. */
function lacking() {
  const project = newest("project");
  return (project && VIEWS[currentView()].missing?.(project)) ?? null;
}

/** What stands in for a view that would have nothing to show. */
function placeholder(text, view) {
  const link = el("a", { class: "button primary", href: `#${view}` }, VIEWS[view].title);
  return card(VIEWS[currentView()].title, el("p", { class: "empty" }, text), el("div", { class: "buttons" }, link));
}

function route() {
  const [, ...rest] = location.hash.slice(1).split("/");
  const current = currentView();
  lack = lacking();
  const shown = lack ? placeholder(...lack) : (made[current] ??= VIEWS[current].make());
  if (main.firstChild !== shown) fill(main, shown);
  if (!lack) VIEWS[current].open?.(decodeURIComponent(rest.join("/")));
  for (const link of document.querySelectorAll("#nav a")) {
    if (link.hash === `#${current}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

fill(
  document.getElementById("nav"),
  Object.entries(VIEWS).map(([name, view]) => el("a", { href: `#${name}` }, view.title)),
);

for (const type of ["project", "training"]) {
  on(type, () => {
    if (started && Boolean(lack) !== Boolean(lacking())) route();
  });
}
on("project", ({ folder }) => say(document.getElementById("folder"), folder));
on("connection", ({ text }) => say(document.getElementById("connection"), text));
on("problem", ({ text }) => {
  const problem = document.getElementById("problem");
  problem.hidden = !text;
  say(problem, text);
});

try {
  await start();
  addEventListener("hashchange", route); // not before there is a token to post with
  started = true;
  route();
} catch (problem) {
  emit({ type: "problem", text: problem.message });
}
