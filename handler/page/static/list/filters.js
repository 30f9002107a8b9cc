// What the reader searches for, and how the list is ordered: asked here, and kept in the tab over a reload.

import { byId, find } from "../shared/dom.js";
import { tabStore } from "../shared/stores.js";
import { restored } from "./ordering.js";

/** @import { Wanted } from "./ordering.js" */

const KEPT = "partyline.list"; // in the storage of the session: what is searched for may be the number of somebody

export class Filters {
  /** @param {() => void} changed */
  constructor(changed) {
    this.changed = changed;
    this.store = tabStore();
    this.wanted = restored(this.store.getItem(KEPT));
    this.search = byId("search", HTMLInputElement);
    this.form = byId("list-filters", HTMLFormElement);
    this.sort = byId("list-sort", HTMLSelectElement);
    this.direction = byId("list-direction", HTMLSelectElement);
    this.compact = byId("list-compact", HTMLInputElement);
    this.#fill();
    this.search.oninput = this.form.onchange = ({ target }) => this.#read(target === this.compact);
    this.form.onsubmit = (event) => event.preventDefault();
  }

  /**
   * Look for something else.
   * @param {string} text
   */
  look(text) {
    this.search.value = text;
    this.search.dispatchEvent(new Event("input")); // others look for it as well
  }

  /**
   * Say how many calls stand so.
   * @param {Wanted["state"]} state
   * @param {string} count
   */
  count(state, count) {
    const place = find(this.form, `[value="${state}"] ~ .count`, HTMLElement);
    if (place.textContent !== count) place.textContent = count;
  }

  #fill() {
    const { text, state, sort, direction } = this.wanted;
    this.search.value = text;
    find(this.form, `[value="${state}"]`, HTMLInputElement).checked = true;
    this.sort.value = sort;
    this.direction.value = direction;
    this.#order();
  }

  /** @param {boolean} saysRows  else their height stays what was wanted, if anything was */
  #read(saysRows) {
    const state = new FormData(this.form).get("state");
    const asked = {
      text: this.search.value,
      state,
      sort: this.sort.value,
      direction: this.direction.value,
      rows: saysRows ? this.compact.checked ? "compact" : "roomy" : this.wanted.rows,
    };
    const kept = JSON.stringify(asked);
    this.wanted = restored(kept); // what a form has may be anything
    this.store.setItem(KEPT, kept);
    this.#order();
    this.changed();
  }

  /** Those that are over have an order of their own. */
  #order() {
    this.sort.disabled = this.wanted.state === "ended";
  }
}
