// The file picker: a dialog with the folders of the machine that the server runs on.

import { get, post } from "./api.js";
import { el, fill, say } from "./dom.js";

const KINDS = {
  folder: "folder", frames: "folder of images", faces: "folder of faces", model: "model",
  video: "video", image: "image", file: "file",
};
const UNITS = ["bytes", "kB", "MB", "GB", "TB"];

let picker = null;
let lastFolder = ""; // where it was closed

/** Let the user pick something; resolves to its path, or null. `takes` is the kind of an option. */
export function pick(takes, title) {
  picker ??= new Picker();
  return picker.open(takes, title);
}

class Picker {
  constructor() {
    this.heading = el("h2", { id: "picker-title" });
    this.path = el("input", { type: "text", "aria-label": "Folder", spellcheck: "false", autocomplete: "off" });
    this.places = el("div", { class: "buttons", role: "group", "aria-label": "Places" });
    this.up = el("button", { type: "button", onclick: () => this.goUp() }, "Up");
    this.list = el("ul", { class: "entries", "aria-label": "In this folder", onkeydown: (event) => this.onKey(event) });
    this.note = el("p", { class: "help" });
    this.error = el("p", { class: "error", role: "alert" });
    this.hidden = el("input", { type: "checkbox", id: "picker-hidden", onchange: () => this.show(this.folder) });
    this.here = el("button", { type: "button", onclick: () => this.choose(this.folder) }, "Choose this folder");
    const go = el("form", { class: "go", onsubmit: (event) => this.onGo(event) }, this.up, this.path, el("button", {}, "Go"));
    const foot = el("div", { class: "buttons" }, this.here,
      el("button", { type: "button", onclick: () => this.dialog.close() }, "Cancel"),
      el("label", { for: "picker-hidden" }, this.hidden, " hidden ones too"));
    this.dialog = el("dialog", { class: "picker", "aria-labelledby": "picker-title", onclose: () => this.onClose() },
      this.heading, this.places, go, this.error, this.list, this.note, foot);
    document.body.append(this.dialog);
    this.folder = "";
    this.parent = null;
  }

  open(takes, title) {
    this.takes = takes;
    this.picked = null;
    say(this.heading, title);
    say(this.error, "");
    this.dialog.showModal();
    this.show(lastFolder);
    return new Promise((resolve) => (this.resolve = resolve));
  }

  onClose() {
    lastFolder = this.folder;
    this.resolve(this.picked);
  }

  onGo(event) {
    event.preventDefault();
    this.show(this.path.value);
  }

  goUp() {
    if (this.parent) this.show(this.parent, this.folder);
  }

  /** Show a folder, with the focus on its first entry or on the one that it was left by. */
  async show(folder, from = "") {
    const asked = new URLSearchParams({ folder, takes: this.takes });
    if (this.hidden.checked) asked.set("hidden", "yes");
    const number = (this.asked = (this.asked ?? 0) + 1); // a slow disk may answer after another one
    try {
      const found = await get(`/api/picker?${asked}`);
      if (number === this.asked) this.update(found, from);
    } catch (problem) {
      if (number === this.asked) say(this.error, problem.message);
    }
  }

  update(found, from) {
    this.folder = found.folder;
    this.parent = found.parent;
    this.path.value = found.folder;
    this.up.disabled = !found.parent;
    this.here.hidden = !found.picks;
    say(this.here, `Choose this ${KINDS[found.kind]}`);
    say(this.error, "");
    fill(this.places, found.places.map(({ name, path }) =>
      el("button", { type: "button", class: "quiet", onclick: () => this.show(path) }, name)));
    fill(this.list, found.entries.map((entry) => this.row(entry)));
    say(this.note, remarks(found));
    const buttons = [...this.list.querySelectorAll(".entry")];
    (buttons.find((button) => button.dataset.path === from) ?? buttons[0] ?? this.path).focus();
  }

  row(entry) {
    const act = () => (entry.opens ? this.show(entry.path) : this.choose(entry.path));
    const about = entry.size === null ? KINDS[entry.kind] : `${KINDS[entry.kind]}, ${inUnits(entry.size)}`;
    const main = el("button", { type: "button", class: "entry", "data-path": entry.path, onclick: act },
      el("span", { class: `name ${entry.opens ? "opens" : ""}` }, entry.name), el("span", { class: "help" }, about));
    const choose = entry.opens && entry.picks
      ? el("button", { type: "button", class: "quiet", "aria-label": `Choose ${entry.name}`,
        onclick: () => this.choose(entry.path) }, "Choose")
      : null;
    return el("li", {}, main, choose);
  }

  /** Move with the arrows; a letter goes to the next name that begins with it. */
  onKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const buttons = [...this.list.querySelectorAll(".entry")];
    const row = document.activeElement.closest("li");
    const at = buttons.findIndex((button) => row?.contains(button));
    let next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (event.key === "Backspace") this.goUp();
    else if (event.key.length === 1 && event.key !== " ") {
      const after = [...buttons.slice(at + 1), ...buttons.slice(0, at + 1)];
      next = buttons.indexOf(after.find((button) =>
        button.textContent.toLowerCase().startsWith(event.key.toLowerCase())));
    } else if (next === undefined) return;
    event.preventDefault();
    buttons[next]?.focus();
  }

  async choose(path) {
    try {
      this.picked = (await post("/api/picker/pick", { path, takes: this.takes })).path;
      this.dialog.close();
    } catch (problem) {
      say(this.error, problem.message);
    }
  }
}

/** What the list leaves out. */
function remarks({ entries, wanted, others, hidden, left }) {
  const count = (number, what) => (number ? `${number.toLocaleString("en")} ${what}` : "");
  const parts = [
    entries.length ? "" : `No folder, and nothing that is ${wanted}`,
    count(others, "of other kinds not shown"), count(hidden, "hidden"), count(left, "more not listed"),
  ].filter((part) => part);
  return parts.length ? `${parts.join("; ")}.` : "";
}

function inUnits(bytes) {
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), UNITS.length - 1);
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${UNITS[power]}`;
}
