// The clip of src or of dst: dropped, chosen where it is, copied, put away.

import { get, on, post, upload } from "../api.js";
import { card, el, fill, say } from "../dom.js";
import { pick } from "../picker.js";

const ROLES = { src: "the face to put in", dst: "the footage to change" };

export function clipCard(side) {
  const box = el("div", { class: "video" });
  const error = el("p", { class: "error", role: "alert" });
  const note = el("p", { class: "help", role: "status" });
  const foot = el("div", { class: "clip-foot" });
  const id = `file-${side}`;
  const input = el("input", {
    id,
    type: "file",
    accept: "video/*,.mkv,.mts",
    class: "hidden-input",
    onchange: () => send(input.files[0]),
  });
  const bar = el("progress", { max: 1, value: 0, "aria-label": `sending the clip of ${side}` });
  const drop = el(
    "label",
    { class: "drop", for: id },
    el("strong", {}, `Drop the clip of ${side} here`),
    el("span", {}, "or click to choose a video; it is copied into the workspace"),
  );
  let shown;
  let empty = true;

  async function send(file) {
    if (!file) return;
    say(error, "");
    say(note, "");
    fill(box, el("div", { class: "drop" }, `Copying ${file.name}`, bar));
    try {
      const name = encodeURIComponent(file.name);
      await upload(`/api/upload/${side}?name=${name}`, file, (part) => (bar.value = part));
    } catch (problem) {
      say(error, problem.message);
      fill(box, input, drop);
    }
    input.value = "";
  }

  box.addEventListener("dragover", (event) => {
    event.preventDefault();
    box.classList.add("over");
  });
  box.addEventListener("dragleave", () => box.classList.remove("over"));
  box.addEventListener("drop", (event) => {
    event.preventDefault();
    box.classList.remove("over");
    if (empty) send(event.dataTransfer.files[0]);
  });

  /** Use the footage at a path of the machine that the server runs on; null: no longer. */
  async function use(path, copy) {
    say(error, "");
    if (copy) fill(box, el("div", { class: "drop" }, "Copying into the workspace", bar));
    const watch = copy ? setInterval(progressOfCopy, 500) : 0;
    try {
      await post(`/api/picker/clip/${side}`, { path, copy });
    } catch (problem) {
      say(error, problem.message);
      show(shown);
    }
    clearInterval(watch);
  }

  async function progressOfCopy() {
    bar.value = (await get(`/api/picker/clip/${side}`)).part;
  }

  /** The clip in the workspace was the wrong one. */
  async function putAway() {
    say(error, "");
    try {
      const { path } = await post(`/api/picker/away/${side}`);
      say(note, `It is in ${path} now.`);
    } catch (problem) {
      say(error, problem.message);
    }
  }

  function button(text, onclick, label = `${text}: clip of ${side}`) {
    return el("button", { type: "button", class: "quiet", "aria-label": label, onclick }, text);
  }

  async function browse() {
    const path = await pick("footage", `Choose the clip of ${side}, ${ROLES[side]}`);
    if (path !== null) await use(path, false);
  }

  /** What can be done with the clip: it is here, or elsewhere, or not chosen yet. */
  function actions({ footage, elsewhere, earlier, faces }) {
    if (elsewhere) {
      const where = el("p", { class: "clip-path" }, `Used where it is: ${elsewhere}`);
      return [where, el("div", { class: "buttons" },
        button("Copy into the workspace", () => use(elsewhere, true)),
        button("Use another one", () => use(null, false)))];
    }
    if (footage && faces) return [];
    if (footage) return [el("div", { class: "buttons" }, button("Use another one", putAway))];
    return [el("div", { class: "buttons" },
      button("Use a clip where it is", browse),
      earlier ? button(`Use ${earlier} again`, () => use(earlier, false)) : null)];
  }

  function show(about) {
    shown = about;
    empty = !about.footage;
    if (about.clip) fill(box, video(about.clip, `the clip of ${side}`));
    else if (about.footage) fill(box, el("p", { class: "drop" }, "A folder of frames, or a clip that the browser does not play"));
    else fill(box, input, drop);
    fill(foot, actions(about));
  }

  on("project", (project) => {
    if (JSON.stringify(project.sides[side]) !== JSON.stringify(shown)) show(project.sides[side]);
  });
  return card(`${ROLES[side][0].toUpperCase()}${ROLES[side].slice(1)}: ${side}`, box, foot, note, error);
}

export function video(url, label) {
  return el("video", { src: url, controls: true, preload: "metadata", "aria-label": label });
}
