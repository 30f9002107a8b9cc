// The numbers of which calls open by themselves.

/** @import { ListedCall } from "./wire.js" */

export class FollowedNumbers {
  constructor() {
    /** @type {Set<string>} */
    this.numbers = new Set();
    /** @type {Set<string>} callSids that were opened: one that was closed stays closed */
    this.opened = new Set();
  }

  /**
   * Which of the live calls are to be opened.
   * @param {Iterable<ListedCall>} calls
   */
  toOpen(calls) {
    return [...calls]
      .filter(({ from, to }) => [from, to].some((number) => number !== null && this.numbers.has(number)))
      .map(({ callSid }) => callSid)
      .filter((callSid) => !this.opened.has(callSid));
  }
}
