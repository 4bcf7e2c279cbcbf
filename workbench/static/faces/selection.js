// Which positions a press selects, given what was selected before.

export class Selection {
  constructor(grid) {
    this.grid = grid;
    this.anchor = 0;
    this.before = [];
  }

  /** Other faces are shown; `rows` are the faces by position. */
  show(faces, rows) {
    this.faces = faces;
    this.rows = rows;
    this.anchor = 0;
  }

  /** Select as `how` says; see `listen` in pointer.js. */
  choose(positions, how) {
    const { faces } = this;
    const rows = positions.map((position) => this.rows[position]);
    if (how === "band-begin") this.before = faces.selection;
    else if (how === "band") faces.selectOnly(rows);
    else if (how === "band-add") faces.selectOnly([...this.before, ...rows]);
    else if (how === "only" || how === "none") faces.selectOnly(rows);
    else if (how === "all") faces.select(rows);
    else if (how === "toggle") faces.select(rows, !faces.selected[rows[0]]);
    else if (how === "range") faces.selectOnly(this.between(this.anchor, positions[0]));
    if (how === "only" || how === "toggle") this.anchor = positions[0];
    this.grid.refresh();
  }

  between(one, other) {
    return this.rows.slice(Math.min(one, other), Math.max(one, other) + 1);
  }
}
