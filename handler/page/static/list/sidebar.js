// The lists beside the transcripts: live calls and those that are over, the search, followed numbers.
// What tells which calls fit, and those that are over, is loaded once it is wanted.

import { obey } from "../help/obey.js";
import { byId, make, makeButton, write } from "../shared/dom.js";
import { CALL_SID } from "../shared/identifiers.js";
import { later } from "../shared/later.js";
import { texts } from "../shared/texts.js";
import { CallList } from "./call_list.js";
import { Filters } from "./filters.js";
import { isNarrowed, liveCalls } from "./ordering.js";
import { signalsOf } from "./row_words.js";

/** @import { ListListener } from "./call_list.js" */
/** @import { KnownCall, KnownCalls } from "./known_calls.js" */
/** @import { SortKeys } from "./ordering.js" */
/** @import { OverList } from "./over_list.js" */
/** @import { WordPart } from "../words/word_part.js" */

/**
 * @typedef {object} SidebarListener
 * @property {(callSid: string) => void} chosen
 * @property {(callSid: string) => void} pinned  or let go
 * @property {(number: string) => void} followed
 * @property {(number: string) => void} unfollowed
 * @property {() => void} moved  scrolling or typing has rested: other calls may be seen
 * @property {ListListener["shown"]} shown  what is known of a call
 * @property {ListListener["now"]} now  what time it is
 * @property {WordPart} words  what is searched for in what was said
 */

// How long typing or scrolling must rest before it counts (ms).
const REST = 400;

const loadMatching = () => import("./matching.js");
const loadOverList = () => import("./over_list.js");

