// How it stands with the connection, for all of the page: in the header, at the list, and on the body,
// where whatever shows something as live looks.

import { byId, write } from "./shared/dom.js";
import { clock } from "./shared/format.js";
import { locale, texts } from "./shared/texts.js";

/** @import { State } from "./partyline/partyline.js" */

/** @type {Set<State>} what is shown may be old */
const LOST = new Set(["offline", "draining", "expired", "refused"]);

export class ConnectionStatus {
  constructor() {
    this.status = byId("connection", HTMLElement);
    this.since = byId("connection-since", HTMLElement);
    this.listAge = byId("list-age", HTMLElement);
    this.wasLive = false;
    /** @type {number | null} Unix ms: since when what is shown may be old */
    this.lostAt = null;
    setInterval(() => this.#tick(), 1000);
  }

  /** @param {State} state */
  show(state) {
    document.body.dataset.connection = state;
    document.body.classList.toggle("lost", LOST.has(state));
    this.say(words(state));
    if (state === "live") this.wasLive = true;
    this.lostAt = state === "live" || !this.wasLive ? null : this.lostAt ?? Date.now();
    this.listAge.hidden = this.lostAt === null;
    if (this.lostAt !== null) {
      const time = new Date(this.lostAt).toLocaleTimeString(locale, { timeStyle: "medium" });
      write(this.listAge, texts.truth.listAsOf(time));
    }
    this.#tick();
  }

  /** @param {string} text */
  say(text) {
    write(this.status, text);
  }

  // Apart from the words: those are read out, and not every second.
  #tick() {
    const seconds = this.lostAt === null ? 0 : (Date.now() - this.lostAt) / 1000;
    this.since.textContent = seconds < 1 ? "" : texts.truth.lostFor(clock(seconds));
  }
}

/** @param {State} state */
function words(state) {
  switch (state) {
    case "idle": return "";
    case "connecting": return texts.truth.connecting;
    case "live": return texts.truth.connected;
    case "offline": return texts.truth.offline;
    case "draining": return texts.truth.draining;
    case "expired": case "refused": return texts.truth.notLive; // why is told where a token is asked for
  }
}
