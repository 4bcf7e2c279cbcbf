// The table of faces: order, groups, filters, selection. A row is a line of the table.

import { get, post } from "../api.js";

const WEDGE = 15; // degrees that form a group
const TRIES = 5; // to read a table in the order that was asked for

/** Orders that the browser makes itself: column, and whether the largest comes first. */
export const ORDERS = {
  name: ["file name", null, false],
  sharpness: ["sharpness (as sort --by blur)", "sharpness", true],
  focus: ["focus", "focus", true],
  brightness: ["brightness", "brightness", true],
  yaw: ["yaw", "yaw", true],
  pitch: ["pitch", "pitch", true],
  roll: ["roll", "roll", true],
  score: ["detection score", "score", true],
  quality: ["landmark confidence", "quality", true],
  frame: ["frame", "frame_index", false],
};

/** Groups that the browser makes itself. */
export const GROUPS = {
  none: "no groups",
  person: "person",
  yaw: "yaw",
  pitch: "pitch",
  review: "doubtful or not",
  source: "clip",
};

/** The ranges in which faces can be filtered: column and label. */
export const RANGES = {
  score: "Detection score",
  focus: "Focus",
  sharpness: "Sharpness",
  yaw: "Yaw, degrees",
  pitch: "Pitch, degrees",
};

/** Let the table of a side be written, and read it; another page may have it in its own order meanwhile. */
export async function readTable(side, asked) {
  for (let left = TRIES; ; left--) {
    const answer = await post(`/api/faces/${side}/list`, asked);
    const table = await get(`/api/faces/${side}/table`);
    if (left === 1 || (table.by ?? null) === (asked.by ?? null)) return { ...answer, table };
  }
}

export class Faces {
  constructor(table) {
    this.table = table;
    this.columns = table.columns;
    this.count = table.columns.name.length;
    this.removed = new Uint8Array(this.count);
    this.selected = new Uint8Array(this.count);
    this.chosen = 0;
  }

  get method() {
    return this.table.by;
  }

  /** How many faces are not deleted. */
  get left() {
    return this.count - this.removed.reduce((sum, one) => sum + one, 0);
  }

  /** How many people were recognized; 0: it was not tried. */
  get people() {
    return (this.columns.person ?? []).reduce((most, person) => Math.max(most, person + 1), 0);
  }

  /** Why a face should be looked at. */
  reasons(row) {
    return this.table.reasons.filter((_, bit) => (this.columns.review[row] >> bit) & 1);
  }

  /** Select faces, or take the selection from them. */
  select(rows, on = true) {
    for (const row of rows) {
      if (Boolean(this.selected[row]) === on) continue;
      this.selected[row] = on ? 1 : 0;
      this.chosen += on ? 1 : -1;
    }
  }

  selectOnly(rows) {
    this.selected.fill(0);
    this.chosen = 0;
    this.select(rows);
  }

  get selectedNames() {
    return this.selection.map((row) => this.columns.name[row]);
  }

  selectNames(names) {
    if (names.size) this.select([...this.columns.name.keys()].filter((row) => names.has(this.columns.name[row])));
  }

  /** The selected faces, in the order of the table. */
  get selection() {
    const rows = [];
    for (let row = 0; row < this.count; row++) if (this.selected[row]) rows.push(row);
    return rows;
  }

  /** Take faces out of the view, or back into it. */
  remove(rows, gone = true) {
    for (const row of rows) this.removed[row] = gone ? 1 : 0;
    this.select(rows, false);
  }

  /** The rows that filters let through, in order, and their groups. */
  view({ order, reversed, group, filters }) {
    const rows = this.filtered(filters);
    this.sort(rows, order, reversed);
    if (group === "method") return { rows, groups: this.methodGroups(rows) };
    return this.grouped(rows, group);
  }

  filtered({ ranges, person, doubtful, text }) {
    const tests = Object.entries(ranges).map(([name, [low, high]]) => [this.columns[name], low, high]);
    const { person: people, review, name, frame } = this.columns;
    const wanted = text.toLowerCase();
    const rows = [];
    for (let row = 0; row < this.count; row++) {
      if (this.removed[row]) continue;
      if (person !== null && people[row] !== person) continue;
      if (doubtful && !review[row]) continue;
      if (!tests.every(([values, low, high]) => values[row] >= low && values[row] <= high)) continue;
      if (wanted && !name[row].toLowerCase().includes(wanted) && !frame[row].includes(wanted)) continue;
      rows.push(row);
    }
    return rows;
  }

  sort(rows, order, reversed) {
    const [, column, largest] = ORDERS[order] ?? ["", null, false];
    if (column) {
      const values = this.columns[column];
      const sign = largest ? -1 : 1;
      rows.sort((a, b) => sign * (values[a] - values[b]) || a - b);
    } else if (order === "name" && this.method) {
      const collator = new Intl.Collator("en", { numeric: true });
      rows.sort((a, b) => collator.compare(this.columns.name[a], this.columns.name[b]));
    }
    if (reversed) rows.reverse();
  }

  /** The groups of the sort method, as far as faces of them are shown in their order. */
  methodGroups(rows) {
    const ends = [];
    let end = 0;
    for (const [name, count] of this.table.order?.groups ?? []) ends.push([name, (end += count)]);
    const groups = [];
    let at = 0;
    for (const row of rows) {
      while (at < ends.length - 1 && row >= ends[at][1]) at++;
      while (at > 0 && row < ends[at - 1][1]) at--;
      const name = ends[at]?.[0] ?? "";
      if (groups.at(-1)?.name === name) groups.at(-1).count++;
      else groups.push({ name, count: 1 });
    }
    return groups;
  }

  grouped(rows, group) {
    if (group === "none") return { rows, groups: [] };
    const names = new Map(); // rank -> [name, rows]
    for (const row of rows) {
      const [rank, name] = this.groupOf(row, group);
      if (!names.has(rank)) names.set(rank, [name, []]);
      names.get(rank)[1].push(row);
    }
    const compare = (a, b) => (a[0] < b[0] ? -1 : 1);
    const sorted = [...names].sort(compare).map(([, found]) => found);
    return {
      rows: sorted.flatMap(([, members]) => members),
      groups: sorted.map(([name, members]) => ({ name, count: members.length })),
    };
  }

  /** What a face's group is sorted by, and its name. */
  groupOf(row, group) {
    if (group === "person") {
      const person = this.columns.person?.[row] ?? -1;
      return person < 0 ? [Infinity, "seen once, or not recognized"] : [person, personName(person)];
    }
    if (group === "review") {
      return this.columns.review[row] ? [0, "doubtful"] : [1, "not doubtful"];
    }
    if (group === "source") return [this.columns.source[row], this.columns.source[row]];
    const wedge = Math.round(this.columns[group][row] / WEDGE) * WEDGE;
    return [-wedge, `${group} ${wedge > 0 ? "+" : ""}${wedge}°`];
  }
}

export function personName(person) {
  return `person ${String(person + 1).padStart(3, "0")}`;
}
