// One call on the screen, wherever that is: what it is, what is the matter with it, its transcript.

import { find, write, writeEach } from "../shared/dom.js";
import { clock, speakers, title } from "../shared/format.js";
import { NextFrame } from "../shared/next_frame.js";
import { texts } from "../shared/texts.js";
import { spoken } from "../partyline/transcript.js";
import { TranscriptView } from "./transcript_view.js";
import { behind, isLate, Truth } from "./truth.js";

/** @import { About } from "../shared/format.js" */
/** @import { ServiceClock } from "../shared/service_clock.js" */
/** @import { Change, Transcript } from "../partyline/transcript.js" */
/** @import { CallMessage, Results } from "../partyline/messages.d.ts" */
/** @import { Lost } from "./lost.js" */
/** @import { Standing } from "./truth.js" */

/**
 * What may be known of a call from elsewhere than its records.
 * @typedef {About & { startedAt?: number, state?: string }} Facts
 */

/**
 * @typedef {object} CallViewListener
 * @property {(seconds: number) => HTMLElement} time  shows a moment, and may lead to it
 * @property {() => void} [drawn]  something of the transcript is another
 * @property {(standing: Standing) => void} [stands]  another one than before
 */

// So long (ms) it is told how far the newest word was behind: longer without one, that says nothing of now.
const DELAY_LIFE = 5_000;

export class CallView {
  /**
   * @param {HTMLElement} root  has .title, .state, .clock, .delay, .trouble, .log with .blocks, .jump; may have .fade
   * @param {Transcript} transcript  filled by others, who say so with `receive`, and what may still change is
   *   forgotten by them, who say so with `drawSoon`
   * @param {Facts} call  what the list says of it
   * @param {ServiceClock} clock  learns from others
   * @param {CallViewListener} listener
   */
  constructor(root, transcript, call, clock, listener) {
    this.root = root;
    this.transcript = transcript;
    this.call = call;
    this.clock = clock;
    this.truth = new Truth(transcript);
    /** @type {Standing | null} as it was told last */
    this.told = null;
    this.listener = listener;
    /** @type {Change[]} to be drawn with the next frame */
    this.changes = [];
    /** @type {Results | null} with words, published as we watched */
    this.newest = null;
    this.delayedAt = { ours: 0, steady: 0 }; // when it was last told how far it is behind (ms)
    this.watchedAt = Infinity; // since when we watch, by a clock that nobody puts right (ms)
    this.isForemost = true; // the only one, or the one of several that the reader is in
    this.isTold = false; // whether its past is there, and drawn
    this.frame = new NextFrame(() => this.drawNow());
    this.parts = partsOf(root);
    const { log, fade, jump } = this.parts;
    this.view = new TranscriptView(log, fade, transcript, {
      followingChanged: () => this.#drawJump(),
      time: listener.time,
    });
    jump.onclick = () => { this.view.follow(); log.focus(); };
  }

  /** What is known of the call: its own first record says more than any list. */
  get about() {
    return this.transcript.started ?? this.call;
  }

  /**
   * Show what the list says of the call.
   * @param {Facts} call
   */
  describe(call) {
    this.call = { ...this.call, ...call };
    this.truth.isWaiting = this.call.state === "waiting";
    this.view.name(speakers(this.about));
    const name = title({ ...this.about, callSid: this.transcript.callSid });
    this.parts.title.textContent = name;
    this.root.setAttribute("aria-label", texts.call.region(name));
    this.parts.log.setAttribute("aria-label", texts.call.transcript(name));
    this.#drawState();
  }

