// What is known of the calls: those that are live, and those that are over, whoever told of them.

/** @import { ListedCall } from "../partyline/messages.d.ts" */

/**
 * A call that was listed; with `endedAt` (Unix ms) if it is over, and how, as far as that is known.
 * @typedef {ListedCall & { endedAt?: number, duration?: number, reason?: string, words?: number }} KnownCall
 */

/** @typedef {KnownCall & { endedAt: number }} PastCall  one that is over */

// Of those that ended while the page was open, so many are remembered.
const MAX_ENDED = 500;
// Of those that the service tells of, so many: whoever pages back through more asks for a number.
export const MAX_PAST = 2000;

export class KnownCalls {
  constructor() {
    /** @type {Map<string, KnownCall>} */
    this.live = new Map();
    /** @type {Map<string, PastCall>} that ended while they were listed here */
    this.ended = new Map();
    /** @type {Map<string, PastCall>} that are over, as the service tells */
    this.past = new Map();
  }

  /** @param {string} callSid */
  find(callSid) {
    return this.live.get(callSid) ?? this.past.get(callSid) ?? this.ended.get(callSid) ?? null;
  }

  /** Those that are over, each once and as the service tells of it if it does; the one that ended last comes first. */
  get over() {
    const calls = [...new Map([...this.ended, ...this.past]).values()];
    return calls.sort((one, other) => other.endedAt - one.endedAt);
  }

  /**
   * Replace the live calls; returns those that are no longer live, for `end`.
   * @param {ListedCall[]} calls
   */
  replace(calls) {
    const before = this.live;
    this.live = new Map(calls.map((call) => [call.callSid, call]));
    for (const callSid of this.live.keys()) { this.ended.delete(callSid); this.past.delete(callSid); }
    return [...before.values()].filter(({ callSid }) => !this.live.has(callSid));
  }

  /**
   * Keep a call that has ended, in place of the oldest if there are too many.
   * @param {KnownCall} call
   * @param {Pick<KnownCall, "duration" | "reason" | "words"> | null} end  as the call itself told of it
   * @param {number} now  Unix ms
   */
  end(call, end, now) {
    const { duration, reason, words } = end ?? {};
    const endedAt = duration === undefined ? now : call.startedAt + duration * 1000;
    this.ended.set(call.callSid, { ...call, endedAt, duration, reason, words, state: "ended" });
    const [oldest] = this.ended.keys();
    if (oldest && this.ended.size > MAX_ENDED) this.ended.delete(oldest);
  }

  /**
   * The service tells of calls that are over; those that ended last are kept.
   * @param {PastCall[]} calls
   */
  tellPast(calls) {
    for (const call of calls) if (!this.live.has(call.callSid)) this.past.set(call.callSid, call);
    if (this.past.size <= MAX_PAST) return;
    const newest = [...this.past.values()].sort((one, other) => other.endedAt - one.endedAt).slice(0, MAX_PAST);
    this.past = new Map(newest.map((call) => [call.callSid, call]));
  }

  /** Forget what the service told of calls that are over: another token may not read it. */
  forgetPast() {
    this.past.clear();
  }
}
