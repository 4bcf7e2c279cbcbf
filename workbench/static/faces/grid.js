// A grid of any number of thumbnails: only the rows in view are elements, and they are used again.

import { el } from "../dom.js";
import { FRAME, Lines } from "./lines.js";
import { Pictures } from "./pictures.js";

const OVERSCAN = 4; // rows above and below the view
const SETTLED = 60; // ms without scrolling, after which images are loaded
const FAST = 0.15; // views in one frame; images that fly by are not loaded

/**
 * The grid. It knows positions (the n-th face that is shown) and asks `source` about them:
 * `face(position)`, its checksum and name, `label(position)`, `mark(position)`, `chosen(position)`, and
 * `address`, where thumbnails come from.
 */
export class Grid {
  constructor(source, { label, size }) {
    this.source = source;
    this.size = size;
    this.current = 0;
    this.lines = new Lines();
    this.shown = new Map(); // line -> row
    this.free = [];
    this.body = el("div", { class: "grid-body", role: "rowgroup" });
    this.pictures = new Pictures(() => this.schedule());
    this.band = el("div", { class: "grid-band", hidden: true });
    this.element = el("div", {
      class: "grid", role: "grid", tabindex: "0", "aria-label": label, "aria-multiselectable": "true",
    }, this.body, this.band);
    this.element.addEventListener("scroll", () => this.schedule(), { passive: true });
    new ResizeObserver(() => this.resize()).observe(this.element);
  }

  /** Show other faces, in groups of { name, count } one after the other. */
  show(count, groups) {
    this.count = count;
    this.groups = groups;
    this.pictures.forget();
    this.current = Math.max(0, Math.min(this.current, count - 1));
    this.arrange();
  }

  /** Show the thumbnails at another size, the same face staying in view. */
  resizeTo(size) {
    this.size = size;
    this.arrange();
    this.reveal(this.current);
  }

  resize() {
    const width = this.element.clientWidth;
    if (width && width !== this.width) this.arrange();
    else this.schedule();
  }

  arrange() {
    this.width = this.element.clientWidth;
    this.height = this.element.clientHeight;
    if (!this.width || this.groups === undefined) return;
    this.lines.build(this.count, this.groups, this.size, this.width);
    this.body.style.height = `${this.lines.height}px`;
    this.element.style.setProperty("--side", `${this.size}px`);
    this.element.setAttribute("aria-rowcount", this.lines.count);
    this.element.setAttribute("aria-colcount", this.lines.columns);
    for (const row of this.shown.values()) row.element.remove();
    this.shown.clear();
    this.free = [];
    this.render(false);
  }

