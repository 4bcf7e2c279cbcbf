// Several models of a workspace: which are shown, and one of their curves over another.

import { on } from "../api.js";
import { chart } from "../chart.js";
import { card, el, fill } from "../dom.js";

const KINDS = {
  swap: { title: "swap", of: ({ metrics }) => [metrics.iterations, metrics.swap] },
  faces: { title: "held-out faces", of: ({ metrics }) => [metrics.iterations, metrics.faces] },
  losses: { title: "losses", of: ({ losses }) => [losses.iterations, losses.values] },
};
const USUAL = "swap quality";

/** A choice of models, and a card with a curve of each; `choose` is called with the names to show. */
export function compareCard(choose) {
  const plot = chart({ label: "the chosen curve of all models", x: "iteration" });
  const models = el("fieldset", { class: "chosen" });
  const which = el("select", { "aria-label": "Curve to compare", onchange: () => draw() });
  const nothing = el("p", { class: "empty" }, "Nothing has been measured by two of them yet.");
  const element = card("All models", el("label", { class: "which" }, "Compare ", which), plot.element, nothing);
  element.hidden = models.hidden = true;
  const curves = new Map();
  const hidden = new Set();
  let names = [];

  const shown = () => names.filter((name) => !hidden.has(name));
  const line = (name) => {
    const [kind, ...rest] = which.value.split(" ");
    const [iterations, values] = curves.has(name) ? KINDS[kind].of(curves.get(name)) : [[], {}];
    return values[rest.join(" ")] ? [iterations, values[rest.join(" ")]] : null;
  };

  /** Offer the curves that there are. */
  function offer() {
    const found = new Map();
    for (const name of names) {
      if (!curves.has(name)) continue;
      for (const [kind, { title, of }] of Object.entries(KINDS)) {
        for (const label of Object.keys(of(curves.get(name))[1])) found.set(`${kind} ${label}`, `${title}: ${label}`);
      }
    }
    const keys = [...found.keys()];
    if (keys.join() === [...which.options].map(({ value }) => value).join()) return;
    const before = which.value || USUAL;
    fill(which, keys.map((key) => el("option", { value: key, selected: key === before }, found.get(key))));
  }

  function draw() {
    offer();
    const lines = which.value ? shown().map((name) => [name, line(name)]).filter(([, found]) => found) : [];
    element.hidden = shown().length < 2;
    plot.element.hidden = lines.length < 2;
    which.parentElement.hidden = !which.options.length;
    nothing.hidden = lines.length > 1;
    if (lines.length < 2) return;
    const x = [...new Set(lines.flatMap(([, [iterations]]) => iterations))].sort((a, b) => a - b);
    plot.set(x, lines.map(([name, [iterations, values]]) => {
      const at = new Map(iterations.map((iteration, index) => [iteration, values[index]]));
      return [name, x.map((iteration) => at.get(iteration))];
    }));
  }

  function toggle(name, wanted) {
    if (wanted) hidden.delete(name);
    else hidden.add(name);
    choose(shown());
    draw();
  }

  const listened = new Set();
  function show(now) {
    if (JSON.stringify(now) === JSON.stringify(names)) return;
    names = now;
    models.hidden = names.length < 2;
    if (models.hidden) hidden.clear();
    fill(models, el("legend", {}, "Show"), names.map((name) => el("label", {},
      el("input", { type: "checkbox", checked: !hidden.has(name), onchange: (event) => toggle(name, event.target.checked) }), ` ${name}`)));
    for (const name of names) {
      if (listened.has(name)) continue;
      listened.add(name);
      on(`curves ${name}`, (event) => {
        curves.set(name, event);
        draw();
      });
    }
    choose(shown());
    draw();
  }

  return { element, models, show };
}
