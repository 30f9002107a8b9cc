// Records in, turns out.

import assert from "node:assert/strict";
import test from "node:test";

import { Transcript, isSpoken, spoken } from "../../clients/js/transcript.js";

/** @import { CallMessage, Track } from "../../clients/js/messages.d.ts" */

const callSid = `CA${"0".repeat(32)}`;

/** A final result, of which the words span all of its time.
 * @param {number} seq @param {Track} track @param {number} start @param {string} text
 * @returns {CallMessage}
 */
function final(seq, track, start, text, duration = 1) {
  return { ...interim(track, start, text, duration), seq };
}

/** @param {Track} track @param {number} start @param {string} text */
function interim(track, start, text, duration = 1) {
  const words = text.split(" ").map((word) => ({ word, start, end: start + duration, confidence: 0.9 }));
  const channel = { alternatives: [{ transcript: text, words: text ? words : [] }] };
  return { type: /** @type {"Results"} */ ("Results"), callSid, at: 1000, track, start, duration, channel };
}

/** @param {CallMessage[]} messages */
function transcriptOf(...messages) {
  const transcript = new Transcript(callSid);
  for (const message of messages) transcript.receive(message);
  return transcript;
}

/** @param {Transcript} transcript */
function read({ turns }) {
  return turns.map((turn) =>
    isSpoken(turn) ? `${turn.track}: ${turn.segments.map((one) => one.text).join(" ")}` : turn.reason);
}

/** @type {[string, CallMessage[], string[]][]} */
const TURNS = [
  ["what one side says in a row is one turn",
    [final(1, "inbound", 0, "a"), final(2, "inbound", 2, "b")], ["inbound: a b"]],
  ["a pause of more than 3 s begins a new one",
    [final(1, "inbound", 0, "a"), final(2, "inbound", 4.1, "b")], ["inbound: a", "inbound: b"]],
  ["a turn is no longer than 60 s",
    [final(1, "inbound", 0, "a", 59), final(2, "inbound", 60.1, "b")], ["inbound: a", "inbound: b"]],
  ["a short word of the other side breaks no turn",
    [final(1, "inbound", 0, "a"), final(2, "outbound", 1, "mhm", 0.5), final(3, "inbound", 2, "b")],
    ["inbound: a b", "outbound: mhm"]],
  ["a longer one does",
    [final(1, "inbound", 0, "a"), final(2, "outbound", 1, "no", 0.9), final(3, "inbound", 2, "b")],
    ["inbound: a", "outbound: no", "inbound: b"]],
  ["so do two short ones that are longer together",
    [final(1, "inbound", 0, "a"), final(2, "outbound", 1, "m", 0.5), final(3, "outbound", 1.5, "m", 0.5),
      final(4, "inbound", 2, "b")],
    ["inbound: a", "outbound: m m", "inbound: b"]],
  ["what comes late stands where it was said",
    [final(1, "outbound", 10, "b"), final(2, "inbound", 0, "a")], ["inbound: a", "outbound: b"]],
  ["so does a part of a turn",
    [final(1, "inbound", 0, "a"), final(2, "inbound", 4, "c"), final(3, "inbound", 2, "b")],
    ["inbound: a b c"]],
  ["a gap breaks a turn",
    [final(1, "inbound", 0, "a"), { type: "Gap", callSid, seq: 2, start: 1, end: 2, track: null, reason: "media-lost" },
      final(3, "inbound", 2, "b")],
    ["inbound: a", "media-lost", "inbound: b"]],
  ["a result without words says nothing", [final(1, "inbound", 0, "")], []],
  ["what follows what is no longer kept stands alone",
    [{ type: "Expired", callSid, first: 7 }, final(7, "inbound", 0, "a")], ["inbound: a"]],
];

for (const [name, messages, wanted] of TURNS) test(name, () => assert.deepEqual(read(transcriptOf(...messages)), wanted));

test("what is to be drawn is returned", () => {
  const transcript = transcriptOf(final(1, "outbound", 10, "b"));
  const [later] = transcript.turns;
  const change = transcript.receive(final(2, "inbound", 0, "a"));
  assert.deepEqual(change, { turn: transcript.turns[0], isNew: true, before: later });
  assert.deepEqual(transcript.receive(final(3, "inbound", 1, "a")), { turn: transcript.turns[0], isNew: false });
  assert.equal(transcript.lastTurn, later);
});

