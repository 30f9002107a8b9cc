// The lists beside the transcripts: live calls and those that are over, the search, followed numbers.

import { obey } from "../help/obey.js";
import { byId, make, makeButton, write } from "../shared/dom.js";
import { CALL_SID } from "../shared/identifiers.js";
import { texts } from "../shared/texts.js";
import { CallList } from "./call_list.js";
import { Filters } from "./filters.js";
import { filter, isNarrowed, liveCalls, wholeNumber } from "./ordering.js";

/** @import { Shown } from "./call_row.js" */
/** @import { KnownCall, KnownCalls } from "./known_calls.js" */
/** @import { Standing } from "./ordering.js" */
/** @import { PastCalls } from "./past_calls.js" */

/**
 * @typedef {object} SidebarListener
 * @property {(callSid: string) => void} chosen
 * @property {(callSid: string) => void} pinned  or let go
 * @property {(number: string) => void} followed
 * @property {(number: string) => void} unfollowed
 * @property {() => void} moved  scrolling or typing has rested: other calls may be seen
 * @property {(callSid: string) => Shown} shown  what is known of a call
 */

// How long typing or scrolling must rest before it counts (ms).
const REST = 400;

export class Sidebar {
  /**
   * @param {KnownCalls} calls
   * @param {SidebarListener} listener
   */
  constructor(calls, listener) {
    this.calls = calls;
    this.listener = listener;
    const part = { ...listener, moved: () => this.#rest(), left: () => this.focus() };
    this.live = new CallList(byId("calls-part", HTMLElement), part);
    this.over = new CallList(byId("ended-part", HTMLElement), part);
    this.filters = new Filters(() => this.#change());
    this.followButton = byId("follow-number", HTMLButtonElement);
    this.older = byId("past-older", HTMLButtonElement);
    /** @type {PastCalls | null} there once the reader wants calls that are over */
    this.past = null;
    /** @type {string | null} */
    this.token = null;
    /** @type {number | undefined} */
    this.resting = undefined;
    /** @type {Element | null} where the reader came from */
    this.before = null;
    this.#wire();
    this.#offer();
  }

  /** Show what is known of the calls now. */
  show() {
    const { wanted } = this.filters;
    if (wanted.state === "ended") this.#showOver();
    else this.#showLive();
    this.#count();
  }

  /**
   * Read calls that are over with another token from now on.
   * @param {string | null} token
   */
  renew(token) {
    this.token = token;
    if (this.filters.wanted.state === "ended") this.#look();
  }

  /**
   * Show what was said last in a live call.
   * @param {string} callSid
   */
  showLast(callSid) {
    this.live.redraw(callSid);
  }

  /** Show again which calls are open. */
  mark() {
    for (const list of [this.live, this.over]) list.tick();
  }

  /** A second has passed: clocks go on, and silence may order the calls anew. */
  tick() {
    if (["marked", "silent"].includes(this.filters.wanted.sort) || this.filters.wanted.state === "away") this.show();
    else this.live.tick();
  }

  /** The callSids of the live calls that are seen. */
  get seen() {
    return this.live.scroller.hidden ? [] : this.live.seen;
  }

  /** Let the reader search; Escape leads back to where they were. */
  focus() {
    const { search } = this.filters;
    if (document.activeElement !== search && !this.live.hasFocus && !this.over.hasFocus) {
      this.before = document.activeElement;
    }
    search.focus();
    search.select();
  }

  /**
   * Go to a call, or to the search if it is in no list.
   * @param {string} callSid
   */
  focusCall(callSid) {
    const list = [this.live, this.over].find(({ places, scroller }) => !scroller.hidden && places.has(callSid));
    if (list) list.focus(callSid);
    else this.filters.search.focus();
  }

  /**
   * Show that a number is followed, until the reader stops it.
   * @param {string} number
   */
  showFollowed(number) {
    const row = make("li", "");
    row.append(makeButton(texts.list.unfollow(number), () => {
      this.listener.unfollowed(number);
      row.remove();
      this.focus();
    }));
    byId("followed", HTMLElement).append(row);
  }

  /** The list that is shown. */
  get #list() {
    return this.live.scroller.hidden ? this.over : this.live;
  }

  #wire() {
    const { search } = this.filters;
    obey(search, "search", {
      open: () => this.#openFirst(),
      list: () => { this.#list.focus(); },
      back: () => this.#goBack(),
    });
    this.followButton.onclick = () => {
      const number = wholeNumber(search.value);
      if (number) this.listener.followed(number);
      search.focus();
    };
    this.older.onclick = () => this.past?.lookOlder();
  }

  /** Open the first call that fits; a number that has none may be followed. */
  #openFirst() {
    const { search } = this.filters;
    const text = search.value.trim();
    const [first] = this.#list.calls;
    if (CALL_SID.test(text)) this.listener.chosen(text);
    else if (first && text) this.listener.chosen(first.callSid);
    else if (!this.followButton.hidden) this.followButton.focus();
  }

