// A call in any page, live and from its beginning: <partyline-call call="CA…" token="eyJ…">.
//
//   <script type="module" src="https://HOST/partyline-call.js"></script>
//
// docs/embedding.md says what it takes.

import { CallView } from "./call_view.js";
import { Connection } from "./connection.js";
import { make } from "./dom.js";
import { clock } from "./format.js";
import { Transcript } from "./transcript.js";
import { CALL_SID } from "./wire.js";

/** @import { Reason } from "./connection.js" */
/** @import { Message } from "./wire.js" */

// The service that this comes from.
const SERVICE = new URL(".", import.meta.url);
const SHEETS = ["call.css", "partyline-call.css"];

/** @type {Record<Reason, string>} */
const OVER = {
  expired: "the token has expired: what you have read stays",
  refused: "this token opens nothing here",
  origin: "this page may not read here: see ALLOWED_ORIGINS in the service's settings",
};

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
    /** @type {Connection | null} */
    this.connection = null;
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
    if (name === "token") this.#connect(this.view);
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
    this.#connect(view);
  }

  #end() {
    clearInterval(this.clock);
    this.connection?.close();
    this.connection = null;
    this.view?.close();
    this.view = null;
  }

  /** @param {CallView} view */
  #connect(view) {
    this.connection?.close();
    const { transcript } = view;
    const connection = (this.connection = new Connection(this.getAttribute("token"), {
      opened: () => connection.send({ subscribe: transcript.callSid, since: transcript.last }),
      received: (message) => this.#receive(view, message),
      lost: () => {
        view.lose("offline: reconnecting …");
        this.#tell("offline");
      },
      over: (reason) => this.#show(reason, OVER[reason]),
    }, SERVICE));
  }

  /**
   * @param {CallView} view
   * @param {Message} message
   */
  #receive(view, message) {
    const { transcript } = view;
    switch (message.type) {
      case "Subscribed":
        view.admit();
        return this.#tell("live");
      case "CaughtUp":
        if (transcript.catchUp(message.seq)) view.catchUp();
        return;
      case "Error":
        return this.#show("refused", message.message);
      case "Over":
        view.drawNow();
        return this.#tell("ended");
      case "Waiting": case "Calls": case "Token":
        return;
      default:
        view.receive(message, transcript.receive(message));
        if (message.type === "CallStarted") view.describe({});
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
