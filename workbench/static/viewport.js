// A canvas that shows a picture, enlarged and moved as the person likes. A subclass draws over it.

export class Viewport {
  /** `closest`: CSS pixels for one of the image, at most; `sharp`: from how many on its pixels are not blended. */
  constructor(element, { closest, sharp }) {
    Object.assign(this, { element, closest, sharp });
    this.context = element.getContext("2d");
    this.picture = null;
    this.size = null; // width and height of the image, of which the picture may be a smaller copy
    this.state = null; // what the command tells of it
    this.pointer = null; // image pixels
    this.chosen = null; // the point that keys change
    this.zoom = 1;
    this.left = this.top = 0; // what is at the canvas's corner, image pixels
    this.asked = 0;
    new ResizeObserver(() => this.refresh()).observe(element);
  }

  /** CSS pixels for one of the image. */
  get scale() {
    return this.fit * this.zoom;
  }

  get fit() {
    const { clientWidth, clientHeight } = this.element;
    return this.size ? Math.min(clientWidth / this.size.width, clientHeight / this.size.height) : 1;
  }

  /** The middle of the image. */
  get middle() {
    return [this.size.width / 2, this.size.height / 2];
  }

  /** Show a picture; the part that is visible stays the same if it has the size of the last one. */
  show(picture, { width, height } = picture) {
    const same = this.size?.width === width && this.size?.height === height;
    this.picture?.close();
    this.picture = picture;
    this.size = { width, height };
    this.state = this.chosen = null;
    if (same) this.refresh();
    else this.whole();
  }

  /** Show no picture. */
  clear() {
    this.picture?.close();
    this.picture = this.size = this.state = null;
    this.refresh();
  }

  /** The point of the image at a point of the canvas. */
  toImage(x, y) {
    return [x / this.scale + this.left - 0.5, y / this.scale + this.top - 0.5];
  }

  toCanvas([x, y]) {
    return [(x + 0.5 - this.left) * this.scale, (y + 0.5 - this.top) * this.scale];
  }

  whole() {
    this.zoom = 1;
    this.shift(0, 0);
  }

  /** Enlarge; what is at a point of the canvas stays there. */
  enlarge(factor, x, y) {
    const before = this.scale;
    this.zoomTo(this.zoom * factor);
    this.left += x / before - x / this.scale;
    this.top += y / before - y / this.scale;
    this.shift(0, 0);
  }

  zoomTo(zoom) {
    this.zoom = Math.min(Math.max(1, zoom), Math.max(1, this.closest / this.fit));
  }

  /** Move the image by pixels of the canvas; no more of its outside is seen than need be. */
  shift(dx, dy) {
    if (!this.size) return;
    const within = (at, side, seen) => (seen >= side ? (side - seen) / 2 : Math.min(Math.max(0, at), side - seen));
    const { clientWidth, clientHeight } = this.element;
    this.left = within(this.left - dx / this.scale, this.size.width, clientWidth / this.scale);
    this.top = within(this.top - dy / this.scale, this.size.height, clientHeight / this.scale);
    this.refresh();
  }

  /** Draw soon: at most once for each image of the screen. */
  refresh() {
    if (!this.asked) this.asked = requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.asked = 0;
    const { element, context } = this;
    const ratio = devicePixelRatio;
    const [width, height] = [element.clientWidth * ratio, element.clientHeight * ratio].map(Math.round);
    if (element.width !== width || element.height !== height) {
      Object.assign(element, { width, height });
      this.shift(0, 0);
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    if (!this.picture) return;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.imageSmoothingQuality = "high";
    context.imageSmoothingEnabled = this.scale < this.sharp;
    this.place(this.picture);
    context.imageSmoothingEnabled = true;
    this.drawOver();
  }

  /** Draw something that covers the image. */
  place(picture, opacity = 1) {
    const { context, scale, size } = this;
    context.globalAlpha = opacity;
    context.drawImage(picture, -this.left * scale, -this.top * scale, size.width * scale, size.height * scale);
    context.globalAlpha = 1;
  }

  line(points, color, closed, width = 1.5, edge = 2) {
    const { context } = this;
    context.beginPath();
    const placed = points.map((point) => this.toCanvas(point));
    if (placed.length === 1) placed.push(placed[0]);
    placed.forEach(([x, y]) => context.lineTo(x, y));
    if (closed) context.closePath();
    for (const [style, more] of edge ? [["#000a", edge], [color, 0]] : [[color, 0]]) { // readable on any image
      Object.assign(context, { strokeStyle: style, lineWidth: width + more });
      context.stroke();
    }
  }

  handle(point, color, radius) {
    const { context } = this;
    context.beginPath();
    context.arc(...this.toCanvas(point), radius, 0, 2 * Math.PI);
    Object.assign(context, { fillStyle: color, strokeStyle: "#000", lineWidth: 1 });
    context.fill();
    context.stroke();
  }
}
