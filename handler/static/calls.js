// The list of live calls.

import { clock, speakers, title } from "./text.js";

export class CallList extends EventTarget {
  /** Event: `choose` with `detail` the callSid. */
  constructor(list, empty) {
    super();
    this.list = list;
    this.empty = empty;
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
      item.title.textContent = title(call);
      const away = call.direction?.startsWith("outbound") ? "outgoing" : "incoming";
      item.direction.textContent = call.state === "waiting" ? `${away}, waiting for its audio` : away;
    }
    this.#apply();
    this.tick();
  }

  /** Say what was said last in a call. */
  tell(callSid, transcript) {
    const item = this.items.get(callSid);
    if (!item) return;
    const names = speakers(item.call.direction);
    const speaking = [...transcript.interims].at(-1);
    const turn = transcript.lastTurn;
    if (transcript.trouble) item.last.textContent = "The recogniser is away.";
    else if (speaking) item.last.textContent = `${names[speaking[0]]}: ${tail(speaking[1].text)}`;
    else if (turn) item.last.textContent = `${names[turn.track]}: ${tail(turn.segments.at(-1).text)}`;
    item.row.classList.toggle("speaking", Boolean(speaking));
  }

  /** Mark the calls that are open. */
  mark(open) {
    for (const [sid, item] of this.items) item.button.setAttribute("aria-pressed", String(open.has(sid)));
  }

  tick() {
    for (const { call, clock: shown } of this.items.values()) {
      shown.textContent = clock((Date.now() - call.startedAt) / 1000);
    }
  }

  search(text) {
    this.filter = text.trim().toLowerCase();
    this.#apply();
  }

  #add(callSid) {
    const row = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-pressed", "false");
    const part = (name) => {
      const element = document.createElement("span");
      element.className = name;
      button.append(element);
      return element;
    };
    const item = {
      row, button, title: part("title"), clock: part("clock"), direction: part("direction"), last: part("last"),
    };
    button.onclick = () => this.dispatchEvent(new CustomEvent("choose", { detail: callSid }));
    row.append(button);
    this.list.append(row);
    this.items.set(callSid, item);
    return item;
  }

  #apply() {
    let shown = 0;
    for (const { row, call } of this.items.values()) {
      const fits = [call.callSid, call.from, call.to].some((text) => text?.toLowerCase().includes(this.filter));
      row.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    if (shown) this.empty.textContent = "";
    else this.empty.textContent = this.items.size ? "None fits." : "There is none. The next one appears here.";
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
