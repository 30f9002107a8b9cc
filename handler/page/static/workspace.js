// What the reader has before them: the lists, the open calls, the numbers that are followed. It
// knows what to ask the connection for, now and again after each loss.

import { CallList } from "./call_list.js";
import { Panel } from "./call_panel.js";
import { digits, title } from "./format.js";
import { Transcript } from "./transcript.js";

const NUMBER = /^\+[1-9][0-9]{1,14}$/;
export const CALL_SID = /^CA[0-9a-f]{32}$/;
// A socket takes 100 subscriptions: so many open calls, and glances at others for their last words.
const MAX_PANELS = 24;
const MAX_GLANCES = 40;
const GLANCE_BACK = 5; // records
const MAX_ENDED = 50;
// How long typing must rest before it changes what we glance at (ms).
const REST = 400;

export class Desk {
  constructor(byId) {
    this.byId = byId;
    this.connection = null;
    this.token = null;
    this.transcripts = new Map(); // callSid: Transcript
    this.panels = new Map(); // callSid: Panel
    this.glances = new Map(); // callSids that are followed for the list alone: whether we looked back
    this.followed = new Set(); // numbers
    this.opened = new Set(); // calls of theirs that were opened: one that was closed stays closed
    this.moments = new Map(); // callSid: the seconds to show when its past is there
    this.listed = new Map(); // callSid: what the list says
    this.ended = new Map(); // the same of calls that were listed, and are no longer
    this.live = new CallList(byId("calls"));
    this.gone = new CallList(byId("ended"));
    for (const list of [this.live, this.gone]) {
      list.addEventListener("choose", ({ detail }) => this.open(detail));
    }
    this.#wire();
    setInterval(() => this.#tick(), 1000);
  }

  /** Read through a connection that has just been opened. */
  connect(connection) {
    this.connection = connection;
    connection.send({ list: true });
    this.glances.clear();
    for (const [callSid, { transcript }] of this.panels) if (!transcript.ended) this.#subscribe(callSid);
  }

  /** The connection is lost. */
  lose() {
    for (const transcript of this.transcripts.values()) transcript.behind = true;
    for (const panel of this.panels.values()) panel.lose();
  }

  /** Use another token, for downloads too. */
  renew(token) {
    this.token = token;
    for (const panel of this.panels.values()) panel.token = token;
  }

  /** Take a message of the connection. */
  take(message) {
    const { callSid } = message;
    const transcript = this.transcripts.get(callSid);
    const panel = this.panels.get(callSid);
    switch (message.type) {
      case "Calls":
        return this.#takeList(message.calls);
      case "Subscribed":
        panel?.admit();
        if (this.glances.get(callSid) === false) this.#lookBack(transcript, message);
        return;
      case "CaughtUp":
        return transcript && this.#catchUp(callSid, transcript, message.seq);
      case "Error":
        if (!transcript?.ended) panel?.refuse(message.message);
        this.glances.delete(callSid);
        return;
    }
    if (!transcript) return;
    const change = transcript.take(message);
    panel?.take(message, change);
    this.live.tell(callSid, transcript);
  }

  /** Open a call, and show a moment of it. One that opens by itself does not take the reader away. */
  open(callSid, { at = NaN, byItself = false } = {}) {
    const open = this.panels.get(callSid);
    if (open) {
      if (at >= 0) open.show(at);
      return this.#goTo(open);
    }
    if (!this.#makeRoom()) return this.#say(`${MAX_PANELS} calls are open: close one first.`);
    this.glances.delete(callSid);
    this.opened.add(callSid);
    if (at >= 0) this.moments.set(callSid, at);
    const transcript = new Transcript(callSid);
    this.transcripts.set(callSid, transcript);
    const call = this.listed.get(callSid) ?? this.ended.get(callSid) ?? { callSid };
    const panel = new Panel(transcript, call, this.token);
    this.panels.set(callSid, panel);
    panel.addEventListener("close", () => {
      this.#close(callSid);
      const row = this.live.items.get(callSid) ?? this.gone.items.get(callSid);
      this.#view("list");
      (row?.button ?? this.byId("search")).focus();
    });
    panel.addEventListener("follow", ({ detail }) => this.follow(detail));
    this.byId("panels").append(panel.root);
    this.#subscribe(callSid); // in place of a glance
    this.#mark();
    if (byItself) this.#say(`Opened by itself: ${title(call)}`);
    if (!byItself || this.panels.size === 1) this.#goTo(panel, !byItself);
  }

  /** Open the calls of a number, those that are live and those to come. */
  follow(number) {
    if (this.followed.has(number)) return;
    this.followed.add(number);
    const row = document.createElement("li");
    const stop = document.createElement("button");
    stop.type = "button";
    stop.textContent = `Following ${number}: stop`;
    stop.onclick = () => {
      this.followed.delete(number);
      row.remove();
      this.byId("search").focus();
    };
    row.append(stop);
    this.byId("followed").append(row);
    this.#say(`The next call of ${number} opens by itself.`);
    this.#openFollowed();
  }

  #wire() {
    const search = this.byId("search");
    const follow = this.byId("follow-number");
    search.oninput = () => {
      const number = digits(search.value);
      this.#showLists();
      clearTimeout(this.resting);
      this.resting = setTimeout(() => this.#glance(), REST);
      follow.hidden = !NUMBER.test(number);
      follow.textContent = `Follow ${number}, its next call too`;
    };
    search.onkeydown = (event) => {
      const text = search.value.trim();
      if (event.key === "Enter" && CALL_SID.test(text)) this.open(text);
    };
    follow.onclick = () => this.follow(digits(search.value));
  }

  #subscribe(callSid) {
    this.connection?.send({ subscribe: callSid, since: this.transcripts.get(callSid).last });
  }

  #catchUp(callSid, transcript, seq) {
    const caughtUp = transcript.catchUp(seq);
    if (this.glances.has(callSid)) return;
    // It was of an earlier subscription, or there is a hole: what follows our last record comes again.
    if (!caughtUp) return this.#subscribe(callSid);
    const panel = this.panels.get(callSid);
    panel?.catchUp();
    if (this.moments.has(callSid)) {
      panel?.show(this.moments.get(callSid));
      this.moments.delete(callSid);
    }
  }

