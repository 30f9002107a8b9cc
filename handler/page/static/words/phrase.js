// What is looked for: some words in a row.

import { sought, tokensOf, UNSPACED } from "../shared/folding.js";

/**
 * One word of it.
 * @typedef {object} Needle
 * @property {readonly string[]} spellings  any of them
 * @property {boolean} begins  a word that begins so is one, too
 * @property {boolean} [ends]  a word that ends so is one, too
 */

/** What has spellings: a word of a text, or one that was said. @typedef {{ readonly spellings: readonly string[] }} Spelled */

/**
 * Read what somebody typed; nothing if there is no letter in it.
 * @param {string} text  with a `*` at its end for all words that begin so
 * @param {boolean} [begins]  the same: it is being typed
 * @param {boolean} [ends]  it may begin within a word
 * @returns {Needle[]}
 */
export function phrase(text, begins = text.trimEnd().endsWith("*"), ends = false) {
  const needles = tokensOf(text).map(({ spellings }) => ({ spellings: sought(spellings), begins: false, ends: false }));
  const [first, last] = [needles[0], needles.at(-1)];
  if (first) first.ends = ends;
  if (last) last.begins = begins;
  return needles;
}

/**
 * Whether what is being typed is looked for in what was said: a number is not, nor is a single letter, which
 * would be found everywhere, but where a letter is a word.
 * @param {string} text
 */
export function isSearch(text) {
  const [first, second] = tokensOf(text);
  if (!first || !/\p{L}/u.test(text)) return false;
  return second !== undefined || first.end - first.start > 1 || UNSPACED.test(text);
}

/**
 * @param {Needle} needle
 * @param {Spelled | null | undefined} word
 */
function fits({ spellings, begins, ends }, word) {
  if (!word) return false;
  for (const one of word.spellings) {
    for (const other of spellings) {
      if (one === other || (begins && one.startsWith(other)) || (ends && one.endsWith(other))) return true;
      if (begins && ends && one.includes(other)) return true;
    }
  }
  return false;
}

/**
 * Whether all of it is said in a row, from a place on.
 * @param {readonly Needle[]} needles
 * @param {readonly (Spelled | null)[]} words
 * @param {number} place
 */
export function fitsAt(needles, words, place) {
  return needles.every((needle, at) => fits(needle, words[place + at]));
}

/**
 * Where it is said, from a place on.
 * @param {readonly Needle[]} needles
 * @param {readonly (Spelled | null)[]} words
 * @param {number} [from]
 */
export function places(needles, words, from = 0) {
  const found = [];
  const last = words.length - needles.length;
  if (needles.length) for (let at = Math.max(0, from); at <= last; at += 1) if (fitsAt(needles, words, at)) found.push(at);
  return found;
}
