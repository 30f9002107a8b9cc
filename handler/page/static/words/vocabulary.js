// The different words of all calls that are read, each once: a search looks through these, and through no text.

/** @import { Needle } from "./phrase.js" */

/**
 * A word as it is written, whatever the case.
 * @typedef {object} Term
 * @property {string} written
 * @property {readonly string[]} spellings
 * @property {number} uses  by so many who keep it
 */

export class Vocabulary {
  /** @type {Map<string, Term>} by how it is written */
  terms = new Map();
  /** @type {Map<string, Set<Term>>} by how it may be spelled */
  #spelled = new Map();
  #version = 0;
  /** @type {WeakMap<Needle, { version: number, terms: Set<Term> }>} what each call asks for in turn */
  #matches = new WeakMap();

  /**
   * The term of a word.
   * @param {string} word
   * @param {readonly string[]} spellings
   */
  term(word, spellings) {
    const written = word.toLowerCase();
    const known = this.terms.get(written);
    if (known) return known;
    this.#version += 1;
    const term = { written, spellings, uses: 0 };
    this.terms.set(written, term);
    for (const spelling of spellings) {
      const others = this.#spelled.get(spelling);
      if (others) others.add(term);
      else this.#spelled.set(spelling, new Set([term]));
    }
    return term;
  }

  /**
   * The terms that a needle fits.
   * @param {Needle} needle
   * @returns {Set<Term>}
   */
  matching(needle) {
    const known = this.#matches.get(needle);
    if (known?.version === this.#version) return known.terms;
    const terms = this.#match(needle);
    this.#matches.set(needle, { version: this.#version, terms });
    return terms;
  }

  /**
   * One who kept it does so no longer.
   * @param {Term} term
   */
  release(term) {
    term.uses -= 1;
    if (term.uses > 0) return;
    this.#version += 1;
    this.terms.delete(term.written);
    for (const spelling of term.spellings) {
      const others = this.#spelled.get(spelling);
      others?.delete(term);
      if (!others?.size) this.#spelled.delete(spelling);
    }
  }

  /** @param {Needle} needle */
  #match({ spellings, begins }) {
    const terms = new Set(spellings.flatMap((spelling) => [...this.#spelled.get(spelling) ?? []]));
    if (!begins) return terms;
    for (const [spelling, found] of this.#spelled) {
      if (spellings.some((one) => spelling.startsWith(one))) for (const term of found) terms.add(term);
    }
    return terms;
  }
}
