// Finding words in an open call: a line below its header, there while it is used.

import { obey } from "../help/obey.js";
import { find } from "../shared/dom.js";

/** @import { TranscriptView } from "../call/transcript_view.js" */

export class Finder {
  /**
   * @param {HTMLElement} root  the call's tile
   * @param {TranscriptView} view
   */
  constructor(root, view) {
    this.view = view;
    this.line = find(root, ".finder", HTMLElement);
    this.query = find(root, ".find", HTMLInputElement);
    this.hits = find(root, ".hits", HTMLElement);
    this.query.oninput = () => this.#look();
    obey(this.query, "find", {
      next: () => this.#step(1),
      previous: () => this.#step(-1),
      clear: () => this.#close(),
    });
    find(root, ".find-before", HTMLButtonElement).onclick = () => this.#step(-1);
    find(root, ".find-next", HTMLButtonElement).onclick = () => this.#step(1);
    find(root, ".find-away", HTMLButtonElement).onclick = () => this.#close();
  }

  /** Let the reader say what is looked for. */
  open() {
    this.line.hidden = false;
    this.query.focus();
    this.query.select();
  }

  /** Count again what is looked for. */
  count() {
    if (this.query.value) this.hits.textContent = String(this.view.search);
  }

  #look() {
    this.view.find(this.query.value);
    this.hits.textContent = String(this.view.search);
  }

  /** @param {1 | -1} by */
  #step(by) {
    this.view.findNext(by);
    this.count();
  }

  #close() {
    this.query.value = "";
    this.#look();
    this.line.hidden = true;
    this.view.log.focus({ preventScroll: true });
  }
}
