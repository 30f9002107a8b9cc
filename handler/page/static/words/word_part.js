// Where words come in on the page: what is typed into the search, and the button of the watched ones.
// All the rest is loaded once somebody searches, or waits for a word.

import { byId, write } from "../shared/dom.js";
import { later, unlessGone } from "../shared/later.js";
import { browserStore } from "../shared/stores.js";
import { texts } from "../shared/texts.js";

/** @import { Listening } from "./listening.js" */
/** @import { Words } from "./signals.js" */
/** @import { KnownCall } from "../list/known_calls.js" */
/** @import { Readings } from "../desk/readings.js" */
/** @import { CallMessage } from "../partyline/messages.d.ts" */
/** @import { CallState } from "../partyline/reading.js" */

/**
 * @typedef {object} WordListener
 * @property {(callSid: string, at: number) => void} opened  the reader wants to see a moment of a call (seconds)
 * @property {(callSid: string) => KnownCall | null} about  what is known of a call
 * @property {(callSid: string) => void} changed  its words are others
 * @property {(callSid: string) => void} pinned  the reader pins a call, or lets it go
 * @property {() => void} searched  something else is searched for, or nothing
 * @property {(where: "list" | "search") => void} left  the keyboard goes back
 */

/** Under which the words that are waited for are kept. */
export const KEY = "partyline.watch-words";

/** @type {Words} */
const NONE = { marked: [] };

const load = () => import("./listening.js");

export class WordPart {
  /** @type {ReadonlySet<string>} callSids of what there is to read */
  live = new Set();
  /** @type {Listening | null} */
  listening = null;
  isLoading = false;
  wasSearching = false;
  store = browserStore();
  button = byId("watch-words", HTMLButtonElement);
  found = byId("found-part", HTMLElement);
  panels = byId("call-panels", HTMLElement);
  input = byId("search", HTMLInputElement);

  /**
   * @param {Readings} readings  of the page
   * @param {WordListener} listener
   */
  constructor(readings, listener) {
    this.readings = readings;
    this.listener = listener;
    this.button.onclick = async () => (await unlessGone(this.#load()))?.edit();
    this.input.addEventListener("input", () => this.search());
    this.showCount(0);
    this.#hear();
    // Another tab may be the first to have some.
    addEventListener("storage", ({ key }) => { if (key === KEY) this.#hear(); });
  }

  /**
   * The page reads other calls now.
   * @param {Iterable<string>} live  callSids of all that are
   */
  reads(live) {
    this.live = new Set(live);
    this.button.hidden = false;
    this.search();
    this.listening?.read();
  }

  /** Search for what is typed. */
  search() {
    const { value } = this.input;
    if (!this.listening && !value) return;
    if (this.listening) this.listening.search(value);
    else if (!this.isLoading) this.#load();
    const { isSearching } = this;
    if (isSearching !== this.wasSearching) this.listener.searched();
    this.wasSearching = isSearching;
  }

  /** Whether what is typed is searched for in what was said, as far as that is known. */
  get isSearching() {
    return this.input.value !== "" && this.listening?.text !== "";
  }

  /** Open the first call in which it was said, once there is one. */
  async openFirst() {
    const { value } = this.input;
    const listening = await unlessGone(this.#load());
    if (this.input.value === value) listening?.openFirst(); // else the reader has typed on
  }

  /** Let the keyboard walk the calls in which it was said. */
  enter() {
    this.listening?.found.focus(0);
  }

  /**
   * What is known of a call's words.
   * @param {string} callSid
   * @returns {Words}
   */
  of(callSid) {
    return this.listening?.of(callSid) ?? NONE;
  }

  /**
   * A call that the page reads has told something.
   * @param {string} callSid
   * @param {CallMessage} message
   */
  receive(callSid, message) {
    this.listening?.reader.receive(callSid, message);
  }

  /**
   * It stands otherwise with what the page reads of a call.
   * @param {string} callSid
   * @param {CallState} state
   */
  stand(callSid, state) {
    this.listening?.reader.stand(callSid, state);
  }

  /** Nobody takes back what might have changed, at all or for long (Unix ms). */
  forgetInterims(before = Infinity) {
    this.listening?.reader.forgetInterims(before);
  }

  /**
   * Show how many words are waited for.
   * @param {number} count
   */
  showCount(count) {
    write(this.button, count ? texts.words.watching(count) : texts.words.title);
  }

  /** Have what listens, if there is something to listen for. */
  #hear() {
    if (this.listening || (this.store.getItem(KEY) ?? "[]") === "[]") return; // as WatchWords keeps none
    this.button.textContent = texts.words.unheard;
    this.#load();
  }

  async #load() {
    this.isLoading = true;
    const { Listening } = await later(load);
    if (!this.listening) {
      this.listening = new Listening(this);
      this.search();
    }
    return this.listening;
  }
}
