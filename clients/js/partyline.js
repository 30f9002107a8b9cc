// Partyline's client: read calls live over one connection, each record once and in order, whatever breaks.

import { Connection } from "./connection.js";
import { Feed, NumberReading } from "./feed.js";
import { CallReading, PartylineError, Reading } from "./reading.js";

/** @import { CallMessage, Command, ListedCall, Message, Subscribed } from "./messages.d.ts" */
/** @import { CallOptions } from "./reading.js" */

export { PartylineError };

/**
 * How it stands with the connection. What is shown is as it is while it is `live`, and only then.
 * `offline` and `draining` (the service leaves) are tried again; `expired` and `refused` are not, until
 * `connect` is called; `idle`: nothing is read.
 * @typedef {"idle" | "connecting" | "live" | "offline" | "draining" | "expired" | "refused"} State
 */

/**
 * @typedef {object} Options
 * @property {string | URL} url  of the service
 * @property {() => Promise<string | null> | string | null} [token]  asked for one with each connection, and before it ends
 * @property {(state: State, code?: number, message?: string) => void} [onState]
 * @property {number} [wait]  ms before the first try to come back; twice as many with each that fails
 * @property {number} [quiet]  ms without a message after which the service is asked whether it is there;
 *   20,000 unless it is given, 1,000 at least. It has as long to answer, and 5,000 at most
 */

// What one connection may ask for.
export const MAX_SUBSCRIPTIONS = 100;
// What waits for room is asked for so many at once, so often (ms): the service hears 20 words a second of a
// connection, and 200 at once. What is held up on its way comes together with what follows.
const AT_ONCE = 15;
const SOON = 1000;

export class Partyline {
  /** @type {State} */
  state = "idle";
  /** @type {Connection | null} */
  #connection = null;
  /** @type {Map<string, Feed>} */
  #feeds = new Map();
  /** @type {Set<NumberReading>} */
  #numbers = new Set();
  /** @type {Set<Reading<ListedCall[]>>} */
  #lists = new Set();
  /** @type {Set<Command>} what asks for those of both that are to be asked for, when there is room */
  #due = new Set();
  /** @type {ListedCall[] | null | undefined} the newest list of this connection; null: it was asked for */
  #listed;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {Options} options */
  constructor(options) {
    this.options = options;
  }

