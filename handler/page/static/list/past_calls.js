// The calls that are over and still kept, as the service tells of them: a page at a time, newest first.

import { MAX_PAST } from "./known_calls.js";
import { texts } from "../shared/texts.js";
import { authorization } from "../partyline/token.js";

/** @import { KnownCalls, PastCall } from "./known_calls.js" */

const AGAIN = 2000; // ms

export class PastCalls {
  /**
   * @param {KnownCalls} calls  to be told of them
   * @param {() => void} changed
   */
  constructor(calls, changed) {
    this.calls = calls;
    this.changed = changed;
    /** @type {string | null} */
    this.token = null;
    /** @type {string | null} the only one whose calls are read, if any */
    this.number = null;
    /** @type {string | null | undefined} what asks for older ones; null: there are none; undefined: nobody asked */
    this.cursor = undefined;
    this.notice = ""; // what is the matter
    this.asked = 0; // whose answer counts: the newest's
    /** @type {number | undefined} */
    this.timer = undefined;
  }

  get hasOlder() {
    return Boolean(this.cursor);
  }

  /** Whether they can be read: the page keeps so many. */
  get mayLookOlder() {
    return this.hasOlder && this.calls.past.size < MAX_PAST;
  }

  /**
   * Read with a token those of a number, or all: the newest of them. What another token showed may not be
   * for this one, and pages of different numbers do not follow each other.
   * @param {string | null} token
   * @param {string | null} number
   */
  look(token, number) {
    if (token !== this.token || number !== this.number) this.#forget();
    [this.token, this.number] = [token, number];
    return this.#ask(null);
  }

  /** Look again in a moment: a call has ended, and the service knows how. */
  lookSoon() {
    this.timer ??= setTimeout(() => this.#ask(null), AGAIN);
  }

  /** Read the page behind those that were read. */
  lookOlder() {
    return this.#ask(this.cursor ?? null);
  }

  #forget() {
    this.calls.forgetPast();
    this.cursor = undefined;
  }

  /** @param {string | null} cursor */
  async #ask(cursor) {
    clearTimeout(this.timer);
    this.timer = undefined;
    const asked = ++this.asked;
    this.#say(texts.list.looking);
    try {
      const query = new URLSearchParams({ state: "ended" });
      if (this.number) query.set("number", this.number);
      if (cursor) query.set("cursor", cursor);
      const answer = await fetch(`calls?${query}`, { headers: authorization(this.token) });
      if (asked !== this.asked) return;
      // A container that has just begun reads what is kept: it says so, and is asked again.
      if (answer.status === 503) this.timer = setTimeout(() => this.#ask(cursor), AGAIN);
      if (!answer.ok) throw new Error((await answer.text()).trim());
      const page = await answer.json();
      if (asked === this.asked) this.#take(page.calls.map(withStart), page.cursor, cursor !== null);
    } catch (error) {
      if (asked === this.asked) this.#say(texts.list.notRead(error instanceof Error ? error.message : String(error)));
    }
  }

  /**
   * @param {PastCall[]} calls
   * @param {string | null} cursor
   * @param {boolean} isOlder
   */
  #take(calls, cursor, isOlder) {
    // More have ended since than a page has: what was read before does not follow on this one.
    if (!isOlder && !calls.some(({ callSid }) => this.calls.past.has(callSid))) this.#forget();
    if (isOlder || this.cursor === undefined) this.cursor = cursor;
    this.calls.tellPast(calls);
    this.#say("");
  }

  /** @param {string} notice */
  #say(notice) {
    this.notice = notice;
    this.changed();
  }
}

/**
 * Of a call whose beginning is no longer kept it is known how long it was.
 * @param {Omit<PastCall, "startedAt"> & { startedAt: number | null, duration: number }} call
 * @returns {PastCall}
 */
function withStart(call) {
  return { ...call, startedAt: call.startedAt ?? call.endedAt - call.duration * 1000, state: "ended" };
}
