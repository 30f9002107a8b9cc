// One call as it is read: what a reading tells comes in, turns come out. No document, no clock, no network.

/** @import { CallEnded, CallMessage, CallStarted, FinalResults, Results, Track, Word } from "./messages.d.ts" */

/** @typedef {{ text: string, words: Word[], start: number, end: number }} Segment */

/**
 * What one side says in a row.
 * @typedef {object} SpokenTurn
 * @property {Track} track
 * @property {number} start
 * @property {number} end
 * @property {Segment[]} segments
 * @property {undefined} [reason]
 */

/**
 * What was not transcribed, in its place among the turns.
 * @typedef {object} GapTurn
 * @property {Track | null} track  null: both
 * @property {number} start
 * @property {number} end
 * @property {string} reason
 */

/** @typedef {SpokenTurn | GapTurn} Turn */

/**
 * What is to be drawn: a turn that changed, or a new one and the turn that it stands before.
 * @typedef {{ turn: Turn, isNew: false } | { turn: Turn, isNew: true, before: Turn | null }} Change
 */

/**
 * What may still change.
 * @typedef {object} Interim
 * @property {string} text
 * @property {Word[]} words
 * @property {number} start
 * @property {number} end
 * @property {number} from  where the result begins, silence included
 * @property {number} at  Unix ms at which it was published
 */

// A side goes on with its turn if it pauses for no longer (seconds).
const PAUSE = 3;
// What the other side says meanwhile, if it is no longer (seconds), is a back-channel: it breaks no turn.
const BACK_CHANNEL = 0.8;
// A turn that is longer is hard to read (seconds).
const LONGEST = 60;
const MAX_NOTES = 3;

export class Transcript {
  /** @param {string} callSid */
  constructor(callSid) {
    this.callSid = callSid;
    this.known = false; // whether anything was told of it
    /** @type {Turn[]} in the order of their time */
    this.turns = [];
    /** @type {Map<Track, Interim>} the side that spoke last comes last */
    this.interims = new Map();
    /** @type {CallStarted | null} */
    this.started = null;
    /** @type {CallEnded | null} */
    this.ended = null;
    this.trouble = ""; // why the recogniser is away
    /** @type {Set<string>} what else the call was told of it, the newest */
    this.notes = new Set();
  }

  /** The last that was said, for a list. */
  get lastTurn() {
    return this.turns.findLast(isSpoken) ?? null;
  }

  /**
   * Receive a message. Returns what to draw, or null.
   * @param {CallMessage} message
   * @returns {Change | null}
   */
  receive(message) {
    this.known = true;
    if (message.seq === undefined) {
      if (message.type === "Results") this.#receiveInterim(message);
      return null;
    }
    switch (message.type) {
      case "Results":
        return this.#receiveFinal(message);
      case "Gap": {
        const { track, start, end, reason } = message;
        return this.#insert({ track, start, end, reason });
      }
      case "CallStarted":
        this.started = message;
        break;
      case "CallResumed":
        this.ended = null;
        break;
      case "Recogniser":
        this.trouble = message.state === "down" ? message.reason : "";
        if (message.state === "up" && message.reason) this.#note(message.reason);
        break;
      case "CallEnded":
        this.ended = message;
        this.trouble = "";
        this.interims.clear();
        break;
    }
    return null;
  }

  /**
   * Forget what may still change, of both sides or if it is older than a time (Unix ms): nobody may
   * take it back. Returns whether there was any.
   */
  forgetInterims(before = Infinity) {
    let any = false;
    for (const [track, { at }] of this.interims) if (at < before) any = this.interims.delete(track);
    return any;
  }

  /**
   * Where a segment of a track belongs: the turn that it goes on with, or null for a new one.
   * @param {Track} track
   * @param {number} start
   * @returns {SpokenTurn | null}
   */
  turnFor(track, start) {
    let between = 0;
    for (let at = this.turns.length - 1; at >= 0; at -= 1) {
      const turn = this.turns[at];
      if (!turn || turn.start > start) continue;
      if (!isSpoken(turn)) return null;
      if (turn.track === track) {
        return start - turn.end <= PAUSE && start - turn.start <= LONGEST ? turn : null;
      }
      between += turn.end - turn.start;
      if (between > BACK_CHANNEL) return null;
    }
    return null;
  }

  /**
   * The turn before which a new one stands that begins at a time; null for the end.
   * @param {number} start
   */
  turnAfter(start) {
    return this.turns[this.turns.findLastIndex((turn) => turn.start <= start) + 1] ?? null;
  }

  /** @param {string} note */
  #note(note) {
    this.notes.delete(note);
    this.notes = new Set([...this.notes, note].slice(-MAX_NOTES));
  }

  /** @param {Results} message */
  #receiveInterim(message) {
    this.interims.delete(message.track);
    const said = spoken(message);
    if (said.text) this.interims.set(message.track, { ...said, from: message.start, at: message.at });
  }

  /**
   * @param {FinalResults} message
   * @returns {Change | null}
   */
  #receiveFinal(message) {
    const { track } = message;
    const from = this.interims.get(track)?.from ?? Infinity;
    if (from < message.start + message.duration) this.interims.delete(track);
    const segment = spoken(message);
    if (!segment.text) return null;
    const turn = this.turnFor(track, segment.start);
    if (turn === null) return this.#insert({ track, start: segment.start, end: segment.end, segments: [segment] });
    const at = turn.segments.findLastIndex((one) => one.start <= segment.start) + 1;
    turn.segments.splice(at, 0, segment);
    turn.end = Math.max(turn.end, segment.end);
    return { turn, isNew: false };
  }

  /**
   * @param {Turn} turn
   * @returns {Change}
   */
  #insert(turn) {
    const before = this.turnAfter(turn.start);
    this.turns.splice(before ? this.turns.lastIndexOf(before) : this.turns.length, 0, turn);
    return { turn, isNew: true, before };
  }
}

/**
 * @param {Turn} turn
 * @returns {turn is SpokenTurn}
 */
export function isSpoken(turn) {
  return turn.reason === undefined;
}

/**
 * What a result says, and when: a result spans the silence around its words, too. They come in the
 * order of the text, which need not be that of their times.
 * @param {Results} results
 */
export function spoken(results) {
  const { transcript: text, words = [] } = results.channel.alternatives[0] ?? { transcript: "" };
  if (!words.length) return { text, words, start: results.start, end: results.start + results.duration };
  const start = Math.min(...words.map((word) => word.start));
  return { text, words, start, end: Math.max(...words.map((word) => word.end)) };
}