export class Sidebar {
  /**
   * @param {KnownCalls} calls
   * @param {SidebarListener} listener
   */
  constructor(calls, listener) {
    this.calls = calls;
    this.listener = listener;
    this.live = new CallList(byId("calls-part", HTMLElement), this.#part);
    this.overPart = byId("ended-part", HTMLElement);
    this.notice = byId("no-calls", HTMLElement);
    this.choose = byId("no-call-panels", HTMLElement);
    this.filters = new Filters(() => { this.changing = this.#change(); });
    this.followButton = byId("follow-number", HTMLButtonElement);
    /** @type {OverList | null} there once the reader wants calls that are over */
    this.over = null;
    /** @type {typeof import("./matching.js") | null} there once they search */
    this.matching = null;
    /** @type {string | null} */
    this.token = null;
    /** @type {number | undefined} */
    this.resting = undefined;
    /** @type {Element | null} where the reader came from */
    this.before = null;
    this.#wire();
    this.changing = this.#change();
  }

  /** Show what is known of the calls now. */
  show() {
    const { wanted } = this.filters;
    const fits = isNarrowed(wanted) ? this.matching?.filter(wanted) : () => true;
    if (!fits || !this.#list) this.#showNone();
    else if (wanted.state === "ended") this.over?.show(wanted, fits);
    else this.#showLive([...this.calls.live.values()], fits);
    this.#tellRows();
    this.#count();
    // Where there is none to choose nobody is asked to.
    const { live } = this.calls;
    write(this.choose, this.#list?.calls.length ? texts.desk.choose : live.size ? "" : texts.desk.none);
  }

  /**
   * Read calls that are over with another token from now on.
   * @param {string | null} token
   */
  async renew(token) {
    this.token = token;
    await this.changing;
    this.#look();
  }

  /**
   * Show what was said last in a live call.
   * @param {string} callSid
   */
  showLast(callSid) {
    this.live.redraw(callSid);
  }

  /** Show again how it stands with the calls, and which are open. */
  mark() {
    this.live.tick();
    this.over?.list.tick();
  }

  /** A second has passed: clocks go on, and silence may order the calls anew. */
  tick() {
    if (!this.#isInOrder) return this.show();
    this.live.tick();
    this.#count();
  }

  /** The callSids of the live calls that are seen. */
  get seen() {
    return this.live.scroller.hidden ? [] : this.live.seen;
  }

  /** Let the reader search; Escape leads back to where they were. */
  focus() {
    const { search } = this.filters;
    if (!search.closest("nav")?.contains(document.activeElement)) this.before = document.activeElement;
    search.focus();
    search.select();
  }

  /**
   * Go to a call, or to the search if it is not in the list.
   * @param {string} callSid
   */
  focusCall(callSid) {
    if (this.#list?.places.has(callSid)) this.#list.focus(callSid);
    else this.filters.search.focus();
  }

  /** Go to the last call of the list, or to the search if there is none. */
  focusLast() {
    const list = this.#list;
    if (!list?.focus(list.calls.at(-1)?.callSid)) this.filters.search.focus();
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
    return this.filters.wanted.state === "ended" ? this.over?.list : this.live;
  }

  /** Whether the list has the right calls in their order still, as far as time and words change that. */
  get #isInOrder() {
    const { wanted } = this.filters;
    if (wanted.state === "ended") return true;
    if (wanted.state === "away") return false; // others may be
    if (wanted.sort !== "marked" && wanted.sort !== "silent") return true;
    if (isNarrowed(wanted)) return false;
    const order = liveCalls([...this.calls.live.values()], wanted, (call) => this.#sortKeys(call));
    const shown = this.live.calls;
    return order.length === shown.length && order.every((call, at) => call === shown[at]);
  }

  /** What the lists tell. @returns {ListListener} */
  get #part() {
    const { listener } = this;
    const moved = () => { this.#tellRows(); this.#rest(); };
    return { ...listener, moved, left: () => this.focus(), passed: () => listener.words.enter() };
  }

  #wire() {
    const { search } = this.filters;
    obey(search, "search", {
      open: () => { this.#openFirst(); },
      list: () => { if (!this.#list?.focus()) this.listener.words.enter(); },
      back: () => this.#goBack(),
    });
    this.followButton.onclick = () => {
      const number = this.matching?.wholeNumber(search.value);
      if (number) this.listener.followed(number);
      search.focus();
    };
  }

  /** Open the first call that fits, else the first in which it was said; a number that has none may be followed. */
  async #openFirst() {
    const text = this.filters.search.value.trim();
    if (CALL_SID.test(text)) return this.listener.chosen(text);
    const { wanted } = this.filters;
    await this.changing;
    if (wanted !== this.filters.wanted) return; // the reader has gone on
    const first = this.#list?.calls[0];
    if (first && text) this.listener.chosen(first.callSid);
    else if (!this.followButton.hidden) this.followButton.focus();
    else this.listener.words.openFirst();
  }

  /** Search for nothing any more; then, leave the search. */
  #goBack() {
    if (this.filters.search.value) return this.filters.look("");
    if (this.before instanceof HTMLElement && this.before.isConnected) this.before.focus({ preventScroll: true });
  }

  /** The reader wants to see other calls, or in another order. */
  async #change() {
    const { wanted } = this.filters;
    const isOver = wanted.state === "ended";
    this.live.scroller.hidden = isOver;
    this.overPart.hidden = !isOver;
    this.notice.textContent = "";
    if (isNarrowed(wanted) && !this.matching) {
      this.#showNone();
      this.matching = await later(loadMatching);
    }
    if (isOver && !this.over) {
      this.#showNone();
      const { OverList } = await later(loadOverList);
      this.over ??= new OverList(this.calls, this.#part, () => this.show());
    }
    if (wanted !== this.filters.wanted) return; // the reader has gone on
    this.notice.textContent = "";
    if (this.#list) this.#list.scroller.scrollTop = 0;
    const number = this.matching?.wholeNumber(wanted.text);
    this.followButton.hidden = !number;
    if (number) this.followButton.textContent = texts.list.follow(number);
    if (isOver || this.calls.live.size) this.show();
    this.#rest();
  }

  /** Other calls are seen: what that asks for is asked once it has come to rest. */
  #rest() {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      this.listener.moved();
      this.#look();
    }, REST);
  }

  #look() {
    if (this.filters.wanted.state === "ended") this.over?.look(this.token, this.filters.wanted);
  }

  /** Which calls fit is not known yet: none is shown as if it did. */
  #showNone() {
    this.#list?.show([], this.filters.wanted.rows);
    write(this.notice, texts.list.looking);
  }

  /**
   * @param {KnownCall[]} all
   * @param {(call: KnownCall) => boolean} fits
   */
  #showLive(all, fits) {
    const { wanted } = this.filters;
    const shown = liveCalls(all.filter(fits), wanted, (call) => this.#sortKeys(call));
    this.live.show(shown, wanted.rows);
    write(this.notice, this.#aboutLive(shown.length, all));
  }

  /**
   * @param {number} shown
   * @param {KnownCall[]} all
   */
  #aboutLive(shown, all) {
    const { wanted } = this.filters;
    if (!all.length) return texts.list.none;
    if (wanted.state === "away") {
      const read = all.filter(({ callSid }) => this.listener.shown(callSid).transcript).length;
      if (read < all.length) return texts.list.awayOf(read, all.length);
    }
    // Where they were said is told below; that says it all.
    if (!shown) return this.listener.words.isSearching ? "" : texts.list.noneFits;
    return isNarrowed(wanted) ? texts.list.count(shown, all.length) : "";
  }

  /** Say how high rows are. */
  #tellRows() {
    this.filters.compact.checked = this.#list?.density === "compact";
  }

  /** Say how many stand how. */
  #count() {
    const live = [...this.calls.live.values()];
    const count = (/** @type {unknown[]} */ calls, more = "") => (calls.length || more ? `${calls.length}${more}` : "");
    this.filters.count("live", count(live));
    this.filters.count("waiting", count(live.filter(({ state }) => state === "waiting")));
    this.filters.count("away", count(live.filter((call) => this.#sortKeys(call).isAway)));
    this.filters.count("ended", count(this.calls.over, this.over?.past.hasOlder ? "+" : ""));
  }

  /**
   * @param {KnownCall} call
   * @returns {SortKeys}
   */
  #sortKeys({ callSid }) {
    const shown = this.listener.shown(callSid);
    const isSilence = this.filters.wanted.sort === "silent"; // else nobody asks
    return {
      isPinned: shown.isPinned,
      isAway: Boolean(shown.transcript?.trouble),
      marked: shown.words.marked,
      silentFor: (isSilence && signalsOf(shown)?.silentFor) || null,
    };
  }
}
