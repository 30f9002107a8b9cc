// Where in the calls the words are that are searched for: a call a row, with its latest place.

import { obey } from "../help/obey.js";
import { find, make, makeButton, write } from "../shared/dom.js";
import { clock, speakers, title } from "../shared/format.js";
import { loadSheet } from "../shared/load_sheet.js";
import { texts } from "../shared/texts.js";

/** @import { Coverage } from "./listening.js" */
/** @import { WordListener } from "./word_part.js" */
/** @import { Entry } from "./word_reader.js" */

/** @typedef {{ row: HTMLLIElement, at: number, parts: Record<"name" | "where" | "before" | "words" | "after", HTMLElement> }} Row */

await loadSheet("help.css"); // it is not shown without

// So many calls are shown; of the others it is said how many there are.
const MOST_ROWS = 30;
// So many rows on is a page.
const PAGE = 5;

export class FoundList {
  /** @type {Map<string, Row>} by callSid */
  rows = new Map();

  /**
   * @param {HTMLElement} root
   * @param {WordListener} listener
   */
  constructor(root, listener) {
    this.root = root;
    this.listener = listener;
    this.notice = find(root, ".hint", HTMLElement);
    this.list = find(root, "ul", HTMLUListElement);
    const step = (/** @type {number} */ by) => this.focus(this.place + by);
    obey(this.list, "list", {
      next: () => step(1),
      previous: () => (this.place > 0 ? step(-1) : listener.left("list")),
      pageDown: () => step(PAGE),
      pageUp: () => step(-PAGE),
      first: () => this.focus(0),
      last: () => this.focus(Infinity),
      pin: () => { if (this.current) listener.pinned(this.current); },
      back: () => listener.left("search"),
    });
  }

  /** Of the row that has the focus; -1: none has. */
  get place() {
    return [...this.list.children].findIndex((row) => row.contains(document.activeElement));
  }

  /** The callSid of that row, or null. */
  get current() {
    return [...this.rows].find(([, { row }]) => row.contains(document.activeElement))?.[0] ?? null;
  }

  /**
   * Go to the row in a place; to the first or the last instead of one beyond.
   * @param {number} place
   */
  focus(place) {
    const { children } = this.list;
    const row = children[Math.max(0, Math.min(children.length - 1, place))];
    row?.querySelector("button")?.focus();
  }

  /** Open the first of them; returns whether there is one. */
  openFirst() {
    const button = this.list.querySelector("button");
    button?.click();
    return button !== null;
  }

  /**
   * Show the calls that have what is searched for; the one that began last comes first.
   * @param {string} text
   * @param {ReadonlyMap<string, Entry>} calls
   * @param {Coverage} coverage
   */
  show(text, calls, coverage) {
    this.root.hidden = text === "";
    this.root.closest("nav")?.classList.toggle("finds", text !== "");
    if (!text) return this.list.replaceChildren(), this.rows.clear();
    const { place } = this;
    const found = [...calls].filter(([, { words }]) => words.found > 0).map(([callSid]) => callSid);
    const began = (/** @type {string} */ callSid) => this.listener.about(callSid)?.startedAt ?? 0;
    found.sort((one, other) => began(other) - began(one));
    const shown = found.slice(0, MOST_ROWS);
    write(this.notice, this.#notice(found.length, shown.length, coverage));
    for (const [callSid, { row }] of this.rows) {
      if (shown.includes(callSid)) continue;
      row.remove();
      this.rows.delete(callSid);
    }
    shown.forEach((callSid, at) => {
      const { row } = this.#fill(callSid, /** @type {Entry} */ (calls.get(callSid)));
      if (this.list.children[at] !== row) this.list.insertBefore(row, this.list.children[at] ?? null);
    });
    // The call of the row that had the focus is gone.
    if (place < 0 || this.place >= 0) return;
    if (shown.length) this.focus(place);
    else this.listener.left("search");
  }

  /**
   * Say in how many calls it is found, and of how many that is not known.
   * @param {number} found
   * @param {number} shown
   * @param {Coverage} coverage
   */
  #notice(found, shown, { read, reading, unread }) {
    const parts = [texts.words.foundIn(found, read)];
    if (shown < found) parts.push(texts.words.shown(shown));
    if (reading) parts.push(texts.words.reading(reading));
    if (unread) parts.push(texts.words.unread(unread));
    return `${parts.join("; ")}.`;
  }

  /**
   * @param {string} callSid
   * @param {Entry} entry
   */
  #fill(callSid, { words }) {
    const shown = this.rows.get(callSid) ?? this.#add(callSid);
    const place = words.lastFound;
    if (!place) return shown;
    const about = this.listener.about(callSid) ?? {};
    const { track, at, context } = place;
    shown.at = at;
    write(shown.parts.name, title({ ...about, callSid }));
    const where = texts.words.where(clock(at), speakers(about)[track]);
    write(shown.parts.where, words.found > 1 ? `${where} · ${texts.words.places(words.found)}` : where);
    for (const part of /** @type {const} */ (["before", "words", "after"])) write(shown.parts[part], context[part]);
    return shown;
  }

  /** @param {string} callSid */
  #add(callSid) {
    const [name, where] = [make("span", "name"), make("span", "where")];
    const [before, words, after] = [make("span", ""), make("mark", ""), make("span", "")];
    const context = make("span", "context", before, words, after);
    context.dir = "auto";
    const button = makeButton("", () => this.listener.opened(callSid, shown.at));
    button.append(name, " ", where, " ", context);
    const shown = { row: make("li", "", button), at: 0, parts: { name, where, before, words, after } };
    this.rows.set(callSid, shown);
    return shown;
  }
}
