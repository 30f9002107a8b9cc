// The calls that are over and still kept, newest first: read when the reader asks for them.

import { CallList } from "./call_list.js";
import { byId } from "../shared/dom.js";
import { ended } from "../shared/format.js";
import { texts } from "../shared/texts.js";
import { authorization } from "../partyline/token.js";

/** @import { PastCall } from "../shared/format.js" */

const AGAIN = 2000; // ms

export class PastCalls {
  /** @param {(callSid: string) => void} choose */
  constructor(choose) {
    /** @type {string | null} */
    this.token = null;
    /** @type {PastCall[]} */
    this.calls = [];
    /** @type {string | null} what asks for older ones; null if there are none */
    this.cursor = null;
    this.list = new CallList(byId("past", HTMLElement), choose);
    this.part = byId("past-part", HTMLDetailsElement);
    this.notice = byId("past-notice", HTMLElement);
    this.older = byId("past-older", HTMLButtonElement);
    this.part.ontoggle = () => { if (this.part.open) this.#look(null); };
    this.older.onclick = () => this.#look(this.cursor);
  }

  /**
   * Read with another token from now on: what the former one showed may not be its own.
   * @param {string | null} token
   */
  renew(token) {
    if (token === this.token) return;
    this.token = token;
    this.#show([], null);
    this.notice.textContent = "";
    if (this.part.open) this.#look(null);
  }

  /**
   * Mark the calls that are open.
   * @param {{ has(callSid: string): boolean }} open
   */
  mark(open) {
    this.list.mark(open);
  }

  /**
   * Read a page of them: the newest, or those behind a cursor.
   * @param {string | null} cursor
   */
  async #look(cursor) {
    const { token } = this;
    this.notice.textContent = texts.list.looking;
    this.older.hidden = true;
    try {
      const query = new URLSearchParams({ state: "ended", ...(cursor && { cursor }) });
      const answer = await fetch(`calls?${query}`, { headers: authorization(token) });
      if (answer.status === 503) setTimeout(() => this.#lookAgain(cursor, token), AGAIN);
      if (!answer.ok) throw new Error((await answer.text()).trim());
      const page = await answer.json();
      if (token !== this.token) return; // another one is looked with meanwhile
      const calls = page.calls.map(withStart);
      this.#show(cursor ? [...this.calls, ...calls] : calls, page.cursor);
    } catch (error) {
      if (token === this.token) this.notice.textContent = texts.list.notRead(String(error instanceof Error ? error.message : error));
    }
  }

  /**
   * A container that has just begun reads what is kept: it says so, and is asked again.
   * @param {string | null} cursor
   * @param {string | null} token
   */
  #lookAgain(cursor, token) {
    if (this.part.open && token === this.token) this.#look(cursor);
  }

  /**
   * @param {PastCall[]} calls
   * @param {string | null} cursor
   */
  #show(calls, cursor) {
    this.calls = calls;
    this.cursor = cursor;
    this.list.show(calls);
    for (const call of calls) {
      const item = this.list.items.get(call.callSid);
      if (item) item.parts.last.textContent = ended(call);
    }
    this.older.hidden = cursor === null;
    this.notice.textContent = calls.length || cursor ? "" : texts.list.nonePast;
  }
}

/**
 * Of a call whose beginning is no longer kept it is known how long it was.
 * @param {PastCall} call
 * @returns {PastCall}
 */
function withStart(call) {
  return { ...call, startedAt: call.startedAt ?? call.endedAt - call.duration * 1000 };
}
