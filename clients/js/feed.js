// What the connection brings of one call, for all who read it here; and who reads a number's calls.

import { Reading } from "./reading.js";

/** @import { Calls, Message, NumberMessage, Subscribed, Token } from "./messages.d.ts" */
/** @import { CallReading } from "./reading.js" */

// Of a number's calls that are over, so many are remembered, as they may go on.
const MAX_OVER = 100;
// What is said of a subscription, by what it asked for.
const OF_SUBSCRIPTIONS = new Set(["Waiting", "Expired", "Subscribed", "CaughtUp", "Over", "Error"]);

export class Feed {
  /** @type {Set<CallReading>} */
  readings = new Set();
  /** @type {Subscribed | null} */
  subscribed = null;
  due = 0; // to be asked for when there is room; the least comes first
  placed = false; // asked for on this connection, and not over: it takes room
  asked = false; // and not answered yet: what is said of the past is of an earlier subscription

  /** @param {string} callSid */
  constructor(callSid) {
    this.callSid = callSid;
  }

  /** From where on it is to be sent: where the reader is who is least far. */
  get since() {
    const known = [...this.readings].map(({ position }) => position.since).filter((since) => since !== "live");
    return known.length ? Math.min(...known) : "live";
  }

  get interim() {
    return [...this.readings].some(({ interim }) => interim);
  }

  /** Whether somebody asked for it by its callSid. */
  get isNamed() {
    return [...this.readings].some(({ number }) => !number);
  }

  /** Whether to ask for it on a new connection: a number's call that was over comes by its number. */
  get isWanted() {
    return [...this.readings].some(({ number, rests }) => !number || !rests);
  }

  /**
   * Whether a message is for those who read here: of a child leg, what its parent's records say.
   * @param {Exclude<Message, Calls | Token>} message
   */
  concerns({ callSid, type }) {
    return callSid === this.callSid || (callSid === this.subscribed?.parentCallSid && !OF_SUBSCRIPTIONS.has(type));
  }

  /**
   * Returns whether it was new to anybody.
   * @param {Exclude<Message, Calls | Token>} message
   */
  receive(message) {
    let isNew = false;
    switch (message.type) {
      case "CaughtUp":
        if (this.asked) return false;
        break;
      case "Subscribed":
        this.asked = false;
        this.due = 0; // if its number has begun it
        this.subscribed = message;
        break;
      case "Over":
      case "Error":
        this.placed = false;
    }
    for (const reading of [...this.readings]) {
      // One that another has closed by now is told nothing more.
      if (this.readings.has(reading)) isNew = reading.receive(message) || isNew;
    }
    return isNew;
  }
}

/**
 * @typedef {object} NumberOptions
 * @property {(message: NumberMessage) => void} [onMessage]  as of a call, of each of them; `Error` ends one
 * @property {boolean} [interim]  false: leave interims out
 */

/** @extends {Reading<NumberMessage>} */
export class NumberReading extends Reading {
  /** @type {Map<string, CallReading>} */
  calls = new Map();

  /**
   * @param {string} number
   * @param {NumberOptions} options
   * @param {(reading: NumberReading) => void} leave
   */
  constructor(number, { onMessage, interim = true }, leave) {
    super(onMessage, () => leave(this));
    this.number = number;
    this.command = { subscribe: number, interim };
  }

  /** @param {CallReading} reading */
  keep(reading) {
    this.calls.set(reading.callSid, reading);
    const over = [...this.calls.values()].filter(({ rests }) => rests);
    if (over.length <= MAX_OVER || !over[0]) return;
    this.calls.delete(over[0].callSid);
    over[0].close();
  }

  /** @override */
  drained() {
    for (const call of this.calls.values()) call.drained();
  }
}
