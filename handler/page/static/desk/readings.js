// What is read of the calls: those that are open from their beginning, some of the list for their last words.

import { Previews } from "../list/previews.js";
import { MAX_SUBSCRIPTIONS } from "../partyline/partyline.js";
import { Transcript } from "../partyline/transcript.js";
import { ServiceClock } from "../shared/service_clock.js";

/** @import { Wanted } from "../list/previews.js" */
/** @import { Change } from "../partyline/transcript.js" */
/** @import { CallMessage } from "../partyline/messages.d.ts" */
/** @import { Partyline } from "../partyline/partyline.js" */
/** @import { CallOptions, CallReading, CallState, PartylineError } from "../partyline/reading.js" */

/**
 * @typedef {object} ReadingsListener
 * @property {(transcript: Transcript, message: CallMessage, change: Change | null) => void} received
 * @property {(callSid: string, state: CallState) => void} stands  it stands otherwise with what is read of a call
 * @property {(callSid: string) => void} forgot  what might have changed of it: nobody takes it back
 * @property {() => void} changed  other calls are read
 */

// What the list shows of a call is a few records back.
const PREVIEWED = 5;
// Subscriptions left for a call that opens before anything else is let go, and for a number.
const SPARE = 2;

export class Readings {
  /**
   * @param {Partyline} client
   * @param {ReadingsListener} listener
   */
  constructor(client, listener) {
    this.client = client;
    this.listener = listener;
    /** @type {Map<string, { transcript: Transcript, reading: CallReading, isPreview: boolean, options: CallOptions }>} by callSid */
    this.calls = new Map();
    /** @type {Set<string>} callSids that are about to be read, or to be read otherwise */
    this.coming = new Set();
    this.previews = new Previews();
    this.clock = new ServiceClock();
  }

  /**
   * What is known of a call that is read.
   * @param {string} callSid
   */
  find(callSid) {
    return this.calls.get(callSid)?.transcript ?? null;
  }

  /** What is read, in the order in which it was begun, and what is about to be. */
  get callSids() {
    return [...new Set([...this.calls.keys(), ...this.coming])];
  }

  /**
   * How a call is read that is open; null if none is.
   * @param {string} callSid
   */
  opened(callSid) {
    const call = this.calls.get(callSid);
    return call && !call.isPreview ? call : null;
  }

  /**
   * Whether what comes of a call is said now, and not its past.
   * @param {string} callSid
   */
  tellsNow(callSid) {
    return this.calls.get(callSid)?.reading.state === "live";
  }

  /**
   * Read a call from its beginning, in place of a preview.
   * @param {Transcript} transcript  is filled
   * @param {CallOptions} options
   * @param {() => void} makeRoom  let others go, as a connection carries so many
   */
  open(transcript, options, makeRoom) {
    const { callSid } = transcript;
    if (this.calls.has(callSid)) this.coming.add(callSid); // who reads its words goes on with it
    makeRoom();
    this.stop(callSid);
    this.coming.delete(callSid);
    this.#begin(transcript, options);
    this.listener.changed();
  }

  /**
   * There is another token: ask once more for the open calls that were refused, behind what is known of them. Others
   * come again by the list.
   */
  askAgain() {
    const refused = [...this.calls.values()].filter(({ reading }) => reading.state === "refused");
    for (const { transcript, reading, isPreview, options } of refused) {
      if (isPreview) this.stop(transcript.callSid);
      else this.#begin(transcript, { ...options, since: reading.position.last });
    }
    if (refused.length) this.listener.changed();
  }

  /** @param {string} callSid */
  stop(callSid) {
    this.previews.delete(callSid);
    this.calls.get(callSid)?.reading.close();
    this.calls.delete(callSid);
  }

  /**
   * Read these for their last words, as far as there is room.
   * @param {Wanted} wanted
   * @param {number} taken  subscriptions for what is open, followed, and listed
   */
  preview(wanted, taken) {
    const { begun, ended } = this.previews.change(wanted, MAX_SUBSCRIPTIONS - SPARE - taken);
    for (const callSid of ended) this.stop(callSid);
    for (const callSid of begun) this.coming.add(callSid);
    this.listener.changed(); // others let go of those that ended, too, before new ones come
    for (const callSid of begun) {
      this.coming.delete(callSid);
      this.#begin(new Transcript(callSid), { newest: PREVIEWED });
    }
    this.listener.changed();
  }

  /** Nobody takes back what might have changed, at all or for long: of a lost owner nothing more comes. */
  forgetInterims(before = Infinity) {
    for (const [callSid, { transcript }] of this.calls) if (transcript.forgetInterims(before)) this.listener.forgot(callSid);
  }

  /**
   * @param {Transcript} transcript
   * @param {CallOptions} options
   */
  #begin(transcript, options) {
    const onMessage = (/** @type {CallMessage} */ message) => {
      const change = transcript.receive(message);
      this.clock.hear(message, reading.state, Date.now(), performance.now());
      this.listener.received(transcript, message, change);
    };
    const onState = (/** @type {CallState} */ state, /** @type {PartylineError | undefined} */ error) => {
      options.onState?.(state, error);
      this.listener.stands(transcript.callSid, state);
    };
    const reading = this.client.call(transcript.callSid, { ...options, onMessage, onState });
    this.calls.set(transcript.callSid, { transcript, reading, isPreview: options.newest !== undefined, options });
  }
}
