// The lists beside the transcripts: live calls and those that are over, the search, followed numbers.
// What tells which calls fit, and those that are over, is loaded once it is wanted.

import { obey } from "../help/obey.js";
import { byId, make, makeButton, write } from "../shared/dom.js";
import { CALL_SID } from "../shared/identifiers.js";
import { texts } from "../shared/texts.js";
import { CallList } from "./call_list.js";
import { Filters } from "./filters.js";
import { isNarrowed, liveCalls } from "./ordering.js";
import { signalsOf } from "./row_words.js";

/** @import { ListListener } from "./call_list.js" */
/** @import { KnownCall, KnownCalls } from "./known_calls.js" */
/** @import { Standing } from "./ordering.js" */
/** @import { OverList } from "./over_list.js" */

/**
 * @typedef {object} SidebarListener
 * @property {(callSid: string) => void} chosen
 * @property {(callSid: string) => void} pinned  or let go
 * @property {(number: string) => void} followed
 * @property {(number: string) => void} unfollowed
 * @property {() => void} moved  scrolling or typing has rested: other calls may be seen
 * @property {ListListener["shown"]} shown  what is known of a call
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
    this.live = new CallList(byId("calls-part", HTMLElement), this.#part);
    this.overPart = byId("ended-part", HTMLElement);
    this.notice = byId("no-calls", HTMLElement);
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
    const fits = this.matching?.filter(wanted) ?? (() => true);
    if (wanted.state === "ended") this.over?.show(wanted, fits);
    else this.#showLive([...this.calls.live.values()], fits);
    this.filters.compact.checked = this.#list?.density === "compact";
    this.#count();
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
    const { sort, state } = this.filters.wanted;
    if (sort === "marked" || sort === "silent" || state === "away") this.show();
    else this.live.tick();
  }

  /** The callSids of the live calls that are seen. */
  get seen() {
    return this.live.scroller.hidden ? [] : this.live.seen;
  }

  /** Let the reader search; Escape leads back to where they were. */
  focus() {
    const { search } = this.filters;
    if (document.activeElement !== search && !this.#list?.hasFocus) this.before = document.activeElement;
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

  /** What the lists tell. @returns {ListListener} */
  get #part() {
    return { ...this.listener, moved: () => this.#rest(), left: () => this.focus() };
  }

  #wire() {
    const { search } = this.filters;
    obey(search, "search", {
      open: () => { this.#openFirst(); },
      list: () => { this.#list?.focus(); },
      back: () => this.#goBack(),
    });
    this.followButton.onclick = () => {
      const number = this.matching?.wholeNumber(search.value);
      if (number) this.listener.followed(number);
      search.focus();
    };
  }

  /** Open the first call that fits; a number that has none may be followed. */
  async #openFirst() {
    await this.changing;
    const text = this.filters.search.value.trim();
    const first = this.#list?.calls[0];
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
  async #change() {
    const { wanted } = this.filters;
    const isOver = wanted.state === "ended";
    this.live.scroller.hidden = isOver;
    this.overPart.hidden = !isOver;
    this.notice.textContent = "";
    try {
      if (isNarrowed(wanted)) this.matching ??= await import("./matching.js");
      if (isOver && !this.over) {
        const { OverList } = await import("./over_list.js");
        this.over ??= new OverList(this.calls, this.#part, () => this.show());
      }
    } catch {
      this.notice.textContent = texts.truth.notLoaded;
      return;
    }
    if (wanted !== this.filters.wanted) return; // the reader has gone on
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

  /**
   * @param {KnownCall[]} all
   * @param {(call: KnownCall) => boolean} fits
   */
  #showLive(all, fits) {
    const { wanted } = this.filters;
    const shown = liveCalls(all.filter(fits), wanted, (call) => this.#standing(call));
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
    if (!shown) return texts.list.noneFits;
    return isNarrowed(wanted) ? texts.list.count(shown, all.length) : "";
  }

  /** Say how many stand how. */
  #count() {
    const live = [...this.calls.live.values()];
    const count = (/** @type {unknown[]} */ calls, more = "") => (calls.length || more ? `${calls.length}${more}` : "");
    this.filters.count("live", count(live));
    this.filters.count("waiting", count(live.filter(({ state }) => state === "waiting")));
    this.filters.count("away", count(live.filter((call) => this.#standing(call).isAway)));
    this.filters.count("ended", count(this.calls.over, this.over?.past.hasOlder ? "+" : ""));
  }

  /**
   * @param {KnownCall} call
   * @returns {Standing}
   */
  #standing({ callSid }) {
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
