// Which calls are read that are not open, and why: the one home of that. A connection carries so many.

/**
 * Why a call is read: its row is in view; or there is room, so that its words are watched, its state is
 * known and the list can be ordered by them.
 * @typedef {"seen" | "watched"} Reason
 */

// What one connection may ask for, as the client has it.
const MAX_SUBSCRIPTIONS = 100;
// Left for a call that opens before anything else is let go, and for a number.
const SPARE = 2;

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
   * Read those that are wanted, as far as there is room: those in view in any case, of the others first
   * those that are read already, since scrolling must not turn everything over. Returns the callSids to
   * begin with, and those to end with.
   * @param {string[]} seen  the most important first
   * @param {string[]} others  live calls that would be read, likewise
   * @param {number} taken  subscriptions for other things: what is open, followed, the list
   */
  change(seen, others, taken) {
    const room = Math.max(0, MAX_SUBSCRIPTIONS - SPARE - taken);
    /** @type {Map<string, Reason>} */
    const next = new Map(seen.slice(0, room).map((callSid) => [callSid, "seen"]));
    const known = others.filter((callSid) => this.calls.has(callSid));
    for (const callSid of [...known, ...others]) {
      if (next.size >= room) break;
      if (!next.has(callSid)) next.set(callSid, "watched");
    }
    const begun = [...next.keys()].filter((callSid) => !this.calls.has(callSid));
    const ended = [...this.calls.keys()].filter((callSid) => !next.has(callSid));
    this.calls = next;
    return { begun, ended };
  }
}