  #takeList(calls) {
    const before = this.listed;
    this.listed = new Map(calls.map((call) => [call.callSid, call]));
    for (const [callSid, call] of before) if (!this.listed.has(callSid)) this.#leave(callSid, call);
    for (const call of calls) {
      this.ended.delete(call.callSid);
      const panel = this.panels.get(call.callSid);
      panel?.describe(call);
      // One that crashed or was drained may go on with another owner.
      if (panel?.transcript.ended) this.#subscribe(call.callSid);
    }
    this.live.show(calls);
    this.gone.show([...this.ended.values()].reverse());
    this.#showLists();
    this.#mark();
    this.#openFollowed();
    this.#glance();
  }

  /** A call is no longer live. */
  #leave(callSid, call) {
    const transcript = this.transcripts.get(callSid);
    const duration = transcript?.ended?.duration;
    const endedAt = duration === undefined ? Date.now() : call.startedAt + duration * 1000;
    this.ended.set(callSid, { ...call, endedAt, state: "ended" });
    if (this.ended.size > MAX_ENDED) this.ended.delete(this.ended.keys().next().value);
    if (!this.panels.has(callSid)) this.transcripts.delete(callSid);
    this.glances.delete(callSid);
  }

  #openFollowed() {
    for (const { callSid, from, to } of this.listed.values()) {
      const wanted = this.followed.has(from) || this.followed.has(to);
      if (wanted && !this.opened.has(callSid)) this.open(callSid, { byItself: true });
    }
  }

  #close(callSid) {
    this.panels.get(callSid).close();
    this.panels.delete(callSid);
    this.transcripts.delete(callSid);
    this.moments.delete(callSid);
    this.connection?.send({ unsubscribe: callSid });
    this.#mark();
    this.#glance();
  }

  /** Close ended calls, the oldest first, until there is room for another; returns whether there is. */
  #makeRoom() {
    for (const [callSid, { transcript }] of this.panels) {
      if (this.panels.size < MAX_PANELS) break;
      if (transcript.ended) this.#close(callSid);
    }
    return this.panels.size < MAX_PANELS;
  }

  #goTo(panel, focus = true) {
    this.#view("call");
    panel.root.scrollIntoView({ block: "nearest", inline: "nearest" });
    if (focus) panel.log.focus({ preventScroll: true });
  }

  /** On a narrow screen either the lists are seen, or the calls. */
  #view(what) {
    this.byId("room").dataset.view = this.panels.size ? what : "list";
  }

  #mark() {
    this.live.mark(this.panels);
    this.gone.mark(this.panels);
    this.byId("no-panels").hidden = this.panels.size > 0;
  }

  #showLists() {
    const text = this.byId("search").value;
    const shown = this.live.search(text);
    const none = this.listed.size ? "None of the live calls fits." : "There is none. The next one appears here.";
    this.byId("no-calls").textContent = shown ? "" : none;
    this.byId("ended-part").hidden = this.gone.search(text) === 0;
  }

  /** Follow the calls that are seen in the list for their last words. */
  #glance() {
    const seen = this.live.shown.filter((callSid) => !this.panels.has(callSid));
    // Those that we follow already stay: typing must not turn everything over.
    const known = seen.filter((callSid) => this.glances.has(callSid));
    const fresh = seen.filter((callSid) => !this.glances.has(callSid)).slice(0, MAX_GLANCES - known.length);
    const others = [...this.glances.keys()].filter((callSid) => !known.includes(callSid));
    for (const callSid of others.slice(0, Math.max(0, this.glances.size + fresh.length - MAX_GLANCES))) {
      this.glances.delete(callSid);
      this.transcripts.delete(callSid);
      this.connection?.send({ unsubscribe: callSid });
    }
    for (const callSid of fresh) {
      this.glances.set(callSid, false);
      this.transcripts.set(callSid, new Transcript(callSid));
      this.connection?.send({ subscribe: callSid, since: "live" });
    }
  }

  /** A glance has been let in: its last words are a few records back. */
  #lookBack(transcript, { first, last }) {
    const since = Math.max(0, first - 1, last - GLANCE_BACK);
    this.glances.set(transcript.callSid, true);
    transcript.begin(since + 1);
    this.#subscribe(transcript.callSid);
  }

  #say(text) {
    this.byId("said").textContent = text;
  }

  #tick() {
    this.live.tick();
    for (const panel of this.panels.values()) panel.tick();
    for (const [callSid, transcript] of this.transcripts) this.live.tell(callSid, transcript);
  }
}
