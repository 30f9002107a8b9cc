// A list of calls of which only the rows near the view exist: hundreds are as light as a dozen. One row is
// where the keyboard is; it stays with its call, wherever that goes.

import { obey } from "../help/obey.js";
import { find, make } from "../shared/dom.js";
import { InTurns } from "../shared/in_turns.js";
import { NextFrame } from "../shared/next_frame.js";
import { CallRow } from "./call_row.js";
import { tellWords } from "./row_words.js";
import { densityFor, heir, neededRows, pageOf, seenRows, topToShow, topToStay } from "./visible_rows.js";

/** @import { KnownCall } from "./known_calls.js" */
/** @import { Shown } from "./call_row.js" */
/** @import { View } from "./visible_rows.js" */

/**
 * @typedef {object} ListListener
 * @property {(callSid: string) => void} chosen
 * @property {(callSid: string) => void} pinned  or let go
 * @property {() => void} left  the keyboard goes back to where the list is searched
 * @property {() => void} passed  it goes on, behind the last row
 * @property {() => void} moved  other rows are seen, or they are as high as others
 * @property {(callSid: string) => Shown} shown  what a row shows
 * @property {() => number} now  what time it is, by the service's clock (Unix ms)
 */

// Rows that are filled anew in one frame.
const AT_ONCE = 6;

export class CallList {
  /**
   * @param {HTMLElement} scroller  has the list
   * @param {ListListener} listener
   */
  constructor(scroller, listener) {
    this.scroller = scroller;
    this.list = find(scroller, "ul", HTMLUListElement);
    this.listener = listener;
    /** @type {"" | "roomy" | "compact"} what the reader wants; "": nothing else than what fits */
    this.wanted = "";
    /** @type {"roomy" | "compact"} */
    this.density = "roomy";
    /** @type {KnownCall[]} in their order */
    this.calls = [];
    /** @type {Map<string, number>} by callSid */
    this.places = new Map();
    /** @type {Map<string, CallRow>} that exist, by callSid */
    this.rows = new Map();
    /** @type {string | null} the callSid of the row where the keyboard was last; else Tab leads to the first */
    this.current = null;
    this.currentPlace = 0;
    /** @type {InTurns<string>} callSids of rows that are to be filled anew */
    this.stale = new InTurns(AT_ONCE, (callSid) => this.#fill(callSid));
    /** @type {View | null} as it is until it is drawn: to ask once others have written in the frame is to lay it out */
    this.looked = null;
    this.frame = new NextFrame(() => this.#draw());
    // As high as a row, whatever the reader's text size makes of that.
    this.ruler = make("div", "ruler");
    scroller.append(this.ruler);
    this.#wire();
  }

  /**
   * Show these calls, and no others, in this order.
   * @param {KnownCall[]} calls
   * @param {"" | "roomy" | "compact"} rows  "": what fits
   */
  show(calls, rows = this.wanted) {
    const before = this.calls.map(({ callSid }) => callSid);
    this.wanted = rows;
    this.scroller.classList.toggle("empty", !calls.length);
    this.calls = calls;
    this.#dress();
    this.places = new Map(calls.map(({ callSid }, at) => [callSid, at]));
    this.stale.add(this.rows.keys());
    // If the call where the keyboard was is gone, it goes on with the next one; nobody being there, from the top.
    const { current, view } = this;
    if (current !== null && !this.places.has(current)) {
      this.current = this.hasFocus ? heir(before, current, this.places) : null;
    }
    const top = topToStay(view, before, this.places, this.hasFocus ? this.current : null);
    this.#stretch();
    if (top !== view.top) this.scroller.scrollTop = top;
    this.looked = { ...view, top };
    this.frame.request();
  }

  /**
   * Fill a row anew, if there is one.
   * @param {string} callSid
   */
  redraw(callSid) {
    if (this.rows.has(callSid)) this.stale.add([callSid]);
  }

  /** A second has passed. */
  tick() {
    this.stale.add(this.rows.keys());
  }

  /** The callSids of the rows that are seen, from the top. */
  get seen() {
    const { first, last } = seenRows(this.view, this.calls.length);
    return this.calls.slice(first, last).map(({ callSid }) => callSid);
  }

  /** @returns {View} */
  get view() {
    const { scrollTop: top, clientHeight: height } = this.scroller;
    return { top, height, row: this.ruler.offsetHeight };
  }

  get hasFocus() {
    return this.list.contains(document.activeElement);
  }

  /**
   * Let the keyboard walk the list from where it was, or from a call; returns whether there is any.
   * @param {string | null} callSid
   */
  focus(callSid = this.current) {
    if (!this.calls.length) return false;
    this.#goTo((callSid !== null && this.places.get(callSid)) || 0);
    return true;
  }

  #wire() {
    const { list, scroller, listener } = this;
    scroller.onscroll = () => { this.#look(); listener.moved(); };
    // Another size of the text, of the window, or of a row.
    const resized = new ResizeObserver(() => { this.#dress(); this.#stretch(); this.#look(); listener.moved(); });
    for (const element of [scroller, this.ruler]) resized.observe(element);
    obey(list, "list", {
      next: () => (this.currentPlace < this.calls.length - 1 ? this.#goTo(this.currentPlace + 1) : listener.passed()),
      previous: () => (this.currentPlace ? this.#goTo(this.currentPlace - 1) : listener.left()),
      pageDown: () => this.#goTo(this.currentPlace + pageOf(this.view)),
      pageUp: () => this.#goTo(this.currentPlace - pageOf(this.view)),
      first: () => this.#goTo(0),
      last: () => this.#goTo(this.calls.length - 1),
      pin: () => { if (this.current) listener.pinned(this.current); },
      back: () => listener.left(),
    });
    list.onclick = ({ target }) => {
      const callSid = this.#callOf(target);
      if (!callSid || !(target instanceof Element)) return;
      if (target.closest(".pin")) listener.pinned(callSid);
      else if (target.closest(".open")) listener.chosen(callSid);
    };
    list.addEventListener("focusin", ({ target }) => {
      const callSid = this.#callOf(target);
      if (callSid) this.#makeCurrent(callSid);
    });
  }

  /**
   * The call whose row something is in.
   * @param {EventTarget | null} target
   */
  #callOf(target) {
    const row = target instanceof Element ? target.closest("li") : null;
    return row?.dataset.callSid ?? null;
  }

  /** @param {string} callSid */
  #makeCurrent(callSid) {
    this.current = callSid;
    this.currentPlace = this.places.get(callSid) ?? 0;
    for (const [one, row] of this.rows) row.stop(one === callSid);
  }

  /** @param {number} wanted  the first or the last is gone to instead of one beyond */
  #goTo(wanted) {
    const place = Math.max(0, Math.min(this.calls.length - 1, wanted));
    const call = this.calls[place];
    if (!call) return;
    this.scroller.scrollTop = topToShow(this.view, place);
    this.looked = null;
    this.#makeCurrent(call.callSid);
    this.#draw();
    this.rows.get(call.callSid)?.button.focus({ preventScroll: true });
  }

  /** Let rows be as high as is wanted, or as fits. */
  #dress() {
    const place = { height: this.scroller.clientHeight + this.#spare, roomy: this.ruler.offsetWidth };
    const density = this.wanted || densityFor(this.calls.length, place, this.density);
    if (density === this.density) return;
    this.density = density;
    this.scroller.classList.toggle("compact", density === "compact");
    this.stale.add(this.rows.keys());
  }

  /** What room there is below that the list does not take (px): with what was found behind it, it is as high as its rows. */
  get #spare() {
    const [nav, found] = [this.scroller.parentElement, this.scroller.parentElement?.lastElementChild];
    if (!nav || !(found instanceof HTMLElement) || found.hidden) return 0;
    return Math.max(0, nav.getBoundingClientRect().bottom - found.getBoundingClientRect().bottom);
  }

  /** Be as long as all rows would be. */
  #stretch() {
    this.list.style.height = `${this.calls.length * this.ruler.offsetHeight}px`;
  }

  #look() {
    this.looked = this.view;
    this.frame.request();
  }

