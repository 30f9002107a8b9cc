// How far one reader is with a call: what is new to it, and where to go on. No socket, no clock.

/** @import { CallMessage, Track } from "./messages.d.ts" */

export class Position {
  /**
   * @param {number} since  the last record that is had
   * @param {number} [newest]  begin with so many of the newest records, wherever they are
   */
  constructor(since, newest) {
    this.last = since;
    this.newest = newest;
    this.complete = false; // whether the past has been told, and nothing is missing
    /** @type {Partial<Record<Track, number>>} up to where finals have told it all, in seconds */
    this.told = {};
  }

  /** What to ask for. */
  get since() {
    return this.newest === undefined ? this.last : "live";
  }

  /**
   * Whether a message is to be told. A record is told once, behind the one before it; an interim never
   * over the final that has taken its place.
   * @param {CallMessage} message
   */
  take(message) {
    if (message.type === "Expired") {
      if (message.first <= this.last + 1) return false;
      this.last = message.first - 1;
      return true;
    }
    if (message.seq === undefined) {
      if (!this.complete) return false;
      if (message.type !== "Results" || !message.channel.alternatives[0]?.transcript) return true;
      return message.start + message.duration > (this.told[message.track] ?? 0);
    }
    // One that is farther on leaves a hole, or what an earlier subscription was sent is still under way.
    if (message.seq !== this.last + 1) {
      if (message.seq > this.last) this.complete = false;
      return false;
    }
    this.last = message.seq;
    if (message.type === "Results") this.told[message.track] = message.start + message.duration;
    return true;
  }

  /**
   * The call was found: these are its records. Returns whether to ask again, for the newest.
   * @param {number} first
   * @param {number} last
   */
  find(first, last) {
    if (this.newest === undefined) return false;
    this.last = Math.max(0, first - 1, last - this.newest);
    this.newest = undefined;
    return this.last < last;
  }

  /**
   * The past has been told up to a record; returns whether we have it.
   * @param {number} seq
   */
  catchUp(seq) {
    this.complete = this.newest === undefined && seq <= this.last;
    return this.complete;
  }
}
