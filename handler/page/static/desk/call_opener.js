// How calls come to be open, and no longer are: as the reader asks, as a link does, or by themselves; and what
// is done when there is no room. Loaded, with all that shows them, for the first that is opened.

import { CallPanel } from "./call_panel.js";
import { MAX_OPEN } from "./desk_address.js";
import { OpenCalls } from "./open_calls.js";
import { refusal } from "../shared/format.js";
import { remember } from "../shared/remember.js";
import { texts } from "../shared/texts.js";
import { Transcript } from "../partyline/transcript.js";

/** @import { Asked } from "./desk_address.js" */
/** @import { Notices } from "./notices.js" */
/** @import { OpenPanels } from "./open_panels.js" */
/** @import { Pins } from "./pins.js" */
/** @import { Readings } from "./readings.js" */
/** @import { KnownCall, KnownCalls } from "../list/known_calls.js" */
/** @import { CallState, PartylineError } from "../partyline/reading.js" */

/**
 * @typedef {object} Parts
 * @property {Readings} read
 * @property {OpenPanels} openPanels
 * @property {KnownCalls} calls
 * @property {Pins} pins
 * @property {Notices} notices
 */

/**
 * @typedef {object} OpenerListener
 * @property {() => void} changed  others are open: before what is opened is read
 * @property {() => void} enlarged  another of them is, or none
 * @property {() => void} opened  and is about to be read
 * @property {(number: string) => void} followed  the reader follows a call's number
 * @property {(callSid: string) => void} pinned  the reader pins a call, or lets it go
 * @property {(callSid: string) => void} left  the last one was closed
 */

export class CallOpener {
  /**
   * @param {Parts} parts
   * @param {OpenerListener} listener
   */
  constructor(parts, listener) {
    this.parts = parts;
    this.listener = listener;
    /** @type {string | null} for downloads */
    this.token = null;
    /** @type {Set<string>} callSids that were opened: one that was closed does not open by itself */
    this.opened = new Set();
    /** @type {Set<string>} callSids that had no room, which is told once */
    this.toldFull = new Set();
    this.openCalls = new OpenCalls(parts.openPanels, listener.enlarged);
  }

  /** @param {string | null} token */
  renew(token) {
    this.token = token;
    for (const panel of this.parts.openPanels.byCallSid.values()) panel.token = token;
  }

  /**
   * Open what a link asks for, beside what is open; returns how many calls had no room.
   * @param {Asked} asked
   */
  openAll({ calls, enlarged, moment }) {
    const { openCalls, parts: { openPanels } } = this;
    const panels = openPanels.byCallSid;
    for (const callSid of calls) if (!panels.has(callSid) && this.#makeRoom()) this.#open(callSid, {});
    openCalls.enlarge(panels.get(enlarged ?? "") ?? openPanels.enlarged);
    const first = moment?.callSid ?? enlarged ?? calls[0];
    if (first && panels.has(first)) this.open(first, { at: moment?.at });
    return calls.filter((callSid) => !panels.has(callSid)).length;
  }

  /**
   * Open a call, go to it, and show a moment of it (seconds).
   * @param {string} callSid
   * @param {{ at?: number }} how
   */
  open(callSid, { at = NaN } = {}) {
    const { openCalls } = this;
    const panel = openCalls.panels.get(callSid) ?? (this.#makeRoom() ? this.#open(callSid, {}) : null);
    if (!panel) return this.#tellFull(callSid);
    if (at >= 0) panel.show(at);
    openCalls.goTo(panel);
  }

  /**
   * A call that opens by itself does not take the reader away.
   * @param {string} callSid
   * @param {Partial<KnownCall>} about
   */
  openByItself(callSid, about) {
    if (this.opened.has(callSid)) return;
    if (!this.#makeRoom()) return this.toldFull.has(callSid) ? undefined : this.#tellFull(callSid);
    const { openCalls } = this;
    const panel = this.#open(callSid, about);
    this.parts.notices.tell(texts.desk.openedByItself(panel.name));
    if (openCalls.panels.size === 1) openCalls.goTo(panel, false);
  }

  /**
   * @param {string} callSid
   * @param {Partial<KnownCall>} about
   */
  #open(callSid, about) {
    const { listener, openCalls } = this;
    const { calls, openPanels, pins, read } = this.parts;
    remember(this.opened, callSid);
    const transcript = new Transcript(callSid);
    const call = { callSid, ...about, ...calls.find(callSid) };
    const panel = new CallPanel(transcript, call, this.token, read.clock, {
      closed: () => this.#closeAndGoOn(callSid),
      enlarged: () => openCalls.enlarge(openPanels.enlarged === panel ? null : panel),
      followed: listener.followed,
      pinned: () => listener.pinned(callSid),
      changed: () => openCalls.tell(panel),
    });
    panel.pin(pins.has(callSid));
    openCalls.add(panel);
    const onState = (/** @type {CallState} */ state, /** @type {PartylineError | undefined} */ error) => panel.note(state, refusal(error));
    read.open(transcript, { stay: true, onState }, listener.changed);
    listener.opened();
    return panel;
  }

  /** @param {string} callSid */
  #closeAndGoOn(callSid) {
    const next = this.#close(callSid);
    if (next) return this.openCalls.goTo(next);
    this.listener.left(callSid);
  }

  /** @param {string} callSid */
  #close(callSid) {
    const next = this.openCalls.remove(callSid);
    this.parts.read.stop(callSid);
    this.listener.changed();
    return next;
  }

  /** Close a call that is over if as many are open as may be; returns whether there is room. */
  #makeRoom() {
    const { openPanels } = this.parts;
    const over = openPanels.full && openPanels.oldest((panel) => !panel.pinned && panel.isOver);
    if (over) this.#close(over.transcript.callSid);
    return !openPanels.full;
  }

  /**
   * Say what to close for a call that has no room, and offer it.
   * @param {string} callSid
   */
  #tellFull(callSid) {
    const { notices, openPanels } = this.parts;
    remember(this.toldFull, callSid);
    const oldest = openPanels.oldest(({ pinned }) => !pinned);
    if (!oldest) return notices.tell(texts.desk.allPinned(MAX_OPEN));
    const { name, transcript } = oldest;
    const run = () => { this.#close(transcript.callSid); this.open(callSid); };
    notices.tell(texts.desk.full(MAX_OPEN, name), { label: texts.desk.closeInstead(name), run });
  }
}
