// One call on the screen: what it is, what is the matter with it, its lines, and the tools for them.

import { authorization } from "./connection.js";
import { Lines } from "./transcript_view.js";
import { clock, endReason, speakers, title } from "./format.js";
import { spoken } from "./transcript.js";

// No longer than this (ms) is drawing put off: a page that is not seen gets no frames.
const LONGEST_FRAME = 500;
// What may still change is not believed for longer (ms); so does the service.
const INTERIM_LIFE = 10_000;
const narrow = matchMedia("(max-width: 48rem)");

export class Panel extends EventTarget {
  /**
   * `transcript` is filled by others, who tell with `take`; `call` is what the list says of it.
   * Events: `close`; `follow` with `detail` the number to be followed.
   */
  constructor(transcript, call, token) {
    super();
    this.transcript = transcript;
    this.token = token;
    this.changes = []; // what is to be drawn with the next frame
    this.newest = null; // the last result with words that was published as we watched
    this.frame = null;
    this.skew = Infinity;
    this.refusal = "";
    this.root = document.getElementById("panel-template").content.firstElementChild.cloneNode(true);
    const one = (name) => this.root.querySelector(`.${name}`);
    for (const name of ["title", "state", "clock", "delay", "log", "jump", "trouble", "hits", "find", "tools", "follow"]) {
      this[name] = one(name);
    }
    this.lines = new Lines(this.log, transcript);
    this.describe(call);
    this.#wire(one);
  }

  /** Take what the list says of the call. */
  describe(call) {
    this.call = { ...this.call, ...call };
    const about = this.transcript.started ?? this.call;
    this.lines.name(speakers(about.direction));
    const name = title({ ...about, callSid: this.transcript.callSid });
    this.title.textContent = name;
    this.root.setAttribute("aria-label", `Call ${name}`);
    this.log.setAttribute("aria-label", `Transcript of ${name}`);
    this.number = (about.direction ?? "").startsWith("outbound") ? about.to : about.from;
    this.follow.hidden = !this.number;
    this.follow.textContent = `Follow ${this.number}`;
    this.#drawState();
  }

  /** Take a message; `change` is what the transcript made of it. It is drawn with the next frame. */
  take(message, change) {
    if (message.type === "CallStarted") this.describe({});
    if (change) this.changes.push(change);
    if (message.type === "Results" && !this.transcript.behind && spoken(message).text) this.newest = message;
    this.#draw();
  }

  /** The past has been told. */
  catchUp() {
    this.drawNow();
    this.lines.keepUp();
    requestAnimationFrame(() => this.lines.speakUp());
  }

  /** Show a moment. */
  show(seconds) {
    this.drawNow();
    this.lines.show(seconds);
  }

  /** The service lets us read. */
  admit() {
    this.refusal = "";
    this.#drawState();
  }

  /** Say why the call cannot be read. */
  refuse(reason) {
    this.refusal = reason;
    this.#drawState();
  }

  /** The connection is lost: nobody takes back what might have changed. */
  lose() {
    this.transcript.forgetInterims();
    this.#draw();
  }

  /** A second has passed. */
  tick() {
    if (this.transcript.forgetInterims(Date.now() - this.#ahead - INTERIM_LIFE)) this.#draw();
    const begun = this.transcript.started?.startedAt ?? this.call.startedAt;
    const { ended } = this.transcript;
    if (ended) this.clock.textContent = clock(ended.duration);
    else if (begun) this.clock.textContent = clock((Date.now() - begun) / 1000);
  }

  /** Leave the screen. */
  close() {
    this.lines.close();
    this.#forgetFrame();
    this.root.remove();
  }

  /** Draw what has come. */
  drawNow() {
    this.#forgetFrame();
    const { changes, newest } = this;
    [this.changes, this.newest] = [[], null];
    this.lines.draw(changes);
    if (changes.length && this.find.value) this.#sayHits();
    if (newest) this.#measure(newest);
    this.#drawState();
    this.#drawJump();
  }

  #draw() {
    this.frame ??= {
      frame: requestAnimationFrame(() => this.drawNow()),
      timer: setTimeout(() => this.drawNow(), LONGEST_FRAME),
    };
  }

  #forgetFrame() {
    cancelAnimationFrame(this.frame?.frame);
    clearTimeout(this.frame?.timer);
    this.frame = null;
  }

