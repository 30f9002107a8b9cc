// The calls that are pinned: they stand first in the list, and make no room for others. Those that the reader
// pinned are kept in what the browser remembers of this service, bounded; nothing else is, and nothing that a link
// pins: whoever wrote it. No document, no network.

import { CALL_SID } from "../shared/identifiers.js";
import { remember } from "../shared/remember.js";

/** @typedef {Pick<Storage, "getItem" | "setItem">} Store */

// A call is pinned for as long as it matters; the oldest pin makes room.
const MAX_PINS = 50;

export class Pins {
  /**
   * @param {Store | null} store  null: for as long as the page is open
   * @param {string} key  names the service
   */
  constructor(store, key) {
    this.store = store;
    this.key = key;
    /** @type {Set<string>} callSids, the one that was pinned last comes last */
    this.pinned = new Set(this.#stored());
    /** @type {Set<string>} likewise, by a link: for as long as the page is open */
    this.linked = new Set();
  }

  /** @param {string} callSid */
  has(callSid) {
    return this.pinned.has(callSid) || this.linked.has(callSid);
  }

  /**
   * Pin these too, as a link has it.
   * @param {string[]} callSids
   */
  link(callSids) {
    for (const callSid of callSids) remember(this.linked, callSid, MAX_PINS);
  }

  /**
   * Pin a call, or let it go.
   * @param {string} callSid
   */
  toggle(callSid) {
    const isPinned = this.has(callSid);
    this.linked.delete(callSid);
    const others = this.#latest().filter((one) => one !== callSid);
    this.#keep(isPinned ? others : [...others, callSid]);
  }

  /** What another tab pinned counts as well. */
  #latest() {
    return this.store ? this.#stored() : [...this.pinned];
  }

  /** @param {string[]} callSids */
  #keep(callSids) {
    this.pinned = new Set([...new Set(callSids)].slice(-MAX_PINS));
    try {
      this.store?.setItem(this.key, JSON.stringify([...this.pinned]));
    } catch {
      this.store = null; // it is full, or not ours to use: the page remembers
    }
  }

  /** @returns {string[]} */
  #stored() {
    try {
      const stored = JSON.parse(this.store?.getItem(this.key) ?? "[]");
      return stored.filter((/** @type {unknown} */ one) => typeof one === "string" && CALL_SID.test(one)).slice(-MAX_PINS);
    } catch {
      return []; // of somebody else
    }
  }
}
