// The calls that a reader pinned: they stand first in the list, and make no room for others. Kept in
// what the browser remembers of this service, bounded; nothing else is. No document, no network.

import { CALL_SID } from "../shared/identifiers.js";

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
  }

  /** @param {string} callSid */
  has(callSid) {
    return this.pinned.has(callSid);
  }

  /**
   * Pin these too.
   * @param {string[]} callSids
   */
  add(callSids) {
    if (callSids.length) this.#keep([...this.#latest(), ...callSids]);
  }

  /**
   * Pin a call, or let it go.
   * @param {string} callSid
   */
  toggle(callSid) {
    const { pinned } = this;
    const others = this.#latest().filter((one) => one !== callSid);
    this.#keep(pinned.has(callSid) ? others : [...others, callSid]);
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
      return []; // somebody else's
    }
  }
}
