// What the reader has before them: the lists, the open calls, the numbers that are followed. It
// knows what to ask the client for.

import { lostBy } from "../call/lost.js";
import { FollowedNumbers } from "./followed_numbers.js";
import { KnownCalls } from "../list/known_calls.js";
import { Notices } from "./notices.js";
import { OpenPanels } from "./open_panels.js";
import { Readings } from "./readings.js";
import { Sidebar } from "../list/sidebar.js";
import { byId } from "../shared/dom.js";
import { InTurns } from "../shared/in_turns.js";
import { remember } from "../shared/remember.js";
import { INTERIM_LIFE } from "../shared/service_clock.js";
import { texts } from "../shared/texts.js";
import { WordPart } from "../words/word_part.js";

/** @import { CallOpener } from "./call_opener.js" */
/** @import { Asked } from "./desk_address.js" */
/** @import { Pins } from "./pins.js" */
/** @import { KnownCall } from "../list/known_calls.js" */
/** @import { ListedCall } from "../partyline/messages.d.ts" */
/** @import { Partyline, State } from "../partyline/partyline.js" */
/** @import { Reading } from "../partyline/reading.js" */

// Stands for the list among the callSids of what is open.
const LIST = "";
// So many open calls are looked at again in one frame.
const AT_ONCE = 3;

