// The face at the cursor, and the dialogs: its frame, two faces side by side, the keys.

import { card, el, fill } from "../dom.js";

const KEYS = [
  ["Arrows, Page Up, Page Down, Home, End", "move; with Shift they select on the way"],
  ["Space", "select the face, or take it from the selection"],
  ["Drag with the mouse", "select what the rubber band touches; with Ctrl in addition"],
  ["Ctrl-A, Escape", "select all that are shown; none"],
  ["Delete", "move what is selected to the trash"],
  ["Ctrl-Z", "take the last deletion back"],
  ["Enter", "show the frame that the face was found in"],
  ["C", "compare the selected faces, the first two"],
  ["+, -", "larger and smaller thumbnails"],
  ["?", "this list"],
];

/** The card with the face at the cursor. */
export class Details {
  constructor() {
    this.image = el("img", { alt: "", class: "portrait" });
    this.facts = el("dl", { class: "facts" });
    this.element = card("Face", this.image, this.facts);
  }

  show(faces, row, address) {
    this.element.classList.toggle("nothing", row === undefined);
    if (row === undefined) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => (this.image.src = address), 80); // not of each face on the way
    fill(this.facts, facts(faces, row).flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
  }
}

function facts(faces, row) {
  const { columns } = faces;
  const one = (name, digits = 0) => columns[name][row].toFixed(digits).replace(/^-(?=0(\.0*)?$)/, "");
  const method = faces.table.order?.key[row];
  return [
    ["File", columns.name[row]],
    ["Frame", `${columns.frame[row]} of ${columns.source[row]}`],
    ["Size", `${columns.size[row]} px`],
    ["Yaw, pitch, roll", ["yaw", "pitch", "roll"].map((name) => `${one(name)}°`).join(", ")],
    ["Focus", one("focus", 2)],
    ["Sharpness", columns.sharpness[row].toLocaleString("en")],
    ["Brightness", one("brightness")],
    ["Score", one("score", 2)],
    ...(method === undefined ? [] : [[faces.method, typeof method === "number" ? method.toPrecision(4) : method]]),
    ["Doubts", faces.reasons(row).join(", ") || "none"],
  ];
}

function dialog(title, ...children) {
  const close = el("button", { type: "button", onclick: () => element.close() }, "Close");
  const element = el("dialog", { class: "dialog", "aria-label": title },
    el("div", { class: "dialog-head" }, el("h2", {}, title), close), children);
  element.addEventListener("close", () => element.remove());
  document.body.append(element);
  element.showModal();
  return element;
}

/** Show the frame of a face; `address` is that of the image. */
export async function frameDialog(name, address) {
  const said = el("p", { role: "status" }, "Looking for the frame...");
  const body = el("div", { class: "dialog-body" }, said);
  dialog(`The frame of ${name}`, body);
  try {
    const response = await fetch(address);
    if (!response.ok) throw new Error((await response.json()).error);
    fill(body, el("img", { src: address, alt: `The frame of ${name}, with the face marked` }));
  } catch (problem) {
    said.className = "error";
    said.textContent = problem.message;
  }
}

/** Show two faces side by side. */
export function compare(faces, rows, addressOf) {
  const side = (row) => el("figure", {},
    el("img", { src: addressOf(row), alt: faces.columns.name[row] }),
    el("dl", { class: "facts" }, facts(faces, row).flatMap(([name, value]) =>
      [el("dt", {}, name), el("dd", {}, value)])));
  dialog("Two faces", el("div", { class: "dialog-body pair" }, rows.map(side)));
}

/** Show the keys. */
export function showKeys() {
  dialog("Keys", el("dl", { class: "facts keys" },
    KEYS.flatMap(([keys, what]) => [el("dt", {}, keys), el("dd", {}, what)])));
}
