// Which calls are read that are not open, and why: the one home of that. A connection carries so many.

/**
 * Why a call is read: its row is in view; the reader has pinned it; or there is room, so that its words are
 * watched, its state is known and the list can be ordered by them.
 * @typedef {"seen" | "pinned" | "watched"} Reason
 */

/**
 * Live calls that would be read, none of them open, the most important first; one may be among several.
 * @typedef {object} Wanted
 * @property {string[]} seen
 * @property {string[]} pinned
 * @property {string[]} others
 */

export class Previews {
  constructor() {
    /** @type {Map<string, Reason>} by callSid */
    this.calls = new Map();
  }

  /** @param {string} callSid */
  delete(callSid) {
    this.calls.delete(callSid);
  }

  /**
   * Read those that are wanted, as far as there is room: those in view, then those that are pinned; of the
   * others first those that are read already, since scrolling must not turn everything over. Returns the
   * callSids to begin with, and those to end with.
   * @param {Wanted} wanted
   * @param {number} room  subscriptions that are left
   */
  change({ seen, pinned, others }, room) {
    /** @type {Map<string, Reason>} */
    const next = new Map();
    const take = (/** @type {string[]} */ callSids, /** @type {Reason} */ reason) => {
      for (const callSid of callSids) if (next.size < room && !next.has(callSid)) next.set(callSid, reason);
    };
    take(seen, "seen");
    take(pinned, "pinned");
    take(others.filter((callSid) => this.calls.has(callSid)), "watched");
    take(others, "watched");
    const begun = [...next.keys()].filter((callSid) => !this.calls.has(callSid));
    const ended = [...this.calls.keys()].filter((callSid) => !next.has(callSid));
    this.calls = next;
    return { begun, ended };
  }
}
