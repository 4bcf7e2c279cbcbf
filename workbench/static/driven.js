// A command that runs as long as a view is open, at the other end of a WebSocket.

import { get } from "./api.js";

export class Driven {
  /** `view` takes its events, with the image that followed one, and hears of its end and of what failed. */
  constructor(view) {
    this.view = view;
    this.socket = null;
    this.opened = 0;
  }

  /** Start the command behind an address; `asked` says what for. */
  async open(path, asked) {
    this.close();
    const number = ++this.opened;
    try {
      const { csrf } = await get("/api/session");
      if (number === this.opened) this.connect(path, { csrf, ...asked });
    } catch (problem) {
      this.view.fail(problem.message);
    }
  }

  connect(path, first) {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = (this.socket = new WebSocket(`${scheme}://${location.host}${path}`));
    let header = null;
    let told = Promise.resolve(); // in their order, though images take time
    const later = (run) => (told = told.then(() => this.socket === socket && run())
      .catch((problem) => this.view.fail(problem.message)));
    socket.onopen = () => socket.send(JSON.stringify(first));
    socket.onmessage = ({ data }) => later(async () => {
      if (typeof data !== "string") return this.view.take(header, await createImageBitmap(data));
      header = JSON.parse(data);
      return header.bytes ? null : this.view.take(header, null);
    });
    socket.onclose = () => later(() => {
      this.socket = null;
      this.view.lost();
    });
  }

  /** Let the command end. */
  close() {
    this.opened += 1;
    const { socket } = this;
    this.socket = null;
    socket?.close();
  }

  get isOpen() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  send(event) {
    if (this.isOpen) this.socket.send(JSON.stringify(event));
  }
}
