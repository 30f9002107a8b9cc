// Whether a log that scrolls is followed to its end: told from where it stands. Pure.

// So near its end, in pixels, the log is followed.
const NEAR = 48;

/** How a log stands. @typedef {{ scrollTop: number, scrollHeight: number, clientHeight: number }} ScrollPosition */

export class Following {
  /** @type {ScrollPosition} as it was seen last */
  #last = { scrollTop: 0, scrollHeight: 0, clientHeight: 0 };
  isOn = true;

  /**
   * Remember how it stands now: nobody has scrolled it but us.
   * @param {ScrollPosition} position
   */
  note({ scrollTop, scrollHeight, clientHeight }) {
    this.#last = { scrollTop, scrollHeight, clientHeight };
  }

  /**
   * It was scrolled. Only a reader goes up in a log whose sizes are what they were: what is laid out
   * anew, on a phone that is turned or as more comes into sight, a browser scrolls by itself. Returns
   * whether the end went out of sight so, and is to be shown again.
   * @param {ScrollPosition} position
   */
  scrolled({ scrollTop, scrollHeight, clientHeight }) {
    const { scrollTop: top, scrollHeight: height, clientHeight: room } = this.#last;
    const isSameSize = scrollHeight === height && clientHeight === room;
    const isAtEnd = scrollHeight - scrollTop - clientHeight < NEAR;
    if (isAtEnd) this.isOn = true;
    else if (scrollTop < top - 1 && isSameSize) this.isOn = false;
    this.note({ scrollTop, scrollHeight, clientHeight });
    return this.isOn && !isAtEnd;
  }
}
