// Which calls are read for their last words alone, as the list shows them.

/** @import { Subscribed } from "./wire.js" */

// A socket takes 100 subscriptions: this many, beside the calls that are open.
const MAX_PREVIEWS = 40;
const RECORDS_BACK = 5;

export class Previews {
  constructor() {
    /** @type {Map<string, boolean>} callSid: whether its last records were asked for */
    this.calls = new Map();
  }

  /** @param {string} callSid */
  has(callSid) {
    return this.calls.has(callSid);
  }

  /** @param {string} callSid */
  delete(callSid) {
    this.calls.delete(callSid);
  }

  clear() {
    this.calls.clear();
  }

  /**
   * Read those that are seen; returns the callSids to begin with, and those to end with. One that
   * is read already stays while there is room: typing must not turn everything over.
   * @param {string[]} seen
   */
  change(seen) {
    const known = new Set(seen.filter((callSid) => this.calls.has(callSid)));
    const begun = seen.filter((callSid) => !known.has(callSid)).slice(0, MAX_PREVIEWS - known.size);
    const others = [...this.calls.keys()].filter((callSid) => !known.has(callSid));
    const ended = others.slice(0, Math.max(0, this.calls.size + begun.length - MAX_PREVIEWS));
    for (const callSid of ended) this.calls.delete(callSid);
    for (const callSid of begun) this.calls.set(callSid, false);
    return { begun, ended };
  }

  /**
   * One has been let in: its last words are a few records back. Returns after which record they
   * are to be asked for, or null if that is not needed.
   * @param {Subscribed} subscribed
   */
  since({ callSid, first, last }) {
    if (this.calls.get(callSid) !== false) return null;
    this.calls.set(callSid, true);
    return Math.max(0, first - 1, last - RECORDS_BACK);
  }
}
