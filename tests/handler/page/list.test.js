// What a list shows, in which order, which of its rows there are, and what they say.

import assert from "node:assert/strict";
import test from "node:test";

import { glance, glanceBack } from "../../../handler/page/static/list/glance.js";
import { lastWords } from "../../../handler/page/static/list/last_words.js";
import { filter, wholeNumber } from "../../../handler/page/static/list/matching.js";
import * as ordering from "../../../handler/page/static/list/ordering.js";
import * as visible from "../../../handler/page/static/list/visible_rows.js";

/** @import { KnownCall } from "../../../handler/page/static/list/known_calls.js" */
/** @import { SortKeys, Wanted } from "../../../handler/page/static/list/ordering.js" */

/** @param {string} callSid @param {Partial<KnownCall>} about @returns {KnownCall} */
function call(callSid, about = {}) {
  return { callSid, from: null, to: null, direction: "inbound", startedAt: 0, state: "live", ...about };
}

const ANA = call("CA1", { from: "+15550001111", to: "+15559990000", callerName: "Ana José", startedAt: 3000 });
const BEN = call("CA2", {
  from: "+4930123456", to: "+15559990000", startedAt: 1000, state: "waiting", metadata: { order: "77", "Cost centre": "B 12" },
});
const OUT = call("CA3", { from: "+15559990000", to: "+15550003333", direction: "outbound-api", startedAt: 2000 });
const BARE = call("CA4", { startedAt: 4000 });
const ALL = [ANA, BEN, OUT, BARE];

/** @type {SortKeys} */
const PLAIN = { isPinned: false, isAway: false, marked: [], silentFor: null };

/** @param {Partial<Wanted>} wanted @param {Record<string, Partial<SortKeys>>} [keys] @param {KnownCall[]} [calls] */
function shown(wanted, keys = {}, calls = ALL) {
  const keysOf = (/** @type {KnownCall} */ { callSid }) => ({ ...PLAIN, ...keys[callSid] });
  const all = { ...ordering.FIRST, ...wanted };
  return ordering.liveCalls(calls.filter(filter(all)), all, keysOf).map(({ callSid }) => callSid).join(" ");
}

const MARKED = { CA1: { marked: [{ word: "lawyer", at: 1 }] }, CA2: { marked: [{ word: "cancel", at: 9 }] } };
const SILENT = { CA2: { silentFor: 5 }, CA3: { silentFor: 60 } };

/** @type {[string, string, string][]} */
const SHOWN = [
  ["the newest first", shown({}), "CA4 CA1 CA3 CA2"],
  ["the longest first", shown({ sort: "longest" }), "CA2 CA3 CA1 CA4"],
  ["the one whose watched word was said last first", shown({ sort: "marked" }, MARKED), "CA2 CA1 CA4 CA3"],
  ["the one that is silent longest first", shown({ sort: "silent" }, SILENT), "CA3 CA2 CA4 CA1"],
  ["by number, the other's, without one last", shown({ sort: "number" }), "CA1 CA3 CA2 CA4"],
  ["pinned ones on top, in that order too", shown({}, { CA2: { isPinned: true }, CA3: { isPinned: true } }), "CA3 CA2 CA4 CA1"],
  ["those that wait", shown({ state: "waiting" }), "CA2"],
  ["those whose recogniser is away", shown({ state: "away" }, { CA3: { isAway: true } }), "CA3"],
  ["none that is over", shown({ state: "ended" }), ""],
  ["incoming ones", shown({ direction: "incoming" }), "CA4 CA1 CA2"],
  ["outgoing ones", shown({ direction: "outgoing" }), "CA3"],
  ["a name, whatever its accents", shown({ text: "jose ANA" }), "CA1"],
  ["a name as it is spelled out", shown({ text: "kuehne" }, {}, [call("CA5", { callerName: "Kühne" })]), "CA5"],
  ["a name that is spelled out", shown({ text: "Kühne" }, {}, [call("CA5", { callerName: "Kuehne & Co" })]), "CA5"],
  ["metadata however it is spelled", shown({ text: "GRÖSSE:straß" }, {}, [call("CA5", { metadata: { groesse: "Hauptstrasse" } })]), "CA5"],
  ["a callSid", shown({ text: "ca3" }), "CA3"],
  ["a number as people write it", shown({ text: " +1 (555) 000-1111 " }), "CA1"],
  ["a part of one", shown({ text: "00-01 1" }), "CA1"],
  ["one as it is dialled abroad", shown({ text: "0049 30 123456" }), "CA2"],
  ["one as it is dialled at home", shown({ text: "030/123456" }), "CA2"],
  ["one as it is printed", shown({ text: "+49 (0)30 123456" }), "CA2"],
  ["a value", shown({ text: "77" }), "CA2"],
  ["metadata", shown({ text: "order:77" }), "CA2"],
  ["metadata of another value", shown({ text: "order:78" }), ""],
  ["metadata of any value", shown({ text: "ORDER:" }), "CA2"],
  ["metadata with blanks", shown({ text: '"cost centre":"b 12" 4930' }), "CA2"],
  ["what is no metadata though it looks so", shown({ text: "12:30" }), ""],
  ["all words of several", shown({ text: "ana ben" }), ""],
  ["nothing but blanks", shown({ text: "   " }), "CA4 CA1 CA3 CA2"],
];

