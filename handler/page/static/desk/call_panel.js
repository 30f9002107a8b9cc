// An open call on the page, a tile beside others: who, how it stands, its words, and what can be done with it.

import { copy } from "./clipboard.js";
import { momentLink } from "./desk_address.js";
import { Finder } from "./finder.js";
import { shortSign } from "./short_sign.js";
import { SignalLine } from "./signal_line.js";
import { CallView } from "../call/call_view.js";
import { TurnWalk } from "../call/turn_walk.js";
import { obey } from "../help/obey.js";
import { byId, find, make, write } from "../shared/dom.js";
import { clock, otherNumber, otherParty, ourParty, title } from "../shared/format.js";
import { later, unlessGone } from "../shared/later.js";
import { texts } from "../shared/texts.js";

/** @import { KnownCall } from "../list/known_calls.js" */
/** @import { Change, Transcript } from "../partyline/transcript.js" */
/** @import { ShortSign } from "./short_sign.js" */
/** @import { Lost } from "../call/lost.js" */
/** @import { CallMessage } from "../partyline/messages.d.ts" */
/** @import { CallState } from "../partyline/reading.js" */
/** @import { ServiceClock } from "../shared/service_clock.js" */
/** @import { Words } from "../words/signals.js" */

/**
 * @typedef {object} PanelListener
 * @property {() => void} closed  the reader closes it
 * @property {() => void} enlarged  the reader enlarges it, or sets it back among the others
 * @property {(number: string) => void} followed  the reader follows the call's number
 * @property {() => void} pinned  the reader pins it, or lets it go
 * @property {() => void} changed  who it is with, or how it stands in a word, is another
 */

// So long stands what was done (ms).
const TOLD = 5000;

const loadMenu = () => import("./call_menu.js");

export class CallPanel {
  /**
   * @param {Transcript} transcript  filled by others, who say so with `receive`
   * @param {Partial<KnownCall>} call  what the list says of it
   * @param {string | null} token
   * @param {ServiceClock} serviceClock  learns from others
   * @param {PanelListener} listener
   */
  constructor(transcript, call, token, serviceClock, listener) {
    const copied = document.importNode(byId("call-panel-template", HTMLTemplateElement).content, true);
    this.root = find(copied, ".call-panel", HTMLElement);
    this.transcript = transcript;
    this.token = token;
    this.listener = listener;
    this.pinned = false;
    this.losses = 0; // how often nothing came any more
    this.described = ""; // what was described last
    this.signed = ""; // what was told in a word last
    this.moment = NaN; // the seconds to show when its past is there
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.telling = undefined;
    this.parts = partsOf(this.root);
    this.shown = new CallView(this.root, transcript, call, serviceClock, {
      time: (seconds) => this.#timeLink(seconds),
      drawn: () => this.finder.count(),
    });
    this.shown.truth.isToldAbove = true;
    this.finder = new Finder(this.root, this.shown.view);
    this.signal = new SignalLine(this.parts.marked, this.shown);
    const walk = new TurnWalk(this.shown.view, (text, seconds) => this.take(text, texts.desk.lineCopied(clock(seconds))));
    obey(this.root, "call", {
      next: () => walk.step(1),
      previous: () => walk.step(-1),
      copyLine: () => walk.copyLine(),
      follow: () => this.#followOrStay(),
      find: () => this.finder.open(),
      tools: () => { this.openMenu(); },
      pin: listener.pinned,
      close: listener.closed,
    });
    this.parts.close.onclick = listener.closed;
    this.parts.enlarge.onclick = listener.enlarged;
    this.parts.menu.onclick = () => this.openMenu();
    this.shown.parts.log.onclick = (event) => this.#copyMoment(event); // one for all moments, of which there are thousands
    this.shown.describe({});
    this.#describe();
  }

  /** Who it is with, as short as it gets. */
  get name() {
    return otherParty({ ...this.shown.about, callSid: this.transcript.callSid });
  }

  /** How it stands, in a word. @returns {ShortSign} */
  get sign() {
    const { parts: { delay }, transcript, truth } = this.shown;
    return shortSign({
      standing: truth.standing,
      isAway: transcript.trouble !== "",
      late: delay.classList.contains("late") ? delay.textContent ?? "" : "",
      talkOver: this.signal.talkOver,
    });
  }

  /** Whether nothing more is to come, as far as is known. */
  get isOver() {
    return ["ended", "refused"].includes(this.shown.truth.standing);
  }

  /** The number that may be followed. */
  get number() {
    return otherNumber(this.shown.about);
  }

  /**
   * Show what the list says of the call; it says so again whenever any call changes.
   * @param {Partial<KnownCall>} call
   */
  describe(call) {
    const described = JSON.stringify(call);
    if (described === this.described) return;
    this.described = described;
    this.shown.describe(call);
    this.#describe();
    this.listener.changed();
  }

  /**
   * Receive a message, and what the transcript made of it.
   * @param {CallMessage} message
   * @param {Change | null} change
   */
  receive(message, change) {
    if (message.type === "CallStarted") {
      this.shown.describe({});
      this.#describe();
      this.listener.changed();
    }
    this.shown.receive(message, change);
  }

  /**
   * It stands otherwise with what is read of it.
   * @param {CallState} state
   * @param {string} why
   */
  note(state, why) {
    const { shown } = this;
    if (state === "over" || state === "refused") this.#beTold(true);
    if (state === "past" || state === "waiting") shown.admit();
    if (state === "waiting" && !this.transcript.known) this.#beToldAgain(); // its beginning may be long in coming
    if (state === "over") shown.end();
    if (state === "refused" && !this.transcript.ended) shown.refuse(why);
    if (state !== "live") return;
    shown.catchUp();
    this.#beToldAgain();
    if (this.moment >= 0) shown.show(this.moment);
    this.moment = NaN;
  }

