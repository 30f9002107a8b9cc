// A list of calls: those that are live, or those that were.

import { obey } from "../help/obey.js";
import { make, makeButton, write } from "../shared/dom.js";
import { clock, digits, directionName, parties, speakers } from "../shared/format.js";
import { texts } from "../shared/texts.js";

/** @import { KnownCall } from "./known_calls.js" */
/** @import { Transcript } from "../partyline/transcript.js" */

const PARTS = /** @type {const} */ (["from", "to", "clock", "about", "direction", "voice", "last"]);

/**
 * @typedef {object} Item
 * @property {KnownCall} call
 * @property {HTMLLIElement} row
 * @property {HTMLButtonElement} button
 * @property {Record<(typeof PARTS)[number], HTMLSpanElement>} parts
 */

export class CallList {
  /**
   * @param {HTMLElement} list
   * @param {(callSid: string) => void} choose
   */
  constructor(list, choose) {
    this.list = list;
    this.choose = choose;
    /** @type {Map<string, Item>} */
    this.items = new Map();
    this.filterText = "";
    obey(list, "list", { next: () => this.#move(1), previous: () => this.#move(-1) });
  }

  /**
   * Show these calls, and no others.
   * @param {KnownCall[]} calls
   */
  show(calls) {
    const sids = new Set(calls.map((call) => call.callSid));
    for (const [sid, item] of this.items) {
      if (!sids.has(sid)) { item.row.remove(); this.items.delete(sid); }
    }
    for (const call of calls) {
      const item = this.items.get(call.callSid) ?? this.#add(call);
      item.call = call;
      const { from, to, about, direction } = item.parts;
      const ends = parties(call);
      from.textContent = ends ? ends.caller : call.callSid;
      to.textContent = ends ? texts.list.to(ends.callee) : "";
      about.textContent = Object.entries(call.metadata ?? {}).map((item) => texts.list.item(...item)).join(" · ");
      const name = directionName(call.direction);
      direction.textContent = call.state === "waiting" ? texts.list.waiting(name) : name;
    }
    this.filter(this.filterText);
    this.tick();
  }

  /**
   * Show what was said last in a call.
   * @param {string} callSid
   * @param {Transcript} transcript
   */
  showLast(callSid, transcript) {
    const item = this.items.get(callSid);
    if (!item) return;
    const names = speakers(item.call);
    const [track, interim] = [...transcript.interims].at(-1) ?? [];
    const turn = transcript.lastTurn;
    const speaker = track && !transcript.trouble ? names[track] : "";
    let last = "";
    if (transcript.trouble) last = texts.list.recogniserAway;
    else if (interim) last = texts.list.said(speaker, tail(interim.text));
    else if (turn) last = texts.list.said(names[turn.track], tail(turn.segments.at(-1)?.text ?? ""));
    write(item.parts.last, last);
    item.row.classList.toggle("speaking", speaker !== "");
    item.row.classList.toggle("recogniser-down", transcript.trouble !== "");
    item.parts.voice.textContent = speaker && texts.list.speaks(speaker);
  }

  /**
   * Mark the calls that are open.
   * @param {{ has(callSid: string): boolean }} open
   */
  mark(open) {
    for (const [sid, { button }] of this.items) {
      if (open.has(sid)) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }

  tick() {
    for (const { call, parts } of this.items.values()) {
      parts.clock.textContent = clock(((call.endedAt ?? Date.now()) - call.startedAt) / 1000);
    }
  }

  /**
   * Show those whose numbers, names, callSid or metadata have a text in them; returns how many.
   * @param {string} text
   */
  filter(text) {
    this.filterText = text;
    const [words, number] = [text.trim().toLowerCase(), digits(text).toLowerCase()];
    for (const { row, call } of this.items.values()) {
      const { callSid, from, to, callerName, calleeName, metadata = {} } = call;
      const texts = [callSid, callerName, calleeName, ...Object.values(metadata)];
      row.hidden = !texts.some((one) => one?.toLowerCase().includes(words))
        && ![from, to].some((one) => one?.toLowerCase().includes(number));
    }
    return this.shown.length;
  }

  /** The callSids that are shown, in their order. */
  get shown() {
    return [...this.items].filter(([, { row }]) => !row.hidden).map(([callSid]) => callSid);
  }

  /** @param {KnownCall} call */
  #add(call) {
    const { callSid } = call;
    const row = make("li", "");
    const button = makeButton("", () => this.choose(callSid));
    const part = (/** @type {string} */ name) => {
      const element = make("span", name);
      button.append(element, " ");
      return element;
    };
    const parts = {
      from: part("from"),
      to: part("to"),
      clock: part("clock"),
      about: part("about"),
      direction: part("direction"),
      voice: part("voice"),
      last: part("last"),
    };
    parts.clock.setAttribute("aria-hidden", "true"); // a name that changes every second is none
    row.append(button);
    this.list.append(row);
    const item = { call, row, button, parts };
    this.items.set(callSid, item);
    return item;
  }

  /** @param {1 | -1} step */
  #move(step) {
    /** @type {HTMLButtonElement[]} */
    const buttons = [...this.list.querySelectorAll(/** @type {"button"} */ ("li:not([hidden]) button"))];
    const at = buttons.findIndex((button) => button === document.activeElement);
    buttons[(at + step + buttons.length) % buttons.length]?.focus();
  }
}

/** @param {string} text */
function tail(text) {
  return text.length > 70 ? `… ${text.slice(-68)}` : text;
}
