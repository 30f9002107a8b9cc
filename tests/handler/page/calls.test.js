// Which calls are known, and which are read without being open.

import assert from "node:assert/strict";
import test from "node:test";

import { KnownCalls, MAX_PAST } from "../../../handler/page/static/list/known_calls.js";
import { Previews } from "../../../handler/page/static/list/previews.js";
import { MAX_REMEMBERED, remember } from "../../../handler/page/static/shared/remember.js";

/** @param {string} callSid */
function listed(callSid, from = "+15550001111") {
  return { callSid, from, to: null, direction: null, startedAt: 1000, state: "live" };
}

/** @param {string} callSid @param {number} endedAt */
function past(callSid, endedAt) {
  return { ...listed(callSid), state: "ended", endedAt, duration: 1, reason: "completed", words: 3 };
}

/** @param {number} first @param {number} last */
function sids(first, last) {
  return Array.from({ length: last - first + 1 }, (_, at) => `call ${first + at}`);
}

test("a call that is no longer listed has ended, until it is listed again", () => {
  const calls = new KnownCalls();
  assert.deepEqual(calls.replace([listed("a"), listed("b")]), []);
  const [gone] = calls.replace([listed("b")]);
  assert.equal(gone?.callSid, "a");
  if (gone) calls.end(gone, null, 9000);
  assert.equal(calls.find("a")?.endedAt, 9000);
  assert.equal(calls.find("a")?.state, "ended");
  assert.equal(calls.find("b")?.state, "live");
  assert.equal(calls.find("c"), null);
  calls.replace([listed("a"), listed("b")]);
  assert.equal(calls.ended.size, 0);
});

test("a call that was read tells itself when and how it ended", () => {
  const calls = new KnownCalls();
  calls.end(listed("a"), { duration: 5, reason: "completed", words: 7 }, 9000);
  const { endedAt, reason, words } = calls.ended.get("a") ?? {};
  assert.deepEqual([endedAt, reason, words], [6000, "completed", 7]);
});

test("500 calls that ended meanwhile are kept, the newest", () => {
  const calls = new KnownCalls();
  for (const callSid of sids(1, 501)) calls.end(listed(callSid), null, 0);
  assert.deepEqual([...calls.ended.keys()], sids(2, 501));
});

test("those that are over are one list, each once, as the service tells of them, the last one first", () => {
  const calls = new KnownCalls();
  calls.replace([listed("live")]);
  calls.end(listed("unknown to the service"), null, 5000);
  calls.end(listed("a"), null, 9000);
  calls.tellPast([past("a", 8000), past("b", 2000), past("live", 9999)]);
  assert.deepEqual(calls.over.map(({ callSid }) => callSid), ["a", "unknown to the service", "b"]);
  assert.equal(calls.over[0]?.endedAt, 8000);
  assert.equal(calls.find("b")?.words, 3);
  calls.replace([listed("b")]); // it goes on
  assert.equal(calls.past.has("b"), false);
  calls.forgetPast();
  assert.deepEqual(calls.over.map(({ callSid }) => callSid), ["a", "unknown to the service"]);
});

test("of those that the service tells of as many are kept as anybody looks through, the last ones", () => {
  const calls = new KnownCalls();
  for (let at = 0; at < MAX_PAST; at += 1) calls.tellPast([past(`${at}`, at)]);
  assert.equal(calls.past.size, MAX_PAST);
  calls.tellPast([past("older", -1), past("newer", MAX_PAST)]);
  assert.equal(calls.past.size, MAX_PAST);
  assert.deepEqual(["older", "0", "1", "newer"].map((one) => calls.past.has(one)), [false, false, true, true]);
  assert.equal(calls.over[0]?.callSid, "newer");
});

test("what is remembered is bounded: what was put there first goes", () => {
  /** @type {Set<string>} */
  const set = new Set();
  for (const one of ["a", "b", "a", "c"]) remember(set, one, 2);
  assert.deepEqual([...set], ["a", "c"]);
  for (let at = 0; at < 2 * MAX_REMEMBERED; at += 1) remember(set, `${at}`);
  assert.equal(set.size, MAX_REMEMBERED);
});

test("as many are read as a connection carries beside what else it does, those in view in any case", () => {
  const previews = new Previews();
  const { begun, ended } = previews.change({ seen: sids(101, 110), pinned: [], others: sids(1, 500) }, 95);
  assert.deepEqual([begun, ended], [[...sids(101, 110), ...sids(1, 85)], []]);
  assert.equal(previews.calls.get("call 101"), "seen");
  assert.equal(previews.calls.get("call 1"), "watched");
});

test("what is read already stays while there is room", () => {
  const previews = new Previews();
  previews.change({ seen: sids(1, 10), pinned: [], others: sids(1, 500) }, 95);
  const scrolled = previews.change({ seen: sids(201, 210), pinned: [], others: sids(1, 500) }, 95);
  assert.deepEqual(scrolled, { begun: sids(201, 210), ended: sids(86, 95) });
  assert.equal(previews.calls.get("call 1"), "watched");
  const gone = previews.change({ seen: sids(201, 210), pinned: [], others: sids(201, 220) }, 95);
  assert.deepEqual(gone, { begun: sids(211, 220), ended: sids(1, 85) });
});

test("those that are pinned come behind those in view, before all that are read already", () => {
  const previews = new Previews();
  previews.change({ seen: sids(1, 2), pinned: [], others: sids(1, 500) }, 10);
  const pinned = ["call 400", "call 2"];
  const { begun, ended } = previews.change({ seen: sids(1, 2), pinned, others: sids(1, 500) }, 10);
  assert.deepEqual([begun, ended], [["call 400"], ["call 10"]]);
  assert.deepEqual([...previews.calls].slice(0, 4), [
    ["call 1", "seen"], ["call 2", "seen"], ["call 400", "pinned"], ["call 3", "watched"],
  ]);
  const scrolled = previews.change({ seen: sids(21, 30), pinned, others: sids(1, 500) }, 10);
  assert.deepEqual(scrolled.begun, sids(21, 30), "what is seen takes all the room there is");
});

test("a call that opens is read for itself, and takes a place", () => {
  const previews = new Previews();
  previews.change({ seen: ["a", "b"], pinned: [], others: [] }, 98);
  previews.delete("a");
  assert.deepEqual([...previews.calls.keys()], ["b"]);
  const seen = { seen: sids(1, 99), pinned: [], others: [] };
  assert.deepEqual(previews.change(seen, 1), { begun: ["call 1"], ended: ["b"] });
  assert.deepEqual(previews.change(seen, -22), { begun: [], ended: ["call 1"] });
});