  /**
   * Receive a message, and what the transcript made of it. It is drawn with the next frame.
   * @param {CallMessage} message
   * @param {Change | null} change
   */
  receive(message, change) {
    this.truth.receive(message);
    if (change) this.changes.push(change);
    if (message.type === "Results" && this.#isNew(message) && spoken(message).text) this.newest = message;
    this.frame.request();
  }

  /** The past is complete. */
  catchUp() {
    this.view.upToDate = this.truth.complete = true;
    this.watchedAt = performance.now();
    this.drawNow();
    this.view.keepUp();
    requestAnimationFrame(() => { this.isTold ||= this.view.upToDate; this.#announce(); });
  }

  /**
   * Be the one that is read out as it grows, or not: who listens hears one call at a time.
   * @param {boolean} isForemost
   */
  come(isForemost) {
    this.isForemost = isForemost;
    this.#announce();
  }

  /** The call is over: all of it has been told. */
  end() {
    this.truth.complete = true;
    this.drawNow();
  }

  /**
   * Show a moment.
   * @param {number} seconds
   */
  show(seconds) {
    this.drawNow();
    this.view.show(seconds);
  }

  /** The service lets us read, and we do. */
  admit() {
    this.truth.refusal = "";
    this.truth.lost = null;
    this.#drawState();
  }

  /**
   * Say why the call cannot be read.
   * @param {string} reason
   */
  refuse(reason) {
    this.truth.refusal = reason;
    this.#drawState();
  }

  /**
   * Nothing comes any more, for now or for good.
   * @param {Lost} why
   */
  lose(why) {
    this.truth.lost = why;
    this.view.upToDate = this.truth.complete = false;
    this.parts.delay.textContent = "";
    this.#drawState();
    this.frame.request();
  }

  /** Show what goes on by itself: a second has passed, or something was told. */
  tick() {
    const { started, ended } = this.transcript;
    // Either clock may stand still for a while, or go back.
    const passed = Math.max(performance.now() - this.delayedAt.steady, Date.now() - this.delayedAt.ours);
    if (passed > DELAY_LIFE) this.parts.delay.textContent = "";
    const begun = started?.startedAt ?? this.call.startedAt;
    if (ended) write(this.parts.clock, clock(ended.duration));
    else if (begun && this.truth.goesOn) write(this.parts.clock, clock(this.clock.seconds(begun, Date.now())));
  }

  /** The texts are others. */
  rewrite() {
    this.describe({});
    this.view.rewrite();
  }

  /** Leave the screen. */
  close() {
    this.view.close();
    this.frame.forget();
  }

  /** What may still change is another: it is drawn with the next frame. */
  drawSoon() {
    this.frame.request();
  }

  /** Draw what has come. */
  drawNow() {
    this.frame.forget();
    const { changes, newest } = this;
    [this.changes, this.newest] = [[], null];
    this.view.draw(changes);
    if (changes.length) this.listener.drawn?.();
    if (newest) this.#drawDelay(newest);
    this.#drawState();
  }

  /** Tell those who listen of what is added, from now on, or no longer. */
  #announce() {
    this.parts.log.setAttribute("aria-live", this.isForemost && this.isTold ? "polite" : "off");
  }

  #drawState() {
    const { standing } = this.truth;
    this.root.classList.toggle("ended", standing === "ended");
    this.root.classList.toggle("live", standing === "live" || standing === "waiting");
    this.root.classList.toggle("waiting", standing === "waiting");
    this.root.classList.toggle("lost", standing === "offline" || standing === "expired" || standing === "refused");
    this.root.classList.toggle("away", this.transcript.trouble !== "");
    write(this.parts.state, this.truth.words);
    const { troubles } = this.truth;
    this.root.classList.toggle("troubled", troubles.length > 0);
    writeEach(this.parts.trouble, troubles);
    if (!this.truth.goesOn) this.parts.delay.textContent = "";
    this.#drawJump();
    this.tick();
    if (standing !== this.told) this.listener.stands?.(standing);
    this.told = standing;
  }

  #drawJump() {
    const { unseen, following } = this.view;
    this.parts.jump.hidden = following;
    write(this.parts.jump, this.truth.jump(unseen));
  }

  /**
   * Whether it was published as we watched: what may still change is told again to those who come later, and was
   * no later for that.
   * @param {Results} results
   */
  #isNew({ at }) {
    const watched = performance.now() - this.watchedAt;
    return this.view.upToDate && at >= this.clock.at(Date.now()) - watched;
  }

  /** @param {Results} results */
  #drawDelay(results) {
    const begun = this.transcript.started?.startedAt;
    if (!begun) return;
    this.delayedAt = { ours: Date.now(), steady: performance.now() };
    const seconds = Math.max(0, this.clock.seconds(begun, this.delayedAt.ours) - spoken(results).end);
    this.parts.delay.textContent = behind(seconds);
    this.parts.delay.classList.toggle("late", isLate(seconds));
  }
}

/** @param {HTMLElement} root */
function partsOf(root) {
  return {
    title: find(root, ".title", HTMLElement),
    state: find(root, ".state", HTMLElement),
    clock: find(root, ".clock", HTMLElement),
    delay: find(root, ".delay", HTMLElement),
    trouble: find(root, ".trouble", HTMLElement),
    fade: /** @type {HTMLElement | null} */ (root.querySelector(".fade")),
    log: find(root, ".log", HTMLElement),
    jump: find(root, ".jump", HTMLButtonElement),
  };
}
