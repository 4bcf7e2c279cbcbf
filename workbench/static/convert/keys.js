// The keys of the preview are those of the window: they are sent on, by the names it has for them.

import { el } from "../dom.js";

const NAMES = {
  ArrowRight: "right", ArrowLeft: "left", PageDown: "page down", PageUp: "page up", Home: "home",
  End: "end", Enter: "enter", Delete: "delete", Backspace: "backspace", Escape: "escape", " ": "space",
};
const MOVING = ["ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown"];

/** Return the preview's name of a key that was pressed, "" for one that is the page's own. */
export function keyName(event) {
  if ((event.ctrlKey || event.metaKey) && event.key === "z") return "backspace";
  if (event.ctrlKey || event.metaKey || event.altKey) return "";
  const { tagName, type } = event.target;
  if (["SELECT", "TEXTAREA", "SUMMARY"].includes(tagName) || type === "text") return "";
  if (type === "range" && MOVING.includes(event.key)) return "";
  if (["BUTTON", "A"].includes(tagName) || type === "checkbox") {
    if (event.key === " " || event.key === "Enter") return "";
  }
  return NAMES[event.key] ?? (event.key.length === 1 ? event.key.toLowerCase() : "");
}

/** The list of all keys. */
export function keysDialog() {
  const body = el("div", { class: "keys" });
  const close = el("button", { onclick: () => dialog.close() }, "Close");
  const dialog = el("dialog", { class: "keys-dialog", "aria-label": "Keys" },
    el("h2", {}, "Keys"), body, close);
  return {
    element: dialog,
    open: () => dialog.showModal(),
    /** Fill it from what the preview tells: headings with rows of keys and their help. */
    build(groups) {
      body.replaceChildren(...groups.filter(([title]) => title !== "Mouse").map(([title, rows]) =>
        el("section", {}, el("h3", {}, title), el("dl", {}, rows.map(([keys, help]) => [
          el("dt", {}, keys.map((key) => el("kbd", {}, key))), el("dd", {}, help)]).flat()))));
    },
  };
}
