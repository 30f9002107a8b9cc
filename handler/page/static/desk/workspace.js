// What the reader has before them: the lists, the open calls, the numbers that are followed. It
// knows what to ask the client for.

import { lostBy } from "../call/truth.js";
import { CallPanel } from "./call_panel.js";
import { MAX_OPEN } from "./desk_address.js";
import { FollowedNumbers } from "./followed_numbers.js";
import { refusal } from "../shared/format.js";
import { KnownCalls } from "../list/known_calls.js";
import { Notices } from "./notices.js";
import { OpenCalls } from "./open_calls.js";
import { Transcript } from "../partyline/transcript.js";
import { Previews } from "../list/previews.js";
import { Sidebar } from "../list/sidebar.js";
import { texts } from "../shared/texts.js";
import { ServiceClock } from "../shared/service_clock.js";
import { signals } from "../words/signals.js";
import { WordPart } from "../words/word_part.js";

/** @import { Asked, Desk } from "./desk_address.js" */
/** @import { Pins } from "./pins.js" */
/** @import { KnownCall } from "../list/known_calls.js" */
/** @import { CallMessage, ListedCall } from "../partyline/messages.d.ts" */
/** @import { Partyline, State } from "../partyline/partyline.js" */
/** @import { CallOptions, CallReading, CallState, Reading } from "../partyline/reading.js" */

// What the list shows of a call is a few records back.
const PREVIEWED = 5;

export class Workspace {
  /**
   * @param {Partyline} client
   * @param {Pins} pins
   * @param {() => void} changed  what is open is another, or in another way
   */
  constructor(client, pins, changed) {
    this.client = client;
    this.pins = pins;
    this.changed = changed;
    /** @type {string | null} */
    this.token = null;
    /** @type {Map<string, { transcript: Transcript, reading: CallReading }>} what is open or previewed */
    this.read = new Map();
    /** @type {Reading<ListedCall[]> | null} */
    this.list = null;
    this.followed = new FollowedNumbers(client, (callSid, about) => this.#openByItself(callSid, about));
    /** @type {Set<string>} callSids that were opened: one that was closed does not open by itself */
    this.opened = new Set();
    this.openCalls = new OpenCalls(changed);
    this.notices = new Notices();
    /** @type {Map<string, number>} callSid: the seconds to show when its past is there */
    this.moments = new Map();
    this.calls = new KnownCalls();
    this.previews = new Previews();
    this.sidebar = new Sidebar(this.calls, {
      chosen: (callSid) => this.open(callSid),
      followed: (number) => this.#follow(number),
      unfollowed: (number) => this.followed.unfollow(number),
      moved: () => this.#changePreviews(),
      shown: (callSid) => this.#shown(callSid),
      pinned: (callSid) => this.pin(callSid),
    });
    this.clock = new ServiceClock();
    this.words = new WordPart(client, this.clock, {
      opened: (callSid, at) => this.open(callSid, { at }),
      about: (callSid) => this.calls.find(callSid),
      changed: (callSid) => this.sidebar.showLast(callSid),
    });
    setInterval(() => this.#tick(), 1000);
  }

  get panels() {
    return this.openCalls.panels;
  }

  get root() {
    return this.openCalls.root;
  }

  /** @returns {Desk} */
  get desk() {
    const calls = [...this.panels.keys()];
    const pinned = calls.filter((callSid) => this.pins.has(callSid));
    return { calls, pinned, enlarged: this.openCalls.enlarged?.transcript.callSid ?? null };
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
   * It stands otherwise with the connection: nothing is shown as live that may be old.
   * @param {State} state
   */
  stand(state) {
    const why = lostBy(state);
    if (!why) return;
    for (const panel of this.panels.values()) panel.shown.lose(why);
    for (const { transcript } of this.read.values()) transcript.forgetInterims();
    this.sidebar.mark();
  }

  /**
   * Use another token, for downloads too.
   * @param {string | null} token
   */
  renew(token) {
    this.token = token;
    this.sidebar.renew(token);
    for (const panel of this.panels.values()) panel.token = token;
  }

  /**
   * Open what a link asks for, beside what is open; returns how many calls had no room.
   * @param {Asked} asked
   */
  openAll({ calls, pinned, enlarged, moment }) {
    this.pins.add(pinned);
    for (const callSid of calls) if (!this.panels.has(callSid) && this.#makeRoom()) this.#open(callSid, {});
    const large = this.panels.get(enlarged ?? "");
    if (large) this.openCalls.enlarge(large);
    const first = moment?.callSid ?? enlarged ?? calls[0];
    if (first && this.panels.has(first)) this.open(first, { at: moment?.at });
    return calls.filter((callSid) => !this.panels.has(callSid)).length;
  }

  /**
   * Open a call, go to it, and show a moment of it (seconds).
   * @param {string} callSid
   * @param {{ at?: number }} how
   */
  open(callSid, { at = NaN } = {}) {
    const panel = this.panels.get(callSid) ?? (this.#makeRoom() ? this.#open(callSid, {}) : null);
    if (!panel) return this.#tellFull(callSid);
    if (at >= 0) this.#show(panel, at);
    this.openCalls.goTo(panel);
  }

  /**
   * A call that opens by itself does not take the reader away.
   * @param {string} callSid
   * @param {Partial<KnownCall>} about
   */
  #openByItself(callSid, about) {
    if (this.opened.has(callSid)) return;
    if (!this.#makeRoom()) return this.#tellFull(callSid);
    const panel = this.#open(callSid, about);
    this.notices.tell(texts.desk.openedByItself(panel.name));
    if (this.panels.size === 1) this.openCalls.goTo(panel, false);
  }

  /**
   * @param {string} callSid
   * @param {Partial<KnownCall>} about
   */
  #open(callSid, about) {
    this.#stopReading(callSid); // for a preview
    this.opened.add(callSid);
    const transcript = new Transcript(callSid);
    const call = { callSid, ...about, ...this.calls.find(callSid) };
    const panel = new CallPanel(transcript, call, this.token, {
      closed: () => this.#closeAndGoOn(callSid),
      enlarged: () => this.openCalls.enlarge(this.openCalls.enlarged === panel ? null : panel),
      followed: (number) => this.#follow(number),
      pinned: () => this.pin(callSid),
      named: () => this.openCalls.name(panel),
    });
    panel.pin(this.pins.has(callSid));
    this.openCalls.add(panel);
    this.#changePreviews(); // a connection carries so many
    this.#read(transcript, { stay: true, onState: (state, error) => this.#note(panel, state, refusal(error)) });
    if (this.client.state !== "connecting") this.stand(this.client.state);
    this.#tellWords();
    this.sidebar.mark();
    this.changed();
    return panel;
  }

  /**
   * Show a moment of a call, when its past is there.
   * @param {CallPanel} panel
   * @param {number} at
   */
  #show(panel, at) {
    if (panel.shown.view.upToDate) panel.shown.show(at);
    else this.moments.set(panel.transcript.callSid, at);
  }

  /**
   * Pin a call, or let it go.
   * @param {string} callSid
   */
  pin(callSid) {
    this.pins.toggle(callSid);
    this.panels.get(callSid)?.pin(this.pins.has(callSid));
    this.sidebar.show();
    this.changed();
  }

  /** Show the lists, and let the reader search them. */
  search() {
    this.openCalls.view("list");
    this.sidebar.focus();
  }

  /** @param {string} number */
  #follow(number) {
    if (!this.followed.follow(number)) return;
    this.#changePreviews();
    this.sidebar.showFollowed(number);
    this.notices.tell(texts.desk.next(number));
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
      if (message.type === "Results") this.clock.learn(message.at, Date.now());
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
    if (state === "over") shown.end();
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
  #closeAndGoOn(callSid) {
    const next = this.#close(callSid);
    if (next) return this.openCalls.goTo(next);
    this.openCalls.view("list");
    this.sidebar.focusCall(callSid);
  }

  /** @param {string} callSid */
  #close(callSid) {
    const next = this.openCalls.remove(callSid);
    this.#stopReading(callSid);
    this.moments.delete(callSid);
    this.sidebar.mark();
    this.#changePreviews();
    this.changed();
    return next;
  }

  /** Close a call that is over if as many are open as may be; returns whether there is room. */
  #makeRoom() {
    const over = this.openCalls.full && this.openCalls.oldest(({ transcript, shown }) =>
      !this.pins.has(transcript.callSid) && ["ended", "refused"].includes(shown.truth.standing));
    if (over) this.#close(over.transcript.callSid);
    return !this.openCalls.full;
  }

