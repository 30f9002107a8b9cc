// The list of calls that are over: those that ended while one read, and what the service tells of others.

import { byId, write } from "../shared/dom.js";
import { texts } from "../shared/texts.js";
import { CallList } from "./call_list.js";
import { MAX_PAST } from "./known_calls.js";
import { wholeNumber } from "./matching.js";
import { isNarrowed } from "./ordering.js";
import { PastCalls } from "./past_calls.js";

/** @import { ListListener } from "./call_list.js" */
/** @import { KnownCall, KnownCalls } from "./known_calls.js" */
/** @import { Wanted } from "./ordering.js" */

// So long after its end (ms) the service may not have told yet how a call ended.
const TOLD_WITHIN = 30_000;

export class OverList {
  /**
   * @param {KnownCalls} calls
   * @param {ListListener} listener
   * @param {() => void} changed  the service told of calls
   */
  constructor(calls, listener, changed) {
    this.calls = calls;
    this.listener = listener;
    this.list = new CallList(byId("ended-part", HTMLElement), listener);
    this.past = new PastCalls(calls, changed);
    this.notice = byId("past-notice", HTMLElement);
    this.older = byId("past-older", HTMLButtonElement);
    this.older.onclick = () => this.past.lookOlder();
  }

  /**
   * Ask for those that are wanted, if they were not asked for: of a whole number all that are kept.
   * @param {string | null} token
   * @param {Wanted} wanted
   */
  look(token, { text }) {
    const { past } = this;
    const number = wholeNumber(text);
    if (past.cursor === undefined || number !== past.number || token !== past.token) past.look(token, number);
  }

  /**
   * @param {Wanted} wanted
   * @param {(call: KnownCall) => boolean} fits
   */
  show(wanted, fits) {
    const all = this.calls.over;
    const shown = all.filter(fits);
    this.list.show(shown, wanted.rows);
    const isAll = !this.past.hasOlder || this.calls.isFull;
    // Where the keyboard is would be gone.
    if (isAll && document.activeElement === this.older && !this.list.focus(shown.at(-1)?.callSid)) this.listener.left();
    this.older.hidden = isAll;
    write(this.notice, this.past.notice || this.#about(wanted, shown.length, all.length));
    // How it ended the service knows, soon: one that is asked for in vain is asked for no longer.
    const now = this.listener.now();
    if (all.some(({ reason, endedAt = 0 }) => reason === undefined && now - endedAt < TOLD_WITHIN)) this.past.lookSoon();
  }

  /**
   * @param {Wanted} wanted
   * @param {number} shown
   * @param {number} all
   */
  #about(wanted, shown, all) {
    const { hasOlder } = this.past;
    if (!all && !hasOlder) return texts.list.nonePast;
    if (hasOlder && this.calls.isFull) return texts.list.fullPast(MAX_PAST);
    if (!isNarrowed(wanted)) return "";
    if (hasOlder) return texts.list.countPast(shown, all);
    return shown ? texts.list.count(shown, all) : texts.list.nonePastFits;
  }
}
