// The service's clock, as far as we know it: times of speech are on it, and ours may be another.

/** @import { CallMessage } from "../partyline/messages.d.ts" */
/** @import { CallState } from "../partyline/reading.js" */

export class ServiceClock {
  // What ours is ahead of it, with the least time on the way (ms).
  #ahead = Infinity;
  #mayBeOld = false;

  /**
   * Learn from a message that has just come. What of a call's past is told now was published long ago.
   * @param {CallMessage} message
   * @param {CallState} state  of what is read
   * @param {number} now  Unix ms, ours
   */
  hear(message, state, now) {
    if (message.type !== "Results" || state !== "live") return;
    this.#ahead = Math.min(this.#mayBeOld ? Infinity : this.#ahead, now - message.at);
    this.#mayBeOld = false;
  }

  /** Nothing has come for a while, in which either clock may have been put right: learn anew from what comes next. */
  forget() {
    this.#mayBeOld = true;
  }

  /**
   * What it shows at a moment of ours (Unix ms).
   * @param {number} now  Unix ms
   */
  at(now) {
    return Number.isFinite(this.#ahead) ? now - this.#ahead : now;
  }

  /**
   * Where a call is then: seconds on its clock.
   * @param {number} startedAt  Unix ms, the service's
   * @param {number} now  Unix ms, ours
   */
  seconds(startedAt, now) {
    return (this.at(now) - startedAt) / 1000;
  }
}
