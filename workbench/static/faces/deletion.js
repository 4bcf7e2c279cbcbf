// Deleting faces, and taking it back: one command after the other.

import { post } from "../api.js";
import { say } from "../dom.js";

const LOST = "under another name"; // a note after which the names have to be read again

export class Deletion {
  constructor(view) {
    this.view = view;
    this.done = [];
    this.last = Promise.resolve();
  }

  /** Another table is shown: what was deleted before is not in it. */
  forget() {
    this.done = [];
  }

  /** Act after what is under way. */
  then(act) {
    const result = this.last.then(act);
    this.last = result.catch(() => {}); // the next one acts all the same
    return result;
  }

  /** Delete the selected faces: from view at once, and back into it if the command fails. */
  erase() {
    const { faces, side } = this.view;
    const rows = faces?.selection ?? [];
    if (!rows.length) return;
    const names = rows.map((row) => faces.columns.name[row]);
    faces.remove(rows);
    this.done.push(rows);
    this.run(() => post(`/api/faces/${side}/delete`, { names }), () => {
      this.done = this.done.filter((other) => other !== rows);
      faces.remove(rows, false);
    });
  }

  /** Take the last deletion back, of this page or of an earlier one. */
  undo() {
    const { faces, side } = this.view;
    const rows = this.done.pop();
    this.run(async () => {
      const answer = await post(`/api/faces/${side}/restore`);
      // faces that the table lacks, or has under other names
      if (!rows || answer.notes[LOST]?.count) await this.view.read(this.view.wanted);
      else faces.remove(rows, false);
      this.view.arrange();
      return answer;
    }, () => rows && this.done.push(rows));
  }

  run(act, back) {
    const { view } = this;
    say(view.problem, "");
    view.arrange();
    this.then(act).then((answer) => {
      view.stamp = answer.stamp;
      say(view.said, [...counts(answer.counts), ...counts(answer.notes)].join(", "));
      view.line.set(answer.command);
    }, (problem) => {
      back();
      say(view.said, "");
      say(view.problem, problem.message);
      view.arrange();
    });
  }
}

function counts(found) {
  return Object.entries(found).map(([what, said]) => {
    const count = said.count ?? said;
    return `${count.toLocaleString("en")} ${count === 1 ? what.replace(/^faces /, "face ") : what}`;
  });
}
