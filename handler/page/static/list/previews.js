// Which calls are read for their last words alone, as the list shows them.

// A connection takes 100 subscriptions: this many, beside the calls that are open.
const MAX_PREVIEWS = 40;

export class Previews {
  constructor() {
    /** @type {Set<string>} by callSid */
    this.calls = new Set();
  }

  /** @param {string} callSid */
  delete(callSid) {
    this.calls.delete(callSid);
  }

  /**
   * Read those that are seen; returns the callSids to begin with, and those to end with. One that
   * is read already stays while there is room: typing must not turn everything over.
   * @param {string[]} seen
   */
  change(seen) {
    const known = new Set(seen.filter((callSid) => this.calls.has(callSid)));
    const begun = seen.filter((callSid) => !known.has(callSid)).slice(0, MAX_PREVIEWS - known.size);
    const others = [...this.calls].filter((callSid) => !known.has(callSid));
    const ended = others.slice(0, Math.max(0, this.calls.size + begun.length - MAX_PREVIEWS));
    for (const callSid of ended) this.calls.delete(callSid);
    for (const callSid of begun) this.calls.add(callSid);
    return { begun, ended };
  }
}
