// What is so of a call at this moment, and in which words. No document, no clock, no network.

import { clock, endReason } from "../shared/format.js";
import { texts } from "../shared/texts.js";

/** @import { CallMessage } from "../partyline/messages.d.ts" */
/** @import { Lost } from "./lost.js" */
/** @import { Transcript } from "../partyline/transcript.js" */

/**
 * How it stands with a call: nothing is `live` that may be old.
 * @typedef {"looking" | "live" | "waiting" | "offline" | "ended" | "expired" | "refused"} Standing
 */

// Of the parts that are missing so many are told, the newest.
const MAX_MISSING = 3;
// Words that come later than this (seconds) come late.
const LATE = 5;

export class Truth {
  /** @param {Transcript} transcript */
  constructor(transcript) {
    this.transcript = transcript;
    this.refusal = ""; // why it cannot be read
    /** @type {Lost | null} */
    this.lost = null;
    this.isToldAbove = false; // why nothing comes, for all calls at once
    this.complete = false; // whether its past has been told
    this.isWaiting = false; // for its audio, as the list says
    this.lacksBeginning = false;
    /** @type {number[]} the seconds behind which a part is missing */
    this.missing = [];
    /** @type {number | null} the seconds at which the recogniser went away, if that is known */
    this.awaySince = null;
  }

  /**
   * Receive what the transcript has received.
   * @param {CallMessage} message
   */
  receive(message) {
    const { started, turns } = this.transcript;
    if (message.type === "Recogniser") {
      this.awaySince = started ? (message.at - started.startedAt) / 1000 : null;
    }
    if (message.type !== "Expired") return;
    if (!started && !turns.length) this.lacksBeginning = true;
    else this.missing = [...this.missing, turns.at(-1)?.end ?? 0].slice(-MAX_MISSING);
  }

  /** @returns {Standing} */
  get standing() {
    const { ended, known } = this.transcript;
    if (ended) return "ended"; // and stays so, whatever becomes of the connection
    if (this.refusal) return "refused";
    if (this.lost) return this.lost === "draining" ? "offline" : this.lost;
    if (!known || !this.complete) return "looking";
    return this.isWaiting ? "waiting" : "live";
  }

  /** Whether time goes on for what is shown. */
  get goesOn() {
    return ["looking", "live", "waiting"].includes(this.standing);
  }

  /** How it stands, in words. */
  get words() {
    const { ended, known } = this.transcript;
    if (ended) return endReason(ended.reason);
    if (this.refusal) return this.refusal;
    if (this.lost) return this.isToldAbove ? texts.truth.notLive : texts.truth.lost[this.lost];
    if (!known) return texts.call.looking;
    if (!this.complete) return texts.truth.catchingUp;
    if (this.isWaiting) return texts.call.waiting;
    return this.transcript.trouble ? texts.truth.unheard : texts.call.live;
  }

  /** What else the reader should know, in sentences. */
  get troubles() {
    const { trouble, notes } = this.transcript;
    const { awaySince } = this;
    const isAway = trouble !== "" && !this.lost; // while nothing comes nobody knows
    return [
      this.lacksBeginning ? texts.call.beginningGone : "",
      ...this.missing.map((seconds) => texts.truth.partGone(clock(seconds))),
      // Where there is room for less, that nothing is lost comes before why.
      isAway && awaySince !== null ? texts.truth.awaySince(clock(awaySince)) : "",
      isAway ? texts.truth.comesLater : "",
      isAway ? texts.call.recogniserAway(trouble) : "",
      ...[...notes].map((note) => texts.call.recogniserSays(note)),
    ].filter(Boolean);
  }

  /**
   * What leads to the end of what there is, and says how much of it was not seen.
   * @param {number} unseen
   */
  jump(unseen) {
    const { jump, jumpNew, jumpToEnd } = texts.call;
    if (this.standing === "live") return unseen ? jumpNew(unseen) : jump;
    return unseen ? texts.truth.jumpToEndNew(unseen) : jumpToEnd;
  }
}

/**
 * How far the words are behind, in words.
 * @param {number} seconds
 */
export function behind(seconds) {
  return isLate(seconds) ? texts.truth.late(seconds) : texts.call.behind(seconds);
}

/** @param {number} seconds  that words are behind */
export function isLate(seconds) {
  return seconds >= LATE;
}
