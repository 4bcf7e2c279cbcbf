// The filters beside the grid; a change calls `onChange`.

import { el, fill } from "../dom.js";
import { RANGES, personName } from "./data.js";
import { Scatter } from "./scatter.js";

const PAUSE = 150; // ms after the last key

export class Filters {
  constructor(onChange) {
    this.onChange = () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(onChange, PAUSE);
    };
    this.scatter = new Scatter({ onRegion: (region) => this.setRegion(region) });
    this.fields = {};
    this.text = el("input", {
      type: "search", id: "face-text", autocomplete: "off", spellcheck: "false",
      oninput: this.onChange,
    });
    this.person = el("select", { id: "face-person", onchange: this.onChange });
    this.people = el("div", { class: "field", hidden: true },
      el("label", { for: "face-person" }, "Person"), this.person);
    this.doubtful = el("input", { type: "checkbox", id: "face-doubtful", onchange: this.onChange });
    this.clear = el("button", { class: "quiet", type: "button", onclick: () => this.reset() }, "Show all");
    this.element = el("section", { class: "card filters", "aria-label": "Filters" },
      this.scatter.element,
      el("div", { class: "field" }, el("label", { for: "face-text" }, "File or frame"), this.text),
      el("div", { class: "field bool" }, this.doubtful,
        el("label", { for: "face-doubtful" }, "Only doubtful faces")),
      this.people,
      Object.entries(RANGES).map(([name, label]) => this.range(name, label)),
      this.clear);
  }

  range(name, label) {
    const input = (end, word) => el("input", {
      type: "number", step: "any", id: `face-${name}-${end}`, "aria-label": `${label}, ${word}`,
      oninput: () => this.changeRange(name),
    });
    const [low, high] = [input("low", "at least"), input("high", "at most")];
    this.fields[name] = { low, high };
    return el("fieldset", { class: "range" }, el("legend", {}, label), low, el("span", {}, "to"), high);
  }

  changeRange(name) {
    if (name === "yaw" || name === "pitch") this.scatter.mark(this.region);
    this.onChange();
  }

  /** The region of the fields for yaw and pitch; null if they say nothing. */
  get region() {
    const { yaw, pitch } = this.fields;
    if (![yaw, pitch].some(({ low, high }) => low.value || high.value)) return null;
    return { yaw: bounds(yaw, 90), pitch: bounds(pitch, 60) };
  }

  setRegion(region) {
    for (const name of ["yaw", "pitch"]) {
      const [low, high] = region?.[name] ?? ["", ""];
      this.fields[name].low.value = low;
      this.fields[name].high.value = high;
    }
    this.onChange();
  }

  reset() {
    for (const { low, high } of Object.values(this.fields)) low.value = high.value = "";
    this.text.value = "";
    this.person.value = "";
    this.doubtful.checked = false;
    this.scatter.mark(null);
    this.onChange();
  }

  /** Offer the people and show the ranges of a table. */
  offer(faces) {
    const people = faces.people;
    this.people.hidden = !people;
    fill(this.person, el("option", { value: "" }, "all"),
      Array.from({ length: people }, (_, person) => el("option", { value: person }, personName(person))),
      people ? el("option", { value: -1 }, "seen once, or not recognized") : null);
    for (const [name, { low, high }] of Object.entries(this.fields)) {
      let least = Infinity, most = -Infinity;
      for (const value of faces.columns[name]) {
        if (value < least) least = value;
        if (value > most) most = value;
      }
      [low.placeholder, high.placeholder] = faces.count ? [least, most] : ["", ""];
    }
  }

  /** What `Faces.view` filters by. */
  get value() {
    const ranges = {};
    for (const [name, { low, high }] of Object.entries(this.fields)) {
      if (low.value || high.value) ranges[name] = bounds({ low, high }, Infinity);
    }
    const person = this.person.value === "" ? null : Number(this.person.value);
    return { ranges, person, doubtful: this.doubtful.checked, text: this.text.value.trim() };
  }
}

function bounds({ low, high }, most) {
  return [low.value ? Number(low.value) : -most, high.value ? Number(high.value) : most];
}
