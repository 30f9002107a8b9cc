// The transcript of one call on the screen.

import { authorization } from "./connection.js";
import { clock, endReason, gapReason, speakers, title } from "./text.js";

const UNCERTAIN = 0.6;
// So near the end of the log, in pixels, it is followed.
const NEAR = 48;
// How often a page that is not seen is drawn (ms).
const HIDDEN_FRAME = 500;

export class Panel extends EventTarget {
  /** `transcript` is filled by others; `token` fetches downloads. Event: `close`. */
  constructor(transcript, call, token) {
    super();
    this.transcript = transcript;
    this.token = token;
    this.elements = new Map(); // turn: its element
    this.changes = []; // what is to be drawn with the next frame
    this.news = []; // the messages that made them
    this.drawing = false;
    this.interims = []; // elements of words that may still change
    this.fresh = 0; // turns and segments below what is seen
    this.following = true;
    this.marks = [];
    this.mark = -1;
    this.skew = Infinity;
    const template = document.getElementById("panel-template");
    this.root = template.content.firstElementChild.cloneNode(true);
    this.#find();
    this.describe(call);
    this.#wire();
    for (const turn of transcript.turns) { this.#insert({ turn, before: null }); this.#fill(turn); }
    this.#drawInterims();
    this.#drawState();
    this.#keepUp();
  }

  /** Take what the list says of the call. */
  describe(call) {
    this.call = { ...this.call, ...call };
    const about = this.transcript.started ?? this.call;
    this.names = speakers(about.direction);
    this.title.textContent = title({ ...about, callSid: this.transcript.callSid });
    this.root.setAttribute("aria-label", `Call ${this.title.textContent}`);
  }

  /** Take what a message changed; `change` is what the transcript made of it. Drawn once a frame. */
  take(message, change) {
    if (message.type === "CallStarted") this.describe({});
    this.news.push(message);
    if (change) this.changes.push(change);
    if (this.drawing) return;
    this.drawing = true;
    // A page that is not seen gets no frames.
    if (document.hidden) setTimeout(() => this.#drawAll(), HIDDEN_FRAME);
    else requestAnimationFrame(() => this.#drawAll());
  }

  tick() {
    const begun = this.transcript.started?.startedAt ?? this.call.startedAt;
    const ended = this.transcript.ended;
    if (ended) this.clock.textContent = clock(ended.duration);
    else if (begun) this.clock.textContent = clock((Date.now() - begun) / 1000);
  }

  /** Show a moment: a turn that begins there, or the last before it. */
  show(seconds) {
    const turns = this.transcript.turns.filter((turn) => turn.start <= seconds + 0.05);
    const element = this.elements.get(turns.at(-1) ?? this.transcript.turns[0]);
    if (!element) return;
    this.following = false;
    element.scrollIntoView({ block: "center" });
    element.classList.add("shown");
  }

  #find() {
    const one = (selector) => this.root.querySelector(selector);
    [this.title, this.state, this.clock, this.delay] = [".title", ".state", ".clock", ".delay"].map(one);
    [this.log, this.jump, this.trouble, this.hits] = [".log", ".jump", ".trouble", ".hits"].map(one);
    [this.find, this.uncertain, this.copy] = [".find", ".uncertain", ".copy"].map(one);
  }

  #wire() {
    this.root.querySelector(".close").onclick = () => this.dispatchEvent(new Event("close"));
    this.root.onkeydown = (event) => {
      if (event.key === "Escape" && event.target !== this.find) this.dispatchEvent(new Event("close"));
    };
    this.log.onscroll = () => {
      this.following = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < NEAR;
      if (this.following) this.#seen();
    };
    this.jump.onclick = () => { this.following = true; this.#seen(); this.#keepUp(); this.log.focus(); };
    this.find.oninput = () => this.#search();
    this.find.onkeydown = (event) => { if (event.key === "Enter") this.#nextHit(event.shiftKey ? -1 : 1); };
    this.uncertain.onchange = () => this.transcript.turns.forEach((turn) => this.#fill(turn));
    this.copy.onclick = () => this.#copyAll();
    for (const button of this.root.querySelectorAll("[data-form]")) {
      button.onclick = () => this.#download(button.dataset.form);
    }
  }

  // What is said

  #drawAll() {
    const { changes, news } = this;
    [this.changes, this.news, this.drawing] = [[], [], false];
    this.#removeInterims();
    for (const change of changes) if (change.isNew) this.#insert(change);
    for (const turn of new Set(changes.map((change) => change.turn))) this.#fill(turn);
    if (!this.following) this.#count(changes.length);
    this.#drawInterims();
    if (news.some((message) => message.type !== "Results")) this.#drawState();
    const newest = news.findLast((message) => message.type === "Results");
    if (newest) this.#measure(newest);
    this.#keepUp();
  }

  #insert({ turn, before }) {
    const element = turn.reason === undefined ? this.#turnElement(turn) : this.#gapElement(turn);
    this.elements.set(turn, element);
    this.log.insertBefore(element, (before && this.elements.get(before)) ?? null);
  }

  #turnElement(turn) {
    const element = document.createElement("div");
    element.className = `turn ${turn.track}`;
    const head = document.createElement("p");
    head.className = "head";
    const who = document.createElement("span");
    who.className = "who";
    who.textContent = this.names[turn.track];
    head.append(who, " ", this.#timeLink(turn.start));
    const said = document.createElement("p");
    said.className = "said";
    element.append(head, said);
    return element;
  }

  #timeLink(seconds) {
    const link = document.createElement("a");
    link.className = "time";
    link.href = `#call=${this.transcript.callSid}&t=${seconds.toFixed(1)}`;
    link.textContent = clock(seconds);
    link.title = "Copy a link to this moment";
    link.onclick = (event) => {
      event.preventDefault();
      navigator.clipboard?.writeText(link.href).then(() => this.#say(`Link to ${clock(seconds)} copied`));
    };
    return link;
  }

  #gapElement(gap) {
    const element = document.createElement("p");
    element.className = "gap";
    const side = gap.track ? ` of ${this.names[gap.track]}` : "";
    element.textContent =
      `No transcript${side} from ${clock(gap.start)} to ${clock(gap.end)}: ${gapReason(gap.reason)}.`;
    return element;
  }

  /** Write the segments of a turn anew. */
  #fill(turn) {
    const element = this.elements.get(turn);
    if (!element || turn.reason !== undefined) return;
    const parts = turn.segments.map((segment) => {
      const part = document.createElement("span");
      part.title = clock(segment.start);
      if (this.uncertain.checked) part.append(...this.#marked(segment));
      else part.textContent = `${segment.text} `;
      return part;
    });
    element.lastElementChild.replaceChildren(...parts);
  }

  #marked(segment) {
    if (!segment.words.length) return [`${segment.text} `];
    return segment.words.flatMap((word) => {
      const written = word.punctuated_word ?? word.word;
      if (word.confidence >= UNCERTAIN) return [`${written} `];
      const mark = document.createElement("mark");
      mark.className = "doubt";
      mark.textContent = written;
      mark.title = `${Math.round(100 * word.confidence)} % sure`;
      return [mark, " "];
    });
  }

