// Drawn in one frame, all that is to be drawn makes whoever scrolls miss the next. So a few are drawn in each.
// Where no frames come, as in a page that is not seen, all is drawn at once.

import { NextFrame } from "./next_frame.js";

/** @template T */
export class InTurns {
  /**
   * @param {number} atOnce  so many in one frame
   * @param {(one: T) => void} draw
   */
  constructor(atOnce, draw) {
    this.atOnce = atOnce;
    this.draw = draw;
    /** @type {Set<T>} in their order; who waits already keeps its turn */
    this.waiting = new Set();
    this.frame = new NextFrame((now) => this.#drawSome(now === undefined ? Infinity : this.atOnce));
  }

  /** @param {Iterable<T>} all */
  add(all) {
    for (const one of all) this.waiting.add(one);
    if (this.waiting.size) this.frame.request();
  }

  /** @param {number} most */
  #drawSome(most) {
    this.frame.forget();
    for (const one of [...this.waiting].slice(0, most)) {
      this.waiting.delete(one);
      this.draw(one);
    }
    if (this.waiting.size) this.frame.request();
  }
}
