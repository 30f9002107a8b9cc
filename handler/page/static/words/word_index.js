// What a call has said, by its words: a search goes from a word to its places, and reads no text.

import { tokensOf } from "./folding.js";
import { fitsAt, places } from "./phrase.js";

/** @import { Needle } from "./phrase.js" */
/** @import { Term, Vocabulary } from "./vocabulary.js" */
/** @import { Track } from "../partyline/messages.d.ts" */

/** @typedef {{ text: string, start: number, end: number }} Said */

/** A result, and where in it the words begin: the first is 0. @typedef {{ track: Track, said: Said, place: number }} Hit */

/** A place with what is around it. @typedef {{ before: string, words: string, after: string }} Context */

const TRACKS = /** @type {const} */ (["inbound", "outbound"]);
// Who goes on later than this (seconds) begins another sentence: no phrase spans it.
const PAUSE = 3;
// So many results of a side are kept (some eight hours); the older half of them goes then.
const MOST = 8000;
// So many places of a call are told, the latest: what stands everywhere is not what anybody looks for.
export const MOST_HITS = 200;
// What is shown around a place, in letters.
const BEFORE = 40;
const AFTER = 80;

export class WordIndex {
  /**
   * @param {Vocabulary} vocabulary  of all calls
   * @param {number} [most]  results of a side that are kept
   */
  constructor(vocabulary, most = MOST) {
    this.vocabulary = vocabulary;
    this.most = most;
    this.sides = { inbound: new Side(vocabulary), outbound: new Side(vocabulary) };
  }

  /** Keep nothing any more. */
  close() {
    for (const side of Object.values(this.sides)) side.close();
  }

  /**
   * Take what was said finally; returns the place of its first word.
   * @param {Track} track
   * @param {Said} said
   */
  add(track, said) {
    const full = this.sides[track];
    if (full.results.length >= this.most) {
      this.sides[track] = new Side(this.vocabulary);
      for (const { said: one } of full.results.slice(-this.most / 2)) this.sides[track].add(one);
      full.close();
    }
    return this.sides[track].add(said);
  }

  /**
   * Where a phrase is said, the latest last.
   * @param {readonly Needle[]} needles
   */
  find(needles) {
    const hits = TRACKS.flatMap((track) => this.#hits(track, this.sides[track].find(needles)));
    return hits.sort((one, other) => one.said.start - other.said.start).slice(-MOST_HITS);
  }

  /**
   * Where a side says it in what is new: from a place on; what begins before and reaches that far counts.
   * @param {Track} track
   * @param {readonly Needle[]} needles
   * @param {number} from
   */
  findFrom(track, needles, from) {
    return this.#hits(track, places(needles, this.sides[track].words, from - needles.length + 1));
  }

  /**
   * The words that a side has said last, as far as others may go on with them.
   * @param {Track} track
   * @param {number} start  of what goes on
   * @param {number} most
   */
  tail(track, start, most) {
    const { words, end } = this.sides[track];
    return start - end > PAUSE ? [] : words.slice(Math.max(0, words.length - most));
  }

  /**
   * @param {Track} track
   * @param {number[]} found
   * @returns {Hit[]}
   */
  #hits(track, found) {
    return found.slice(-MOST_HITS).map((at) => {
      const { said, first } = this.sides[track].resultAt(at);
      return { track, said, place: at - first };
    });
  }
}

/** What one side has said. */
class Side {
  /** @type {Map<Term, number[]>} where each word is */
  places = new Map();
  /** @type {(Term | null)[]} in their order; null: a pause */
  words = [];
  /** @type {{ said: Said, first: number }[]} each with the place of its first word */
  results = [];
  end = 0;

  /** @param {Vocabulary} vocabulary */
  constructor(vocabulary) {
    this.vocabulary = vocabulary;
  }

  close() {
    for (const term of this.places.keys()) this.vocabulary.release(term);
  }

  /** @param {Said} said */
  add(said) {
    if (said.start - this.end > PAUSE && this.words.length) this.words.push(null);
    const first = this.words.length;
    this.results.push({ said, first });
    for (const { start, end, spellings } of tokensOf(said.text)) {
      const term = this.vocabulary.term(said.text.slice(start, end), spellings);
      const known = this.places.get(term);
      if (known) known.push(this.words.length);
      else {
        this.places.set(term, [this.words.length]);
        term.uses += 1;
      }
      this.words.push(term);
    }
    this.end = Math.max(this.end, said.end);
    return first;
  }

  /** @param {readonly Needle[]} needles */
  find(needles) {
    const [needle] = needles;
    if (!needle) return [];
    const found = [...this.vocabulary.matching(needle)].flatMap((term) => this.places.get(term) ?? []);
    return found.filter((place) => fitsAt(needles, this.words, place)).sort((one, other) => one - other);
  }

  /** @param {number} place */
  resultAt(place) {
    let [low, high] = [0, this.results.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (/** @type {{ first: number }} */ (this.results[middle]).first <= place) low = middle;
      else high = middle - 1;
    }
    return /** @type {{ said: Said, first: number }} */ (this.results[low]);
  }
}

/**
 * Some words of a text, and what stands around them.
 * @param {string} text
 * @param {number} place
 * @param {number} length  in words
 * @returns {Context}
 */
export function contextIn(text, place, length) {
  const tokens = tokensOf(text);
  const start = tokens[place]?.start ?? 0;
  const end = tokens[Math.min(place + length, tokens.length) - 1]?.end ?? start;
  const [before, after] = [text.slice(0, start), text.slice(end)];
  return {
    before: before.length > BEFORE ? `… ${before.slice(cutAt(before, before.length - BEFORE))}` : before,
    words: text.slice(start, end),
    after: after.length > AFTER ? `${after.slice(0, cutAt(after, AFTER)).trimEnd()} …` : after,
  };
}

/**
 * Near a place, where no word and no letter is parted: behind the next blank, if one is near.
 * @param {string} text
 * @param {number} near
 */
function cutAt(text, near) {
  const blank = text.slice(near, near + 12).search(/\s/u);
  if (blank >= 0) return near + blank + 1;
  return near + (/^[\udc00-\udfff]/.test(text.slice(near)) ? 1 : 0);
}