  // What may still change stands where it will stand, so that nothing jumps when it does not.
  #drawInterims() {
    for (const [track, interim] of this.transcript.interims) {
      const words = document.createElement("span");
      words.className = "interim";
      words.setAttribute("aria-hidden", "true"); // what is final is read out, once
      words.textContent = interim.text;
      const turn = this.transcript.turnFor(track, interim.start);
      let element = turn && this.elements.get(turn);
      if (element) this.interims.push(words);
      else {
        element = this.#turnElement({ track, start: interim.start });
        element.setAttribute("aria-hidden", "true");
        element.querySelector("a").tabIndex = -1;
        this.interims.push(element);
        this.log.append(element);
      }
      element.lastElementChild.append(words);
    }
  }

  #removeInterims() {
    for (const element of this.interims) element.remove();
    this.interims = [];
  }

  // What is the matter

  #drawState() {
    const { ended, trouble, expired } = this.transcript;
    this.root.classList.toggle("ended", ended !== null);
    const waiting = this.call.state === "waiting" ? "waiting for its audio stream" : "live";
    this.state.textContent = ended ? endReason(ended.reason) : waiting;
    const parts = [];
    if (expired > 1) parts.push("The beginning of this call is no longer kept.");
    if (trouble) parts.push(`The recogniser is away (${trouble}). What is said now is kept and comes later.`);
    this.trouble.textContent = parts.join(" ");
    if (ended) this.delay.textContent = "";
    this.tick();
  }

  /** From speech to the screen, clocks of server and reader set apart: see docs/page.md. */
  #measure(message) {
    const begun = this.transcript.started?.startedAt;
    if (!begun) return;
    const now = Date.now();
    if (now - message.at > 10_000) return; // the past, that is told late
    this.skew = Math.min(this.skew, now - message.at);
    const spoken = begun + (message.start + message.duration) * 1000;
    const delay = Math.max(0, now - this.skew - spoken) / 1000;
    this.delay.textContent = `${delay.toFixed(1)} s behind`;
  }

  refuse(reason) {
    this.state.textContent = reason;
  }

  #say(text) {
    this.hits.textContent = text;
  }

  // Following

  #count(more) {
    this.fresh += more;
    if (!this.fresh) return;
    this.jump.textContent = `Jump to live (${this.fresh} new)`;
    this.jump.hidden = false;
  }

  #seen() {
    this.fresh = 0;
    this.jump.hidden = true;
  }

  #keepUp() {
    if (this.following) this.log.scrollTop = this.log.scrollHeight;
  }

  // Tools

  #search() {
    const wanted = this.find.value.trim().toLowerCase();
    for (const element of this.elements.values()) element.classList.remove("hit", "current");
    this.marks = wanted
      ? this.transcript.turns.filter((turn) =>
          turn.segments.map((segment) => segment.text).join(" ").toLowerCase().includes(wanted))
      : [];
    this.mark = -1;
    for (const turn of this.marks) this.elements.get(turn).classList.add("hit");
    this.#say(wanted ? `${this.marks.length} found` : "");
    if (this.marks.length) this.#nextHit(1);
  }

  #nextHit(step) {
    if (!this.marks.length) return;
    this.elements.get(this.marks[this.mark])?.classList.remove("current");
    this.mark = (this.mark + step + this.marks.length) % this.marks.length;
    const element = this.elements.get(this.marks[this.mark]);
    element.classList.add("current");
    this.following = false;
    element.scrollIntoView({ block: "center" });
    this.#say(`${this.mark + 1} of ${this.marks.length}`);
  }

  #copyAll() {
    const lines = this.transcript.turns.map((turn) =>
      turn.reason === undefined
        ? `[${clock(turn.start)}] ${this.names[turn.track]}: ${turn.segments.map((s) => s.text).join(" ")}`
        : `[${clock(turn.start)}] ${this.elements.get(turn).textContent}`);
    navigator.clipboard?.writeText(`${lines.join("\n")}\n`).then(() => this.#say("Copied"));
  }

  async #download(form) {
    const { callSid } = this.transcript;
    const answer = await fetch(`calls/${callSid}/transcript.${form}`, { headers: authorization(this.token) });
    if (!answer.ok) return this.#say(`Not downloaded: ${answer.status}`);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await answer.blob());
    link.download = `${callSid}.${form}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }
}
