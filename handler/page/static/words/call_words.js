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
    this.vocabulary = vocabulary;
    this.index = new WordIndex(vocabulary);
    /** @type {WordIndex | null} what was said finally while its past was not read: it comes again with that */
    this.ahead = null;
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
      for (const index of [this.index, this.ahead]) {
        const hit = index?.find(needles).at(-1);
        if (hit) this.#mention(mentionOf(word, needles, hit));
      }
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
   * Receive what is said now, while the past is not read; returns what it says of the words that are waited for.
   * What is final comes again with that past, and is found by a search once it does.
   * @param {CallMessage} message
   * @returns {Mention[]}
   */
  hear(message) {
    if (message.type !== "Results" || message.seq === undefined) return this.receive(message);
    this.ahead ??= new WordIndex(this.vocabulary);
    return this.#take(this.ahead, message).mentions;
  }

  /** The past is read. */
  catchUp() {
    this.ahead?.close();
    this.ahead = null;
  }

  /** Keep nothing any more. */
  close() {
    this.catchUp();
    this.index.close();
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
    const { place, mentions } = this.#take(this.index, message);
    if (place !== null) this.#find(message.track, place);
    return mentions;
  }

  /**
   * Take what is final, which takes back what might have changed of it.
   * @param {WordIndex} index
   * @param {FinalResults} message
   * @returns {{ place: number | null, mentions: Mention[] }} where its first word is, if it has any; what it says of watched ones
   */
  #take(index, message) {
    const { track } = message;
    const interim = this.interims.get(track);
    if (interim && interim.from < message.start + message.duration) this.interims.delete(track);
    const { text, start, end } = spoken(message);
    if (!text) return { place: null, mentions: [] };
    const place = index.add(track, { text, start, end });
    const mentions = this.watched.flatMap(({ word, needles }) => {
      const hit = index.findFrom(track, needles, place).at(-1);
      return hit ? [mentionOf(word, needles, hit)] : [];
    });
    for (const mention of mentions) this.#mention(mention);
    return { place, mentions };
  }

  /**
   * Keep a mention, unless the word was said later, too.
   * @param {Mention} mention
   */
  #mention(mention) {
    const known = this.mentions.get(mention.word);
    if (!known || known.at <= mention.at) this.mentions.set(mention.word, mention);
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
      const before = (this.ahead ?? this.index).tail(track, at, needles.length - 1);
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
