// The connection to the interactive preview: events to it, its state and images from it.

const RETRY = 1000; // milliseconds

export class Link extends EventTarget {
  constructor() {
    super();
    this.header = null;
    this.connect();
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}/api/convert/live`);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => this.dispatchEvent(new Event("ready"));
    this.socket.onmessage = ({ data }) => this.receive(data);
    this.socket.onclose = () => setTimeout(() => this.connect(), RETRY);
  }

  /** Take a line, or the image that follows one. */
  receive(data) {
    if (typeof data !== "string") {
      this.tell({ ...this.header, data });
      return;
    }
    this.header = JSON.parse(data);
    if (!this.header.bytes) this.tell(this.header);
  }

  tell(detail) {
    this.dispatchEvent(new CustomEvent(detail.event, { detail }));
  }

  on(name, listener) {
    this.addEventListener(name, (event) => listener(event.detail));
  }

  send(event) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(event));
  }
}
