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
    this.behind = true; // until the past has been told
    this.turns = []; // in the order of their time; a gap is one with a reason
    this.interims = new Map(); // track: what may still change; the side that spoke last comes last
    this.started = null;
    this.ended = null;
    this.trouble = ""; // why the recogniser is away
    this.expired = 0; // the oldest record, if what was before it is gone
  }

  /** Whether anything is known of the call. */
  get known() {
    return this.last > 0;
  }

  /** The last that was said, for a list. */
  get lastTurn() {
    return this.turns.findLast((turn) => turn.reason === undefined) ?? null;
  }

  /**
   * Take a message. Returns what to draw: the turn that changed (`turn`), whether it is new, or
   * null. A record that is known changes nothing.
   */
  take(message) {
    if (message.type === "Expired") this.begin(message.first);
    if (message.seq === undefined) return this.#takeInterim(message);
    // What an earlier subscription was sent may still be under way: it would hide the past.
    if (message.seq <= this.last || (this.behind && message.seq > this.last + 1)) return null;
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

  /** Begin with a later record: those before it are no longer kept. */
  begin(first) {
    this.expired = first;
    this.last = Math.max(this.last, first - 1);
  }

  /** The past has been told up to a record; returns whether we have it. */
  catchUp(seq) {
    if (seq <= this.last) this.behind = false;
    return !this.behind;
  }

  /** Forget what may still change, of both sides or if it is older than a time (ms): nobody may take it back. */
  forgetInterims(before = Infinity) {
    const { size } = this.interims;
    for (const [track, { at }] of this.interims) if (at < before) this.interims.delete(track);
    return this.interims.size < size;
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

  /** The turn before which a new one stands that begins at a time; null for the end. */
  turnAfter(start) {
    let at = this.turns.length;
    while (at > 0 && this.turns[at - 1].start > start) at -= 1;
    return this.turns[at] ?? null;
  }

  #takeInterim(message) {
    if (message.type !== "Results") return null;
    this.interims.delete(message.track);
    const { text, start } = spoken(message);
    if (text) this.interims.set(message.track, { text, start, from: message.start, at: message.at });
    return null;
  }

  #takeFinal(message) {
    const interim = this.interims.get(message.track);
    if (interim && interim.from < message.start + message.duration) this.interims.delete(message.track);
    const segment = spoken(message);
    if (!segment.text) return null;
    const turn = this.turnFor(message.track, segment.start);
    if (turn === null) {
      return this.#insert({ track: message.track, start: segment.start, end: segment.end, segments: [segment] });
    }
    let at = turn.segments.length;
    while (at > 0 && turn.segments[at - 1].start > segment.start) at -= 1;
    turn.segments.splice(at, 0, segment);
    turn.end = Math.max(turn.end, segment.end);
    return { turn, isNew: false };
  }

  #insert(turn) {
    const before = this.turnAfter(turn.start);
    this.turns.splice(before ? this.turns.lastIndexOf(before) : this.turns.length, 0, turn);
    return { turn, isNew: true, before };
  }
}

/** What a result says, and when: a result spans the silence around its words, too. */
export function spoken(message) {
  const { transcript: text, words = [] } = message.channel.alternatives[0];
  return {
    text,
    words,
    start: words[0]?.start ?? message.start,
    end: words.at(-1)?.end ?? message.start + message.duration,
  };
}
