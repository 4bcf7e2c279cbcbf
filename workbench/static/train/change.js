// Options of a training that runs: a form, and what changing them means before it is done.

import { get, post } from "../api.js";
import { explained, inputFor } from "../command.js";
import { commandLine, duration, el, fill, say } from "../dom.js";

let serial = 0;

/** The form; it is asked for when it is opened. */
export class ChangeForm {
  constructor(name) {
    this.path = `/api/train/${encodeURIComponent(name)}/options`;
    this.id = `change-${++serial}`;
    this.values = {};
    this.asked = 0;
    this.beginsIn = null;
    this.controls = new Map();
    this.fields = el("form", { onsubmit: (event) => event.preventDefault() });
    this.note = el("p", { class: "about" });
    this.line = commandLine();
    this.problem = el("p", { class: "error", role: "alert" });
    this.said = el("p", { class: "said", role: "status" });
    this.apply = el("button", { class: "primary", disabled: true, onclick: () => this.send() }, "Apply");
    this.element = el("details", { class: "change", ontoggle: () => this.element.open && this.load() },
      el("summary", {}, "Change options"),
      this.note, this.fields,
      el("div", { class: "foot" }, this.line.element, this.problem, this.said,
        el("div", { class: "buttons" }, this.apply, el("button", { class: "quiet", onclick: () => this.load() }, "As it is"))));
  }

  /** Show the options as the training has them now. */
  async load() {
    this.values = {};
    say(this.said, "");
    const found = await this.ask();
    if (found) this.build(found);
  }

  /** Where an option changed is news: show the new values, unless others are being entered. */
  changed() {
    if (this.element.open && !Object.keys(this.values).length) this.load();
  }

  async ask() {
    const number = ++this.asked;
    try {
      const found = await get(`${this.path}?values=${encodeURIComponent(JSON.stringify(this.values))}`);
      if (number !== this.asked) return null;
      this.update(found);
      return found;
    } catch (problem) {
      say(this.problem, problem.message);
      this.apply.disabled = true;
      return null;
    }
  }

  update({ errors, problem, how, command, say: note }) {
    this.how = how;
    const wrong = Object.keys(errors).length > 0;
    say(this.note, note);
    this.note.hidden = !note;
    say(this.problem, wrong ? "" : problem);
    this.line.set(command);
    this.line.element.hidden = !command || !how;
    this.apply.disabled = !how || wrong || Boolean(problem);
    say(this.apply, this.words());
    for (const [name, { input, error }] of this.controls) {
      say(error, errors[name] ?? "");
      input.setAttribute("aria-invalid", errors[name] ? "true" : "false");
    }
  }

  words() {
    if (this.how === "live") return "Apply: at once";
    if (this.how !== "again") return "Apply";
    const when = this.beginsIn ? ` in about ${duration(Math.ceil(this.beginsIn))}` : "";
    return `Apply: saves, continues${when}`;
  }

  build({ groups }) {
    const opened = [...this.fields.querySelectorAll("details[open]")].map(({ id }) => id);
    const focused = this.fields.contains(document.activeElement) ? document.activeElement.id : "";
    this.controls.clear();
    fill(this.fields, groups.map(({ title, fields }, number) => {
      const part = (seldom) => fields.filter((field) => field.seldom === seldom).map((field) => this.row(field));
      const [often, more] = [part(false), part(true)];
      const id = `${this.id}-more-${number}`;
      return el("fieldset", {}, el("legend", {}, title), el("div", { class: "fields" }, often),
        more.length ? el("details", { id, open: opened.includes(id) }, el("summary", {}, "Advanced"), el("div", { class: "fields" }, more)) : null);
    }));
    if (focused) document.getElementById(focused)?.focus();
  }

  row(field) {
    const id = `${this.id}-${field.name}`;
    const input = inputFor({ ...field, fixed: field.locked }, field.default, id, (event) => this.enter(field, event.target));
    const error = el("p", { class: "error", id: `${id}-error` });
    const about = el("p", { class: "help", id: `${id}-help` }, explained(field),
      el("span", { class: "when" }, field.live ? "Takes effect at once." : "Needs a new start."));
    input.setAttribute("aria-describedby", `${id}-help ${id}-error`);
    this.controls.set(field.name, { input, error });
    return el("div", { class: `field ${field.kind}` }, el("label", { for: id }, el("code", {}, field.flag)), input, about, error);
  }

  enter(field, input) {
    const value = input.type === "checkbox" ? input.checked : input.value;
    if (`${value}` === `${field.default ?? ""}`) delete this.values[field.name];
    else this.values[field.name] = value;
    say(this.said, "");
    this.ask();
  }

  async send() {
    this.apply.disabled = true;
    try {
      const { how } = await post(this.path, { values: this.values });
      this.values = {};
      say(this.problem, "");
      say(this.apply, "Apply");
      this.line.element.hidden = true;
      say(this.said, how === "live"
        ? "It takes effect with the next iteration; the curve will show where."
        : "It saves, stops and goes on with these options; the curve will show where.");
    } catch (problem) {
      say(this.problem, problem.message);
      this.apply.disabled = false;
    }
  }
}
