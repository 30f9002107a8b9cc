// A transcript on the screen: its turns, what may still change, and which part of it is in sight.

import { find, make } from "../shared/dom.js";
import { blankBetween, clock, joined, speakers } from "../shared/format.js";
import { texts } from "../shared/texts.js";
import { isSpoken } from "../partyline/transcript.js";
import { Following } from "./following.js";
import { Search } from "./search.js";
import { gapElement, interimElement, turnElement, writeSegments } from "./turn_elements.js";

/** @import { Change, Segment, SpokenTurn, Transcript, Turn } from "../partyline/transcript.js" */
/** @import { Track } from "../partyline/messages.d.ts" */

/**
 * @typedef {object} ViewListener
 * @property {() => void} followingChanged  the reader begins or ends to follow
 * @property {(seconds: number) => HTMLElement} time  shows a moment, and may lead to it
 */

// Turns are laid out by the block: what is not on the screen costs next to nothing.
const BLOCK = 40;
// So long (ms) what was gone to stays in the middle, whatever is laid out around it meanwhile.
const LANDING = 1000;
// So much (px) above the first words is empty: no word is cut yet.
const CLEAR = 8;

export class TranscriptView {
  /**
   * @param {HTMLElement} log  it scrolls
   * @param {HTMLElement | null} fade  lies over the first words in sight once some are scrolled away
   * @param {Transcript} transcript
   * @param {ViewListener} listener
   */
  constructor(log, fade, transcript, listener) {
    this.log = log;
    this.fade = fade;
    this.blocks = find(log, ".blocks", HTMLElement);
    this.transcript = transcript;
    this.listener = listener;
    this.search = new Search(transcript.turns);
    this.speakers = speakers({});
    /** @type {Map<Turn, HTMLElement>} */
    this.elements = new Map();
    /** @type {Map<Element, Turn>} */
    this.turns = new Map();
    /** @type {Map<SpokenTurn, Segment[]>} what is written of each */
    this.written = new Map();
    /** @type {HTMLElement[]} of words that may still change */
    this.interims = [];
    /** @type {Set<Turn> | null} what came while the reader was elsewhere; null before the past is there */
    this.missed = null;
    this.end = new Following();
    /** @type {HTMLElement | null} that was gone to a moment ago: what is laid out yet moves it */
    this.leapt = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.landing = undefined;
    this.upToDate = false; // whether what is drawn is all there is: the past is complete
    this.settled = false; // it was so once: its end stays in sight, also while nothing comes
    log.onscroll = () => this.#onScroll();
    // New words, turned phones, other panels, and turns that are laid out late move the end away. It is shown
    // once all that is drawn in a frame is laid out: to ask a log how high it is lays all of them out.
    this.observer = new ResizeObserver(() => {
      if (this.leapt) this.#centre(this.leapt);
      else this.keepUp();
      this.#drawFade();
    });
    this.observer.observe(log);
    this.observer.observe(this.blocks);
  }

  /** Whether the end is followed. */
  get following() {
    return this.end.isOn;
  }

  close() {
    clearTimeout(this.landing);
    this.observer.disconnect();
    this.search.clear();
  }

  /** @param {Change[]} changes */
  draw(changes) {
    for (const element of this.interims) element.remove();
    this.interims = [];
    for (const change of changes) if (change.isNew) this.#insert(change.turn, change.before);
    for (const turn of new Set(changes.map((change) => change.turn))) if (isSpoken(turn)) this.#write(turn);
    if (this.upToDate) this.missed ??= new Set();
    if (!this.following) for (const { turn } of changes) this.missed?.add(turn);
    this.#drawInterims();
  }

  /** Write all of it anew, in its place: the texts are others. */
  rewrite() {
    for (const [turn, element] of this.elements) {
      if (isSpoken(turn)) {
        find(element, ".said", HTMLElement).replaceChildren();
        this.written.delete(turn);
        this.#write(turn);
      } else element.replaceChildren(...gapElement(turn, this.speakers).childNodes);
    }
    this.draw([]);
  }

  /** How many turns came, or grew, while the reader was elsewhere. */
  get unseen() {
    return this.missed?.size ?? 0;
  }

  /** Show the end, if it is followed; the past is not chased through. */
  keepUp() {
    this.settled ||= this.upToDate;
    if (!this.following || !this.settled) return;
    this.log.scrollTop = this.log.scrollHeight;
    this.end.note(this.log);
  }

  /** Go to the end, and stay there. */
  follow() {
    this.#setFollowing(true);
    this.keepUp();
  }

  /** Stay here, whatever comes. */
  stay() {
    this.#setFollowing(false);
  }

  /**
   * Put the focus on a turn, and stay with it.
   * @param {Turn} turn
   */
  goTo(turn) {
    const element = this.elementOf(turn);
    element.tabIndex = -1;
    this.stay();
    element.focus({ preventScroll: true });
    element.scrollIntoView({ block: "nearest" });
    this.end.note(this.log);
  }

  /**
   * Show a moment: the turn that has it, or the last before it.
   * @param {number} seconds
   */
  show(seconds) {
    const turn = this.transcript.turns.findLast((one) => one.start <= seconds + 0.05) ?? this.transcript.turns[0];
    if (turn) this.#leapTo(turn, "shown");
  }

