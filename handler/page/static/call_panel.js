// One call on the screen: what it is, what is the matter with it, its transcript.

import { CallTools } from "./call_tools.js";
import { Delay } from "./delay.js";
import { byId, find, make, write } from "./dom.js";
import { clock, endReason, otherNumber, speakers, title } from "./format.js";
import { NextFrame } from "./next_frame.js";
import { spoken } from "./partyline/transcript.js";
import { TranscriptView } from "./transcript_view.js";

/** @import { KnownCall } from "./known_calls.js" */
/** @import { Change, Transcript } from "./partyline/transcript.js" */
/** @import { CallMessage, Results } from "./partyline/messages.d.ts" */

/**
 * @typedef {object} PanelListener
 * @property {() => void} closed  the reader closes it
 * @property {(number: string) => void} followed  the reader follows the call's number
 */

// What may still change is not believed for longer (ms); so does the service.
const INTERIM_LIFE = 10_000;

export class CallPanel {
  /**
   * @param {Transcript} transcript  filled by others, who say so with `receive`
   * @param {Partial<KnownCall>} call  what the list says of it
   * @param {string | null} token
   * @param {PanelListener} listener
   */
  constructor(transcript, call, token, listener) {
    this.transcript = transcript;
    this.call = call;
    this.refusal = ""; // why it cannot be read
    /** @type {Change[]} to be drawn with the next frame */
    this.changes = [];
    /** @type {Results | null} with words, published as we watched */
    this.newest = null;
    this.delay = new Delay();
    this.frame = new NextFrame(() => this.drawNow());
    const { root, parts } = copyOfTemplate();
    this.root = root;
    this.parts = parts;
    this.view = new TranscriptView(parts.log, transcript, {
      followingChanged: () => this.#drawJump(),
      momentChosen: (seconds, href) => this.tools.copyLink(seconds, href),
    });
    this.tools = new CallTools(root, transcript.callSid, this.view, token, listener.followed);
    parts.close.onclick = listener.closed;
    parts.jump.onclick = () => { this.view.follow(); parts.log.focus(); };
    this.describe({});
  }

  /**
   * Show what the list says of the call.
   * @param {Partial<KnownCall>} call
   */
  describe(call) {
    this.call = { ...this.call, ...call };
    const about = this.transcript.started ?? this.call;
    this.view.name(speakers(about));
    const name = title({ ...about, callSid: this.transcript.callSid });
    this.parts.title.textContent = name;
    this.root.setAttribute("aria-label", `Call ${name}`);
    this.parts.log.setAttribute("aria-label", `Transcript of ${name}`);
    this.tools.offer(otherNumber(about));
    this.#drawMetadata(about.metadata ?? {});
    this.#drawState();
  }

  /**
   * Receive a message, and what the transcript made of it. It is drawn with the next frame.
   * @param {CallMessage} message
   * @param {Change | null} change
   */
  receive(message, change) {
    if (message.type === "CallStarted") this.describe({});
    if (change) this.changes.push(change);
    if (message.type === "Results" && this.view.upToDate && spoken(message).text) this.newest = message;
    this.frame.request();
  }

  /** The past is complete. */
  catchUp() {
    this.view.upToDate = true;
    this.drawNow();
    this.view.keepUp();
    requestAnimationFrame(() => this.view.announce());
  }

  /**
   * Show a moment.
   * @param {number} seconds
   */
  show(seconds) {
    this.drawNow();
    this.view.show(seconds);
  }

  focus() {
    this.parts.log.focus({ preventScroll: true });
  }

  /** The service lets us read. */
  admit() {
    this.refusal = "";
    this.#drawState();
  }

  /**
   * Say why the call cannot be read.
   * @param {string} reason
   */
  refuse(reason) {
    this.refusal = reason;
    this.#drawState();
  }

  /** The connection is lost: nobody takes back what might have changed. */
  lose() {
    this.view.upToDate = false;
    this.transcript.forgetInterims();
    this.frame.request();
  }

  /** A second has passed. */
  tick() {
    const { started, ended } = this.transcript;
    if (this.transcript.forgetInterims(Date.now() - this.delay.ahead - INTERIM_LIFE)) this.frame.request();
    const begun = started?.startedAt ?? this.call.startedAt;
    if (ended) this.parts.clock.textContent = clock(ended.duration);
    else if (begun) this.parts.clock.textContent = clock((Date.now() - begun) / 1000);
  }

  /** Leave the screen. */
  close() {
    this.view.close();
    this.frame.forget();
    this.root.remove();
  }

  /** Draw what has come. */
  drawNow() {
    this.frame.forget();
    const { changes, newest } = this;
    [this.changes, this.newest] = [[], null];
    this.view.draw(changes);
    if (changes.length) this.tools.countHits();
    if (newest) this.#drawDelay(newest);
    this.#drawState();
    this.#drawJump();
  }

  /**
   * Show what an application said of the call.
   * @param {Record<string, string>} metadata
   */
  #drawMetadata(metadata) {
    const items = Object.entries(metadata).map(([name, value]) =>
      make("div", "", make("dt", "", name), make("dd", "", value)));
    this.parts.metadata.replaceChildren(...items);
    this.parts.metadata.hidden = !items.length;
  }

  #drawState() {
    const { ended, trouble, notes, expired, known } = this.transcript;
    this.root.classList.toggle("ended", ended !== null);
    this.root.classList.toggle("live", known && !ended && !this.refusal);
    write(this.parts.state, this.#state());
    const troubles = [];
    if (expired > 1) troubles.push("The beginning of this call is no longer kept.");
    if (trouble) troubles.push(`The recogniser is away (${trouble}). What is said now is kept and comes later.`);
    for (const note of notes) troubles.push(`The recogniser: ${note}.`);
    write(this.parts.trouble, troubles.join(" "));
    if (ended) this.parts.delay.textContent = "";
    this.tick();
  }

  #state() {
    const { ended, known } = this.transcript;
    if (this.refusal) return this.refusal;
    if (ended) return endReason(ended.reason);
    if (!known) return "looking for this call …";
    return this.call.state === "waiting" ? "waiting for its audio stream" : "live";
  }

  #drawJump() {
    const { unseen, following } = this.view;
    this.parts.jump.hidden = following;
    this.parts.jump.textContent = unseen ? `Jump to live (${unseen} new)` : "Jump to live";
    if (this.transcript.ended && !unseen) this.parts.jump.textContent = "Jump to the end";
  }

  /** @param {Results} results */
  #drawDelay(results) {
    const begun = this.transcript.started?.startedAt;
    if (!begun) return;
    const saidAt = begun + spoken(results).end * 1000;
    const seconds = this.delay.measure({ publishedAt: results.at, saidAt, now: Date.now() });
    this.parts.delay.textContent = `${seconds.toFixed(1)} s behind`;
  }
}

function copyOfTemplate() {
  const copy = document.importNode(byId("call-panel-template", HTMLTemplateElement).content, true);
  const root = find(copy, ".call-panel", HTMLElement);
  const parts = {
    title: find(root, ".title", HTMLElement),
    state: find(root, ".state", HTMLElement),
    clock: find(root, ".clock", HTMLElement),
    delay: find(root, ".delay", HTMLElement),
    metadata: find(root, ".metadata", HTMLElement),
    trouble: find(root, ".trouble", HTMLElement),
    log: find(root, ".log", HTMLElement),
    jump: find(root, ".jump", HTMLButtonElement),
    close: find(root, ".close", HTMLButtonElement),
  };
  return { root, parts };
}
