// The service's clock, as far as we know it: times of speech are on it, and ours may be another.

export class ServiceClock {
  // What ours is ahead of it, with the least time on the way (ms).
  #ahead = Infinity;

  /**
   * Learn from a message.
   * @param {number} publishedAt  Unix ms, the service's
   * @param {number} now  Unix ms, ours
   */
  learn(publishedAt, now) {
    this.#ahead = Math.min(this.#ahead, now - publishedAt);
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
