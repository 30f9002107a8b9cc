// A list of calls: those that are live, or those that were.

import { clock, digits, speakers } from "./format.js";

export class CallList extends EventTarget {
  /** Event: `choose` with `detail` the callSid. */
  constructor(list) {
    super();
    this.list = list;
    this.items = new Map(); // callSid: its parts
    this.filter = "";
    list.onkeydown = (event) => this.#move(event);
  }

  /** Show these calls, and no others. */
  show(calls) {
    const sids = new Set(calls.map((call) => call.callSid));
    for (const [sid, item] of this.items) {
      if (!sids.has(sid)) { item.row.remove(); this.items.delete(sid); }
    }
    for (const call of calls) {
      const item = this.items.get(call.callSid) ?? this.#add(call.callSid);
      item.call = call;
      item.from.textContent = call.from || call.to ? call.from ?? "unknown" : call.callSid;
      item.to.textContent = call.from || call.to ? `→ ${call.to ?? "unknown"}` : "";
      const away = call.direction?.startsWith("outbound") ? "outgoing" : "incoming";
      item.direction.textContent = call.state === "waiting" ? `${away}, waiting for its audio` : away;
    }
    this.search(this.filter);
    this.tick();
  }

  /** Say what was said last in a call. */
  tell(callSid, transcript) {
    const item = this.items.get(callSid);
    if (!item) return;
    const names = speakers(item.call.direction);
    const [track, interim] = [...transcript.interims].at(-1) ?? [];
    const turn = transcript.lastTurn;
    let last = "";
    if (transcript.trouble) last = "The recogniser is away.";
    else if (interim) last = `${names[track]}: ${tail(interim.text)}`;
    else if (turn) last = `${names[turn.track]}: ${tail(turn.segments.at(-1).text)}`;
    if (item.last.textContent !== last) item.last.textContent = last;
    const speaking = interim && !transcript.trouble;
    item.row.classList.toggle("speaking", Boolean(speaking));
    item.row.classList.toggle("away", transcript.trouble !== "");
    item.voice.textContent = speaking ? `${names[track]} speaks` : "";
  }

  /** Mark the calls that are open. */
  mark(open) {
    for (const [sid, { button }] of this.items) {
      if (open.has(sid)) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }

  tick() {
    for (const { call, clock: shown } of this.items.values()) {
      shown.textContent = clock(((call.endedAt ?? Date.now()) - call.startedAt) / 1000);
    }
  }

  /** Show those whose numbers or callSid have a text in them; returns how many. */
  search(text) {
    this.filter = digits(text).toLowerCase();
    let shown = 0;
    for (const { row, call } of this.items.values()) {
      row.hidden = ![call.callSid, call.from, call.to].some((one) => one?.toLowerCase().includes(this.filter));
      shown += row.hidden ? 0 : 1;
    }
    return shown;
  }

  /** The callSids that are shown, in their order. */
  get shown() {
    return [...this.items].filter(([, { row }]) => !row.hidden).map(([callSid]) => callSid);
  }

  #add(callSid) {
    const row = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    const part = (name) => {
      const element = document.createElement("span");
      element.className = name;
      button.append(element);
      return element;
    };
    const item = { row, button };
    for (const name of ["from", "to", "clock", "direction", "voice", "last"]) {
      item[name] = part(name);
      button.append(" ");
    }
    item.clock.setAttribute("aria-hidden", "true"); // a name that changes every second is none
    button.onclick = () => this.dispatchEvent(new CustomEvent("choose", { detail: callSid }));
    row.append(button);
    this.list.append(row);
    this.items.set(callSid, item);
    return item;
  }

  #move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const buttons = [...this.list.querySelectorAll("li:not([hidden]) button")];
    const at = buttons.indexOf(document.activeElement);
    buttons[(at + step + buttons.length) % buttons.length]?.focus();
    event.preventDefault();
  }
}

function tail(text) {
  return text.length > 70 ? `… ${text.slice(-68)}` : text;
}