  /**
   * Say what to close for a call that has no room, and offer it.
   * @param {string} callSid
   */
  #tellFull(callSid) {
    const oldest = this.openCalls.oldest(({ transcript }) => !this.pins.has(transcript.callSid));
    if (!oldest) return this.notices.tell(texts.desk.allPinned(MAX_OPEN));
    const other = oldest.transcript.callSid;
    const run = () => { this.#close(other); this.open(callSid); };
    const { name } = oldest;
    this.notices.tell(texts.desk.full(MAX_OPEN, name), { label: texts.desk.closeInstead(name), run });
  }

  /** Read calls of the list for their last words, and how they stand: those that are seen, and others. */
  #changePreviews() {
    const previewed = (/** @type {string} */ callSid) => !this.panels.has(callSid);
    const others = [...this.calls.live.keys()].filter(previewed);
    const taken = this.panels.size + this.followed.readings.size + 1;
    const { begun, ended } = this.previews.change(this.sidebar.seen.filter(previewed), others, taken);
    for (const callSid of ended) this.#stopReading(callSid);
    this.#tellWords(); // who lets go of those, too, before others come
    for (const callSid of begun) this.#read(new Transcript(callSid), { newest: PREVIEWED });
    this.#tellWords();
  }

  /** Tell which calls are read: their words are to be had. */
  #tellWords() {
    this.words.reads(this.read.keys(), this.calls.live.keys());
  }

  /**
   * What the list may show of a call, beside what it says itself.
   * @param {string} callSid
   */
  #shown(callSid) {
    const transcript = this.read.get(callSid)?.transcript ?? null;
    const startedAt = this.calls.live.get(callSid)?.startedAt;
    const isLive = this.client.state === "live" && transcript && startedAt !== undefined;
    const now = isLive ? this.clock.seconds(startedAt, Date.now()) : 0;
    return {
      isOpen: this.panels.has(callSid),
      isPinned: this.pins.has(callSid),
      transcript,
      signals: isLive ? signals(transcript, now, this.words.of(callSid)) : null,
    };
  }

  #tick() {
    if (this.client.state === "live") this.sidebar.tick();
    this.words.tick();
    for (const panel of this.panels.values()) panel.shown.tick();
  }
}
