// What is done with the words of calls while somebody searches or waits for some; loaded when they do.

import { later, unlessGone } from "../shared/later.js";
import { NextFrame } from "../shared/next_frame.js";
import { FoundList } from "./found_list.js";
import { Notifications } from "./notifications.js";
import { isSearch, phrase } from "./phrase.js";
import { WatchMarks } from "./watch_marks.js";
import { WatchWords } from "./watch_words.js";
import { KEY } from "./word_part.js";
import { WordReader } from "./word_reader.js";

/** @import { Mention } from "./call_words.js" */
/** @import { Words } from "./signals.js" */
/** @import { WatchDialog } from "./watch_dialog.js" */
/** @import { WordPart } from "./word_part.js" */

/** Of how many calls the words are known, of how many soon, and of how many not. @typedef {{ read: number, reading: number, unread: number }} Coverage */

// Words stay this long (ms) after the last search: the next one is often near.
const REST = 60_000;

const loadDialog = () => import("./watch_dialog.js");

export class Listening {
  /** @type {WatchDialog | null} there once it was asked for */
  dialog = null;
  text = ""; // that is searched for
  isOpening = false; // the reader waits for the first call that has it
  /** @type {number | undefined} */
  resting = undefined;

  /** @param {WordPart} part */
  constructor(part) {
    this.part = part;
    this.watch = new WatchWords(part.store, KEY);
    this.notifications = new Notifications(part.store, (callSid, at) => part.listener.opened(callSid, at));
    this.marks = new WatchMarks(part.panels);
    this.found = new FoundList(part.found, part.listener);
    this.reader = new WordReader(part.readings, {
      mentioned: (callSid, mention) => this.#tell(callSid, mention),
      changed: (callSid) => this.#change(callSid),
    });
    this.frame = new NextFrame(() => this.#draw());
    // Another tab may change them.
    addEventListener("storage", ({ key }) => { if (key === KEY || key === null) this.watchAgain(); });
    this.watchAgain();
  }

  /** Whether words are of use to anybody. */
  get isWanted() {
    return this.watch.words.length > 0 || this.text !== "";
  }

  /** Read the calls that are read now, or none if nobody wants words. */
  read() {
    const { live, readings } = this.part;
    const { isWanted, reader } = this;
    if (isWanted) {
      clearTimeout(this.resting);
      this.resting = undefined;
    } else this.resting ??= setTimeout(() => reader.close(), REST);
    reader.read(readings.callSids.filter((callSid) => isWanted || reader.calls.has(callSid)), live);
    this.notifications.keep(this.reader.calls);
    this.frame.request();
  }

  /**
   * Search for words as they are typed.
   * @param {string} text
   */
  search(text) {
    const wanted = isSearch(text) ? text : "";
    if (wanted === this.text) return;
    this.text = wanted;
    this.isOpening = false;
    this.reader.search(phrase(wanted, true));
    this.read();
  }

  /** Open the first call that has what is searched for: once it is found, if the reader waits for it. */
  openFirst() {
    this.isOpening = this.text !== "";
    this.frame.request();
  }

  /** Wait for the words that are kept now. */
  watchAgain() {
    this.watch.read();
    this.reader.watch(this.watch.words);
    this.marks.watch(this.watch.words);
    this.read();
    for (const callSid of this.reader.calls.keys()) this.#change(callSid);
  }

  /**
   * What is known of a call's words.
   * @param {string} callSid
   * @returns {Words | null}
   */
  of(callSid) {
    return this.reader.calls.get(callSid)?.words ?? null;
  }

  async edit() {
    const loaded = await unlessGone(later(loadDialog));
    if (!loaded) return;
    this.dialog ??= new loaded.WatchDialog(this);
    this.dialog.show();
  }

  /** @returns {Coverage} */
  get coverage() {
    const { live } = this.part;
    const read = [...this.reader.calls].filter(([callSid, { isRead }]) => isRead || !live.has(callSid)).length;
    const unread = [...live].filter((callSid) => !this.reader.calls.has(callSid)).length;
    return { read, unread, reading: this.reader.calls.size - read };
  }

  /** @param {string} callSid */
  #change(callSid) {
    this.frame.request();
    this.part.listener.changed(callSid);
    this.notifications.settle(callSid, this.of(callSid)?.marked ?? []);
  }

  /**
   * @param {string} callSid
   * @param {Mention} mention
   */
  #tell(callSid, mention) {
    this.notifications.tell(callSid, mention, this.part.listener.about(callSid));
  }

  #draw() {
    this.frame.forget();
    const { coverage } = this;
    this.found.show(this.text, this.reader.calls, coverage);
    if (this.isOpening) this.isOpening = !this.found.openFirst() && coverage.reading > 0 && document.activeElement === this.part.input;
    this.part.showCount(this.watch.words.length);
    this.dialog?.draw();
  }
}
