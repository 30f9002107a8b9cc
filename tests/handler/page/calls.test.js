// Which calls are known, and which are previewed.

import assert from "node:assert/strict";
import test from "node:test";

import { KnownCalls } from "../../../handler/page/static/list/known_calls.js";
import { Previews } from "../../../handler/page/static/list/previews.js";

/** @param {string} callSid */
function listed(callSid, from = "+15550001111") {
  return { callSid, from, to: null, direction: null, startedAt: 0, state: "live" };
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
  if (gone) calls.end(gone, 9000);
  assert.deepEqual(calls.find("a"), { ...listed("a"), endedAt: 9000, state: "ended" });
  assert.equal(calls.find("b")?.state, "live");
  assert.equal(calls.find("c"), null);
  calls.replace([listed("a"), listed("b")]);
  assert.equal(calls.ended.size, 0);
});

test("50 ended calls are kept, the newest", () => {
  const calls = new KnownCalls();
  for (const callSid of sids(1, 51)) calls.end(listed(callSid), 0);
  assert.deepEqual([...calls.ended.keys()], sids(2, 51));
});

test("40 calls are previewed", () => {
  const previews = new Previews();
  assert.deepEqual(previews.change(sids(1, 50)), { begun: sids(1, 40), ended: [] });
});

test("what is previewed already stays while there is room", () => {
  const previews = new Previews();
  previews.change(sids(1, 30));
  assert.deepEqual(previews.change(sids(26, 40)), { begun: sids(31, 40), ended: [] });
  assert.deepEqual(previews.change(sids(41, 50)), { begun: sids(41, 50), ended: sids(1, 10) });
  assert.deepEqual([...previews.calls], sids(11, 50));
});

test("a call that opens is previewed no longer", () => {
  const previews = new Previews();
  previews.change(["a", "b"]);
  previews.delete("a");
  assert.deepEqual([...previews.calls], ["b"]);
});