  #wire(one) {
    one("close").onclick = () => this.dispatchEvent(new Event("close"));
    this.jump.onclick = () => { this.lines.follow(); this.log.focus(); };
    this.lines.addEventListener("follow", () => this.#drawJump());
    this.lines.addEventListener("moment", ({ detail: { seconds, href } }) =>
      this.#copy(href, `Link to ${clock(seconds)} copied`));
    this.find.oninput = () => { this.lines.find(this.find.value); this.#sayHits(); };
    this.find.onkeydown = (event) => {
      if (event.key === "Enter") { this.lines.findNext(event.shiftKey ? -1 : 1); this.#sayHits(); }
      if (event.key === "Escape") { this.find.value = ""; this.find.oninput(); }
    };
    one("uncertain").onchange = (event) => this.lines.markUncertain(event.target.checked);
    one("copy").onclick = () => this.#copy(String(this.lines), "Copied");
    this.follow.onclick = () => this.dispatchEvent(new CustomEvent("follow", { detail: this.number }));
    for (const button of this.root.querySelectorAll("[data-form]")) {
      button.onclick = () => this.#download(button.dataset.form);
    }
    this.tools.open = !narrow.matches;
  }

  #drawState() {
    const { ended, trouble, expired, known } = this.transcript;
    this.root.classList.toggle("ended", ended !== null);
    this.root.classList.toggle("live", known && !ended && !this.refusal);
    let state = "live";
    if (this.refusal) state = this.refusal;
    else if (ended) state = endReason(ended.reason);
    else if (!known) state = "looking for this call …";
    else if (this.call.state === "waiting") state = "waiting for its audio stream";
    if (this.state.textContent !== state) this.state.textContent = state;
    const parts = [];
    if (expired > 1) parts.push("The beginning of this call is no longer kept.");
    if (trouble) parts.push(`The recogniser is away (${trouble}). What is said now is kept and comes later.`);
    if (this.trouble.textContent !== parts.join(" ")) this.trouble.textContent = parts.join(" ");
    if (ended) this.delay.textContent = "";
    this.tick();
  }

  #drawJump() {
    const { fresh, following } = this.lines;
    this.jump.hidden = following;
    this.jump.textContent = fresh ? `Jump to live (${fresh} new)` : "Jump to live";
    if (this.transcript.ended && !fresh) this.jump.textContent = "Jump to the end";
  }

  /** What our clock is ahead of the service's, and the least time on the way (ms). */
  get #ahead() {
    return Number.isFinite(this.skew) ? this.skew : 0;
  }

  /** From speech to the screen: see docs/page.md. */
  #measure(message) {
    const begun = this.transcript.started?.startedAt;
    if (!begun) return;
    const now = Date.now();
    this.skew = Math.min(this.skew, now - message.at);
    const said = begun + spoken(message).end * 1000;
    this.delay.textContent = `${(Math.max(0, now - this.skew - said) / 1000).toFixed(1)} s behind`;
  }

  #sayHits() {
    this.hits.textContent = String(this.lines.search);
  }

  async #copy(text, done) {
    try {
      await navigator.clipboard.writeText(text); // there is one on https and localhost alone
      this.hits.textContent = done;
    } catch {
      this.hits.textContent = "The browser does not let this page copy";
    }
  }

  async #download(form) {
    const { callSid } = this.transcript;
    try {
      const answer = await fetch(`calls/${callSid}/transcript.${form}`, { headers: authorization(this.token) });
      if (!answer.ok) throw new Error(`the service answered ${answer.status}`);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await answer.blob());
      link.download = `${callSid}.${form}`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    } catch (error) {
      this.hits.textContent = `Not downloaded: ${error.message}`;
    }
  }
}