export class Workspace {
  /**
   * @param {Partyline} client
   * @param {Pins} pins
   * @param {() => Promise<typeof import("./call_opener.js")>} load  what opens and shows calls; it may take long
   * @param {() => void} changed  what is open is another, or in another way
   */
  constructor(client, pins, load, changed) {
    this.client = client;
    this.load = load;
    /** @type {CallOpener | null} */
    this.opener = null;
    /** @type {string | null} */
    this.token = null;
    this.pins = pins;
    this.changed = changed;
    this.read = new Readings(client, {
      received: (transcript, message, change) => {
        this.panels.get(transcript.callSid)?.receive(message, change);
        this.words.receive(transcript.callSid, message);
        this.#showLast(transcript.callSid); // as a row and a tile say the same of who speaks
      },
      stands: (callSid, state) => { this.words.stand(callSid, state); },
      forgot: (callSid) => this.panels.get(callSid)?.shown.drawSoon(),
      changed: () => this.words.reads(this.calls.live.keys()),
    });
    /** @type {Reading<ListedCall[]> | null} */
    this.list = null;
    this.followed = new FollowedNumbers(client, (...begun) => this.#openByItself(...begun));
    /** @type {Set<string>} callSids that open by themselves once what opens them is loaded */
    this.coming = new Set();
    /** @type {number | null} when it was that nothing came any more, by the service's clock (Unix ms); null: it does */
    this.lostAt = null;
    this.openPanels = new OpenPanels();
    this.root = byId("workspace", HTMLElement);
    this.notices = new Notices();
    this.calls = new KnownCalls();
    this.words = new WordPart(this.read, {
      opened: (callSid, at) => this.#open(callSid, at),
      about: (callSid) => this.calls.find(callSid),
      changed: (callSid) => this.#showLast(callSid),
      pinned: (callSid) => this.pin(callSid),
      searched: () => this.sidebar.show(),
      left: (where) => (where === "list" ? this.sidebar.focusLast() : this.sidebar.focus()),
    });
    this.sidebar = new Sidebar(this.calls, {
      chosen: (callSid) => this.#open(callSid),
      followed: (number) => this.#follow(number),
      unfollowed: (number) => this.followed.unfollow(number),
      moved: () => this.#changePreviews(),
      shown: (callSid) => this.#shown(callSid),
      now: () => this.now,
      pinned: (callSid) => this.pin(callSid),
      words: this.words,
    });
    /** @type {InTurns<string>} callSids of what is open and to be looked at again; LIST: all that is listed */
    this.stale = new InTurns(AT_ONCE, (callSid) => (callSid === LIST ? this.#tickList() : this.#lookAgain(callSid)));
    setInterval(() => this.#tick(), 1000);
  }

  get panels() {
    return this.openPanels.byCallSid;
  }

  /** What time it is by the service's clock (Unix ms): while nothing comes, as it was before. */
  get now() {
    return this.lostAt ?? this.read.clock.at(Date.now());
  }

  /** Whether there is anything to read. */
  get hasTranscript() {
    return this.openPanels.oldest(({ transcript }) => transcript.known) !== null;
  }

  /** Read the list, and what is open, with the token that there is now. */
  begin() {
    if (this.client.state !== "idle") this.client.connect();
    this.read.askAgain();
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
    for (const panel of this.panels.values()) panel.lose(why);
    this.read.forgetInterims();
    this.words.forgetInterims();
    this.read.clock.forget();
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
    this.opener?.renew(token);
  }

  /** Load what opens and shows calls, for the first that is opened. */
  async ready() {
    if (this.opener) return this.opener;
    const { CallOpener } = await this.load();
    if (this.opener) return this.opener; // meanwhile
    this.opener = new CallOpener(this, {
      changed: () => this.#changeOpen(),
      enlarged: this.changed,
      opened: () => this.#standAsItDoes(),
      followed: (number) => this.#follow(number),
      pinned: (callSid) => this.pin(callSid),
      left: (callSid) => { this.#viewList(); this.sidebar.focusCall(callSid); },
    });
    this.opener.renew(this.token);
    return this.opener;
  }

  /**
   * Once it is ready: open what a link asks for, beside what is open; returns how many calls had no room.
   * @param {Asked} asked
   */
  openAll(asked) {
    if (!this.opener) throw new TypeError("what opens calls is not loaded");
    this.pins.link(asked.pinned);
    for (const [callSid, panel] of this.panels) panel.pin(this.pins.has(callSid));
    this.sidebar.show();
    this.#changePreviews();
    return this.opener.openAll(asked);
  }

  /**
   * Open a call, and show a moment of it (seconds).
   * @param {string} callSid
   * @param {number} [at]
   */
  async #open(callSid, at) {
    (await this.ready()).open(callSid, { at });
  }

  /**
   * A call of a number that is followed opens; this is called with each of its messages.
   * @param {string} callSid
   * @param {Partial<KnownCall>} about
   * @param {string} number
   */
  async #openByItself(callSid, about, number) {
    if (this.opener) return this.opener.openByItself(callSid, about);
    if (this.coming.has(callSid)) return;
    remember(this.coming, callSid);
    const opener = await this.ready();
    this.coming.delete(callSid);
    if (this.followed.readings.has(number)) opener.openByItself(callSid, about);
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
    this.#viewList();
    this.sidebar.focus();
  }

  /** On a narrow screen the lists are seen, or the open calls (open_calls.js). */
  #viewList() {
    document.body.dataset.view = "list";
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

  /** Others are open. */
  #changeOpen() {
    this.sidebar.mark();
    this.#changePreviews();
    this.changed();
  }

  /** What is opened stands as the rest does. */
  #standAsItDoes() {
    if (this.client.state !== "connecting") this.stand(this.client.state);
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
    if (this.panels.has(callSid)) this.stale.add([callSid]);
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
    this.stale.add([...this.panels.keys(), LIST]);
    const old = this.read.clock.at(Date.now()) - INTERIM_LIFE;
    this.read.forgetInterims(old);
    this.words.forgetInterims(old);
  }

  #tickList() {
    if (this.client.state === "live") this.sidebar.tick();
  }

  /** @param {string} callSid */
  #lookAgain(callSid) {
    const panel = this.panels.get(callSid);
    panel?.shown.tick();
    panel?.glance(this.words.of(callSid));
  }

  /** Show who speaks in what is open. */
  #glance() {
    for (const [callSid, panel] of this.panels) panel.glance(this.words.of(callSid));
  }
}
