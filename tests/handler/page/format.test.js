// Words and numbers for people.

import assert from "node:assert/strict";
import test from "node:test";

import * as format from "../../../handler/page/static/shared/format.js";
import { choose } from "../../../handler/page/static/shared/texts.js";
import { partsOf } from "../../../handler/page/static/shared/words.js";

await choose(["en-GB"]);

const past = {
  callSid: "CA1",
  from: null,
  to: null,
  direction: null,
  startedAt: 0,
  state: /** @type {const} */ ("ended"),
  endedAt: new Date(2026, 10, 28, 9, 30).getTime(),
  duration: 63.4,
  reason: "completed",
  words: 212,
};

/** @type {[string, unknown, unknown][]} */
const TABLE = [
  ["a time", format.clock(65.9), "01:05"],
  ["a time of hours", format.clock(3725), "1:02:05"],
  ["a time before the beginning", format.clock(-1), "00:00"],
  ["why there is a gap", format.gapReason("media-lost"), "no audio came"],
  ["a reason that is new", format.gapReason("moon-phase"), "moon-phase"],
  ["why it ended", format.endReason("completed"), "ended"],
  ["when and how it was over", format.ended(past), "28 Nov 2026, 09:30 · ended · 212 words"],
  ["a short one", format.ended({ ...past, words: 1 }), "28 Nov 2026, 09:30 · ended · 1 word"],
  ["an end that is new", format.ended({ ...past, reason: "moon", words: undefined }), "28 Nov 2026, 09:30 · ended: moon"],
  ["an end of which nothing else is known", format.ended({ endedAt: past.endedAt }), "28 Nov 2026, 09:30"],
  ["an end that is new", format.endReason("moon-phase"), "ended: moon-phase"],
  ["why it cannot be read", format.refusal({ code: 4404, message: "?" }), "no such call"],
  ["a refusal that is new", format.refusal({ code: 4499, message: "no moon" }), "no moon"],
  ["no reason", format.refusal(undefined), ""],
  ["who speaks", format.speakers({ direction: "inbound" }), { inbound: "Caller", outbound: "Callee" }],
  ["who speaks, if we called", format.speakers({ direction: "outbound-api" }), { inbound: "Callee", outbound: "Caller" }],
  ["who speaks, if nobody said who called", format.speakers({}), { inbound: "Caller", outbound: "Callee" }],
  ["who speaks, by name", format.speakers({ callerName: "Ana", calleeName: "Ben" }), { inbound: "Ana", outbound: "Ben" }],
  [
    "who speaks, by name, if we called",
    format.speakers({ direction: "outbound-dial", callerName: "Ana" }),
    { inbound: "Callee", outbound: "Ana" },
  ],
  ["which way", format.directionName("outbound-dial"), "outgoing"],
  ["which way, if nobody said", format.directionName(undefined), "incoming"],
  ["the other's number", format.otherNumber({ from: "+1", to: "+2", direction: "inbound" }), "+1"],
  ["the other's number, if we called", format.otherNumber({ from: "+1", to: "+2", direction: "outbound" }), "+2"],
  ["the other, by name", format.otherParty({ ...past, from: "+1", callerName: "Ana" }), "Ana"],
  ["the other, if we called", format.otherParty({ ...past, to: "+2", callerName: "Ana", direction: "outbound" }), "+2"],
  ["ours, who was called", format.ourParty({ callerName: "Ana", calleeName: "Support 1" }), "→\u00a0Support 1"],
  ["ours, who called", format.ourParty({ callerName: "Support 1", calleeName: "Ana", direction: "outbound" }), "Support 1"],
  ["ours, of whom nothing is known", format.ourParty({}) + format.ourParty({ direction: "outbound" }), ""],
  ["the other, of whom nothing is known", format.otherParty({ ...past, callSid: "CA00012345678" }), "CA…345678"],
  ["no number", format.otherNumber({}), null],
  ["the title", format.title({ callSid: "CA0", from: "+1", to: "+2" }), "+1 →\u00a0+2"],
  ["the title with one number", format.title({ callSid: "CA0", from: null, to: "+2" }), "unknown →\u00a0+2"],
  ["the title with the other", format.title({ callSid: "CA0", from: "+1", to: null }), "+1 →\u00a0unknown"],
  [
    "the title with names",
    format.title({ callSid: "CA0", from: "+1", to: "+2", callerName: "Ana", calleeName: "Ben" }),
    "Ana +1 →\u00a0Ben +2",
  ],
  ["the title with one name alone", format.title({ callSid: "CA0", calleeName: "Ben" }), "unknown →\u00a0Ben"],
  ["the title without numbers", format.title({ callSid: "CA0" }), "CA0"],
  ["finals in a row", format.joined(["One.", "Two."]), "One. Two."],
  ["finals of a script without blanks", format.joined(["您好。", "请问", "OK"]), "您好。请问 OK"],
  ["nothing before it", format.blankBetween("", "x"), ""],
  ["nothing after it", format.blankBetween("x", ""), ""],
];

for (const [name, got, wanted] of TABLE) test(name, () => assert.deepEqual(got, wanted));

/** @param {string} text @param {string[]} written */
function parted(text, ...written) {
  const words = written.map((word) => ({ word: word.replace("?", ""), start: 0, end: 1, confidence: word.endsWith("?") ? 0.5 : 1 }));
  return partsOf(text, words, ({ confidence }) => confidence === 1).map((part) => (part.word ? `[${part.text}]` : part.text)).join("");
}

/** @type {[string, string, string][]} */
const PARTED = [
  ["its own blanks", parted("Not so.", "Not", "so."), "[Not] [so.]"],
  ["no blanks, if it has none", parted("您好。再见", "您", "好", "再", "见"), "[您][好]。[再][见]"],
  ["words that are written otherwise", parted("It costs $5 today", "It", "costs", "five", "", "today"),
    "[It] [costs] $5 [today]"],
  ["no word within another", parted("I said a lot", "I", "a", "lot"), "[I] said [a] [lot]"],
  ["what is behind the last", parted("Yes!", "Yes"), "[Yes]!"],
  ["none for words that are not wanted", parted("The cat the dog", "The?", "cat?", "the", "dog?"), "The cat [the] dog"],
  ["no word in the midst of another", parted("I said it", "I", "a", "it"), "[I] said [it]"],
];

for (const [name, got, wanted] of PARTED) test(`a text by its words has ${name}`, () => assert.equal(got, wanted));
