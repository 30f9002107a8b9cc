// What the reader has before them: the lists, the open calls, the numbers that are followed. It
// knows what to ask the client for.

import { INTERIM_LIFE, lostBy } from "../call/truth.js";
import { MAX_OPEN } from "./desk_address.js";
import { FollowedNumbers } from "./followed_numbers.js";
import { refusal } from "../shared/format.js";
import { KnownCalls } from "../list/known_calls.js";
import { Notices } from "./notices.js";
import { OpenCalls } from "./open_calls.js";
import { Transcript } from "../partyline/transcript.js";
import { Readings } from "./readings.js";
import { Sidebar } from "../list/sidebar.js";
import { remember } from "../shared/remember.js";
import { texts } from "../shared/texts.js";
import { WordPart } from "../words/word_part.js";

/** @import { CallPanel } from "./call_panel.js" */
/** @import { Asked } from "./desk_address.js" */
/** @import { Pins } from "./pins.js" */
/** @import { KnownCall } from "../list/known_calls.js" */
/** @import { ListedCall } from "../partyline/messages.d.ts" */
/** @import { Partyline, State } from "../partyline/partyline.js" */
/** @import { Reading } from "../partyline/reading.js" */

export class Workspace {
  /**
   * @param {Partyline} client
   * @param {Pins} pins
   * @param {() => Promise<typeof import("./call_panel.js")>} load  what shows a call; it may take long
   * @param {() => void} changed  what is open is another, or in another way
   */
  constructor(client, pins, load, changed) {
    this.client = client;
    this.load = load;
    /** @type {typeof CallPanel | null} */
    this.CallPanel = null;
    this.pins = pins;
    this.changed = changed;
    /** @type {string | null} */
    this.token = null;
    this.read = new Readings(client, {
      received: (transcript, message, change) => {
        this.panels.get(transcript.callSid)?.receive(message, change);
        this.sidebar.showLast(transcript.callSid);
      },
      changed: () => this.words.reads(this.read.calls.keys(), this.calls.live.keys()),
    });
    /** @type {Reading<ListedCall[]> | null} */
    this.list = null;
    this.followed = new FollowedNumbers(client, (callSid, about) => this.#openByItself(callSid, about));
    /** @type {Set<string>} callSids that were opened: one that was closed does not open by itself */
    this.opened = new Set();
    /** @type {number | null} when it was that nothing came any more, by the service's clock (Unix ms); null: it does */
    this.lostAt = null;
    /** @type {Set<string>} callSids that open by themselves once what shows them is loaded */
    this.coming = new Set();
    /** @type {Set<string>} callSids that had no room, which is told once */
    this.toldFull = new Set();
    this.openCalls = new OpenCalls(changed);
    this.notices = new Notices();
    this.calls = new KnownCalls();
    this.words = new WordPart(client, this.read.clock, {
      opened: (callSid, at) => this.open(callSid, { at }),
      about: (callSid) => this.calls.find(callSid),
      changed: (callSid) => this.#showLast(callSid),
      pinned: (callSid) => this.pin(callSid),
      searched: () => this.sidebar.show(),
      left: (where) => (where === "list" ? this.sidebar.focusLast() : this.sidebar.focus()),
    });
    this.sidebar = new Sidebar(this.calls, {
      chosen: (callSid) => this.open(callSid),
      followed: (number) => this.#follow(number),
      unfollowed: (number) => this.followed.unfollow(number),
      moved: () => this.#changePreviews(),
      shown: (callSid) => this.#shown(callSid),
      now: () => this.now,
      pinned: (callSid) => this.pin(callSid),
      words: this.words,
    });
    setInterval(() => this.#tick(), 1000);
  }

  get panels() {
    return this.openCalls.panels;
  }

  /** What time it is by the service's clock (Unix ms): while nothing comes, as it was before. */
  get now() {
    return this.lostAt ?? this.read.clock.at(Date.now());
  }

  get root() {
    return this.openCalls.root;
  }

  /** Whether there is anything to read. */
  get hasTranscript() {
    return this.openCalls.oldest(({ transcript }) => transcript.known) !== null;
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
    this.lostAt = why && this.now;
    if (!why) return;
    for (const panel of this.panels.values()) panel.shown.lose(why);
    this.read.forgetInterims();
    this.#glance();
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

  /** Load what shows a call, for the first that is opened. */
  async ready() {
    const { CallPanel, tiling } = await this.load();
    [this.CallPanel, this.openCalls.tiles] = [CallPanel, tiling];
  }

  /**
   * Once it is ready: open what a link asks for, beside what is open; returns how many calls had no room.
   * @param {Asked} asked
   */
  openAll({ calls, pinned, enlarged, moment }) {
    this.pins.link(pinned);
    for (const [callSid, panel] of this.panels) panel.pin(this.pins.has(callSid));
    this.sidebar.show();
    this.#changePreviews();
    for (const callSid of calls) if (!this.panels.has(callSid) && this.#makeRoom()) this.#open(callSid, {});
    this.openCalls.enlarge(this.panels.get(enlarged ?? "") ?? this.openCalls.enlarged);
    const first = moment?.callSid ?? enlarged ?? calls[0];
    if (first && this.panels.has(first)) this.open(first, { at: moment?.at });
    return calls.filter((callSid) => !this.panels.has(callSid)).length;
  }

  /**
   * Open a call, go to it, and show a moment of it (seconds).
   * @param {string} callSid
   * @param {{ at?: number }} how
   */
  async open(callSid, { at = NaN } = {}) {
    if (!this.CallPanel) await this.ready();
    const panel = this.panels.get(callSid) ?? (this.#makeRoom() ? this.#open(callSid, {}) : null);
    if (!panel) return this.#tellFull(callSid);
    if (at >= 0) panel.show(at);
    this.openCalls.goTo(panel);
  }

  /**
   * A call that opens by itself does not take the reader away.
   * @param {string} callSid
   * @param {Partial<KnownCall>} about
   */
  async #openByItself(callSid, about) {
    if (this.opened.has(callSid) || this.coming.has(callSid)) return;
    if (!this.CallPanel) {
      remember(this.coming, callSid);
      await this.ready();
      this.coming.delete(callSid);
      if (this.opened.has(callSid)) return; // meanwhile, by the reader
    }
    if (!this.#makeRoom()) return this.toldFull.has(callSid) ? undefined : this.#tellFull(callSid);
    const panel = this.#open(callSid, about);
    this.notices.tell(texts.desk.openedByItself(panel.name));
    if (this.panels.size === 1) this.openCalls.goTo(panel, false);
  }

  /**
   * @param {string} callSid
   * @param {Partial<KnownCall>} about
   */
  #open(callSid, about) {
    const { CallPanel } = this;
    if (!CallPanel) throw new TypeError("what shows a call is not loaded");
    remember(this.opened, callSid);
    const transcript = new Transcript(callSid);
    const call = { callSid, ...about, ...this.calls.find(callSid) };
    const panel = new CallPanel(transcript, call, this.token, this.read.clock, {
      closed: () => this.#closeAndGoOn(callSid),
      enlarged: () => this.openCalls.enlarge(this.openCalls.enlarged === panel ? null : panel),
      followed: (number) => this.#follow(number),
      pinned: () => this.pin(callSid),
      named: () => this.openCalls.name(panel),
    });
    panel.pin(this.pins.has(callSid));
    this.openCalls.add(panel);
    this.#changePreviews(); // a connection carries so many
    this.read.open(transcript, { stay: true, onState: (state, error) => panel.note(state, refusal(error)) });
    if (this.client.state !== "connecting") this.stand(this.client.state);
    this.sidebar.mark();
    this.changed();
    return panel;
  }

  /**
   * Pin a call, or let it go.
   * @param {string} callSid
   */
  pin(callSid) {
    this.pins.toggle(callSid);
    this.panels.get(callSid)?.pin(this.pins.has(callSid));
    this.sidebar.show();
    this.#changePreviews();
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
    this.calls.end(call, this.read.find(callSid)?.ended ?? null, this.now);
    if (!this.panels.has(callSid)) this.read.stop(callSid);
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
    this.read.stop(callSid);
    this.sidebar.mark();
    this.#changePreviews();
    this.changed();
    return next;
  }

  /** Close a call that is over if as many are open as may be; returns whether there is room. */
  #makeRoom() {
    const over = this.openCalls.full && this.openCalls.oldest((panel) => !panel.pinned && panel.isOver);
    if (over) this.#close(over.transcript.callSid);
    return !this.openCalls.full;
  }

  /**
   * Say what to close for a call that has no room, and offer it.
   * @param {string} callSid
   */
  #tellFull(callSid) {
    remember(this.toldFull, callSid);
    const oldest = this.openCalls.oldest(({ pinned }) => !pinned);
    if (!oldest) return this.notices.tell(texts.desk.allPinned(MAX_OPEN));
    const { name, transcript } = oldest;
    const run = () => { this.#close(transcript.callSid); this.open(callSid); };
    this.notices.tell(texts.desk.full(MAX_OPEN, name), { label: texts.desk.closeInstead(name), run });
  }

  /** Read calls of the list for their last words, and how they stand: those that are seen, pinned, and others. */
  #changePreviews() {
    const previewed = (/** @type {string} */ callSid) => !this.panels.has(callSid);
    const others = [...this.calls.live.keys()].filter(previewed);
    const pinned = others.filter((callSid) => this.pins.has(callSid));
    const taken = this.panels.size + this.followed.readings.size + 1; // the list is one
    this.read.preview({ seen: this.sidebar.seen.filter(previewed), pinned, others }, taken);
  }

  /** @param {string} callSid */
  #showLast(callSid) {
    this.panels.get(callSid)?.glance(this.words.of(callSid));
    this.sidebar.showLast(callSid);
  }

  /**
   * What the list may show of a call, beside what it says itself.
   * @param {string} callSid
   */
  #shown(callSid) {
    const transcript = this.read.find(callSid);
    const startedAt = this.calls.live.get(callSid)?.startedAt;
    const isLive = this.client.state === "live" && startedAt !== undefined;
    return {
      isOpen: this.panels.has(callSid),
      isPinned: this.pins.has(callSid),
      transcript,
      now: isLive ? (this.now - startedAt) / 1000 : null,
      words: this.words.of(callSid),
    };
  }

  #tick() {
    if (this.client.state === "live") this.sidebar.tick();
    this.words.tick();
    for (const panel of this.panels.values()) panel.shown.tick();
    this.read.forgetInterims(this.read.clock.at(Date.now()) - INTERIM_LIFE);
    this.#glance();
  }

  /** Show who speaks in what is open. */
  #glance() {
    for (const [callSid, panel] of this.panels) panel.glance(this.words.of(callSid));
  }
}
