// Reads what calls have said, as far back as the page keeps words, while somebody searches or waits for
// some. Only calls that the page reads anyway: a subscription more is none.

import { CallWords } from "./call_words.js";
import { Vocabulary } from "./vocabulary.js";

/** @import { Mention } from "./call_words.js" */
/** @import { Needle } from "./phrase.js" */
/** @import { WatchWord } from "./watch_words.js" */
/** @import { Partyline } from "../partyline/partyline.js" */
/** @import { CallReading, CallState } from "../partyline/reading.js" */

/**
 * @typedef {object} ReaderListener
 * @property {(callSid: string, mention: Mention) => void} mentioned  a watched word was said just now
 * @property {(callSid: string) => void} changed  something is marked, found or read that was not, or no longer
 */

/**
 * @typedef {object} Entry
 * @property {CallWords} words
 * @property {CallReading | null} reading  null: it waits for its turn
 * @property {boolean} isRead  its past has been told, or cannot be
 * @property {boolean} isLive  its past has been told: what comes is said now
 * @property {boolean} isFresh  it began as we listened: none of it is from before
 */

// So many records back, some two hours, a call is read.
const PAST = 2000;
// The past of so many calls is told at once: what is said now must not wait behind it.
const AT_ONCE = 6;

export class WordReader {
  vocabulary = new Vocabulary();
  /** @type {Map<string, Entry>} by callSid */
  calls = new Map();
  /** @type {readonly Needle[]} */
  needles = [];
  /** @type {readonly WatchWord[]} */
  watched = [];
  /** @type {ReadonlySet<string> | null} those that were live when we were last told */
  live = null;

  /**
   * @param {Partyline} client
   * @param {ReaderListener} listener
   */
  constructor(client, listener) {
    this.client = client;
    this.listener = listener;
  }

  /**
   * Read these calls and no others.
   * @param {Iterable<string>} callSids
   * @param {ReadonlySet<string>} live  all calls that are
   */
  read(callSids, live) {
    const wanted = new Set(callSids);
    for (const callSid of [...this.calls.keys()]) if (!wanted.has(callSid)) this.#drop(callSid);
    for (const callSid of wanted) {
      if (this.calls.has(callSid)) continue;
      const isFresh = this.live !== null && live.has(callSid) && !this.live.has(callSid);
      this.calls.set(callSid, { words: this.#wordsOf(), reading: null, isRead: false, isLive: false, isFresh });
    }
    this.live = live;
    this.#goOn();
  }

  /** Read nothing any more, and forget what was read. */
  close() {
    this.read([], new Set());
    this.live = null;
  }

  /** @param {readonly Needle[]} needles */
  search(needles) {
    this.needles = needles;
    for (const { words } of this.calls.values()) words.search(needles);
  }

  /** @param {readonly WatchWord[]} watched */
  watch(watched) {
    this.watched = watched;
    for (const { words } of this.calls.values()) words.watch(watched);
  }

  /**
   * Forget what may still change if it is older than a time (Unix ms).
   * @param {number} before
   */
  forgetInterims(before) {
    for (const [callSid, { words }] of this.calls) if (words.forgetInterims(before)) this.listener.changed(callSid);
  }

  #wordsOf() {
    const words = new CallWords(this.vocabulary);
    words.search(this.needles);
    words.watch(this.watched);
    return words;
  }

  /** Begin with those whose turn it is. */
  #goOn() {
    let busy = [...this.calls.values()].filter(({ reading, isRead }) => reading && !isRead).length;
    for (const [callSid, entry] of this.calls) {
      if (busy >= AT_ONCE) return;
      if (entry.reading) continue;
      this.#begin(callSid, entry);
      busy += 1;
    }
  }

  /**
   * @param {string} callSid
   * @param {Entry} entry
   */
  #begin(callSid, entry) {
    const { words } = entry;
    entry.reading = this.client.call(callSid, {
      newest: PAST,
      onMessage: (message) => {
        const before = told(words);
        const mentions = words.receive(message);
        if (entry.isLive || entry.isFresh) for (const mention of mentions) this.listener.mentioned(callSid, mention);
        if (told(words) !== before) this.listener.changed(callSid);
      },
      onState: (state) => this.#note(callSid, entry, state),
    });
  }

  /**
   * @param {string} callSid
   * @param {Entry} entry
   * @param {CallState} state
   */
  #note(callSid, entry, state) {
    if (state === "offline" && entry.words.forgetInterims()) this.listener.changed(callSid);
    entry.isLive ||= state === "live";
    if (entry.isRead || state === "past" || state === "asked" || state === "offline") return;
    entry.isRead = true; // or there is nothing to read: it waits for its audio, is over, or not for us
    this.listener.changed(callSid);
    this.#goOn();
  }

  /** @param {string} callSid */
  #drop(callSid) {
    const entry = this.calls.get(callSid);
    this.calls.delete(callSid);
    entry?.reading?.close();
    entry?.words.index.close();
  }
}

/**
 * What is shown of a call's words.
 * @param {CallWords} words
 */
function told(words) {
  return `${words.found} ${words.hits.at(-1)?.said.start} ${words.marked.map(({ word, at }) => `${at} ${word}`).join("\n")}`;
}
