// The form of each command, made from the declarations of its options.

import { get, newest, on, post } from "./api.js";
import { card, commandLine, el, fill, say } from "./dom.js";
import { pick } from "./picker.js";

export const commandView = { title: "Commands", make, open };

let form = null;

function make() {
  form = new Form();
  return form.element;
}

/** Open the form of a command with some values: the address has JSON of [stage, values]. */
function open(address) {
  if (!address) return;
  try {
    const [stage, values] = JSON.parse(address);
    form.show(stage, values);
  } catch {
    // not an address of ours
  }
}

class Form {
  constructor() {
    this.values = {};
    this.stage = "";
    this.asked = 0;
    this.shape = "";
    this.controls = new Map();
    this.list = el("nav", { class: "commands", "aria-label": "Commands" });
    this.about = el("p", { class: "about" });
    this.fields = el("form", { onsubmit: (event) => event.preventDefault() });
    this.line = commandLine();
    this.problem = el("p", { class: "error", role: "alert" });
    this.said = el("p", { class: "said", role: "status" });
    this.run = el("button", { class: "primary", onclick: () => this.add(true) }, "Run");
    this.queue = el("button", { onclick: () => this.add(false) }, "Add to the queue");
    this.clear = el("button", { class: "quiet", onclick: () => this.show(this.stage, {}) }, "Defaults");
    this.heading = el("h2", {});
    this.presets = {};
    this.chosen = el("select", { "aria-label": "Preset", onchange: () => this.choosePreset() });
    this.presetName = el("input", { type: "text", maxlength: "60", placeholder: "name of a preset",
      "aria-label": "Name of a preset" });
    this.savePreset = el("button", { class: "quiet", onclick: () => this.keepPreset(this.values) },
      "Save as preset");
    this.removePreset = el("button", { class: "quiet", onclick: () => this.keepPreset(null) },
      "Remove preset");
    const presets = el("div", { class: "buttons presets" }, this.chosen, this.presetName,
      this.savePreset, this.removePreset);
    const foot = el("div", { class: "foot" }, this.line.element, this.problem, this.said,
      el("div", { class: "buttons" }, this.run, this.queue, this.clear));
    const sheet = el("section", { class: "card sheet" }, this.heading, this.about, presets,
      this.fields, foot);
    this.element = el("div", { class: "with-list" }, this.list, sheet);
    on("commands", ({ commands }) => {
      fill(this.list, Object.entries(commands).map(([name, about]) =>
        el("a", { href: `#commands/${encodeURIComponent(JSON.stringify([name, {}]))}`, title: about,
          "data-name": name }, name)));
      this.show("extract", { side: "src" });
    });
  }

