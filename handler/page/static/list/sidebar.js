// The lists beside the transcripts: live calls and ended ones, the search, followed numbers.

import { CallList } from "./call_list.js";
import { byId, make, makeButton, write } from "../shared/dom.js";
import { digits } from "../shared/format.js";
import { CALL_SID, NUMBER } from "../shared/identifiers.js";
import { texts } from "../shared/texts.js";
import { PastCalls } from "./past_calls.js";

/** @import { KnownCalls } from "./known_calls.js" */
/** @import { Transcript } from "../partyline/transcript.js" */

/**
 * @typedef {object} SidebarListener
 * @property {(callSid: string) => void} chosen
 * @property {(number: string) => void} followed
 * @property {(number: string) => void} unfollowed
 * @property {() => void} searched  typing has rested: other calls may be shown
 */

// How long typing must rest before it counts (ms).
const REST = 400;

export class Sidebar {
  /** @param {SidebarListener} listener */
  constructor(listener) {
    this.listener = listener;
    this.live = new CallList(byId("calls", HTMLElement), listener.chosen);
    this.ended = new CallList(byId("ended", HTMLElement), listener.chosen);
    this.past = new PastCalls(listener.chosen);
    this.input = byId("search", HTMLInputElement);
    this.followButton = byId("follow-number", HTMLButtonElement);
    /** @type {number | undefined} */
    this.resting = undefined;
    this.input.oninput = () => this.#search();
    this.input.onkeydown = (event) => {
      const text = this.input.value.trim();
      if (event.key === "Enter" && CALL_SID.test(text)) listener.chosen(text);
    };
    this.followButton.onclick = () => listener.followed(digits(this.input.value));
  }

  /** @param {KnownCalls} calls */
  show(calls) {
    this.live.show([...calls.live.values()]);
    this.ended.show([...calls.ended.values()].reverse());
    this.#filter();
  }

  /**
   * Show what was said last in a live call.
   * @param {string} callSid
   * @param {Transcript} transcript
   */
  showLast(callSid, transcript) {
    this.live.showLast(callSid, transcript);
  }

  /**
   * Mark the calls that are open.
   * @param {Map<string, unknown>} open
   */
  mark(open) {
    this.live.mark(open);
    this.ended.mark(open);
    this.past.mark(open);
  }

  tick() {
    this.live.tick();
  }

  /** The callSids of the live calls that are shown. */
  get shown() {
    return this.live.shown;
  }

  /** Let the reader search. */
  focus() {
    this.input.focus();
  }

  /**
   * Go to a call, or to the search if it is in no list.
   * @param {string} callSid
   */
  focusCall(callSid) {
    const item = this.live.items.get(callSid) ?? this.ended.items.get(callSid);
    (item?.button ?? this.input).focus();
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

  /** @param {string} text */
  notify(text) {
    write(byId("notice", HTMLElement), text);
  }

  #search() {
    const number = digits(this.input.value);
    this.#filter();
    clearTimeout(this.resting);
    this.resting = setTimeout(this.listener.searched, REST);
    this.followButton.hidden = !NUMBER.test(number);
    this.followButton.textContent = texts.list.follow(number);
  }

  #filter() {
    const text = this.input.value;
    const none = this.live.items.size ? texts.list.noneFits : texts.list.none;
    byId("no-calls", HTMLElement).textContent = this.live.filter(text) ? "" : none;
    byId("ended-part", HTMLElement).hidden = this.ended.filter(text) === 0;
  }
}
