// Finding words in a transcript. What is found is marked without touching what is written.

import { isSpoken } from "../partyline/transcript.js";
import { tokensOf } from "../shared/folding.js";
import { rangeIn, textOf } from "../shared/text_ranges.js";
import { texts } from "../shared/texts.js";
import { phrase, places } from "../words/phrase.js";

/** @import { Token } from "../shared/folding.js" */
/** @import { Needle } from "../words/phrase.js" */
/** @import { SpokenTurn, Turn } from "../partyline/transcript.js" */

/** Which of a turn's places. @typedef {{ turn: SpokenTurn, index: number }} Hit */

// Older browsers know no highlights: there the turn is outlined, and its words are not.
const found = "Highlight" in globalThis ? new Highlight() : null;
const shown = "Highlight" in globalThis ? new Highlight() : null;
if (found && shown) {
  shown.priority = 1;
  CSS.highlights.set("found", found);
  CSS.highlights.set("shown", shown);
}

export class Search {
  /** @param {Turn[]} turns  those of the transcript, in their order */
  constructor(turns) {
    this.turns = turns;
    /** @type {Needle[]} */
    this.needles = [];
    this.isAsked = false; // for something, though it may have no word
    /** @type {WeakMap<SpokenTurn, { text: string, tokens: Token[] }>} what was written, while something is looked for */
    this.read = new WeakMap();
    /** @type {Map<SpokenTurn, StaticRange[]>} */
    this.ranges = new Map();
    /** @type {Hit | null} the one that is shown */
    this.current = null;
    /** @type {StaticRange | null} its range */
    this.shown = null;
  }

  /**
   * Look for words in all turns, and for what begins or ends within one; no word is found nowhere.
   * @param {string} text
   * @param {Map<Turn, Element>} elements
   */
  find(text, elements) {
    this.clear();
    this.isAsked = text.trim() !== "";
    this.needles = phrase(text, true, true);
    if (!this.needles.length) this.read = new WeakMap();
    for (const turn of this.turns.filter(isSpoken)) {
      const said = elements.get(turn)?.querySelector(".said");
      if (said) this.look(turn, said);
    }
  }

  /**
   * Look again at a turn that was written anew.
   * @param {SpokenTurn} turn
   * @param {Element} said
   */
  look(turn, said) {
    this.#unmark(turn);
    if (!this.needles.length) return;
    const ranges = this.#occurrences(turn, said);
    if (!ranges.length) return;
    this.ranges.set(turn, ranges);
    for (const range of ranges) found?.add(range);
    if (turn === this.current?.turn) this.#goTo({ turn, index: Math.min(this.current.index, ranges.length - 1) });
  }

  /**
   * Go to the next hit, or back; returns its turn, or null if there is none.
   * @param {1 | -1} by
   */
  step(by) {
    const hits = this.#hits();
    const hit = hits[(this.#position(hits) + by + hits.length) % hits.length];
    return hit ? this.#goTo(hit) : null;
  }

  /**
   * Go to the first hit in a turn or after it, else to the last one.
   * @param {Turn | null} from
   */
  stepFrom(from) {
    const hits = this.#hits();
    const start = from?.start ?? 0;
    const hit = hits.find(({ turn }) => turn.start >= start) ?? hits.at(-1);
    return hit ? this.#goTo(hit) : null;
  }

  /** How many there are, and which is shown: `2 of 7`. */
  toString() {
    if (!this.isAsked) return "";
    const hits = this.#hits();
    return hits.length ? texts.words.position(this.#position(hits) + 1, hits.length) : texts.words.none;
  }

  clear() {
    for (const turn of [...this.ranges.keys()]) this.#unmark(turn);
    this.needles = [];
    this.isAsked = false;
    this.current = null;
  }

  /** @param {Hit} hit */
  #goTo(hit) {
    this.current = hit;
    if (this.shown) shown?.delete(this.shown); // another panel's stays
    this.shown = this.ranges.get(hit.turn)?.[hit.index] ?? null;
    if (this.shown) shown?.add(this.shown);
    return hit.turn;
  }

  /** @param {Hit[]} hits */
  #position(hits) {
    return hits.findIndex(({ turn, index }) => turn === this.current?.turn && index === this.current.index);
  }

  /** @returns {Hit[]} */
  #hits() {
    return this.turns
      .filter(isSpoken)
      .flatMap((turn) => (this.ranges.get(turn) ?? []).map((_, index) => ({ turn, index })));
  }

  /** @param {SpokenTurn} turn */
  #unmark(turn) {
    for (const range of this.ranges.get(turn) ?? []) { found?.delete(range); shown?.delete(range); }
    this.ranges.delete(turn);
  }

  /**
   * Where it is in what was said finally, across its parts: whole words.
   * @param {SpokenTurn} turn
   * @param {Element} said
   */
  #occurrences(turn, said) {
    const written = textOf(said.querySelectorAll(":scope > :not(.interim)"));
    const known = this.read.get(turn);
    const tokens = known?.text === written.text ? known.tokens : tokensOf(written.text);
    this.read.set(turn, { text: written.text, tokens });
    const ranges = [];
    let done = 0;
    for (const at of places(this.needles, tokens)) {
      const [first, last] = [tokens[at], tokens[at + this.needles.length - 1]];
      if (at < done || !first || !last) continue;
      ranges.push(rangeIn(written, first.start, last.end));
      done = at + this.needles.length;
    }
    return ranges;
  }
}