for (const [name, got, wanted] of SHOWN) test(`the list shows ${name}`, () => assert.equal(got, wanted));

/** @type {[string, string | null][]} */
const NUMBERS = [
  ["+1 (555) 000-1111", "+15550001111"],
  ["0049 30 123456", "+4930123456"],
  ["1 555 000 1111", "+15550001111"],
  ["030 123456", null],
  ["555 1111", null],
  ["Ana", null],
  ["", null],
];

for (const [text, number] of NUMBERS) {
  test(`"${text}" is the number ${number}`, () => assert.equal(wholeNumber(text), number));
}

test("what was wanted is there after a reload, and nothing that nobody may want", () => {
  const wanted = /** @type {const} */ ({ text: "ana", state: "ended", direction: "outgoing", sort: "silent", rows: "compact" });
  assert.deepEqual(ordering.restored(JSON.stringify(wanted)), wanted);
  for (const kept of [null, "", "{", "null", "3", '{"state":"gone","sort":7,"text":[],"direction":{},"rows":"wide"}']) {
    assert.deepEqual(ordering.restored(kept), ordering.FIRST, String(kept));
  }
  assert.equal(ordering.restored(JSON.stringify({ text: "a".repeat(999) })).text.length, 200);
});

test("words and a direction leave calls out", () => {
  assert.equal(ordering.isNarrowed(ordering.FIRST), false);
  assert.equal(ordering.isNarrowed({ ...ordering.FIRST, text: "a" }), true);
  assert.equal(ordering.isNarrowed({ ...ordering.FIRST, direction: "incoming" }), true);
});

const VIEW = { top: 1000, height: 250, row: 50 };

/** @type {[string, unknown, unknown][]} */
const ROWS = [
  ["few rows are roomy", visible.densityFor(6, { height: 600, roomy: 100 }, "roomy"), "roomy"],
  ["more are compact", visible.densityFor(7, { height: 600, roomy: 100 }, "roomy"), "compact"],
  ["and stay so while there is no room to spare", visible.densityFor(6, { height: 600, roomy: 100 }, "compact"), "compact"],
  ["once there is, no longer", visible.densityFor(5, { height: 600, roomy: 100 }, "compact"), "roomy"],
  ["where none are seen, they stay as they are", visible.densityFor(5, { height: 0, roomy: 0 }, "compact"), "compact"],
  ["the rows that are seen", visible.seenRows(VIEW, 500), { first: 20, last: 25 }],
  ["and in part", visible.seenRows({ ...VIEW, top: 1010 }, 500), { first: 20, last: 26 }],
  ["of few", visible.seenRows(VIEW, 3), { first: 3, last: 3 }],
  ["of a list that is not shown", visible.seenRows({ top: 0, height: 0, row: 0 }, 500), { first: 0, last: 0 }],
  ["of one that bounces", visible.seenRows({ ...VIEW, top: -60 }, 500), { first: 0, last: 4 }],
  ["the rows that there are", visible.neededRows(VIEW, 500), { first: 12, last: 33 }],
  ["at the top", visible.neededRows({ ...VIEW, top: 0 }, 10), { first: 0, last: 10 }],
  ["a row that is seen", visible.topToShow(VIEW, 22), 1000],
  ["one above", visible.topToShow(VIEW, 3), 150],
  ["one below", visible.topToShow(VIEW, 30), 1300],
  ["a page", visible.pageOf(VIEW), 4],
  ["a page of hardly anything", visible.pageOf({ ...VIEW, height: 20 }), 1],
];