  /**
   * Read one call, from its beginning or from behind a record, until it is over.
   * @param {string} callSid
   * @param {CallOptions} [options]
   */
  call(callSid, options = {}) {
    if (!this.#feeds.get(callSid)?.isNamed) this.#checkRoom();
    const reading = this.#reading(callSid, options);
    this.#enter(reading).due = 1;
    this.#askDue();
    if (!this.#connection) this.connect();
    return reading;
  }

  /**
   * Read all calls of a number: those that are live, and those to come, for as long as it is read.
   * @param {string} number  E.164
   * @param {import("./feed.js").NumberOptions} [options]
   */
  number(number, options = {}) {
    this.#checkRoom();
    const reading = new NumberReading(number, options, () => {
      this.#numbers.delete(reading);
      this.#due.delete(reading.command);
      if (![...this.#numbers].some((other) => other.number === number)) this.#send({ unsubscribe: number });
      for (const call of reading.calls.values()) call.close();
      this.#rest();
    });
    this.#numbers.add(reading);
    for (const { subscribed } of this.#feeds.values()) if (subscribed) this.#beginFor(reading, subscribed);
    return this.#begin(reading);
  }

  /**
   * Read the list of live calls: whole, now and at each change. Of lists that were not taken yet, the
   * newest counts.
   * @param {{ onList?: (calls: ListedCall[]) => void }} [options]
   */
  calls({ onList } = {}) {
    /** @type {Reading<ListedCall[]>} */
    const reading = new Reading(onList, () => {
      this.#lists.delete(reading);
      if (!this.#lists.size) this.#due.delete(reading.command);
      this.#rest();
    });
    if (!this.#hasList) this.#checkRoom();
    this.#lists.add(reading);
    // The service tells it once, and each change.
    const listed = this.#listed;
    if (listed) queueMicrotask(() => this.#tellList(reading, listed));
    return this.#begin(reading);
  }

  /** Try at once, with what `token` gives now: also where it was not to be tried again. */
  connect() {
    this.#connection?.close();
    this.#connection = new Connection(this.options, {
      received: (message) => this.#receive(message),
      changed: (state, code, message) => this.#change(state, code, message),
    });
    this.#change("connecting");
  }

  /** Read nothing any more. */
  close() {
    for (const reading of [...this.#readings()]) reading.close();
  }

  /**
   * @param {string} callSid
   * @param {CallOptions} options
   */
  #reading(callSid, options) {
    return new CallReading(callSid, options, (it) => this.#leave(it), () => this.#ask(callSid));
  }

  *#readings() {
    for (const { readings } of this.#feeds.values()) yield* readings;
    yield* this.#numbers;
    yield* this.#lists;
  }

  /** @param {Command} command */
  #send(command) {
    if (this.state !== "live") return;
    if ("list" in command) this.#listed ??= null;
    this.#connection?.send(command);
  }

  /** Whether it takes room: once it was asked for it does for as long as the connection lasts. */
  get #hasList() {
    return this.#lists.size > 0 || this.#listed !== undefined;
  }

  /** So many calls may be asked for. */
  get #room() {
    return MAX_SUBSCRIPTIONS - this.#numbers.size - Number(this.#hasList);
  }

  #checkRoom() {
    const feeds = [...this.#feeds.values()];
    if (feeds.filter(({ isNamed }) => isNamed).length >= this.#room) {
      throw new RangeError(`more than ${MAX_SUBSCRIPTIONS} subscriptions`);
    }
  }

  /**
   * Ask for a number, or the list, as soon as there is room.
   * @template {Reading<any>} T
   * @param {T} reading
   */
  #begin(reading) {
    this.#due.add(reading.command);
    this.#askDue();
    if (!this.#connection) this.connect();
    return reading;
  }

  /** @param {CallReading} reading */
  #enter(reading) {
    const { callSid } = reading;
    const feed = this.#feeds.get(callSid) ?? new Feed(callSid);
    this.#feeds.set(callSid, feed);
    feed.readings.add(reading);
    return feed;
  }

  /** @param {CallReading} reading */
  #leave(reading) {
    const { callSid } = reading;
    const feed = this.#feeds.get(callSid);
    if (!feed?.readings.delete(reading) || feed.readings.size) return;
    this.#feeds.delete(callSid);
    // What a number alone began ends with it: hundreds of words at once would be too many.
    if (feed.placed || !reading.number) this.#send({ unsubscribe: callSid });
    this.#rest();
  }

  /** A connection on which nothing is read is let go: it would keep a program alive. */
  #rest() {
    if (!this.#readings().next().done) return;
    clearTimeout(this.#timer);
    this.#connection?.close();
    this.#connection = null;
    this.#change("idle");
  }

  /** @param {string} callSid */
  #ask(callSid) {
    const feed = this.#feeds.get(callSid);
    if (!feed || this.state !== "live") return;
    feed.due = 0;
    feed.asked = feed.placed = true;
    this.#send({ subscribe: callSid, since: feed.since, interim: feed.interim });
  }

  /** Ask for what is read, as far as there is room, and for the rest once there is: as a call is over, or left. */
  #askDue(most = AT_ONCE) {
    clearTimeout(this.#timer);
    if (this.state !== "live") return;
    const feeds = [...this.#feeds.values()];
    let room = this.#room + this.#due.size - feeds.filter((feed) => !feed.due && feed.placed).length;
    feeds.sort((one, other) => one.due - other.due);
    for (const { callSid, due } of feeds) if (due && room > this.#due.size && most-- > 0 && room--) this.#ask(callSid);
    for (const one of this.#due) if (room-- > 0 && this.#due.delete(one)) this.#send(one);
    if (this.#due.size || feeds.some(({ due }) => due)) this.#timer = setTimeout(() => this.#askDue(), SOON);
  }

  /**
   * Begin on a new connection: nothing is asked for.
   * @param {string[]} live  the calls that are
   */
  #open(live) {
    this.#change("live");
    for (const feed of this.#feeds.values()) {
      feed.placed = false;
      // A number's calls that live are begun by it, too; of those that have ended only we know.
      feed.due = feed.isNamed ? 1 : feed.isWanted ? 2 + Number(live.includes(feed.callSid)) : 0;
    }
    this.#due = new Set([...this.#numbers, ...this.#lists].map(({ command }) => command));
    this.#askDue(MAX_SUBSCRIPTIONS);
  }

  /**
   * @param {State} state
   * @param {number} [code]
   * @param {string} [message]
   */
  #change(state, code, message) {
    if (state === this.state) return;
    this.state = state;
    this.#listed = undefined;
    this.options.onState?.(state, code, message);
    if (state === "live") return;
    for (const { readings } of this.#feeds.values()) for (const reading of readings) reading.lose();
    if (state !== "expired" && state !== "refused") return;
    // Who iterates cannot be told otherwise; callbacks may be called again after another `connect`.
    const error = new PartylineError(state, code, message);
    for (const reading of [...this.#readings()]) if (!reading.told) reading.finish(error);
  }

  /**
   * Tell the newest list, unless it is another token's by now.
   * @param {Reading<ListedCall[]>} reading
   * @param {ListedCall[]} calls
   */
  #tellList(reading, calls) {
    if (calls !== this.#listed) return;
    reading.forget();
    reading.tell(calls);
  }

  /** @param {Message | string[]} message */
  #receive(message) {
    if (Array.isArray(message)) return this.#open(message);
    if (message.type === "Calls") {
      this.#listed = message.calls;
      for (const list of [...this.#lists]) this.#tellList(list, message.calls);
    }
    if (!("callSid" in message)) return;
    if (message.type === "Subscribed") for (const number of this.#numbers) this.#beginFor(number, message);
    let isNew = false;
    for (const feed of [...this.#feeds.values()]) {
      if (feed.concerns(message)) isNew = feed.receive(message) || isNew;
    }
    if (isNew) this.#connection?.succeed();
  }

  /**
   * Read a call for who follows its number; one that is read already the service does not begin again.
   * @param {NumberReading} number
   * @param {Subscribed} call
   */
  #beginFor(number, { callSid, parentCallSid, from, to }) {
    if (parentCallSid || ![from, to].includes(number.number) || number.calls.has(callSid)) return;
    const onMessage = (/** @type {CallMessage} */ message) => number.tell(message);
    const reading = this.#reading(callSid, { onMessage, interim: number.command.interim, stay: true });
    reading.number = number;
    const known = this.#feeds.has(callSid);
    number.keep(reading);
    this.#enter(reading);
    // Behind the answer to what was asked before.
    if (known) queueMicrotask(() => this.#ask(callSid));
  }
}
