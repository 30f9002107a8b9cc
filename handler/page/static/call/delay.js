// How long it took from speech to the screen: see docs/page.md.

export class Delay {
  constructor() {
    // What our clock is ahead of the service's, with the least time on the way (ms).
    this.skew = Infinity;
  }

  /** The same, or 0 while nothing is known. */
  get ahead() {
    return Number.isFinite(this.skew) ? this.skew : 0;
  }

  /**
   * Returns the seconds from the end of the last word to now.
   * @param {{ publishedAt: number, saidAt: number, now: number }} times  Unix ms
   */
  measure({ publishedAt, saidAt, now }) {
    this.skew = Math.min(this.skew, now - publishedAt);
    return Math.max(0, now - this.skew - saidAt) / 1000;
  }
}
