// Where the faces lie: lines of equal cells, with a heading before each group.

const GAP = 6; // px
export const FRAME = 3; // px around an image
const HEADING = 34; // px

/** The lines of a grid; a position is the n-th face. */
export class Lines {
  constructor() {
    this.count = 0;
    this.columns = 1;
    this.height = 0;
  }

  /** Lay out `count` faces of `size` pixels in groups of { name, count }. */
  build(count, groups, size, width) {
    this.faces = count;
    this.pitch = size + 2 * FRAME + GAP;
    this.columns = Math.max(1, Math.floor((width - GAP) / this.pitch));
    this.groups = groups.length ? groups : [{ name: "", count }];
    const most = this.groups.reduce((sum, group) => sum + Math.ceil(group.count / this.columns) + 1, 0);
    this.starts = new Int32Array(most + 1); // position of the first face; of a heading that below it
    this.heads = new Int32Array(most).fill(-1); // the group whose heading a line is
    this.tops = new Float64Array(most + 1);
    let line = 0, position = 0, top = GAP;
    this.groups.forEach((group, number) => {
      if (group.name) {
        this.starts[line] = position;
        this.heads[line] = number;
        this.tops[line++] = top;
        top += HEADING;
      }
      for (const end = position + group.count; position < end;) {
        this.starts[line] = position;
        this.tops[line++] = top;
        position = Math.min(end, position + this.columns);
        top += this.pitch;
      }
    });
    this.count = line;
    this.starts[line] = position;
    this.tops[line] = top;
    this.height = top;
  }

  /** Top of a line in pixels. */
  top(line) {
    return this.tops[line];
  }

  /** First position, number of faces and, for a heading, group of a line. */
  line(line) {
    const head = this.heads[line];
    if (head >= 0) return { start: this.starts[line], count: 0, group: this.groups[head] };
    return { start: this.starts[line], count: this.starts[line + 1] - this.starts[line], group: null };
  }

  /** The line at a height in pixels. */
  at(top) {
    return Math.max(0, below(this.tops, this.count, top));
  }

  /** The line of a position. */
  lineOf(position) {
    return below(this.starts, this.count, position); // the last line that begins there: no heading
  }

  /** The position some rows below (above, if negative) another one, in its column if there is one. */
  vertical(position, rows) {
    let line = this.lineOf(position);
    const column = position - this.starts[line];
    const step = Math.sign(rows);
    for (let left = Math.abs(rows); left > 0; left--) {
      let next = line + step;
      while (next >= 0 && next < this.count && this.heads[next] >= 0) next += step;
      if (next < 0 || next >= this.count) break;
      line = next;
    }
    return Math.min(this.starts[line] + column, this.starts[line + 1] - 1);
  }

  /** The positions of the faces that a box touches. */
  positionsIn({ left, right, top, bottom }) {
    const inner = this.pitch - GAP;
    const first = Math.max(0, Math.ceil((left - GAP - inner) / this.pitch));
    const last = Math.min(this.columns - 1, Math.floor((right - GAP) / this.pitch));
    const found = [];
    for (let line = this.at(top); line < this.count && this.tops[line] <= bottom; line++) {
      if (this.heads[line] >= 0 || this.tops[line] + inner < top) continue;
      const end = Math.min(this.starts[line] + last, this.starts[line + 1] - 1);
      for (let position = this.starts[line] + first; position <= end; position++) found.push(position);
    }
    return found;
  }
}

/** The last of the first `count` rising values that is not above a value; -1 if all are. */
function below(values, count, value) {
  let low = -1, high = count;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (values[middle] <= value) low = middle;
    else high = middle;
  }
  return low;
}