  /** Show the form of a command with some values. */
  async show(stage, values) {
    this.stage = stage;
    this.values = { ...values };
    this.shape = "";
    say(this.said, "");
    for (const link of this.list.children) {
      if (link.dataset.name === stage) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    await this.refresh();
  }

  /** Ask the server what the values come to. */
  async refresh() {
    const number = ++this.asked;
    const values = encodeURIComponent(JSON.stringify(this.values));
    try {
      const found = await get(`/api/form/${encodeURIComponent(this.stage)}?values=${values}`);
      if (number === this.asked) this.update(found);
    } catch (problem) {
      say(this.problem, problem.message);
    }
  }

  update(found) {
    const shape = JSON.stringify(found.groups);
    if (shape !== this.shape) {
      this.shape = shape;
      this.build(found);
    }
    this.listPresets(found.presets);
    this.line.set(found.command);
    say(this.problem, Object.keys(found.errors).length ? "" : found.problem);
    this.run.disabled = this.queue.disabled =
      Boolean(found.problem) || Object.keys(found.errors).length > 0;
    for (const [name, control] of this.controls) {
      const error = found.errors[name] ?? "";
      say(control.error, error);
      control.input.setAttribute("aria-invalid", error ? "true" : "false");
      control.row.hidden = !this.matters(control.field);
    }
  }

  listPresets(presets) {
    this.presets = presets;
    const names = Object.keys(presets);
    const same = names.find((name) => JSON.stringify(presets[name]) === JSON.stringify(this.values));
    fill(this.chosen, el("option", { value: "" }, "Presets"),
      names.map((name) => el("option", { value: name, selected: name === same }, name)));
    this.chosen.hidden = !names.length;
    this.removePreset.hidden = !same;
  }

  choosePreset() {
    const name = this.chosen.value;
    if (name) this.show(this.stage, this.presets[name]);
  }

  /** Save values under the name that was entered, or remove the preset that is chosen. */
  async keepPreset(values) {
    const name = values ? this.presetName.value : this.chosen.value;
    try {
      await post(`/api/presets/${encodeURIComponent(this.stage)}`, { name, values });
      this.presetName.value = "";
      await this.refresh();
    } catch (problem) {
      say(this.problem, problem.message);
    }
  }

  /** Whether an option has an effect, given the others. */
  matters(field) {
    return Object.entries(field.when).every(([name, allowed]) => {
      const other = this.controls.get(name);
      return !other || allowed.includes(this.values[name] ?? other.field.default);
    });
  }

  build(found) {
    const focused = document.activeElement?.id;
    const opened = new Set([...this.fields.querySelectorAll("details[open]")].map((d) => d.id));
    this.controls.clear();
    say(this.heading, found.stage);
    say(this.about, `${found.help[0].toUpperCase()}${found.help.slice(1)}.`);
    fill(this.fields, found.groups.map((group) => this.group(group)));
    for (const details of this.fields.querySelectorAll("details")) {
      details.open = opened.has(details.id);
    }
    if (focused) document.getElementById(focused)?.focus();
  }

  group({ title, fields }) {
    const often = fields.filter((field) => !field.seldom);
    const seldom = fields.filter((field) => field.seldom);
    const more = el("details", { id: `more-${title}` }, el("summary", {}, "Advanced"),
      el("div", { class: "fields" }, seldom.map((field) => this.row(field))));
    return el("fieldset", {}, el("legend", {}, title),
      el("div", { class: "fields" }, often.map((field) => this.row(field))),
      seldom.length ? more : null);
  }

  row(field) {
    const id = `option-${field.name}`;
    const input = this.input(field, id);
    const error = el("p", { class: "error", id: `${id}-error` });
    const about = el("p", { class: "help", id: `${id}-help` }, explained(field));
    input.setAttribute("aria-describedby", `${id}-help ${id}-error`);
    const label = el("label", { for: id }, el("code", {}, field.flag));
    const entry = field.takes ? this.withBrowse(field, input) : input;
    const row = el("div", { class: `field ${field.kind}` }, label, entry, about, error);
    this.controls.set(field.name, { field, input, error, row });
    return row;
  }

  /** An input for a path, with the button that opens the file picker. */
  withBrowse(field, input) {
    const browse = el("button", { type: "button", class: "quiet", disabled: field.fixed,
      "aria-label": `Browse for ${field.flag}`, onclick }, "Browse");
    const form = this;
    async function onclick() {
      const path = await pick(field.takes, `${field.flag}: ${field.help}`);
      if (path !== null) {
        const before = field.kind === "list" ? input.value.trim() : "";
        input.value = before ? `${before}\n${path}` : path;
        form.change(field, input);
      }
      browse.focus();
    }
    return el("div", { class: "with-browse" }, input, browse);
  }

  input(field, id) {
    const value = this.values[field.name] ?? field.default;
    return inputFor(field, value, id, (event) => this.change(field, event.target));
  }

  change(field, input) {
    let value = input.type === "checkbox" ? input.checked : input.value;
    if (field.kind === "list") value = value.split("\n").filter((item) => item.trim());
    const usual = Array.isArray(field.default) ? field.default.join("\n") : `${field.default ?? ""}`;
    if (`${Array.isArray(value) ? value.join("\n") : value}` === usual) delete this.values[field.name];
    else this.values[field.name] = value;
    say(this.said, "");
    this.refresh();
  }

  /** Add the command to the queue, to be run now or when those before it have succeeded. */
  async add(run) {
    const waiting = (newest("jobs")?.jobs ?? []).filter((job) =>
      ["waiting", "running"].includes(job.state));
    const after = run ? [] : waiting.slice(-1).map((job) => job.number);
    this.run.disabled = this.queue.disabled = true;
    try {
      const job = await post("/api/jobs", { stage: this.stage, values: this.values, after, run });
      const when = after.length ? ` after job ${after[0]}` : "";
      say(this.said, run ? `Job ${job.number} was started.` : `Job ${job.number} waits${when}.`);
      if (run) location.hash = "#project";
    } catch (problem) {
      say(this.problem, problem.message);
    }
    this.run.disabled = this.queue.disabled = false;
  }
}

/** The input of an option; `changed` is called with the event when another value is entered. */
export function inputFor(field, value, id, changed) {
  const common = { id, disabled: field.fixed, required: field.required };
  if (field.kind === "bool") {
    return el("input", { ...common, type: "checkbox", checked: Boolean(value), onchange: changed });
  }
  if (field.kind === "choice") {
    const choices = field.choices.map((choice) => el("option",
      { value: choice.value, selected: choice.value === value, title: choice.about },
      choice.about ? `${choice.value}: ${choice.about}` : choice.value));
    const none = field.default === null ? [el("option", { value: "" }, "")] : [];
    return el("select", { ...common, onchange: changed }, none, choices);
  }
  const text = Array.isArray(value) ? value.join("\n") : `${value ?? ""}`;
  if (field.kind === "list") {
    const hint = field.placeholder === "none" ? "one a line" : field.placeholder;
    const area = el("textarea", { ...common, rows: "2", placeholder: hint, oninput: changed });
    area.value = text;
    return area;
  }
  const number = ["int", "float"].includes(field.kind);
  return el("input", {
    ...common,
    type: "text",
    inputmode: number ? "decimal" : null,
    spellcheck: "false",
    autocomplete: "off",
    value: text,
    placeholder: field.default === null ? field.placeholder : null,
    oninput: changed,
  });
}

export function explained(field) {
  const range = ["int", "float"].includes(field.kind) && (field.low !== null || field.high !== null);
  const notes = [
    range ? field.allowed : "",
    field.zero ? `0: ${field.zero}` : "",
    field.fixed ? "cannot change once a model exists" : "",
  ].filter((note) => note && !field.help.includes(note));
  return [field.help, ...notes].join("; ");
}
