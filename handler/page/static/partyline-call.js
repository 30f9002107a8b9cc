// A call in any page, live and from its beginning: <partyline-call call="CA…" token="eyJ…">.
//
//   <script type="module" src="https://HOST/partyline-call.js"></script>
//
// docs/embedding.md says what it takes.

import { QUIET } from "./call/lost.js";
import { CallView } from "./call/call_view.js";
import { make } from "./shared/dom.js";
import { clock, refusal } from "./shared/format.js";
import { CALL_SID } from "./shared/identifiers.js";
import { later, tryAgain } from "./shared/later.js";
import { INTERIM_LIFE, ServiceClock } from "./shared/service_clock.js";
import { choose, texts } from "./shared/texts.js";
import { Partyline } from "./partyline/partyline.js";
import { Transcript } from "./partyline/transcript.js";

/** @import { Lost } from "./call/lost.js" */
/** @import { Standing } from "./call/truth.js" */
/** @import { State } from "./partyline/partyline.js" */
/** @import { CallReading, CallState, PartylineError } from "./partyline/reading.js" */

// The service that this comes from.
const SERVICE = new URL(".", import.meta.url);
const SHEETS = ["call.css", "partyline-call.css"];

/**
 * The sheets, as objects: a page that allows no inline styles allows them. All elements share them.
 * @type {Map<string, CSSStyleSheet>}
 */
const sheets = new Map(SHEETS.map((name) => [name, new CSSStyleSheet()]));

/** @type {Promise<void> | undefined} of the language: the first element's, else the document's; all read in one */
let chosen;

/** Load what is not there yet: with each element, and each time that the service is there again. */
function dress() {
  for (const [name, sheet] of sheets) if (!sheet.cssRules.length) load(name, sheet).catch(() => {});
}

/**
 * @param {string} name
 * @param {CSSStyleSheet} sheet
 */
async function load(name, sheet) {
  const answer = await fetch(new URL(name, SERVICE));
  if (answer.ok) await sheet.replace(await answer.text());
}

export class PartylineCall extends HTMLElement {
  /** @type {Set<PartylineCall>} those that show something */
  static #shown = new Set();
  static observedAttributes = ["call", "token"];

  #panel = panel();
  #client = new Partyline({
    url: SERVICE,
    quiet: QUIET,
    token: () => this.getAttribute("token"),
    onState: (state) => this.#note(state),
  });
  /** @type {CallView | null} */
  #view = null;
  /** @type {CallReading | null} none of what is no call */
  #reading = null;
  #refusal = () => ""; // why it is refused, in the language that is read
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #clock;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [...sheets.values()];
    root.append(this.#panel);
  }

  async connectedCallback() {
    dress();
    await (chosen ??= PartylineCall.#choose(this.lang || document.documentElement.lang));
    if (this.isConnected) this.#begin();
  }

  /**
   * Read in a language; in English, if it cannot be had now, until it comes.
   * @param {string} tag
   */
  static async #choose(tag) {
    const missing = await choose([tag]);
    if (!missing) return;
    later(missing).then(async () => {
      await choose([tag]);
      for (const element of PartylineCall.#shown) element.#rewrite();
    });
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
    if (!this.#view || before === now) return; // it has not begun, or it is the same
    if (name === "call") this.#begin();
    else if (this.#reading) {
      // What was refused is read no more: it is asked for anew.
      if (this.#reading.state === "refused") this.#read(this.#view, this.#reading.position.last);
      this.#client.connect();
    }
  }

  #begin() {
    this.#end();
    const callSid = this.getAttribute("call") ?? "";
    const fresh = panel();
    this.#panel.replaceWith(fresh);
    this.#panel = fresh;
    const serviceClock = new ServiceClock();
    const view = (this.#view = new CallView(fresh, new Transcript(callSid), {}, serviceClock, { time, stands: (how) => this.#tell(how) }));
    PartylineCall.#shown.add(this);
    view.describe({});
    if (!CALL_SID.test(callSid)) return this.#refuse(() => texts.embedded.noCall);
    this.#clock = setInterval(() => {
      forgetInterims(view, serviceClock.at(Date.now()) - INTERIM_LIFE);
      view.tick();
    }, 1000);
    this.#read(view, 0);
  }

  /**
   * Read a call behind a record.
   * @param {CallView} view
   * @param {number} since
   */
  #read(view, since) {
    const { clock: serviceClock, transcript } = view;
    const reading = (this.#reading = this.#client.call(transcript.callSid, {
      since,
      stay: true,
      onMessage: (message) => {
        serviceClock.hear(message, reading.state, Date.now(), performance.now());
        view.receive(message, transcript.receive(message));
        if (message.type === "CallStarted") view.describe({});
      },
      onState: (state, error) => this.#noteOfCall(view, state, error),
    }));
  }

  /** The texts are others. */
  #rewrite() {
    const view = this.#view;
    if (view?.truth.refusal) view.refuse(this.#refusal());
    view?.rewrite();
  }

  #end() {
    PartylineCall.#shown.delete(this);
    clearInterval(this.#clock);
    this.#view?.close();
    this.#view = this.#reading = null;
    this.#client.close();
  }

  /** @param {State} state */
  #note(state) {
    switch (state) {
      case "live":
        tryAgain();
        return dress();
      case "offline": case "draining": case "expired": case "refused":
        return this.#lose(state);
    }
  }

  /**
   * @param {CallView} view
   * @param {CallState} state
   * @param {PartylineError} [error]
   */
  #noteOfCall(view, state, error) {
    switch (state) {
      case "waiting": case "past":
        return view.admit();
      case "live":
        return view.catchUp();
      case "over":
        return view.end();
      case "refused":
        this.#refuse(() => refusal(error));
        return this.#lose("refused");
    }
  }

  /**
   * Say why nothing is read any more.
   * @param {() => string} why
   */
  #refuse(why) {
    this.#refusal = why;
    this.#view?.refuse(why());
  }

  /**
   * Nothing comes any more, for now or for good.
   * @param {Lost} why
   */
  #lose(why) {
    const view = this.#view;
    if (!view) return;
    view.clock.forget();
    forgetInterims(view);
    view.lose(why);
  }

  /**
   * Tell the page how it stands with the call.
   * @param {Standing} state
   */
  #tell(state) {
    this.dispatchEvent(new CustomEvent("partyline-state", { detail: { state } }));
  }
}

/**
 * Nobody takes back what might have changed, at all or for long: of a lost owner nothing more comes.
 * @param {CallView} view
 * @param {number} [before]  Unix ms, the service's
 */
function forgetInterims(view, before) {
  if (view.transcript.forgetInterims(before)) view.drawSoon();
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

// It may have been loaded from another address, too.
if (!customElements.get("partyline-call")) customElements.define("partyline-call", PartylineCall);
