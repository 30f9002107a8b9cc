// One call as it is read: records in, turns out. No document, no clock, no network.

// A side goes on with its turn if it pauses for no longer (seconds).
const PAUSE = 3;
// What the other side says meanwhile, if it is no longer (seconds), is a back-channel: it breaks no turn.
const BACK_CHANNEL = 0.8;
// A turn that is longer is hard to read (seconds).
const LONGEST = 60;

export class Transcript {
  constructor(callSid) {
    this.callSid = callSid;
    this.last = 0; // seq of the newest record
    this.turns = []; // in the order of their time
    this.interims = new Map(); // track: the newest interim with text
    this.started = null;
    this.ended = null;
    this.trouble = ""; // why the recogniser is away
    this.expired = 0; // the oldest record, if what was before it is gone
  }

  /**
   * Take a message. Returns what to draw: the turn that changed (`turn`), whether it is new, or
   * nothing. A record that is known changes nothing.
   */
  take(message) {
    if (message.type === "Expired") this.expired = message.first;
    if (message.seq === undefined) return this.#takeInterim(message);
    if (message.seq <= this.last) return null;
    this.last = message.seq;
    switch (message.type) {
      case "Results":
        return this.#takeFinal(message);
      case "Gap":
        return this.#insert({
          track: message.track, start: message.start, end: message.end, reason: message.reason, segments: [],
        });
      case "CallStarted":
        this.started = message;
        break;
      case "CallResumed":
        this.ended = null;
        break;
      case "Recogniser":
        this.trouble = message.state === "down" ? message.reason : "";
        break;
      case "CallEnded":
        this.ended = message;
        this.trouble = "";
        this.interims.clear();
        break;
    }
    return null;
  }

  /** Where a segment of a track belongs: the turn that it goes on with, or null for a new one. */
  turnFor(track, start) {
    let between = 0;
    for (let at = this.turns.length - 1; at >= 0; at -= 1) {
      const turn = this.turns[at];
      if (turn.start > start) continue;
      if (turn.reason !== undefined) return null;
      if (turn.track === track) {
        const goesOn = start - turn.end <= PAUSE && start - turn.start <= LONGEST;
        return goesOn && between <= BACK_CHANNEL ? turn : null;
      }
      between += turn.end - turn.start;
      if (between > BACK_CHANNEL) return null;
    }
    return null;
  }

  /** The last that was said, for a list. */
  get lastTurn() {
    for (let at = this.turns.length - 1; at >= 0; at -= 1) {
      if (this.turns[at].reason === undefined) return this.turns[at];
    }
    return null;
  }

  #takeInterim(message) {
    if (message.type !== "Results") return null;
    const text = message.channel.alternatives[0].transcript;
    if (text) this.interims.set(message.track, { text, start: message.start, end: message.start + message.duration });
    else this.interims.delete(message.track);
    return null;
  }

  #takeFinal(message) {
    const end = message.start + message.duration;
    const interim = this.interims.get(message.track);
    if (interim && interim.start < end) this.interims.delete(message.track);
    const best = message.channel.alternatives[0];
    if (!best.transcript) return null;
    const segment = { start: message.start, end, text: best.transcript, words: best.words ?? [] };
    const turn = this.turnFor(message.track, message.start);
    if (turn === null) {
      return this.#insert({ track: message.track, start: message.start, end, segments: [segment] });
    }
    let at = turn.segments.length;
    while (at > 0 && turn.segments[at - 1].start > segment.start) at -= 1;
    turn.segments.splice(at, 0, segment);
    turn.end = Math.max(turn.end, end);
    return { turn, isNew: false };
  }

  #insert(turn) {
    let at = this.turns.length;
    while (at > 0 && this.turns[at - 1].start > turn.start) at -= 1;
    this.turns.splice(at, 0, turn);
    return { turn, isNew: true, before: this.turns[at + 1] ?? null };
  }
}
