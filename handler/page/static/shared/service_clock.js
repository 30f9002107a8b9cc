// The service's clock, as far as we know it: times of speech are on it, and ours may be another.

/** @import { CallMessage } from "../partyline/messages.d.ts" */
/** @import { CallState } from "../partyline/reading.js" */

/** What may still change is not believed for longer (ms), nor told again: so does the service. */
export const INTERIM_LIFE = 10_000;

// What the service told as it was that old may have been on the way for so long (ms).
const LONGEST_WAY = 2000;

// Our clock was put right if it went on by so much more (ms), or less, than time did; a computer that slept is
// taken for that, too, where its steady clock slept as well.
const PUT_RIGHT = 1000;

export class ServiceClock {
  // What ours is ahead of it, with the least time on the way (ms).
  #ahead = Infinity;
  // Ours may have been put right since that was learned.
  #mayBeOld = true;
  // As a connection is new what may still change may be told again, and be as old as it gets, until there is a record.
  #mayRepeat = true;
  // What ours showed more than the steady one when a message came last (ms).
  #apart = NaN;

  /**
   * Learn from a message that has just come. What of a call's past is told now was published long ago; what
   * may still change is told again to those who come later.
   * @param {CallMessage} message
   * @param {CallState} state  of what is read
   * @param {number} now  Unix ms, ours
   * @param {number} steady  ms since whenever, by a clock that nobody puts right
   */
  hear(message, state, now, steady) {
    if (Math.abs(now - steady - this.#apart) > PUT_RIGHT) this.#mayBeOld = true;
    this.#apart = now - steady;
    if (message.type !== "Results" || state !== "live") return;
    if (message.seq !== undefined) this.#mayRepeat = false;
    const ahead = now - message.at;
    if (this.#mayRepeat) {
      const age = ahead - this.#known;
      if (age < 0 || age > INTERIM_LIFE + LONGEST_WAY) this.#ahead = ahead; // no age explains it
      return;
    }
    this.#ahead = Math.min(this.#mayBeOld ? Infinity : this.#ahead, ahead);
    this.#mayBeOld = false;
  }

  /** Either clock may have been put right, as nothing has come for a while: learn anew from what comes next. */
  forget() {
    this.#mayBeOld = this.#mayRepeat = true;
  }

  /** Until something is learned we have nothing but our clock. */
  get #known() {
    return Number.isFinite(this.#ahead) ? this.#ahead : 0;
  }

  /**
   * What it shows at a moment of ours (Unix ms).
   * @param {number} now  Unix ms
   */
  at(now) {
    return now - this.#known;
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
