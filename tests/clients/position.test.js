// What is new to a reader, and where it goes on.

import assert from "node:assert/strict";
import test from "node:test";

import { Position } from "../../clients/js/position.js";

/** @import { CallMessage, Track } from "../../clients/js/messages.d.ts" */

const callSid = `CA${"0".repeat(32)}`;

/** @param {number} seq @returns {CallMessage} */
function record(seq) {
  return { type: "CallResumed", callSid, seq };
}

/** @param {Track} track @param {number} start @param {number} end @returns {any} */
function said(track, start, end, transcript = "yes") {
  const channel = { alternatives: [{ transcript }] };
  return { type: "Results", callSid, at: 0, track, start, duration: end - start, channel };
}

/** @param {Position} position @param {number} first @param {number} last */
function take(position, first, last) {
  const taken = [];
  for (let seq = first; seq <= last; seq += 1) if (position.take(record(seq))) taken.push(seq);
  return taken;
}

/** @param {number} last */
function live(last) {
  const position = new Position(0);
  take(position, 1, last);
  position.catchUp(last);
  return position;
}

test("a record is told once", () => {
  const position = new Position(0);
  assert.deepEqual(take(position, 1, 3), [1, 2, 3]);
  assert.deepEqual(take(position, 2, 5), [4, 5]);
  assert.equal(position.since, 5);
});

test("what begins behind a record tells none before it", () => {
  assert.deepEqual(take(new Position(3), 1, 5), [4, 5]);
});

test("behind a hole nothing is told until it is filled", () => {
  const position = live(3);
  assert.deepEqual(take(position, 5, 6), []);
  assert.equal(position.complete, false);
  assert.equal(position.since, 3);
  assert.equal(position.catchUp(6), false);
  assert.deepEqual(take(position, 4, 6), [4, 5, 6]);
  assert.equal(position.catchUp(6), true);
});

test("what is no longer kept is no hole, and is told", () => {
  const position = live(3);
  assert.equal(position.take({ type: "Expired", callSid, first: 4 }), false); // it is not missed
  assert.equal(position.take({ type: "Expired", callSid, first: 7 }), true);
  assert.deepEqual(take(position, 5, 8), [7, 8]);
});

for (const [first, last, since, again] of /** @type {const} */ ([
  [1, 100, 95, true], [1, 3, 0, true], [99, 100, 98, true], [1, 0, 0, false],
])) {
  test(`of records ${first} to ${last} the five newest are those after ${since}`, () => {
    const position = new Position(0, 5);
    assert.equal(position.since, "live");
    assert.equal(position.catchUp(last), false);
    assert.equal(position.find(first, last), again);
    assert.equal(position.since, since);
    assert.equal(position.find(first, last), false);
  });
}

test("an interim never comes over the final that has taken its place", () => {
  const position = live(0);
  assert.equal(position.take(said("inbound", 0, 1)), true);
  assert.equal(position.take({ ...said("inbound", 0, 2), seq: 1 }), true);
  assert.equal(position.take(said("inbound", 0, 2)), false);
  assert.equal(position.take(said("inbound", 1, 2.1)), true);
  assert.equal(position.take(said("inbound", 0, 2, "")), true); // it takes back what was there
  assert.equal(position.take(said("outbound", 0, 2)), true);
  assert.equal(position.take({ type: "UtteranceEnd", callSid }), true);
});

test("interims wait until the past has been told", () => {
  const position = new Position(0);
  assert.equal(position.take(said("inbound", 0, 1)), false);
  position.catchUp(0);
  assert.equal(position.take(said("inbound", 0, 1)), true);
});

test("a result without an alternative is an interim that takes back", () => {
  const position = live(0);
  assert.equal(position.take({ ...said("inbound", 0, 1), channel: { alternatives: [] } }), true);
});
