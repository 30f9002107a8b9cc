// What a call is doing, from the times of its words.

import assert from "node:assert/strict";
import test from "node:test";

import { Transcript } from "../../../handler/page/static/partyline/transcript.js";
import { ServiceClock } from "../../../handler/page/static/shared/service_clock.js";
import { signals, toldWords } from "../../../handler/page/static/words/signals.js";

/** @import { CallMessage, Results, Track } from "../../../handler/page/static/partyline/messages.d.ts" */

const callSid = "CA1";
let seq = 0;

/**
 * A result with a word at each of these times, each of half a second.
 * @param {Track} track @param {number[]} times @returns {Results}
 */
function interim(track, ...times) {
  const words = times.map((start) => ({ word: "so", start, end: start + 0.5, confidence: 0.9 }));
  const channel = { alternatives: [{ transcript: words.map(({ word }) => word).join(" "), words }] };
  const start = Math.min(...times);
  return { type: "Results", callSid, at: 1000, track, start, duration: Math.max(...times) + 0.5 - start, channel };
}

/** @param {Track} track @param {number[]} times @returns {CallMessage} */
function final(track, ...times) {
  return { ...interim(track, ...times), seq: seq += 1 };
}

/** @param {number} start @param {number} end @param {Track | null} track @returns {CallMessage} */
function gap(start, end, track = null) {
  return { type: "Gap", callSid, seq: seq += 1, start, end, track, reason: "media-lost" };
}

/** @type {CallMessage} */
const started = { type: "CallStarted", callSid, seq: 1, startedAt: 0, from: null, to: null, direction: null };
/** @type {CallMessage} */
const down = { type: "Recogniser", callSid, seq: 9, at: 0, state: "down", reason: "HTTP 503" };
/** @type {CallMessage} */
const ended = { type: "CallEnded", callSid, seq: 9, duration: 9, reason: "completed" };

/** @param {CallMessage[]} messages */
function transcriptOf(...messages) {
  const transcript = new Transcript(callSid);
  for (const message of messages) transcript.receive(message);
  return transcript;
}

/** @type {[string, CallMessage[], number, [Track | null, boolean, number | null]][]} */
const TABLE = [
  ["nobody knows before the first word", [], 5, [null, false, null]],
  ["from the beginning on it is silent", [started], 5, [null, false, 5]],
  ["a clock that is behind makes no silence of less than nothing", [started], -1, [null, false, 0]],
  ["who has just spoken speaks", [final("inbound", 1, 1.5)], 3, ["inbound", false, 1]],
  ["who spoke a while ago does not", [final("inbound", 1, 1.5)], 4.5, [null, false, 2.5]],
  ["an interim counts as well", [final("inbound", 1), interim("outbound", 5)], 6, ["outbound", false, 0.5]],
  ["what may still change is being said, whenever its words began", [interim("outbound", 1)], 6, ["outbound", false, 4.5]],
  ["who answers speaks", [final("inbound", 1, 1.5), final("outbound", 2.25)], 3, ["outbound", false, 0.25]],
  ["both at once talk over each other", [final("inbound", 1, 1.5, 2, 2.5), interim("outbound", 1.5, 2)], 3, ["inbound", true, 0]],
  ["whoever of them began", [final("outbound", 1, 1.5, 2, 2.5), interim("inbound", 1.5, 2)], 3, ["outbound", true, 0]],
  ["a short mhm does not", [final("outbound", 1.5), interim("inbound", 1, 1.5, 2)], 2.5, ["inbound", false, 0]],
  ["nor does one that spoke before a pause", [final("inbound", 1, 4), interim("outbound", 1, 1.5, 2.5, 3)], 4.5, ["inbound", false, 0]],
  ["a stretch has what its side said before", [final("inbound", 1, 1.5), interim("inbound", 2), interim("outbound", 1, 1.5)], 2.5, ["inbound", true, 0]],
  ["words out of order are told by their times", [final("inbound", 3, 2.5, 2)], 4, ["inbound", false, 0.5]],
  ["of a monologue the end is enough", [final("inbound", ...Array.from({ length: 30 }, (_, at) => at * 0.5))], 15, ["inbound", false, 0]],
  ["a gap is no silence", [final("inbound", 1), gap(2, 20)], 25, [null, false, 5]],
  ["what is behind a gap counts again", [gap(2, 20, "inbound"), final("inbound", 30)], 31, ["inbound", false, 0.5]],
  ["who has not spoken for long is not looked for", [final("outbound", 1), final("inbound", 100), final("inbound", 200)], 200.5, ["inbound", false, 0]],
  ["whose recogniser is away says nothing", [final("inbound", 1), down], 2, [null, false, null]],
  ["what is over says nothing", [final("inbound", 1), ended], 2, [null, false, null]],
];

for (const [name, messages, now, [speaking, talkOver, silentFor]] of TABLE) {
  test(name, () => {
    assert.deepEqual(signals(transcriptOf(...messages), now), { speaking, talkOver, silentFor });
  });
}

test("a result without words is as long as it says", () => {
  const message = interim("inbound", 1, 2);
  message.channel.alternatives = [{ transcript: "so so" }];
  assert.deepEqual(signals(transcriptOf(message), 3), { speaking: "inbound", talkOver: false, silentFor: 0.5 });
});

