// What is so of a call at this moment, and in which words.

import assert from "node:assert/strict";
import test from "node:test";
import { behind, Truth } from "../../../handler/page/static/call/truth.js";
import { Transcript } from "../../../handler/page/static/partyline/transcript.js";

/** @import { CallMessage } from "../../../handler/page/static/partyline/messages.d.ts" */

const callSid = "CA1";

function begun() {
  const transcript = new Transcript(callSid);
  const truth = new Truth(transcript);
  const receive = (/** @type {CallMessage} */ message) => { transcript.receive(message); truth.receive(message); };
  return { transcript, truth, receive };
}

/** @type {CallMessage} */
const started = { type: "CallStarted", callSid, seq: 1, startedAt: 100_000, from: null, to: null, direction: null };
/** @type {CallMessage} */
const gap = { type: "Gap", callSid, seq: 2, start: 60, end: 70, track: null, reason: "paused" };
/** @type {CallMessage} */
const ended = { type: "CallEnded", callSid, seq: 9, duration: 80, reason: "completed" };

test("nothing is live before all that was said is there, nor once nothing comes", () => {
  const { truth, receive } = begun();
  assert.deepEqual([truth.standing, truth.words], ["looking", "looking for this call …"]);
  receive(started);
  assert.deepEqual([truth.standing, truth.words], ["looking", "reading what was said …"]);
  truth.complete = true;
  assert.deepEqual([truth.standing, truth.words, truth.goesOn], ["live", "live", true]);
  truth.isWaiting = true;
  assert.deepEqual([truth.standing, truth.words], ["waiting", "waiting for its audio stream"]);
  truth.lost = "offline";
  assert.deepEqual([truth.standing, truth.words, truth.goesOn], ["offline", "offline: reconnecting …", false]);
  truth.lost = "draining";
  assert.deepEqual([truth.standing, truth.words], ["offline", "reconnecting …: its server leaves, another takes over"]);
  truth.lost = "expired";
  assert.deepEqual([truth.standing, truth.words], ["expired", "not live: the token has expired"]);
  truth.refusal = "no such call";
  assert.deepEqual([truth.standing, truth.words], ["refused", "no such call"]);
  receive(ended);
  assert.deepEqual([truth.standing, truth.words, truth.goesOn], ["ended", "ended", false]);
});

test("a call among others is not live, in a word: above them it is told why", () => {
  const { truth, receive } = begun();
  receive(started);
  truth.complete = truth.isToldAbove = true;
  assert.equal(truth.words, "live");
  for (const why of /** @type {const} */ (["offline", "draining", "expired", "refused"])) {
    truth.lost = why;
    assert.equal(truth.words, "not live");
  }
  truth.refusal = "no such call"; // that is told nowhere else
  assert.equal(truth.words, "no such call");
});

test("which part is missing is told, and the beginning only if it is that", () => {
  const late = begun();
  late.receive({ type: "Expired", callSid, first: 5 });
  assert.deepEqual(late.truth.troubles, ["The beginning of this call is no longer kept."]);
  const { truth, receive } = begun();
  receive(started);
  receive({ type: "Expired", callSid, first: 2 });
  assert.deepEqual(truth.troubles, ["A part of this call, behind 00:00, is no longer kept."]);
  receive(gap);
  for (let times = 0; times < 3; times += 1) receive({ type: "Expired", callSid, first: 9 });
  assert.deepEqual(truth.missing, [70, 70, 70]);
});

test("since when the recogniser is away is told, if it is known", () => {
  const { truth, receive } = begun();
  /** @type {CallMessage} */
  /** @type {Extract<CallMessage, { type: "Recogniser" }>} */
  const away = { type: "Recogniser", callSid, seq: 3, at: 165_000, state: "down", reason: "HTTP 503" };
  receive(away);
  const [words, later] = ["The recogniser is away (HTTP 503).", "What is said comes later."];
  assert.deepEqual(truth.troubles, [later, words]);
  receive(started);
  receive(away);
  assert.deepEqual(truth.troubles, ["No words since 01:05.", later, words]);
  truth.complete = true;
  assert.deepEqual([truth.standing, truth.words], ["live", "unheard"]);
  receive({ type: "Recogniser", callSid, seq: 4, at: 170_000, state: "up", reason: "it is asked for another model" });
  assert.equal(truth.words, "live");
  assert.deepEqual(truth.troubles, ["The recogniser: it is asked for another model."]);
});

test("nobody jumps to what is live where nothing is", () => {
  const { truth, receive } = begun();
  receive(started);
  truth.complete = true;
  assert.deepEqual([truth.jump(0), truth.jump(2)], ["Jump to live", "Jump to live (2 new)"]);
  receive(ended);
  assert.deepEqual([truth.jump(0), truth.jump(9)], ["Jump to the end", "Jump to the end (9 new)"]);
});

test("words that come late are said to", () => {
  assert.deepEqual([behind(0.84), behind(7.25)], ["0.8\u00a0s behind", "late: 7.3\u00a0s"]);
});
