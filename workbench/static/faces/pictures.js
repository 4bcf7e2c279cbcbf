// The thumbnails of the grid: many in one request, decoded beside the page, the last ones kept.

import { postForBytes } from "../api.js";

const MOST = 96; // in a request
const KEPT = 600; // decoded ones
const AT_ONCE = 2; // requests under way
const PAUSE = 1000; // ms after a request that failed: the server is gone, or the faces are others

export class Pictures {
  /** `came` is called when some of those that were asked for are there. */
  constructor(came) {
    this.came = came;
    this.kept = new Map(); // "side key" -> ImageBitmap, or null for one that cannot be read
    this.asked = new Set();
    this.running = 0;
    this.waiting = new Map(); // "side key" -> [address, pixels, key, name]
  }

  /** The thumbnail of a face; undefined as long as it is not there. */
  find(pixels, key) {
    const id = `${pixels} ${key}`;
    const found = this.kept.get(id);
    if (found === undefined) return undefined;
    this.kept.delete(id); // the newest are at the end
    this.kept.set(id, found);
    return found;
  }

  /** Forget which could not be read: the faces may be others now. */
  forget() {
    for (const [id, picture] of this.kept) if (!picture) this.kept.delete(id);
  }

  /** Ask for thumbnails, and no longer for others that have not been asked for yet. */
  want(address, pixels, faces) {
    this.waiting = new Map();
    for (const [key, name] of faces) {
      const id = `${pixels} ${key}`;
      if (!this.asked.has(id)) this.waiting.set(id, [key, name]);
    }
    this.address = address;
    this.pixels = pixels;
    this.next();
  }

  async next() {
    if (this.running >= AT_ONCE || !this.waiting.size) return;
    const ids = [...this.waiting.keys()].slice(0, MOST);
    const faces = ids.map((id) => this.waiting.get(id));
    for (const id of ids) {
      this.waiting.delete(id);
      this.asked.add(id);
    }
    this.running++;
    try {
      const bytes = await postForBytes(this.address, { side: this.pixels, faces });
      await this.take(ids, bytes);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, PAUSE)); // then what is in view is asked for again
    } finally {
      for (const id of ids) this.asked.delete(id);
      this.running--;
    }
    this.came();
    this.next();
  }

  async take(ids, bytes) {
    const view = new DataView(bytes);
    let at = 0;
    const parts = ids.map(() => {
      const size = view.getUint32(at);
      const part = new Blob([bytes.slice(at + 4, at + 4 + size)], { type: "image/jpeg" });
      at += 4 + size;
      return size ? part : null;
    });
    const bitmaps = await Promise.all(parts.map((part) => part && createImageBitmap(part).catch(() => null)));
    bitmaps.forEach((bitmap, number) => this.keep(ids[number], bitmap));
  }

  keep(id, bitmap) {
    this.kept.set(id, bitmap);
    if (this.kept.size <= KEPT) return;
    const [oldest, picture] = this.kept.entries().next().value;
    this.kept.delete(oldest);
    picture?.close();
  }
}
