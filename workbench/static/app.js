// The page: its views and the line at the top. A view is { title, make() -> element }.

import { emit, on, start } from "./api.js";
import { el, fill, say } from "./dom.js";
import { commandView } from "./command.js";
import { convertView } from "./convert.js";
import { facesView } from "./faces.js";
import { jobsView } from "./jobs.js";
import { landmarksView } from "./landmarks.js";
import { projectView } from "./project.js";
import { resultView } from "./result.js";
import { trainView } from "./train.js";

const VIEWS = {
  project: projectView,
  faces: facesView,
  landmarks: landmarksView,
  train: trainView,
  convert: convertView,
  result: resultView,
  commands: commandView,
  jobs: jobsView,
};

const main = document.getElementById("main");
const made = {};

function route() {
  const [name, ...rest] = location.hash.slice(1).split("/");
  const current = name in VIEWS ? name : "project";
  made[current] ??= VIEWS[current].make();
  if (main.firstChild !== made[current]) fill(main, made[current]);
  VIEWS[current].open?.(decodeURIComponent(rest.join("/")));
  for (const link of document.querySelectorAll("#nav a")) {
    if (link.hash === `#${current}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

fill(
  document.getElementById("nav"),
  Object.entries(VIEWS).map(([name, view]) => el("a", { href: `#${name}` }, view.title)),
);

on("project", (project) => {
  say(document.getElementById("folder"), project.folder);
  emit({ type: "problem", text: project.problem });
});
on("connection", ({ text }) => say(document.getElementById("connection"), text));
on("problem", ({ text }) => {
  const problem = document.getElementById("problem");
  problem.hidden = !text;
  say(problem, text);
});

try {
  await start();
  addEventListener("hashchange", route); // not before there is a token to post with
  route();
} catch (problem) {
  emit({ type: "problem", text: problem.message });
}
