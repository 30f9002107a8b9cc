// Reads what calls have said, as far back as the page keeps words, while somebody searches or waits for
// some. Only calls that the page reads anyway: a subscription more is none. What an open call has read is
// taken from there: while its past was told again, nothing of now would come. Of a call whose past waits to be read,
// what is said now is heard meanwhile, for the words that are waited for.

import { NextFrame } from "../shared/next_frame.js";
import { CallWords } from "./call_words.js";
import { Vocabulary } from "./vocabulary.js";

/** @import { Mention } from "./call_words.js" */
/** @import { Needle } from "./phrase.js" */
/** @import { WatchWord } from "./watch_words.js" */
/** @import { Readings } from "../desk/readings.js" */
/** @import { CallMessage } from "../partyline/messages.d.ts" */
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
 * @property {boolean} isShared  the call is open: the reading is the page's, which tells what comes
 * @property {number} last  the newest record that was taken of the page's
 * @property {number} heard  the newest record that was heard before the past was read
 * @property {boolean} isRead  its past has been told, or cannot be
 * @property {boolean} isLive  its past has been told: what comes is said now
 * @property {boolean} isFresh  it began as we listened: none of it is from before
 */

// So many records back, some two hours, a call is read.
const PAST = 2000;
// The past of so many calls is told at once: what is said now must not wait behind it.
const AT_ONCE = 2;

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
   * @param {Readings} readings  of the page
   * @param {ReaderListener} listener
   */
  constructor(readings, listener) {
    this.readings = readings;
    this.listener = listener;
    this.frame = new NextFrame(() => this.#goOn());
  }

  /**
   * Read these calls and no others.
   * @param {Iterable<string>} callSids
   * @param {ReadonlySet<string>} live  all calls that are
   */
  read(callSids, live) {
    const wanted = new Set(callSids);
    for (const callSid of [...this.calls.keys()]) if (!wanted.has(callSid)) this.#drop(callSid);
    for (const [callSid, entry] of this.calls) this.#follow(callSid, entry);
    for (const callSid of wanted) {
      if (this.calls.has(callSid)) continue;
      const isFresh = this.live !== null && live.has(callSid) && !this.live.has(callSid);
      this.calls.set(callSid, { words: this.#wordsOf(), reading: null, isShared: false, last: 0, heard: 0, isRead: false, isLive: false, isFresh });
    }
    this.live = live;
    this.#goOn();
  }

  /**
   * A call that is read for others has told something. Until its past is read, which may have to wait for that of
   * others, what is said now is heard for the watched words.
   * @param {string} callSid
   * @param {CallMessage} message
   */
  receive(callSid, message) {
    const entry = this.calls.get(callSid);
    if (!entry) return;
    if (!entry.isShared) return this.#hear(callSid, entry, message);
    if (message.seq !== undefined) {
      if (message.seq <= entry.last) return; // the call was opened anew
      entry.last = message.seq;
    }
    this.#take(callSid, entry, message);
  }

  /**
   * It stands otherwise with what is read of a call for others.
   * @param {string} callSid
   * @param {CallState} state
   */
  stand(callSid, state) {
    const entry = this.calls.get(callSid);
    if (entry?.isShared) this.#note(callSid, entry, state);
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

  /** Forget what may still change, of all calls or if it is older than a time (Unix ms). */
  forgetInterims(before = Infinity) {
    for (const [callSid, { words }] of this.calls) if (words.forgetInterims(before)) this.listener.changed(callSid);
  }

  #wordsOf() {
    const words = new CallWords(this.vocabulary);
    words.search(this.needles);
    words.watch(this.watched);
    return words;
  }

  /** Begin with those whose turn it is; with those that are shared one a frame, as each is taken at once. */
  #goOn() {
    this.frame.forget();
    let busy = [...this.calls.values()].filter(({ reading, isRead }) => reading && !isRead).length;
    for (const [callSid, entry] of this.calls) {
      if (entry.reading) continue; // our own, or the page's
      if (this.#share(callSid, entry)) return this.frame.request();
      if (busy >= AT_ONCE) continue;
      this.#begin(callSid, entry, { newest: PAST });
      busy += 1;
    }
  }

  /**
   * Take what the page has read of a call by now, if it is open.
   * @param {string} callSid
   * @param {Entry} entry
   */
  #share(callSid, entry) {
    const open = this.readings.opened(callSid);
    if (!open) return false;
    const { reading, transcript } = open;
    Object.assign(entry, { reading, isShared: true, last: reading.position.last });
    entry.isLive = reading.state === "live";
    if (!isBefore(reading.state)) this.#finish(entry);
    entry.words.takeOver(transcript, PAST);
    this.listener.changed(callSid);
    return true;
  }

  /**
   * Go on with a call that is opened, closed, or read anew, where we are with it.
   * @param {string} callSid
   * @param {Entry} entry
   */
  #follow(callSid, entry) {
    const { isShared, reading } = entry;
    if (!reading) return; // it waits for its turn
    const open = this.readings.opened(callSid);
    if (open && !isShared) {
      entry.last = reading.position.last;
      reading.close();
    }
    entry.isShared = open !== null;
    if (open) entry.reading = open.reading;
    else if (isShared) this.#begin(callSid, entry, { since: entry.last });
  }

  /**
   * @param {string} callSid
   * @param {Entry} entry
   * @param {{ newest: number } | { since: number }} from
   */
  #begin(callSid, entry, from) {
    entry.reading = this.readings.client.call(callSid, {
      ...from,
      onMessage: (message) => this.#take(callSid, entry, message),
      onState: (state) => this.#note(callSid, entry, state),
    });
  }

  /**
   * @param {string} callSid
   * @param {Entry} entry
   * @param {CallMessage} message
   */
  #take(callSid, { words, heard, isLive, isFresh }, message) {
    const isNow = (isLive || isFresh) && (message.seq === undefined || message.seq > heard);
    this.#tell(callSid, words, () => words.receive(message), isNow);
  }

  /**
   * @param {string} callSid
   * @param {Entry} entry
   * @param {CallMessage} message
   */
  #hear(callSid, entry, message) {
    if (entry.isRead || !this.readings.tellsNow(callSid)) return;
    entry.heard = message.seq ?? entry.heard;
    this.#tell(callSid, entry.words, () => entry.words.hear(message), true);
  }

  /**
   * Tell what becomes of the words of a call.
   * @param {string} callSid
   * @param {CallWords} words
   * @param {() => Mention[]} receive
   * @param {boolean} isNow  it is said just now
   */
  #tell(callSid, words, receive, isNow) {
    const before = told(words);
    const mentions = receive();
    if (isNow) for (const mention of mentions) this.listener.mentioned(callSid, mention);
    if (told(words) !== before) this.listener.changed(callSid);
  }

  /**
   * @param {string} callSid
   * @param {Entry} entry
   * @param {CallState} state
   */
  #note(callSid, entry, state) {
    entry.isLive ||= state === "live";
    if (entry.isRead || isBefore(state)) return;
    this.#finish(entry); // or there is nothing to read: it waits for its audio, is over, or not for us
    this.listener.changed(callSid);
    this.#goOn();
  }

  /** @param {Entry} entry  its past is read */
  #finish(entry) {
    entry.isRead = true;
    entry.words.catchUp();
  }

  /** @param {string} callSid */
  #drop(callSid) {
    const entry = this.calls.get(callSid);
    this.calls.delete(callSid);
    if (!entry?.isShared) entry?.reading?.close();
    entry?.words.close();
  }
}

/**
 * Whether more of the past may come.
 * @param {CallState} state
 */
function isBefore(state) {
  return state === "asked" || state === "past" || state === "offline";
}

/**
 * What is shown of a call's words.
 * @param {CallWords} words
 */
function told(words) {
  return `${words.found} ${words.hits.at(-1)?.said.start} ${words.marked.map(({ word, at }) => `${at} ${word}`).join("\n")}`;
}
