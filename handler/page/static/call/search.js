// Finding words in a transcript. What is found is marked without touching what is written.

import { isSpoken } from "../partyline/transcript.js";
import { rangeIn, textOf } from "../shared/text_ranges.js";
import { texts } from "../shared/texts.js";

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
    /** @type {RegExp | null} */
    this.pattern = null;
    /** @type {Map<SpokenTurn, StaticRange[]>} */
    this.ranges = new Map();
    /** @type {Hit | null} the one that is shown */
    this.current = null;
    /** @type {StaticRange | null} its range */
    this.shown = null;
  }

  /**
   * Look for a text in all turns; an empty one is found nowhere.
   * @param {string} text
   * @param {Map<Turn, Element>} elements
   */
  find(text, elements) {
    this.clear();
    const words = text.trim().split(/\s+/).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    this.pattern = words[0] ? new RegExp(words.join("\\s+"), "giu") : null;
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
    if (!this.pattern) return;
    const ranges = occurrences(said, this.pattern);
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
    if (!this.pattern) return "";
    const hits = this.#hits();
    return hits.length ? texts.words.position(this.#position(hits) + 1, hits.length) : texts.words.none;
  }

  clear() {
    for (const turn of [...this.ranges.keys()]) this.#unmark(turn);
    this.pattern = this.current = null;
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
}

/**
 * Where a pattern is in what was said finally, across its parts.
 * @param {Element} said
 * @param {RegExp} pattern
 */
function occurrences(said, pattern) {
  const written = textOf(said.querySelectorAll(":scope > :not(.interim)"));
  return Array.from(written.text.matchAll(pattern), ({ index, 0: { length } }) => rangeIn(written, index, index + length));
}