  /**
   * Nothing comes any more, of any call: who listens is told so once, by the page.
   * @param {Lost} why
   */
  lose(why) {
    this.losses += 1;
    this.#beTold(false);
    this.shown.lose(why);
  }

  /**
   * Show a moment, when its past is there.
   * @param {number} seconds
   */
  show(seconds) {
    if (this.shown.view.upToDate) this.shown.show(seconds);
    else this.moment = seconds;
  }

  /** @param {boolean} pinned */
  pin(pinned) {
    this.pinned = pinned;
    this.root.classList.toggle("pinned", pinned);
    this.parts.pinned.hidden = !pinned;
  }

  /**
   * Be the one that the reader is in, or was in last; or not.
   * @param {boolean} isForemost
   */
  come(isForemost) {
    this.root.classList.toggle("foremost", isForemost);
    this.shown.come(isForemost);
  }

  /** @param {boolean} enlarged */
  enlarge(enlarged) {
    this.root.classList.toggle("enlarged", enlarged);
    const label = enlarged ? texts.desk.back : texts.desk.enlarge;
    this.parts.enlarge.ariaLabel = this.parts.enlarge.title = label;
  }

  /**
   * Show who speaks, if it is so now, and which watched words were said.
   * @param {Words} words
   */
  glance(words) {
    this.signal.show(words);
    const { kind, text } = this.sign;
    const signed = [kind, text, this.signal.words].join("\n");
    if (signed === this.signed) return;
    this.signed = signed;
    this.listener.changed();
  }

  /** What can be done with it. */
  async openMenu() {
    const menu = await unlessGone(later(loadMenu));
    if (this.root.isConnected) menu?.openCallMenu(this);
  }

  /**
   * Say what was done, for a while.
   * @param {string} text
   */
  tell(text) {
    write(this.parts.told, text);
    clearTimeout(this.telling);
    this.telling = setTimeout(() => write(this.parts.told, ""), TOLD);
  }

  /**
   * Take a text along, and say so.
   * @param {string} text
   * @param {string} done
   */
  async take(text, done) {
    this.tell(await copy(text) ? done : texts.desk.mayNotCopy);
  }

  focus() {
    this.shown.parts.log.focus({ preventScroll: true });
  }

  /** Leave the screen. */
  close() {
    clearTimeout(this.telling);
    this.shown.close();
    this.root.remove();
  }

  /**
   * Let those who listen be told how it stands, or not.
   * @param {boolean} isTold
   */
  #beTold(isTold) {
    this.shown.parts.state.setAttribute("aria-live", isTold ? "polite" : "off");
  }

  /**
   * Let them be told of what comes next: that it is live again the page has told. What is changed before a frame is
   * drawn is read out by what holds when it is.
   */
  #beToldAgain() {
    const { losses } = this;
    requestAnimationFrame(() => setTimeout(() => { if (losses === this.losses) this.#beTold(true); }));
  }

  #describe() {
    const { about } = this.shown;
    const { callSid } = this.transcript;
    const { from, to, callerName, calleeName } = about;
    this.parts.party.textContent = this.name;
    this.parts.ours.textContent = ourParty(about);
    // A number is told of whom no name is known.
    this.parts.ends.textContent = title({ ...about, callSid, from: callerName ? null : from, to: calleeName ? null : to });
    this.parts.ends.title = this.parts.party.title = title({ ...about, callSid });
    const metadata = Object.entries(about.metadata ?? {});
    this.parts.metadata.replaceChildren(...metadata.map(([name, value]) =>
      make("div", "", make("dt", "", make("bdi", "", name)), make("dd", "", make("bdi", "", value)))));
    this.parts.details.title = metadata.map((item) => texts.list.item(...item)).join("\n");
    this.parts.details.hidden = !metadata.length;
  }

  /** @param {number} seconds */
  #timeLink(seconds) {
    const link = make("a", "time", clock(seconds));
    link.href = `#${momentLink({ callSid: this.transcript.callSid, at: seconds })}`;
    link.title = texts.desk.copyMoment;
    return link;
  }

  /** @param {MouseEvent} event */
  #copyMoment(event) {
    const link = event.target instanceof Element && event.target.closest("a.time");
    if (!(link instanceof HTMLAnchorElement)) return;
    event.preventDefault();
    this.take(link.href, texts.desk.momentCopied(link.text));
  }

  /** Follow the end, or stay if it is followed. */
  #followOrStay() {
    const { view } = this.shown;
    const { following } = view;
    if (following) view.stay();
    else view.follow();
    this.tell(following ? texts.desk.staying : texts.desk.following);
  }
}

/** @param {HTMLElement} root */
function partsOf(root) {
  return {
    ends: find(root, ".ends", HTMLElement),
    party: find(root, ".party", HTMLElement),
    ours: find(root, ".ours", HTMLElement),
    pinned: find(root, ".pin-mark", HTMLElement),
    details: find(root, ".details", HTMLElement),
    metadata: find(root, ".metadata", HTMLElement),
    menu: find(root, ".open-menu", HTMLButtonElement),
    enlarge: find(root, ".enlarge", HTMLButtonElement),
    close: find(root, ".close", HTMLButtonElement),
    told: find(root, ".told", HTMLElement),
    marked: find(root, ".marked", HTMLElement),
  };
}
