// What somebody reads: by a callback, or with `for await`.

import { Position } from "./position.js";

/** @import { CallMessage, CaughtUp, Command, NumberMessage, Over, Refusal, Subscribed, Waiting } from "./messages.d.ts" */

// What is not taken yet is kept up to here; what is beyond is asked for again.
const LONGEST_QUEUE = 1000;
/** @type {Command} one for all lists: the service tells it once */
const LIST = { list: true };

/** Nothing more will come: `state` says of what kind it is, `code` is the service's. */
export class PartylineError extends Error {
  /**
   * @param {string} state
   * @param {number} [code]
   * @param {string} [message]
   */
  constructor(state, code, message) {
    super(message || `${state} (${code})`);
    this.state = state;
    this.code = code;
  }
}

/**
 * @template T
 * @implements {AsyncIterable<T>}
 */
export class Reading {
  /** @type {T[]} */
  #queue = [];
  /** @type {Command} what asks for it, unless it is of another kind */
  command = LIST;
  #over = false;
  /** @type {PartylineError | null} */
  #error = null;
  #wake = () => {};

  /**
   * @param {((message: T) => void) | undefined} tell  without it the reading is iterated over
   * @param {() => void} leave  called once, when it is read no longer
   */
  constructor(tell, leave) {
    this.told = tell;
    this.leave = leave;
  }

  get full() {
    return this.#queue.length >= LONGEST_QUEUE;
  }

  /** @param {T} message */
  tell(message) {
    if (this.#over) return;
    if (!this.told) this.#queue.push(message);
    else try { this.told(message); } catch (error) { setTimeout(() => { throw error; }); }
    this.#wake();
  }

  /** Leave out what was not taken yet: it is out of date. */
  forget() {
    this.#queue = [];
  }

  /** @param {PartylineError | null} [error] */
  finish(error = null) {
    if (this.#over) return;
    this.#over = true;
    this.#error = error;
    this.leave();
    this.#wake();
  }

  /** Read no longer. */
  close() {
    this.forget();
    this.finish();
  }

  /** There is room again. */
  drained() {}

  async *[Symbol.asyncIterator]() {
    try {
      for (;;) {
        while (this.#queue.length) yield /** @type {T} */ (this.#queue.shift());
        if (this.#over) break;
        this.drained();
        await new Promise((wake) => { this.#wake = () => wake(null); });
      }
      if (this.#error) throw this.#error;
    } finally {
      this.close();
    }
  }
}

/**
 * How it stands with a call: asked for, awaited, its past being told, live, cut off, over, or not to be
 * read. What is shown is as it is while it is `live`, and only then.
 * @typedef {"asked" | "waiting" | "past" | "live" | "offline" | "over" | "refused"} CallState
 */

/**
 * @typedef {object} CallOptions
 * @property {(message: CallMessage) => void} [onMessage]  each record once and in order, interims, `Expired`
 * @property {(state: CallState, error?: PartylineError) => void} [onState]
 * @property {number} [since]  begin behind this record
 * @property {number} [newest]  begin with so many of the newest records
 * @property {boolean} [interim]  false: leave interims out
 * @property {boolean} [stay]  go on reading when the call is over: it may go on
 */

const TOO_MUCH = 4429;
const ASK_AGAIN = 15_000; // ms

/** @extends {Reading<CallMessage>} */
export class CallReading extends Reading {
  /** @type {CallState} */
  state = "asked";
  /** @type {Reading<NumberMessage> | null} who follows its number, if it is read for that */
  number = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #again;
  #cut = false; // what came was not taken, as there was no room

  /**
   * @param {string} callSid
   * @param {CallOptions} options
   * @param {(reading: CallReading) => void} leave
   * @param {() => void} ask  ask again for what follows
   */
  constructor(callSid, { onMessage, onState, since = 0, newest, interim = true, stay = false }, leave, ask) {
    super(onMessage, () => { clearTimeout(this.#again); leave(this); });
    this.callSid = callSid;
    this.onState = onState;
    this.interim = interim;
    this.stay = stay;
    this.ask = ask;
    this.position = new Position(since, newest);
  }

  /** Whether nothing more comes of it, unless the service begins it again. */
  get rests() {
    return this.state === "over" || this.state === "refused";
  }

  /**
   * Returns whether the message was new.
   * @param {CallMessage | Subscribed | Waiting | CaughtUp | Over | Refusal} message
   */
  receive(message) {
    switch (message.type) {
      case "Waiting":
        this.#change("waiting");
        return false;
      case "Subscribed":
        this.#change("past");
        if (this.position.find(message.first, message.last)) this.ask();
        return false;
      case "CaughtUp":
        if (this.#cut) return false;
        if (this.position.catchUp(message.seq)) this.#change("live");
        else this.ask();
        return false;
      case "Over":
        if (this.#cut) return false;
        this.#change("over");
        if (!this.stay) this.finish();
        return false;
      case "Error": {
        if (message.code === TOO_MUCH) { // for now
          this.#change("waiting");
          this.#again = setTimeout(() => this.ask(), ASK_AGAIN);
          return false;
        }
        const error = new PartylineError("refused", message.code, message.message);
        this.#change("refused", error);
        // A number's call may be allowed again, and goes on then.
        if (this.number) this.number.tell(message);
        else this.finish(error);
        return false;
      }
      default:
        return this.#take(message);
    }
  }

  /** @param {CallMessage} message */
  #take(message) {
    const { position } = this;
    if (this.#cut || (!this.interim && message.seq === undefined && message.type !== "Expired")) return false;
    const { complete } = position;
    const isNew = position.take(message);
    if (isNew) this.tell(message);
    else if (complete && !position.complete) this.ask(); // something is missing
    this.#cut = (this.number ?? this).full;
    return isNew;
  }

  /** The connection is lost. */
  lose() {
    this.position.complete = false;
    if (!this.rests && this.state !== "asked") this.#change("offline");
  }

  /**
   * @param {CallState} state
   * @param {PartylineError} [error]
   */
  #change(state, error) {
    if (state === this.state) return;
    this.state = state;
    this.onState?.(state, error);
  }

  /** @override */
  drained() {
    if (!this.#cut) return;
    this.#cut = this.position.complete = false;
    this.ask();
  }
}