test("what may still change goes with the final that covers it, and the side that spoke last comes last", () => {
  const transcript = transcriptOf(interim("inbound", 1, "a"), interim("outbound", 1, "b"), interim("inbound", 1, "a c"));
  assert.deepEqual([...transcript.interims.keys()], ["outbound", "inbound"]);
  transcript.receive(final(1, "inbound", 0, "before", 1));
  assert.equal(transcript.interims.get("inbound")?.text, "a c");
  transcript.receive(final(2, "inbound", 1, "a c."));
  transcript.receive(interim("outbound", 1, ""));
  assert.equal(transcript.interims.size, 0);
  assert.equal(transcript.receive({ type: "UtteranceEnd", callSid }), null);
});

test("what may still change is forgotten once it is too old", () => {
  const transcript = transcriptOf(interim("inbound", 1, "a"));
  assert.equal(transcript.forgetInterims(1000), false);
  assert.equal(transcript.forgetInterims(1001), true);
  assert.equal(transcript.interims.size, 0);
});

test("the call's state follows its events", () => {
  const transcript = new Transcript(callSid);
  assert.equal(transcript.known, false);
  assert.equal(transcript.lastTurn, null);
  transcript.receive({ type: "CallStarted", callSid, seq: 1, startedAt: 5, from: "+1", to: null, direction: null });
  assert.equal(transcript.started?.startedAt, 5);
  transcript.receive({ type: "Recogniser", callSid, seq: 2, at: 0, state: "down", reason: "HTTP 503" });
  assert.equal(transcript.trouble, "HTTP 503");
  transcript.receive({ type: "Recogniser", callSid, seq: 3, at: 0, state: "up" });
  assert.equal(transcript.trouble, "");
  transcript.receive({ type: "CallEnded", callSid, seq: 4, duration: 9, reason: "crashed" });
  assert.equal(transcript.ended?.reason, "crashed");
  transcript.receive({ type: "CallResumed", callSid, seq: 5 });
  assert.equal(transcript.ended, null);
  assert.equal(transcript.known, true);
});

test("a call that moves is drawn as if nothing had been, with what its side is saying", () => {
  const transcript = new Transcript(callSid);
  transcript.receive(final(1, "inbound", 0, "One."));
  assert.equal(transcript.receive({ type: "CallResumed", callSid, seq: 2, reason: "moved" }), null);
  assert.equal(transcript.turns.length, 1);
  const change = transcript.receive(final(3, "inbound", 1, "Two."));
  assert.equal(change?.isNew, false);
});

test("what a call is told of its recogniser is no trouble, and the newest of it is kept", () => {
  const transcript = new Transcript(callSid);
  transcript.receive({ type: "Recogniser", callSid, seq: 1, at: 0, state: "up", reason: null });
  assert.deepEqual([...transcript.notes], []);
  for (const [at, reason] of ["a", "b", "c", "a", "d"].entries()) {
    transcript.receive({ type: "Recogniser", callSid, seq: 2 + at, at: 0, state: "up", reason });
  }
  assert.deepEqual([...transcript.notes], ["c", "a", "d"]);
  assert.equal(transcript.trouble, "");
});

const WORD = { word: "yes", start: 2, end: 3, confidence: 1 };
const LATER = { word: "no", start: 4, end: 5, confidence: 1 };

for (const [name, alternatives, wanted] of /** @type {const} */ ([
  ["words", [{ transcript: "yes", words: [WORD] }], { text: "yes", words: [WORD], start: 2, end: 3 }],
  ["words out of the order of their times", [{ transcript: "no yes", words: [LATER, WORD] }],
    { text: "no yes", words: [LATER, WORD], start: 2, end: 5 }],
  ["no words", [{ transcript: "yes" }], { text: "yes", words: [], start: 1, end: 5 }],
  ["nothing", [], { text: "", words: [], start: 1, end: 5 }],
])) {
  test(`what a result says that has ${name}`, () => {
    const channel = { alternatives: alternatives.map((one) => ({ ...one, words: "words" in one ? [...one.words] : undefined })) };
    const results = { type: /** @type {const} */ ("Results"), callSid: "CA0", at: 0, seq: 1, track: /** @type {const} */ ("inbound") };
    assert.deepEqual(spoken({ ...results, start: 1, duration: 4, channel }), wanted);
  });
}