test("ten times a second for a hundred calls of an hour costs next to nothing: the last minute is looked at", () => {
  const transcript = transcriptOf(started);
  for (let at = 0; at < 3600; at += 5) transcript.receive(final("inbound", at, at + 0.5));
  let looked = 0;
  const { turns } = transcript;
  transcript.turns = new Proxy(turns, {
    get(them, name) {
      if (Number.isInteger(Number(String(name)))) looked += 1;
      return Reflect.get(them, name);
    },
  });
  assert.equal(signals(transcript, 3600).silentFor, 4);
  assert.equal(turns.length, 720);
  assert.ok(looked < 40, `${looked} turns`);
});

/**
 * @param {number} at
 * @param {number} [seq]  undefined: it may still change
 * @returns {CallMessage}
 */
function published(at, seq = 1) {
  const results = { callSid: "CA1", at, track: "inbound", start: 0, duration: 1, channel: { alternatives: [] } };
  return /** @type {CallMessage} */ ({ type: "Results", ...results, ...(seq ? { seq } : {}) });
}

test("what may still change is told again to who comes later: the service's clock is not learned from it", () => {
  const clock = new ServiceClock();
  for (const begin of [0, 60_000]) {
    clock.hear(published(begin + 500, 0), "live", begin + 9000, begin + 9000); // from 7.5 s ago
    assert.equal(clock.at(9000), begin ? 8000 : 9000);
    clock.hear(published(begin + 8500), "live", begin + 9500, begin + 9500);
    assert.equal(clock.at(9500), 8500);
    clock.hear(published(begin + 9100, 0), "live", begin + 10_000, begin + 10_000); // it was said now
    assert.equal(clock.at(10_000), 9100);
    clock.hear(published(begin + 9100), "live", begin + 10_100, begin + 10_100);
    assert.equal(clock.at(10_000), 9100);
    clock.forget(); // the connection was lost
    clock.hear(published(begin + 9100), "live", begin + 10_100, begin + 10_100);
  }
});

test("what may still change was told as old as it gets, and was on the way: the clock is ours all the same", () => {
  const clock = new ServiceClock();
  clock.hear(published(500, 0), "live", 10_400 + 1500, 11_900);
  assert.equal(clock.at(12_000), 12_000);
});

test("the service's clock is ours, until a message says what they differ by", () => {
  const clock = new ServiceClock();
  assert.equal(clock.seconds(1000, 3000), 2);
  clock.hear(published(100), "past", 1600, 1600); // of what was before, nobody knows how long ago it was sent
  clock.hear({ type: "UtteranceEnd", callSid: "CA1" }, "live", 1600, 1600);
  assert.equal(clock.seconds(1000, 3000), 2);
  clock.hear(published(500), "live", 1600, 1600);
  clock.hear(published(600), "live", 1600, 1600); // less was on the way
  clock.hear(published(600), "live", 1700, 1700);
  assert.equal(clock.seconds(1000, 3000), 1);
  assert.equal(clock.at(3000), 2000);
  clock.forget(); // the computer slept, and its clock was put right
  assert.equal(clock.at(3000), 2000);
  clock.hear(published(600), "live", 31_600, 31_600);
  assert.equal(clock.at(33_000), 2000);
  clock.hear(published(700), "live", 31_800, 31_800);
  assert.equal(clock.at(33_000), 2000);
});

for (const off of [-3_600_000, -30, 15_000, 3_600_000]) {
  test(`our clock is off by ${off} ms: what may still change proves it, as far as its age explains nothing`, () => {
    const clock = new ServiceClock();
    for (const at of [1000, 2000]) {
      clock.hear(published(at, 0), "live", at + off, at); // nothing was on the way for long
      assert.equal(clock.at(3000 + off), 3000);
    }
    clock.forget();
    clock.hear(published(500, 0), "live", 3000 + off, 3000); // told again
    assert.equal(clock.at(3000 + off), 3000);
  });
}

for (const by of [-60_000, -1500, 1500, 60_000]) {
  test(`a clock that is put right by ${by} ms while words come is learned anew from the next`, () => {
    const clock = new ServiceClock();
    clock.hear(published(500), "live", 1500, 500);
    clock.hear({ type: "UtteranceEnd", callSid: "CA1" }, "live", 1700 + by, 700);
    clock.hear(published(800), "live", 1800 + by, 800);
    assert.equal(clock.at(3000 + by), 2000);
    clock.hear(published(900), "live", 2000 + by, 1000); // it came later, and is not taken for it
    assert.equal(clock.at(3000 + by), 2000);
  });
}

test("a clock that goes a little faster or slower than another is not taken for one that was put right", () => {
  const clock = new ServiceClock();
  clock.hear(published(500), "live", 1500, 500);
  clock.hear(published(800), "live", 2700, 800); // on the way for longer
  assert.equal(clock.at(3000), 2000);
});

test("of the watched words that were said a line tells the last one, and how many more", () => {
  const told = (/** @type {string[]} */ ...words) => toldWords({ marked: words.map((word, at) => ({ word, at })) });
  assert.deepEqual([told(), told("a"), told("a", "b", "a", "c")], ["", "a", "a +2"]);
});
