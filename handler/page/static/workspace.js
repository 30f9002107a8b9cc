// What the reader has before them: the lists, the open calls, the numbers that are followed. It
// knows what to ask the connection for, now and again after each loss.

import { CallPanel } from "./call_panel.js";
import { FollowedNumbers } from "./followed_numbers.js";
import { title } from "./format.js";
import { KnownCalls } from "./known_calls.js";
import { MAX_OPEN, OpenCalls } from "./open_calls.js";
import { Previews } from "./previews.js";
import { Sidebar } from "./sidebar.js";
import { Transcript } from "./transcript.js";

/** @import { Connection } from "./connection.js" */
/** @import { KnownCall } from "./known_calls.js" */
/** @import { CallMessage, CaughtUp, ListedCall, Message, Refusal, Subscribed } from "./wire.js" */

export class Workspace {
  constructor() {
    /** @type {Connection | null} */
    this.connection = null;
    /** @type {string | null} */
    this.token = null;
    /** @type {Map<string, Transcript>} of the open calls and of those previewed, by callSid */
    this.transcripts = new Map();
    this.openCalls = new OpenCalls();
    /** @type {Map<string, number>} callSid: the seconds to show when its past is there */
    this.moments = new Map();
    this.followed = new FollowedNumbers();
    this.calls = new KnownCalls();
    this.previews = new Previews();
    this.sidebar = new Sidebar({
      chosen: (callSid) => this.open(callSid),
      followed: (number) => this.#follow(number),
      unfollowed: (number) => this.followed.numbers.delete(number),
      searched: () => this.#changePreviews(),
    });
    setInterval(() => this.#tick(), 1000);
  }

  get panels() {
    return this.openCalls.panels;
  }

  get root() {
    return this.openCalls.root;
  }

  /** Whether there is anything to read. */
  get hasTranscript() {
    return [...this.panels.values()].some(({ transcript }) => transcript.known);
  }

  /**
   * Read through a connection that has just been opened.
   * @param {Connection} connection
   */
  connect(connection) {
    this.connection = connection;
    connection.send({ list: true });
    this.previews.clear();
    for (const { transcript } of this.panels.values()) if (!transcript.ended) this.#subscribe(transcript);
  }

  /** The connection is lost. */
  lose() {
    for (const transcript of this.transcripts.values()) transcript.catchingUp = true;
    for (const panel of this.panels.values()) panel.shown.lose("reconnecting …");
  }

  /**
   * Use another token, for downloads too.
   * @param {string | null} token
   */
  renew(token) {
    this.token = token;
    for (const panel of this.panels.values()) panel.tools.token = token;
  }

  /** @param {Message} message */
  receive(message) {
    switch (message.type) {
      case "Token":
      case "Waiting":
      case "Over":
        return;
      case "Calls":
        return this.#receiveList(message.calls);
      case "Subscribed":
        return this.#receiveSubscribed(message);
      case "CaughtUp":
        return this.#receiveCaughtUp(message);
      case "Error":
        return this.#receiveRefusal(message);
      default:
        return this.#receiveOfCall(message);
    }
  }

  /**
   * Open a call, and show a moment of it (seconds). One that opens by itself does not take the
   * reader away.
   * @param {string} callSid
   */
  open(callSid, { at = NaN, byItself = false } = {}) {
    const open = this.panels.get(callSid);
    if (open) {
      if (at >= 0) open.shown.show(at);
      return this.openCalls.goTo(open);
    }
    if (!this.#makeRoom()) return this.sidebar.notify(`${MAX_OPEN} calls are open: close one first.`);
    this.previews.delete(callSid);
    this.followed.opened.add(callSid);
    if (at >= 0) this.moments.set(callSid, at);
    const transcript = new Transcript(callSid);
    this.transcripts.set(callSid, transcript);
    const call = { callSid, ...this.calls.find(callSid) };
    const panel = new CallPanel(transcript, call, this.token, {
      closed: () => this.#closeAndGoBack(callSid),
      followed: (number) => this.#follow(number),
    });
    this.openCalls.add(panel);
    this.#subscribe(transcript); // in place of a preview
    this.sidebar.mark(this.panels);
    if (byItself) this.sidebar.notify(`Opened by itself: ${title(call)}`);
    if (!byItself || this.panels.size === 1) this.openCalls.goTo(panel, !byItself);
  }

  /** Show the lists, and let the reader search them. */
  search() {
    this.openCalls.view("list");
    this.sidebar.focus();
  }

  /**
   * Open the calls of a number, those that are live and those to come.
   * @param {string} number
   */
  #follow(number) {
    if (this.followed.numbers.has(number)) return;
    this.followed.numbers.add(number);
    this.sidebar.showFollowed(number);
    this.sidebar.notify(`The next call of ${number} opens by itself.`);
    this.#openFollowed();
  }

  /** @param {Transcript} transcript */
  #subscribe({ callSid, last }) {
    this.connection?.send({ subscribe: callSid, since: last });
  }

