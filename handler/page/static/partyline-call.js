// A call in any page, live and from its beginning: <partyline-call call="CA…" token="eyJ…">.
//
//   <script type="module" src="https://HOST/partyline-call.js"></script>
//
// docs/embedding.md says what it takes.

import { CallView } from "./call_view.js";
import { make } from "./dom.js";
import { clock } from "./format.js";
import { CALL_SID } from "./identifiers.js";
import { Partyline } from "./partyline/partyline.js";
import { Transcript } from "./partyline/transcript.js";

/** @import { State } from "./partyline/partyline.js" */
/** @import { CallState, PartylineError } from "./partyline/reading.js" */

// The service that this comes from.
const SERVICE = new URL(".", import.meta.url);
const SHEETS = ["call.css", "partyline-call.css"];

const EXPIRED = "the token has expired: what you have read stays";
const REFUSED = "this token opens nothing here";
const WRONG_ORIGIN = "this page may not read here: see ALLOWED_ORIGINS in the service's settings";

/**
 * The sheets, as objects: a page that allows no inline styles allows them. All elements share them.
 * @type {CSSStyleSheet[]}
 */
const sheets = SHEETS.map((name) => {
  const sheet = new CSSStyleSheet();
  fetch(new URL(name, SERVICE)).then(async (answer) => sheet.replace(await answer.text())).catch(() => {});
  return sheet;
});

export class PartylineCall extends HTMLElement {
  static observedAttributes = ["call", "token"];

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = sheets;
    this.panel = panel();
    root.append(this.panel);
    this.client = new Partyline({
      url: SERVICE,
      token: () => this.getAttribute("token"),
      onState: (state, code) => this.#note(state, code),
    });
    /** @type {CallView | null} */
    this.view = null;
    /** @type {number | undefined} */
    this.clock = undefined;
  }

  connectedCallback() {
    this.#begin();
  }

  disconnectedCallback() {
    this.#end();
  }

  /**
   * @param {string} name
   * @param {string | null} before
   * @param {string | null} now
   */
  attributeChangedCallback(name, before, now) {
    if (!this.view || before === now) return; // it has not begun, or it is the same
    if (name === "token") this.client.connect();
    else this.#begin();
  }

  #begin() {
    this.#end();
    const callSid = this.getAttribute("call") ?? "";
    const fresh = panel();
    this.panel.replaceWith(fresh);
    this.panel = fresh;
    const view = (this.view = new CallView(fresh, new Transcript(callSid), {}, { time }));
    view.describe({});
    if (!CALL_SID.test(callSid)) return this.#show("refused", "no call: the attribute call is no callSid");
    this.clock = setInterval(() => view.tick(), 1000);
    const { transcript } = view;
    this.client.call(callSid, {
      stay: true,
      onMessage: (message) => {
        view.receive(message, transcript.receive(message));
        if (message.type === "CallStarted") view.describe({});
      },
      onState: (state, error) => this.#noteOfCall(view, state, error),
    });
  }

  #end() {
    clearInterval(this.clock);
    this.view?.close();
    this.view = null;
    this.client.close();
  }

  /**
   * @param {State} state
   * @param {number} [code]
   */
  #note(state, code) {
    switch (state) {
      case "offline": case "draining":
        this.view?.lose("offline: reconnecting …");
        return this.#tell("offline");
      case "expired":
        return this.#show("expired", EXPIRED);
      case "refused":
        return code === 403 ? this.#show("origin", WRONG_ORIGIN) : this.#show("refused", REFUSED);
    }
  }

  /**
   * @param {CallView} view
   * @param {CallState} state
   * @param {PartylineError} [error]
   */
  #noteOfCall(view, state, error) {
    switch (state) {
      case "past":
        return view.admit();
      case "live":
        view.catchUp();
        if (!view.transcript.ended) this.#tell("live");
        return;
      case "over":
        view.drawNow();
        return this.#tell("ended");
      case "refused":
        return this.#show("refused", error?.message ?? "");
    }
  }

  /**
   * Say why nothing is read any more.
   * @param {string} state
   * @param {string} why
   */
  #show(state, why) {
    this.view?.lose();
    this.view?.refuse(why);
    this.#tell(state);
  }

  /**
   * Tell the page that it is in: `live`, `offline`, `ended`, `expired`, `refused`, `origin`.
   * @param {string} state
   */
  #tell(state) {
    this.dispatchEvent(new CustomEvent("partyline-state", { detail: { state } }));
  }
}

/** What a call is shown in. */
function panel() {
  const facts = make("p", "facts", ...["state", "clock", "delay"].flatMap((name) => [make("span", name), " "]));
  facts.querySelector(".state")?.setAttribute("role", "status");
  const trouble = make("p", "trouble");
  trouble.setAttribute("role", "status");
  const log = make("div", "log", make("div", "blocks"));
  log.tabIndex = 0;
  log.role = "log";
  log.ariaLive = "off"; // until the past is there
  const jump = make("button", "jump");
  jump.type = "button";
  jump.hidden = true;
  const header = make("header", "", make("p", "title"), facts, trouble);
  const root = make("div", "call-panel", header, log, jump);
  root.role = "group";
  return root;
}

/** @param {number} seconds */
function time(seconds) {
  return make("span", "time", clock(seconds));
}

customElements.define("partyline-call", PartylineCall);
