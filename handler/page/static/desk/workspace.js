// What the reader has before them: the lists, the open calls, the numbers that are followed. It
// knows what to ask the client for.

import { CallPanel } from "./call_panel.js";
import { refusal, title } from "../shared/format.js";
import { texts } from "../shared/texts.js";
import { KnownCalls } from "../list/known_calls.js";
import { MAX_OPEN, OpenCalls } from "./open_calls.js";
import { Transcript } from "../partyline/transcript.js";
import { Previews } from "../list/previews.js";
import { Sidebar } from "../list/sidebar.js";

/** @import { KnownCall } from "../list/known_calls.js" */
/** @import { CallMessage, ListedCall } from "../partyline/messages.d.ts" */
/** @import { Partyline } from "../partyline/partyline.js" */
/** @import { CallOptions, CallReading, CallState, Reading } from "../partyline/reading.js" */

// What the list shows of a call is a few records back.
const PREVIEWED = 5;

export class Workspace {
  /** @param {Partyline} client */
  constructor(client) {
    this.client = client;
    /** @type {string | null} */
    this.token = null;
    /** @type {Map<string, { transcript: Transcript, reading: CallReading }>} what is open or previewed */
    this.read = new Map();
    /** @type {Reading<ListedCall[]> | null} */
    this.list = null;
    /** @type {Map<string, Reading<CallMessage>>} by the number that is followed */
    this.followed = new Map();
    /** @type {Set<string>} callSids that were opened: one that was closed does not open by itself */
    this.opened = new Set();
    this.openCalls = new OpenCalls();
    /** @type {Map<string, number>} callSid: the seconds to show when its past is there */
    this.moments = new Map();
    this.calls = new KnownCalls();
    this.previews = new Previews();
    this.sidebar = new Sidebar(this.calls, {
      chosen: (callSid) => this.open(callSid),
      followed: (number) => this.#follow(number),
      unfollowed: (number) => this.#unfollow(number),
      moved: () => this.#changePreviews(),
      shown: (callSid) => this.#shown(callSid),
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

  /** Read the list, and what is open, with the token that there is now. */
  begin() {
    if (this.client.state !== "idle") this.client.connect();
    this.list ??= this.client.calls({ onList: (calls) => this.#receiveList(calls) });
  }

  /**
   * Use another token, for downloads too.
   * @param {string | null} token
   */
  renew(token) {
    this.token = token;
    this.sidebar.renew(token);
    for (const panel of this.panels.values()) panel.tools.token = token;
  }

  /**
   * Open a call, and show a moment of it (seconds). One that opens by itself does not take the
   * reader away.
   * @param {string} callSid
   * @param {{ at?: number, byItself?: boolean, about?: Partial<KnownCall> }} how
   */
  open(callSid, { at = NaN, byItself = false, about = {} } = {}) {
    const open = this.panels.get(callSid);
    if (open) {
      if (at >= 0) open.shown.show(at);
      return this.openCalls.goTo(open);
    }
    if (!this.#makeRoom()) return this.sidebar.notify(texts.desk.full(MAX_OPEN));
    this.#stopReading(callSid); // for a preview
    this.opened.add(callSid);
    if (at >= 0) this.moments.set(callSid, at);
    const transcript = new Transcript(callSid);
    const call = { callSid, ...about, ...this.calls.find(callSid) };
    const panel = new CallPanel(transcript, call, this.token, {
      closed: () => this.#closeAndGoBack(callSid),
      followed: (number) => this.#follow(number),
    });
    this.openCalls.add(panel);
    this.#changePreviews(); // a connection carries so many
    this.#read(transcript, { stay: true, onState: (state, error) => this.#note(panel, state, refusal(error)) });
    this.sidebar.mark();
    if (byItself) this.sidebar.notify(texts.desk.openedByItself(title(call)));
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
    if (this.followed.has(number)) return;
    this.sidebar.showFollowed(number);
    this.sidebar.notify(texts.desk.next(number));
    const onMessage = (/** @type {CallMessage} */ message) => {
      const { callSid } = message;
      const about = message.type === "CallStarted" ? message : {};
      if (!this.opened.has(callSid)) this.open(callSid, { byItself: true, about });
    };
    this.#changePreviews();
    this.followed.set(number, this.client.number(number, { onMessage, interim: false }));
  }

  /** @param {string} number */
  #unfollow(number) {
    this.followed.get(number)?.close();
    this.followed.delete(number);
  }

  /**
   * Fill a transcript.
   * @param {Transcript} transcript
   * @param {CallOptions} options
   */
  #read(transcript, options) {
    const { callSid } = transcript;
    const onMessage = (/** @type {CallMessage} */ message) => {
      const change = transcript.receive(message);
      this.panels.get(callSid)?.receive(message, change);
      this.sidebar.showLast(callSid);
    };
    const reading = this.client.call(callSid, { ...options, onMessage });
    this.read.set(callSid, { transcript, reading });
  }

  /** @param {string} callSid */
  #stopReading(callSid) {
    this.previews.delete(callSid);
    this.read.get(callSid)?.reading.close();
    this.read.delete(callSid);
  }

  /**
   * Show how it stands with an open call.
   * @param {CallPanel} panel
   * @param {CallState} state
   * @param {string} why
   */
  #note(panel, state, why) {
    const { callSid, ended } = panel.transcript;
    const { shown } = panel;
    if (state === "past") shown.admit();
    if (state === "offline") shown.lose(texts.desk.reconnecting);
    if (state === "refused" && !ended) shown.refuse(why);
    if (state !== "live") return;
    shown.catchUp();
    const moment = this.moments.get(callSid);
    if (moment !== undefined) shown.show(moment);
    this.moments.delete(callSid);
  }

  /** @param {ListedCall[]} calls */
  #receiveList(calls) {
    for (const call of this.calls.replace(calls)) this.#end(call);
    for (const call of calls) this.panels.get(call.callSid)?.describe(call);
    this.sidebar.show();
    this.#changePreviews();
  }

  /**
   * A call is no longer live.
   * @param {KnownCall} call
   */
  #end(call) {
    const { callSid } = call;
    this.calls.end(call, this.read.get(callSid)?.transcript.ended ?? null, Date.now());
    if (!this.panels.has(callSid)) this.#stopReading(callSid);
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
    this.#stopReading(callSid);
    this.moments.delete(callSid);
    this.sidebar.mark();
    this.#changePreviews();
  }

  /** Close a call that has ended if as many are open as may be; returns whether there is room. */
  #makeRoom() {
    if (!this.openCalls.full) return true;
    const ended = this.openCalls.oldestEnded;
    if (ended) this.#close(ended);
    return ended !== null;
  }

  /** Read calls of the list for their last words, and how they stand: those that are seen, and others. */
  #changePreviews() {
    const previewed = (/** @type {string} */ callSid) => !this.panels.has(callSid);
    const others = [...this.calls.live.keys()].filter(previewed);
    const taken = this.panels.size + this.followed.size + 1;
    const { begun, ended } = this.previews.change(this.sidebar.seen.filter(previewed), others, taken);
    for (const callSid of ended) this.#stopReading(callSid);
    for (const callSid of begun) this.#read(new Transcript(callSid), { newest: PREVIEWED });
  }

  /**
   * What the list may show of a call, beside what it says itself.
   * @param {string} callSid
   */
  #shown(callSid) {
    const transcript = this.read.get(callSid)?.transcript ?? null;
    return { isOpen: this.panels.has(callSid), isPinned: false, transcript, signals: null };
  }

  #tick() {
    this.sidebar.tick();
    for (const panel of this.panels.values()) panel.shown.tick();
  }
}
