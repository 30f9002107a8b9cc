// What the page has to tell its reader, and what can be done about it: one line above all else, until
// it is put away or something newer comes.

import { byId, write } from "../shared/dom.js";

/** @typedef {{ label: string, run: () => void }} Remedy */

export class Notices {
  constructor() {
    this.bar = byId("notices", HTMLElement);
    this.text = byId("notices-text", HTMLElement);
    this.remedy = byId("notices-remedy", HTMLButtonElement);
    byId("notices-away", HTMLButtonElement).onclick = () => this.clear();
  }

  /**
   * @param {string} text
   * @param {Remedy | null} remedy  what a button does about it
   */
  tell(text, remedy = null) {
    this.bar.classList.toggle("told", text !== ""); // where it is told is there before: it is read out
    write(this.text, text);
    this.remedy.hidden = !remedy;
    this.remedy.textContent = remedy?.label ?? "";
    this.remedy.onclick = () => { this.clear(); remedy?.run(); };
  }

  clear() {
    this.tell("");
  }

  /**
   * It is no longer so.
   * @param {string} text  as it was told
   */
  takeBack(text) {
    if (this.text.textContent === text) this.clear();
  }
}