  /** Search for nothing any more; then, leave the search. */
  #goBack() {
    if (this.filters.search.value) return this.filters.look("");
    if (this.before instanceof HTMLElement && this.before.isConnected) this.before.focus({ preventScroll: true });
  }

  /** The reader wants to see other calls, or in another order. */
  #change() {
    for (const { scroller } of [this.live, this.over]) scroller.scrollTop = 0;
    this.#offer();
    this.show();
    this.#rest();
  }

  /** Show the list that is wanted, and offer what can be done with what is searched for. */
  #offer() {
    const isOver = this.filters.wanted.state === "ended";
    this.live.scroller.hidden = isOver;
    this.over.scroller.hidden = !isOver;
    if (isOver) byId("no-calls", HTMLElement).textContent = "";
    const number = wholeNumber(this.filters.search.value);
    this.followButton.hidden = !number;
    if (number) this.followButton.textContent = texts.list.follow(number);
  }

  /** Other calls are seen: what that asks for is asked once it has come to rest. */
  #rest() {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      this.listener.moved();
      if (this.filters.wanted.state === "ended") this.#look();
    }, REST);
  }

  /** Read the calls that are over, if those that are wanted were not asked for. */
  async #look() {
    const { PastCalls } = await import("./past_calls.js");
    this.past ??= new PastCalls(this.calls, () => this.show());
    const number = wholeNumber(this.filters.wanted.text);
    if (this.past.cursor === undefined || number !== this.past.number || this.token !== this.past.token) {
      this.past.look(this.token, number);
    }
  }

  #showLive() {
    const { wanted } = this.filters;
    const all = [...this.calls.live.values()];
    const shown = liveCalls(all, wanted, (call) => this.#standing(call));
    this.live.show(shown, wanted.rows);
    write(byId("no-calls", HTMLElement), this.#aboutLive(shown.length, all));
  }

  /**
   * @param {number} shown
   * @param {KnownCall[]} all
   */
  #aboutLive(shown, all) {
    const { wanted } = this.filters;
    if (!all.length) return texts.list.none;
    const read = all.filter(({ callSid }) => this.listener.shown(callSid).transcript).length;
    if (wanted.state === "away" && read < all.length) return texts.list.awayOf(read, all.length);
    if (!shown) return texts.list.noneFits;
    return isNarrowed(wanted) ? texts.list.count(shown, all.length) : "";
  }

  #showOver() {
    const { wanted } = this.filters;
    const all = this.calls.over;
    const shown = all.filter(filter(wanted));
    this.over.show(shown, wanted.rows);
    const { notice = texts.list.looking, hasOlder = false } = this.past ?? {};
    this.older.hidden = !hasOlder;
    write(byId("past-notice", HTMLElement), notice || this.#aboutOver(shown.length, all.length, hasOlder));
    // How it ended, the service knows.
    if (all.some(({ reason }) => reason === undefined)) this.past?.lookSoon();
  }

  /**
   * @param {number} shown
   * @param {number} all
   * @param {boolean} hasOlder
   */
  #aboutOver(shown, all, hasOlder) {
    if (!all && !hasOlder) return texts.list.nonePast;
    if (!isNarrowed(this.filters.wanted)) return "";
    if (hasOlder) return texts.list.countPast(shown, all);
    return shown ? texts.list.count(shown, all) : texts.list.nonePastFits;
  }

  /** Say how many stand how. */
  #count() {
    const live = [...this.calls.live.values()];
    const count = (/** @type {number} */ number) => (number ? String(number) : "");
    this.filters.count("live", count(live.length));
    this.filters.count("waiting", count(live.filter(({ state }) => state === "waiting").length));
    this.filters.count("away", count(live.filter((call) => this.#standing(call).isAway).length));
    this.filters.count("ended", count(this.calls.over.length) + (this.past?.hasOlder ? "+" : ""));
  }

  /**
   * @param {KnownCall} call
   * @returns {Standing}
   */
  #standing({ callSid }) {
    const { isPinned, transcript, signals } = this.listener.shown(callSid);
    return {
      isPinned,
      isAway: Boolean(transcript?.trouble),
      marked: signals?.marked ?? [],
      silentFor: signals?.silentFor ?? null,
    };
  }
}