  schedule() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      const moved = Math.abs(this.element.scrollTop - (this.top ?? 0));
      this.render(moved > FAST * this.element.clientHeight);
    });
  }

  render(fast) {
    this.height = this.element.clientHeight;
    this.top = this.element.scrollTop;
    const first = Math.max(0, this.lines.at(this.top) - OVERSCAN);
    const last = Math.min(this.lines.count - 1, this.lines.at(this.top + this.height) + OVERSCAN);
    for (const [line, row] of this.shown) {
      if (line < first || line > last) {
        this.shown.delete(line);
        this.free.push(row);
      }
    }
    for (let line = first; line <= last; line++) {
      if (!this.shown.has(line)) this.shown.set(line, this.fillRow(this.free.pop() ?? this.makeRow(), line));
    }
    for (const row of this.free) row.element.hidden = true;
    this.markCurrent();
    clearTimeout(this.timer);
    if (fast) this.timer = setTimeout(() => this.load(), SETTLED);
    else this.load();
  }

  makeRow() {
    const heading = el("div", { class: "grid-heading", role: "gridcell" });
    const cells = Array.from({ length: this.lines.columns }, () =>
      ({ element: el("div", { class: "cell", role: "gridcell" }), position: -1, drawn: false }));
    const canvas = el("canvas", { class: "grid-pictures", role: "presentation" });
    canvas.width = this.lines.columns * this.lines.pitch * devicePixelRatio;
    canvas.height = this.lines.pitch * devicePixelRatio;
    canvas.style.width = `${this.lines.columns * this.lines.pitch}px`;
    canvas.style.height = `${this.lines.pitch}px`;
    const element = el("div", { class: "grid-row", role: "row" }, canvas, heading, cells.map((cell) => cell.element));
    this.body.append(element);
    return { element, heading, cells, canvas, context: canvas.getContext("2d") };
  }

  fillRow(row, line) {
    const { start, count, group } = this.lines.line(line);
    row.element.hidden = false;
    row.element.style.transform = `translateY(${this.lines.top(line)}px)`;
    row.element.setAttribute("aria-rowindex", line + 1);
    row.heading.hidden = group === null;
    row.canvas.hidden = group !== null;
    if (group !== null) {
      row.heading.textContent = `${group.name} (${group.count.toLocaleString("en")})`;
    }
    row.context.clearRect(0, 0, row.canvas.width, row.canvas.height);
    row.cells.forEach((cell, column) => {
      const used = column < count;
      if (cell.element.hidden === used) cell.element.hidden = !used;
      cell.position = used ? start + column : -1;
      cell.drawn = false;
      if (used) this.fillCell(cell);
    });
    this.drawRow(row);
    return row;
  }

  fillCell(cell) {
    const { position, element } = cell;
    element.id = `face-${position}`;
    element.setAttribute("aria-label", this.source.label(position));
    element.setAttribute("aria-selected", this.source.chosen(position));
    element.classList.toggle("doubt", this.source.mark(position));
  }

  get pixels() {
    return this.size * devicePixelRatio > 128 ? 192 : 96;
  }

  /** Draw the pictures of a row that are there; return its faces whose are not. */
  drawRow(row) {
    const missing = [];
    row.cells.forEach((cell, column) => {
      if (cell.position < 0 || cell.drawn) return;
      const face = this.source.face(cell.position);
      const picture = this.pictures.find(this.pixels, face[0]);
      cell.drawn = picture !== undefined;
      if (picture) this.drawPicture(row.context, picture, column);
      else if (!cell.drawn) missing.push(face);
    });
    return missing;
  }

  drawPicture(context, picture, column) {
    const scale = (devicePixelRatio * this.size) / Math.max(picture.width, picture.height);
    const [width, height] = [picture.width * scale, picture.height * scale];
    const middle = devicePixelRatio * (FRAME + this.size / 2);
    const left = devicePixelRatio * column * this.lines.pitch;
    context.drawImage(picture, left + middle - width / 2, middle - height / 2, width, height);
  }

  /** Draw what is there, and ask for the rest of what is in view. */
  load() {
    const missing = [...this.shown.values()].flatMap((row) => this.drawRow(row));
    this.pictures.want(this.source.address, this.pixels, missing);
  }

  /** Show again which faces are selected. */
  refresh() {
    for (const row of this.shown.values()) {
      for (const cell of row.cells) {
        if (cell.position >= 0) {
          cell.element.setAttribute("aria-selected", this.source.chosen(cell.position));
        }
      }
    }
    this.markCurrent();
  }

  markCurrent() {
    this.body.querySelector(".cell.current")?.classList.remove("current");
    const cell = this.count ? document.getElementById(`face-${this.current}`) : null;
    const shown = cell && this.body.contains(cell) && cell.offsetParent !== null;
    if (shown) cell.classList.add("current");
    if (shown) this.element.setAttribute("aria-activedescendant", cell.id);
    else this.element.removeAttribute("aria-activedescendant");
  }

  /** Make a position the current one and bring it into view. */
  go(position) {
    if (!this.count) return;
    this.current = Math.max(0, Math.min(position, this.count - 1));
    this.reveal(this.current);
    this.markCurrent();
  }

  reveal(position) {
    if (!this.count || !this.lines.count) return;
    const line = this.lines.lineOf(position);
    const top = this.lines.top(line), bottom = this.lines.top(line + 1);
    const element = this.element;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (bottom > element.scrollTop + element.clientHeight) {
      element.scrollTop = bottom - element.clientHeight;
    }
    this.render(false);
  }

  /** The position above (-1) or below (1) another one, `rows` away. */
  vertical(position, rows) {
    return this.lines.vertical(position, rows);
  }

  /** Rows in a view, less one. */
  get page() {
    return Math.max(1, Math.floor(this.element.clientHeight / this.lines.pitch) - 1);
  }

  /** A point of a pointer's event in the coordinates of the body. */
  point(event) {
    const box = this.element.getBoundingClientRect();
    return {
      x: event.clientX - box.left - this.element.clientLeft,
      y: event.clientY - box.top - this.element.clientTop + this.element.scrollTop,
    };
  }

  /** The position at a point of the body; -1 between the faces. */
  positionAt(point) {
    const [found] = this.positionsIn({ left: point.x, right: point.x, top: point.y, bottom: point.y });
    return found ?? -1;
  }

  /** All positions that a rectangle of the body touches. */
  positionsIn(box) {
    return this.count ? this.lines.positionsIn(box) : [];
  }

  /** Draw the rubber band; null hides it. */
  drawBand(box) {
    this.band.hidden = box === null;
    if (box === null) return;
    this.band.style.transform = `translate(${box.left}px, ${box.top}px)`;
    this.band.style.width = `${box.right - box.left}px`;
    this.band.style.height = `${box.bottom - box.top}px`;
  }
}
