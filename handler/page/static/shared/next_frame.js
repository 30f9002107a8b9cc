// Drawing with the browser's next frame.

// No longer than this (ms) is a frame waited for: a page that is not seen gets none.
const LONGEST_FRAME = 500;

export class NextFrame {
  /** @param {(now?: number) => void} draw  forgets what was requested; when the frame is (ms), or nothing if none came */
  constructor(draw) {
    this.draw = draw;
    /** @type {{ frame: number, timer: ReturnType<typeof setTimeout> } | null} */
    this.requested = null;
  }

  request() {
    this.requested ??= {
      frame: requestAnimationFrame(this.draw),
      timer: setTimeout(() => this.draw(), LONGEST_FRAME),
    };
  }

  forget() {
    if (!this.requested) return;
    cancelAnimationFrame(this.requested.frame);
    clearTimeout(this.requested.timer);
    this.requested = null;
  }
}
