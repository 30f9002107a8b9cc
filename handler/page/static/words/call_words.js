// The words of one call: what is searched for in it, and what is waited for.

import { isSpoken, spoken } from "../partyline/transcript.js";
import { tokensOf } from "../shared/folding.js";
import { places } from "./phrase.js";
import { contextIn, MOST_HITS, WordIndex } from "./word_index.js";

/** @import { Needle } from "./phrase.js" */
/** @import { Marked } from "./signals.js" */
/** @import { Vocabulary } from "./vocabulary.js" */
/** @import { WatchWord } from "./watch_words.js" */
/** @import { Context, Hit } from "./word_index.js" */
/** @import { CallMessage, FinalResults, Results, Track } from "../partyline/messages.d.ts" */
/** @import { Transcript } from "../partyline/transcript.js" */

/** A watched word as it was said. @typedef {Marked & { track: Track, context: Context }} Mention */

/** What may still change. @typedef {{ from: number, at: number, mentions: Mention[] }} Interim */

export class CallWords {
  /** @type {readonly Needle[]} what is searched for */
  needles = [];
  /** @type {Hit[]} where that is, as many as are told, the latest last */
  hits = [];
  /** @type {readonly WatchWord[]} */
  watched = [];
  /** @type {Map<string, Mention>} by the word: where it was said last, finally */
  mentions = new Map();
  /** @type {Map<Track, Interim>} */
  interims = new Map();

  /** @param {Vocabulary} vocabulary  of all calls */
  constructor(vocabulary) {
    this.index = new WordIndex(vocabulary);
  }

  /** How many places have what is searched for. */
  get found() {
    return this.hits.length;
  }

  /** The watched words that it has, the one that was said last comes first. @returns {Mention[]} */
  get marked() {
    const mentions = new Map(this.mentions);
    for (const interim of this.interims.values()) {
      for (const mention of interim.mentions) mentions.set(mention.word, mention);
    }
    return [...mentions.values()].sort((one, other) => other.at - one.at);
  }

  /**
   * Search for a phrase; an empty one is found nowhere.
   * @param {readonly Needle[]} needles
   */
  search(needles) {
    this.needles = needles;
    this.hits = this.index.find(needles);
  }

  /**
   * Wait for these words, and mark them in what was said.
   * @param {readonly WatchWord[]} watched
   */
  watch(watched) {
    this.watched = watched;
    this.mentions = new Map();
    for (const { word, needles } of watched) {
      const hit = this.index.find(needles).at(-1);
      if (hit) this.mentions.set(word, mentionOf(word, needles, hit));
    }
    for (const interim of this.interims.values()) {
      interim.mentions = interim.mentions.filter(({ word }) => watched.some((one) => one.word === word));
    }
  }

  /**
   * Take all that somebody else has read of the call: of its results the newest, so many, and what may still change.
   * @param {Transcript} transcript
   * @param {number} most
   */
  takeOver({ turns, interims }, most) {
    const said = turns.filter(isSpoken).flatMap(({ track, segments }) => segments.map((one) => ({ ...one, track })));
    said.sort((one, other) => one.start - other.start);
    for (const { track, text, start, end } of said.slice(-most)) this.index.add(track, { text, start, end });
    this.search(this.needles);
    this.watch(this.watched);
    for (const [track, { text, start, from, at }] of interims) this.#hold(track, text, { start, from, at });
  }

  /**
   * Receive a message; returns what it says of the words that are waited for.
   * @param {CallMessage} message
   * @returns {Mention[]}
   */
  receive(message) {
    if (message.type === "CallEnded") this.interims.clear();
    if (message.type !== "Results") return [];
    return message.seq === undefined ? this.#receiveInterim(message) : this.#receiveFinal(message);
  }

  /**
   * Hear what is said now of a call whose past is not read yet, for the words that are waited for; what is final
   * comes again with that past. Returns what it says of them.
   * @param {CallMessage} message
   * @returns {Mention[]}
   */
  hear(message) {
    if (message.type !== "Results" || message.seq === undefined) return this.receive(message);
    this.#settle(message);
    const { text, start } = spoken(message);
    const mentions = this.#mentionsIn(message.track, text, start);
    for (const mention of mentions) this.mentions.set(mention.word, mention);
    return mentions;
  }

  /**
   * Forget what may still change, or what of it is older than a time (Unix ms); returns whether
   * anything of it was marked.
   */
  forgetInterims(before = Infinity) {
    let wasMarked = false;
    for (const [track, { at, mentions }] of this.interims) {
      if (at >= before) continue;
      this.interims.delete(track);
      wasMarked ||= mentions.length > 0;
    }
    return wasMarked;
  }

  /**
   * What stands around the place that was found last, and when it was said.
   * @returns {{ at: number, track: Track, context: Context } | null}
   */
  get lastFound() {
    const hit = this.hits.at(-1);
    if (!hit) return null;
    const { track, said, place } = hit;
    return { at: said.start, track, context: contextIn(said.text, place, this.needles.length) };
  }

  /** @param {FinalResults} message */
  #receiveFinal(message) {
    const { track } = message;
    this.#settle(message);
    const { text, start, end } = spoken(message);
    if (!text) return [];
    const place = this.index.add(track, { text, start, end });
    this.#find(track, place);
    const mentions = [];
    for (const { word, needles } of this.watched) {
      const hit = this.index.findFrom(track, needles, place).at(-1);
      if (!hit) continue;
      const mention = mentionOf(word, needles, hit);
      this.mentions.set(word, mention);
      mentions.push(mention);
    }
    return mentions;
  }

  /**
   * What is final takes back what might have changed of it.
   * @param {FinalResults} message
   */
  #settle({ track, start, duration }) {
    const interim = this.interims.get(track);
    if (interim && interim.from < start + duration) this.interims.delete(track);
  }

  /**
   * Find what is searched for in what has just been said.
   * @param {Track} track
   * @param {number} place
   */
  #find(track, place) {
    const hits = this.index.findFrom(track, this.needles, place);
    if (hits.length) this.hits = [...this.hits, ...hits].slice(-MOST_HITS);
  }

  /** @param {Results} message */
  #receiveInterim(message) {
    const { track, at } = message;
    const { text, start } = spoken(message);
    if (text) return this.#hold(track, text, { start, from: message.start, at });
    this.interims.delete(track);
    return [];
  }

  /**
   * Keep what may still change, with the watched words in it.
   * @param {Track} track
   * @param {string} text
   * @param {{ start: number, from: number, at: number }} when  its words begin, its result does; it was published (Unix ms)
   */
  #hold(track, text, { start, from, at }) {
    const mentions = this.#mentionsIn(track, text, start);
    this.interims.set(track, { from, at, mentions });
    return mentions;
  }

  /**
   * The watched words in what may still change, with what was said finally before it.
   * @param {Track} track
   * @param {string} text
   * @param {number} at
   */
  #mentionsIn(track, text, at) {
    const words = tokensOf(text);
    return this.watched.flatMap(({ word, needles }) => {
      const before = this.index.tail(track, at, needles.length - 1);
      const place = places(needles, [...before, ...words]).at(-1);
      if (place === undefined) return [];
      const first = Math.max(0, place - before.length);
      const length = place + needles.length - before.length - first; // the rest of it is final
      return [{ word, at, track, context: contextIn(text, first, length) }];
    });
  }
}

/**
 * @param {string} word
 * @param {readonly Needle[]} needles
 * @param {Hit} hit
 * @returns {Mention}
 */
function mentionOf(word, needles, { track, said, place }) {
  return { word, at: said.start, track, context: contextIn(said.text, place, needles.length) };
}