  /** @param {CallMessage} message */
  #receiveOfCall(message) {
    const { callSid } = message;
    const transcript = this.transcripts.get(callSid);
    if (!transcript) return;
    const change = transcript.receive(message);
    this.panels.get(callSid)?.receive(message, change);
    this.sidebar.showLast(callSid, transcript);
  }

  /** @param {Subscribed} message */
  #receiveSubscribed(message) {
    this.panels.get(message.callSid)?.shown.admit();
    const since = this.previews.since(message);
    const transcript = this.transcripts.get(message.callSid);
    if (since === null || !transcript) return;
    transcript.begin(since + 1);
    this.#subscribe(transcript);
  }

  /** @param {CaughtUp} message */
  #receiveCaughtUp({ callSid, seq }) {
    const transcript = this.transcripts.get(callSid);
    if (!transcript) return;
    const caughtUp = transcript.catchUp(seq);
    if (this.previews.has(callSid)) return;
    // It was of an earlier subscription, or there is a hole: what follows our last record comes again.
    if (!caughtUp) return this.#subscribe(transcript);
    const panel = this.panels.get(callSid);
    panel?.shown.catchUp();
    const moment = this.moments.get(callSid);
    if (moment !== undefined) panel?.shown.show(moment);
    this.moments.delete(callSid);
  }

  /** @param {Refusal} refusal */
  #receiveRefusal({ callSid, message }) {
    if (!this.transcripts.get(callSid)?.ended) this.panels.get(callSid)?.shown.refuse(message);
    this.previews.delete(callSid);
  }

  /** @param {ListedCall[]} calls */
  #receiveList(calls) {
    for (const call of this.calls.replace(calls)) this.#end(call);
    for (const call of calls) {
      const panel = this.panels.get(call.callSid);
      panel?.describe(call);
      // One that crashed or was drained may go on with another owner.
      if (panel?.transcript.ended) this.#subscribe(panel.transcript);
    }
    this.sidebar.show(this.calls);
    this.sidebar.mark(this.panels);
    this.#openFollowed();
    this.#changePreviews();
  }

  /**
   * A call is no longer live.
   * @param {KnownCall} call
   */
  #end(call) {
    const { callSid, startedAt } = call;
    const duration = this.transcripts.get(callSid)?.ended?.duration;
    this.calls.end(call, duration === undefined ? Date.now() : startedAt + duration * 1000);
    if (!this.panels.has(callSid)) this.transcripts.delete(callSid);
    this.previews.delete(callSid);
  }

  #openFollowed() {
    for (const callSid of this.followed.toOpen(this.calls.live.values())) this.open(callSid, { byItself: true });
  }

  /** @param {string} callSid */
  #closeAndGoBack(callSid) {
    this.#close(callSid);
    this.openCalls.view("list");
    this.sidebar.focusCall(callSid);
  }

  /** @param {string} callSid */
  #close(callSid) {
    this.openCalls.remove(callSid);
    this.transcripts.delete(callSid);
    this.moments.delete(callSid);
    this.connection?.send({ unsubscribe: callSid });
    this.sidebar.mark(this.panels);
    this.#changePreviews();
  }

  /** Close a call that has ended if as many are open as may be; returns whether there is room. */
  #makeRoom() {
    if (!this.openCalls.full) return true;
    const ended = this.openCalls.oldestEnded;
    if (ended) this.#close(ended);
    return ended !== null;
  }

  /** Read the calls that are seen in the list for their last words. */
  #changePreviews() {
    const { begun, ended } = this.previews.change(this.sidebar.shown.filter((callSid) => !this.panels.has(callSid)));
    for (const callSid of ended) {
      this.transcripts.delete(callSid);
      this.connection?.send({ unsubscribe: callSid });
    }
    for (const callSid of begun) {
      this.transcripts.set(callSid, new Transcript(callSid));
      this.connection?.send({ subscribe: callSid, since: "live" });
    }
  }

  #tick() {
    this.sidebar.tick();
    for (const panel of this.panels.values()) panel.shown.tick();
    for (const [callSid, transcript] of this.transcripts) this.sidebar.showLast(callSid, transcript);
  }
}
