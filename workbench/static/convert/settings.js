// The settings of the current frame: sliders and choices, made from the declarations of the options.

import { el, say } from "../dom.js";

export class Settings {
  /**
   * @param choose called with name, value, and whether it continues the last change
   */
  constructor(choose) {
    this.choose = choose;
    this.controls = new Map();
    this.look = null;
    this.element = el("div", { class: "settings" });
  }

  /** Make the controls: the fields of the form, and the keys of each. */
  build(fields, keys) {
    this.controls.clear();
    this.element.replaceChildren(...fields.map((field) => this.row(field, keys[field.name] ?? "")));
    if (this.look) this.update(this.look);
  }

  row(field, keys) {
    const id = `look-${field.name}`;
    const name = field.name.replace(/_modifier$/, "").replaceAll("_", " ");
    const value = el("output", { for: id });
    const input = this.input(field, id);
    const row = el("div", { class: `setting ${field.kind}`, title: field.help },
      el("label", { for: id }, name), el("kbd", {}, keys), input, value);
    this.controls.set(field.name, { field, input, value, row, dragged: false });
    return row;
  }

  input(field, id) {
    const changed = (event) => this.choose(field.name, valueOf(field, event.target), false);
    if (field.kind === "bool") return el("input", { id, type: "checkbox", onchange: changed });
    if (field.kind === "choice") {
      return el("select", { id, onchange: changed }, field.choices.map((choice) =>
        el("option", { value: choice.value, title: choice.about }, choice.value)));
    }
    const step = field.step ?? (field.kind === "int" ? 1 : 0.01);
    return el("input", { id, type: "range", min: `${field.low}`, max: `${field.high}`, step: `${step}`,
      oninput: (event) => this.drag(field, event.target), onchange: () => this.drop(field) });
  }

  /** Follow a slider; all of one drag is undone at once. */
  drag(field, input) {
    const control = this.controls.get(field.name);
    say(control.value, input.value);
    this.choose(field.name, Number(input.value), control.dragged);
    control.dragged = true;
  }

  drop(field) {
    this.controls.get(field.name).dragged = false;
  }

  /** Show a look; a slider that is being dragged stays where it is. */
  update(look) {
    this.look = look;
    for (const [name, { field, input, value, row, dragged }] of this.controls) {
      row.classList.toggle("changed", look[name] !== field.default);
      row.classList.toggle("unused", !matters(field, look));
      if (dragged) continue;
      if (field.kind === "bool") input.checked = look[name];
      else if (document.activeElement !== input || input.value !== `${look[name]}`) input.value = look[name];
      say(value, ["int", "float"].includes(field.kind) ? `${look[name]}` : "");
    }
  }
}

function valueOf(field, input) {
  return field.kind === "bool" ? input.checked : input.value;
}

/** Whether a setting has an effect, given the others. */
function matters(field, look) {
  return Object.entries(field.when).every(([name, allowed]) => allowed.includes(look[name]));
}
