// A grid of any number of thumbnails: only the rows in view are elements, and they are used again.

import { el } from "../dom.js";
import { Lines } from "./lines.js";

const OVERSCAN = 4; // rows above and below the view
const SETTLED = 60; // ms without scrolling, after which images are loaded
const FAST = 0.15; // views in one frame; images that fly by are not loaded
const LOADED = 6; // images that are begun to load in one frame

/**
 * The grid. It knows positions (the n-th face that is shown) and asks `source` about them:
 * `key(position)`, `url(position)`, `label(position)`, `mark(position)`, `chosen(position)`.
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
    const cells = Array.from({ length: this.lines.columns }, () => {
      const image = el("img", { alt: "", decoding: "async", draggable: "false" });
      const element = el("div", { class: "cell", role: "gridcell" }, image);
      image.onload = () => (image.style.visibility = "visible");
      return { element, image, position: -1, url: "" };
    });
    const element = el("div", { class: "grid-row", role: "row" }, heading, cells.map((cell) => cell.element));
    this.body.append(element);
    return { element, heading, cells };
  }

  fillRow(row, line) {
    const { start, count, group } = this.lines.line(line);
    row.element.hidden = false;
    row.element.style.transform = `translateY(${this.lines.top(line)}px)`;
    row.element.setAttribute("aria-rowindex", line + 1);
    row.heading.hidden = group === null;
    if (group !== null) {
      row.heading.textContent = `${group.name} (${group.count.toLocaleString("en")})`;
    }
    row.cells.forEach((cell, column) => {
      cell.element.hidden = column >= count;
      cell.position = column < count ? start + column : -1;
      if (cell.position >= 0) this.fillCell(cell);
    });
    return row;
  }

  fillCell(cell) {
    const { position, element } = cell;
    element.id = `face-${position}`;
    element.setAttribute("aria-label", this.source.label(position));
    element.setAttribute("aria-selected", this.source.chosen(position));
    element.classList.toggle("doubt", this.source.mark(position));
    if (cell.url && cell.url !== this.source.url(position)) {
      cell.image.style.visibility = "hidden"; // the face that was there before
      cell.url = "";
    }
  }

  /** Load the images in view, some in each frame. */
  load() {
    let left = LOADED;
    for (const row of this.shown.values()) {
      for (const cell of row.cells) {
        if (cell.position < 0 || cell.url) continue;
        if (left-- === 0) {
          this.schedule();
          return;
        }
        cell.url = this.source.url(cell.position);
        cell.image.src = cell.url;
      }
    }
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
