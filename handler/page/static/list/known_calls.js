// What is known of the calls: those that are live, and those that were while the page was open.

/** @import { ListedCall } from "../partyline/messages.d.ts" */

/**
 * A call that was listed; `endedAt` (Unix ms) if it is no longer.
 * @typedef {ListedCall & { endedAt?: number }} KnownCall
 */

const MAX_ENDED = 50;

export class KnownCalls {
  constructor() {
    /** @type {Map<string, KnownCall>} */
    this.live = new Map();
    /** @type {Map<string, KnownCall>} */
    this.ended = new Map();
  }

  /** @param {string} callSid */
  find(callSid) {
    return this.live.get(callSid) ?? this.ended.get(callSid) ?? null;
  }

  /**
   * Replace the live calls; returns those that are no longer live, for `end`.
   * @param {ListedCall[]} calls
   */
  replace(calls) {
    const before = this.live;
    this.live = new Map(calls.map((call) => [call.callSid, call]));
    for (const callSid of this.live.keys()) this.ended.delete(callSid);
    return [...before.values()].filter(({ callSid }) => !this.live.has(callSid));
  }

  /**
   * Keep a call that has ended, in place of the oldest if there are too many.
   * @param {KnownCall} call
   * @param {number} endedAt
   */
  end(call, endedAt) {
    this.ended.set(call.callSid, { ...call, endedAt, state: "ended" });
    const [oldest] = this.ended.keys();
    if (oldest && this.ended.size > MAX_ENDED) this.ended.delete(oldest);
  }
}
