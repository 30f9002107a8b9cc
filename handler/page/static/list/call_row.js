// A row of the list: one call, which a click opens.

import { byId, find, write } from "../shared/dom.js";
import { clock, directionName, ended, parties, title } from "../shared/format.js";
import { texts } from "../shared/texts.js";

/** @import { KnownCall } from "./known_calls.js" */
/** @import { Words } from "../words/signals.js" */
/** @import { Transcript } from "../partyline/transcript.js" */

/**
 * What a row shows beside what the list says of its call.
 * @typedef {object} Shown
 * @property {boolean} isOpen
 * @property {boolean} isPinned
 * @property {Transcript | null} transcript
 * @property {number | null} now  seconds on the call's clock; null: nobody knows, or it is not live
 * @property {Words} words
 */

const PARTS = /** @type {const} */ (["from", "to", "clock", "about", "direction", "voice", "marked", "last"]);

export class CallRow {
  /** @param {KnownCall} call */
  constructor(call) {
    const copy = document.importNode(byId("call-row-template", HTMLTemplateElement).content, true);
    this.root = find(copy, "li", HTMLLIElement);
    this.button = find(copy, ".open", HTMLButtonElement);
    /** @type {Record<(typeof PARTS)[number], HTMLElement>} */
    this.parts = Object.assign({}, ...PARTS.map((name) => ({ [name]: find(copy, `.${name}`, HTMLElement) })));
    this.pin = find(copy, ".pin", HTMLButtonElement);
    this.root.dataset.callSid = call.callSid;
    this.placed = "";
    /** @type {boolean | null} whether Tab stops here; null: nobody has said so yet */
    this.isStop = null;
  }

  /**
   * Show a call as it is now.
   * @param {KnownCall} call
   * @param {Shown} shown
   * @param {number} now  Unix ms, by the service's clock
   */
  draw(call, { isOpen, isPinned }, now) {
    const { from, to, about, direction } = this.parts;
    const ends = parties(call);
    write(from, ends ? ends.caller : call.callSid);
    write(to, ends ? texts.list.to(ends.callee) : "");
    const told = Object.entries(call.metadata ?? {}).map((item) => texts.list.item(...item));
    write(about, told.map((item) => item.replaceAll(" ", "\u00a0")).join(" · ")); // what does not fit goes whole
    const name = directionName(call.direction);
    write(direction, call.state === "waiting" ? texts.list.waiting(name) : name);
    this.pin.setAttribute("aria-pressed", String(isPinned));
    this.root.title = [title(call), ...told, ...call.endedAt === undefined ? [] : [ended({ ...call, endedAt: call.endedAt })]].join("\n");
    const { startedAt, endedAt, duration } = call;
    write(this.parts.clock, clock(duration ?? ((endedAt ?? now) - startedAt) / 1000));
    if (isOpen) this.button.setAttribute("aria-current", "true");
    else this.button.removeAttribute("aria-current");
  }

  /**
   * Stand in a place of the list.
   * @param {number} index
   * @param {number} count
   * @param {number} height  of a row (px)
   */
  place(index, count, height) {
    const placed = `${[index, count, height]}`;
    if (placed === this.placed) return; // as most are whenever the list is scrolled
    this.placed = placed;
    this.root.setAttribute("aria-posinset", String(index + 1));
    this.root.setAttribute("aria-setsize", String(count));
    this.root.style.transform = `translateY(${index * height}px)`;
  }

  /**
   * Be where Tab stops in the list, or not.
   * @param {boolean} isStop
   */
  stop(isStop) {
    if (isStop === this.isStop) return;
    this.isStop = isStop;
    for (const button of [this.button, this.pin]) button.tabIndex = isStop ? 0 : -1;
  }
}