for (const [name, got, wanted] of ROWS) test(`a long list: ${name}`, () => assert.deepEqual(got, wanted));

test("what is looked at stays where it is while rows come and go", () => {
  const before = Array.from({ length: 40 }, (_, at) => `call ${at}`);
  /** @param {string[]} after @param {string | null} held */
  const top = (after, held = null, view = VIEW) =>
    visible.topToStay(view, before, new Map(after.map((callSid, at) => [callSid, at])), held);
  assert.equal(top(["new", ...before]), 1050);
  assert.equal(top(["new", ...before], null, { ...VIEW, top: 0 }), 0);
  assert.equal(top(before.filter((one) => one !== "call 20")), 950, "the first one seen is gone: the next one");
  assert.equal(top(before.filter((one) => one !== "call 3"), "call 22"), 950);
  assert.equal(top(["new", ...before], "call 3"), 1050, "what is held is not seen");
  assert.equal(top(["other"]), 1000);
});

test("in the place of a call that is gone comes the next one, else the one before", () => {
  const places = new Map(["new", "a", "c"].map((callSid, at) => [callSid, at]));
  assert.equal(visible.heir(["a", "b", "c"], "b", places), "c");
  assert.equal(visible.heir(["a", "b"], "b", places), "a");
  assert.equal(visible.heir(["x", "b"], "b", places), null);
});

/** @type {[string, string, number, string][]} */
const ENDS = [
  ["all of it", "Good morning.", 20, "Good morning."],
  ["the last words", "I would like to book a table for two", 20, "… book a table for two"],
  ["no part of a word", "I would like to book a table for two", 19, "… a table for two"],
  ["a word that fits exactly", "one two", 3, "… two"],
  ["a word that is longer than there is room for", "one incomprehensibilities", 10, "… incomprehensibilities"],
  ["nothing but one", "incomprehensibilities", 10, "incomprehensibilities"],
  ["what has no blanks", "您好。请问今天晚上还有位子吗", 12, "… 还有位子吗"],
];

for (const [name, text, room, wanted] of ENDS) {
  test(`of what was said last there is ${name}`, () => assert.equal(lastWords(text, room), wanted));
}

const QUIET = { speaking: null, talkOver: false, silentFor: null };

/** @param {string} text @returns {import("../../../handler/page/static/list/glance.js").Heard} */
function heard(text, interim = "", trouble = "") {
  const turn = { track: /** @type {const} */ ("inbound"), start: 0, end: 1, segments: [{ text, words: [], start: 0, end: 1 }] };
  return {
    lastTurn: text ? turn : null,
    interims: new Map(interim ? [["outbound", { text: interim, words: [], start: 5, end: 6, from: 5, at: 0 }]] : []),
    trouble,
  };
}

test("a row says who speaks, and what was said last", () => {
  assert.deepEqual(glance(ANA, heard("Good morning.", "Who is"), { ...QUIET, speaking: "outbound" }, 40),
    { signals: { ...QUIET, speaking: "outbound" }, isAway: false, last: "Callee: Who is" });
  assert.deepEqual(glance(ANA, heard("Good morning."), { ...QUIET, speaking: "inbound" }, 40),
    { signals: { ...QUIET, speaking: "inbound" }, isAway: false, last: "Ana José: Good morning." });
  assert.equal(glance(ANA, heard("Good morning."), QUIET, 40).signals?.speaking, null);
  assert.deepEqual(glance(ANA, heard(""), null, 40), { signals: null, isAway: false, last: "" });
  assert.deepEqual(glance(ANA, null, QUIET, 40), { signals: null, isAway: false, last: "" });
});

test("a row says that its recogniser is away, unless nobody knows", () => {
  assert.deepEqual(glance(ANA, heard("Good morning.", "", "HTTP 503"), QUIET, 40),
    { signals: null, isAway: true, last: "Unheard: words come later" });
  assert.deepEqual(glance(ANA, heard("Good morning.", "", "HTTP 503"), null, 40),
    { signals: null, isAway: false, last: "Ana José: Good morning." });
});

test("a row of a call that is over says when and how it ended", () => {
  const endedAt = new Date(2026, 10, 28, 9, 30).getTime();
  assert.match(glanceBack({ ...ANA, endedAt, reason: "completed", words: 2 }).last, / · ended · 2 words$/);
  assert.match(glanceBack({ ...ANA, endedAt }).last, /:30/);
  assert.ok(glanceBack(ANA).last);
});