  #draw() {
    this.frame.forget();
    const { looked, hasFocus } = this;
    const view = looked ?? this.view;
    this.looked = null;
    this.currentPlace = (this.current !== null && this.places.get(this.current)) || 0;
    const needed = this.#needed(view);
    for (const [callSid, row] of this.rows) {
      if (!needed.has(callSid)) { row.root.remove(); this.rows.delete(callSid); }
    }
    for (const [callSid, at] of needed) {
      const call = /** @type {KnownCall} */ (this.calls[at]);
      const row = this.rows.get(callSid) ?? this.#add(call);
      row.place(at, this.calls.length, view.row);
      row.stop(at === this.currentPlace);
    }
    this.#arrange([...needed.keys()]);
    // The call of the row that had the focus is gone.
    if (hasFocus && !this.hasFocus && !this.focus()) this.listener.left();
  }

  /**
   * The rows that are to exist, in their order: by callSid, with their places.
   * @param {View} view
   */
  #needed(view) {
    const { first, last } = neededRows(view, this.calls.length);
    const places = Array.from({ length: last - first }, (_, at) => first + at);
    const at = this.currentPlace;
    if (at < first) places.unshift(at);
    if (at >= last && at < this.calls.length) places.push(at);
    return new Map(places.map((place) => [/** @type {KnownCall} */ (this.calls[place]).callSid, place]));
  }

  /** @param {string} callSid */
  #fill(callSid) {
    const [row, call] = [this.rows.get(callSid), this.calls[this.places.get(callSid) ?? -1]];
    if (!row || !call) return;
    const shown = this.listener.shown(callSid);
    row.draw(call, shown, this.listener.now());
    tellWords(row, call, shown, this.density);
  }

  /** @param {KnownCall} call */
  #add(call) {
    const row = new CallRow(call);
    this.rows.set(call.callSid, row);
    this.#fill(call.callSid);
    return row;
  }

  /**
   * Put the rows into their order: who reads them out, or goes from one to the next, follows that. The
   * one that has the focus is not moved, it would lose it.
   * @param {string[]} order
   */
  #arrange(order) {
    const roots = order.map((callSid) => /** @type {CallRow} */ (this.rows.get(callSid)).root);
    const fixed = Math.max(0, roots.findIndex((root) => root.contains(document.activeElement)));
    const anchor = roots[fixed];
    if (anchor && !anchor.isConnected) this.list.prepend(anchor);
    for (let at = fixed - 1; at >= 0; at -= 1) {
      if (roots[at + 1]?.previousElementSibling !== roots[at]) roots[at + 1]?.before(/** @type {Element} */ (roots[at]));
    }
    for (let at = fixed + 1; at < roots.length; at += 1) {
      if (roots[at - 1]?.nextElementSibling !== roots[at]) roots[at - 1]?.after(/** @type {Element} */ (roots[at]));
    }
  }
}