  /**
   * Name the speakers, as soon as it is known who they are.
   * @param {Record<Track, string>} names
   */
  name(names) {
    this.speakers = names;
    for (const [turn, element] of this.elements) {
      const who = element.querySelector(".who");
      if (who && turn.track) who.textContent = names[turn.track];
    }
  }

  /**
   * Find a text, and show the first place from what is on the screen on.
   * @param {string} text
   */
  find(text) {
    const { seen } = this;
    this.search.find(text, this.elements);
    this.#showHit(this.search.stepFrom(seen));
  }

  /**
   * Show the next place, or the one before.
   * @param {1 | -1} by
   */
  findNext(by) {
    this.#showHit(this.search.step(by));
  }

  /** A plain text of it all. */
  toString() {
    return `${this.transcript.turns.map((turn) => this.lineOf(turn)).join("\n")}\n`;
  }

  /**
   * A turn as a line of its own, or some words of it.
   * @param {Turn} turn
   * @param {string} [words]
   */
  lineOf(turn, words) {
    const text = isSpoken(turn)
      ? texts.call.said(this.speakers[turn.track], words ?? joined(turn.segments.map((one) => one.text)))
      : this.elementOf(turn).textContent;
    return `[${clock(turn.start)}] ${text}`;
  }

  /** @param {Turn} turn */
  elementOf(turn) {
    const element = this.elements.get(turn);
    if (!element) throw new Error("a turn that was not drawn");
    return element;
  }

  /**
   * The turn that an element is in, or null.
   * @param {Element | null} element
   */
  turnOf(element) {
    const whole = element?.closest(".turn, .gap");
    return (whole && this.turns.get(whole)) ?? null;
  }

  /** A turn that is on the screen: the last one if the end is followed, else the first. */
  get seen() {
    if (this.following) return this.transcript.turns.at(-1) ?? null;
    const { left, top, width } = this.log.getBoundingClientRect();
    return this.turnOf(document.elementFromPoint(left + width / 2, top + 20));
  }

  #onScroll() {
    const { following } = this;
    this.#drawFade();
    if (this.end.scrolled(this.log)) this.keepUp();
    if (this.following !== following) this.#setFollowing(this.following);
  }

  // Beside the bar that scrolls, however wide it is here.
  #drawFade() {
    if (!this.fade) return;
    const { scrollTop, offsetWidth, clientWidth } = this.log;
    this.fade.hidden = scrollTop <= CLEAR;
    this.fade.style.marginInlineEnd = `${offsetWidth - clientWidth}px`;
  }

  /** @param {boolean} following */
  #setFollowing(following) {
    if (following) this.missed?.clear();
    this.end.isOn = following;
    this.listener.followingChanged();
  }

  /** @param {Turn | null} turn */
  #showHit(turn) {
    this.log.querySelector(".current")?.classList.remove("current");
    if (turn) this.#leapTo(turn, "current");
  }

  /**
   * @param {Turn} turn
   * @param {"shown" | "current"} mark
   */
  #leapTo(turn, mark) {
    const element = this.elementOf(turn);
    this.log.querySelector(`.${mark}`)?.classList.remove(mark);
    element.classList.add(mark);
    this.#setFollowing(false);
    this.leapt = element;
    clearTimeout(this.landing);
    this.landing = setTimeout(() => { this.leapt = null; }, LANDING);
    this.#centre(element);
    // What comes into sight so is laid out then, and moves it.
    requestAnimationFrame(() => { if (this.leapt === element) this.#centre(element); });
  }

  /** @param {HTMLElement} element */
  #centre(element) {
    element.scrollIntoView({ block: "center" });
    this.end.note(this.log);
  }

  /**
   * @param {Turn} turn
   * @param {Turn | null} before
   */
  #insert(turn, before) {
    const element = isSpoken(turn)
      ? turnElement(turn.track, this.speakers[turn.track], this.listener.time(turn.start))
      : gapElement(turn, this.speakers);
    this.elements.set(turn, element);
    this.turns.set(element, turn);
    this.#place(element, before);
  }

  /**
   * @param {HTMLElement} element
   * @param {Turn | null} before
   */
  #place(element, before) {
    const next = before && this.elements.get(before);
    if (next) return next.before(element);
    let block = this.blocks.lastElementChild;
    if (!block || block.childElementCount >= BLOCK) {
      block = make("div", "block");
      this.blocks.append(block);
    }
    block.append(element);
  }

  /** @param {SpokenTurn} turn */
  #write(turn) {
    const said = find(this.elementOf(turn), ".said", HTMLElement);
    writeSegments(said, turn.segments, this.written.get(turn));
    this.written.set(turn, [...turn.segments]);
    this.search.look(turn, said);
  }

  // What may still change stands where it will stand, so that nothing jumps when it does not.
  #drawInterims() {
    for (const [track, interim] of this.transcript.interims) {
      const turn = this.transcript.turnFor(track, interim.start);
      const before = turn?.segments.at(-1)?.text ?? "";
      const words = interimElement(blankBetween(before, interim.text) + interim.text);
      let element = turn && this.elements.get(turn);
      if (element) this.interims.push(words);
      else {
        const time = this.listener.time(interim.start);
        time.tabIndex = -1;
        element = turnElement(track, this.speakers[track], time);
        element.setAttribute("aria-hidden", "true");
        this.interims.push(element);
        this.#place(element, this.transcript.turnAfter(interim.start));
      }
      find(element, ".said", HTMLElement).append(words);
    }
  }
}
