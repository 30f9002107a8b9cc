// The words that a reader waits for, kept in the browser.

import { phrase } from "./phrase.js";

/** @import { Needle } from "./phrase.js" */

/** @typedef {{ word: string, needles: readonly Needle[] }} WatchWord */

/** What keeps texts: localStorage, or nothing where a browser has none for us. @typedef {Pick<Storage, "getItem" | "setItem">} Store */

export const MOST_WORDS = 50;
export const LONGEST_WORD = 80; // letters

export class WatchWords {
  /** @type {WatchWord[]} */
  words = [];

  /**
   * @param {Store} store
   * @param {string} key  under which they are kept there
   */
  constructor(store, key) {
    this.store = store;
    this.key = key;
    this.read();
  }

  /** Read what is kept: another tab may have changed it. */
  read() {
    const words = [];
    for (const word of kept(this.store.getItem(this.key))) {
      const needles = typeof word === "string" && word.length <= LONGEST_WORD ? phrase(word) : [];
      if (needles.length && words.length < MOST_WORDS) words.push({ word: String(word), needles });
    }
    this.words = words;
  }

  /**
   * Wait for a word, or a phrase; returns why not, or nothing.
   * @param {string} text
   * @returns {"empty" | "long" | "known" | "full" | null}
   */
  add(text) {
    const word = text.trim().replace(/\s+/gu, " ");
    const needles = phrase(word);
    if (!needles.length) return "empty";
    if (word.length > LONGEST_WORD) return "long";
    if (this.words.some((one) => sameAs(one.needles, needles))) return "known";
    if (this.words.length >= MOST_WORDS) return "full";
    this.#keep([...this.words, { word, needles }]);
    return null;
  }

  /** @param {string} word */
  remove(word) {
    this.#keep(this.words.filter((one) => one.word !== word));
  }

  /** @param {WatchWord[]} words */
  #keep(words) {
    this.words = words;
    try {
      this.store.setItem(this.key, JSON.stringify(words.map(({ word }) => word)));
    } catch { // it is full, or not for us: they count for as long as the page is open
    }
  }
}

/**
 * What was kept: anything, as anybody may have written there.
 * @param {string | null} text
 * @returns {unknown[]}
 */
function kept(text) {
  try {
    const words = JSON.parse(text ?? "[]");
    return Array.isArray(words) ? words : [];
  } catch {
    return [];
  }
}

/**
 * @param {readonly Needle[]} one
 * @param {readonly Needle[]} other
 */
function sameAs(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}
