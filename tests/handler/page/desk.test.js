// The desk: what the address names of it, and what is pinned.

import assert from "node:assert/strict";
import test from "node:test";

import { both, MAX_OPEN, momentLink, readAddress, writeAddress } from "../../../handler/page/static/desk/desk_address.js";
import { OpenPanels } from "../../../handler/page/static/desk/open_panels.js";
import { Pins } from "../../../handler/page/static/desk/pins.js";

const NOTHING = { token: null, calls: [], pinned: [], enlarged: null, moment: null, malformed: [], tooMany: 0 };
const [A = "", B = "", C = ""] = sids(3);

/** @param {number} count */
function sids(count) {
  return Array.from({ length: count }, (_, at) => `CA${String(at).padStart(32, "0")}`);
}

/** @type {[string, string, Partial<import("../../../handler/page/static/desk/desk_address.js").Asked>][]} */
const LINKS = [
  ["nothing", "", {}],
  ["a token", "#token=t", { token: "t" }],
  ["no token", "#token=", {}],
  ["an old link to a call", `#token=t&call=${A}`, { token: "t", calls: [A], moment: { callSid: A, at: NaN } }],
  ["an old link to a moment", `#call=${A}&t=41.2`, { calls: [A], moment: { callSid: A, at: 41.2 } }],
  ["calls in their order, each once", `#calls=${B},${A},${B}`, { calls: [B, A] }],
  ["a moment beside them", `calls=${A}&call=${B}&t=1`, { calls: [A, B], moment: { callSid: B, at: 1 } }],
  ["all of it", `#calls=${A},${B}&pin=${B}&focus=${A}`, { calls: [A, B], pinned: [B], enlarged: A }],
  ["one that is enlarged and not open", `#calls=${A}&focus=${B}`, { calls: [A] }],
  ["commas written otherwise", `#calls=${A}%2C${B}`, { calls: [A, B] }],
  ["what is no call", `#calls=${A},x,,y&pin=x&focus=z&call=1`, { calls: [A], malformed: ["x", "y", "z"] }],
  ["what is no call, and long", `#call=${"x".repeat(50)}`, { malformed: [`${"x".repeat(40)}…`] }],
];

for (const [what, hash, asked] of LINKS) {
  test(`an address asks for ${what}`, () => assert.deepEqual(readAddress(hash), { ...NOTHING, ...asked }));
}

test("an address asks for no more calls than may be open, however long it is", () => {
  const many = sids(MAX_OPEN + 4);
  const asked = readAddress(`#calls=${many.join()}&pin=${many.join()}`);
  assert.deepEqual([asked.calls, asked.pinned, asked.tooMany], [many.slice(0, MAX_OPEN), many.slice(0, MAX_OPEN), 4]);
  const beyond = readAddress(`#calls=${sids(MAX_OPEN).join()}&call=${many.at(-1)}&t=3`);
  assert.deepEqual([beyond.moment, beyond.tooMany], [null, 1]);
  assert.equal(readAddress(`#calls=${`${A},`.repeat(1e5)}`).calls.length, 1);
});

test("what is written is read", () => {
  const desk = { calls: [B, A], pinned: [A], enlarged: B };
  assert.deepEqual(readAddress(writeAddress(desk)), { ...NOTHING, ...desk });
  const moment = { callSid: B, at: 41.2 };
  assert.deepEqual(readAddress(writeAddress(desk, moment)), { ...NOTHING, ...desk, moment });
  assert.equal(writeAddress({ calls: [], pinned: [A], enlarged: null }), ""); // nothing is open
  assert.equal(momentLink({ callSid: A, at: NaN }), `call=${A}`);
});

/** A browser's storage that may be full. */
class Store {
  /** @type {Map<string, string>} */
  texts = new Map();
  full = false;

  /** @param {string} key */
  getItem(key) {
    return this.texts.get(key) ?? null;
  }

  /** @param {string} key @param {string} text */
  setItem(key, text) {
    if (this.full) throw new Error("QuotaExceededError");
    this.texts.set(key, text);
  }
}

test("what is pinned stays so, beside what another tab pins", () => {
  const store = new Store();
  const [one, other] = [new Pins(store, "here"), new Pins(store, "here")];
  one.toggle(A);
  other.toggle(B);
  one.toggle(C);
  assert.deepEqual([...one.pinned], [A, B, C]);
  one.toggle(B);
  assert.ok(!one.has(B));
  assert.deepEqual([...new Pins(store, "here").pinned], [A, C]);
  assert.deepEqual([...new Pins(store, "elsewhere").pinned], []);
});

test("pins are bounded, and what is stored need not be ours", () => {
  const store = new Store();
  const pins = new Pins(store, "here");
  for (const callSid of sids(60)) pins.toggle(callSid);
  assert.deepEqual([...pins.pinned], sids(60).slice(10));
  for (const text of ["no JSON", "7", "null"]) {
    store.texts.set("here", text);
    assert.equal(new Pins(store, "here").pinned.size, 0);
  }
  store.texts.set("here", JSON.stringify([A, 7, [B], "CA"]));
  assert.deepEqual([...new Pins(store, "here").pinned], [A]);
});

test("what a link pins holds for the page alone, until the reader lets it go", () => {
  const store = new Store();
  const pins = new Pins(store, "here");
  pins.toggle(A);
  pins.link([B, C]);
  assert.deepEqual([A, B, C].map((one) => pins.has(one)), [true, true, true]);
  assert.equal(store.getItem("here"), JSON.stringify([A]));
  pins.toggle(B);
  assert.ok(!pins.has(B));
  pins.toggle(B); // now it is the reader's
  assert.deepEqual([...new Pins(store, "here").pinned], [A, B]);
  pins.link(sids(60));
  assert.equal(pins.linked.size, 50);
});

test("of two links that wait both are followed, and what the later one shows is shown", () => {
  const [first, second] = [readAddress(`#calls=${A}&pin=${A}&focus=${A}`), readAddress(`#call=${B}&t=3&calls=${A}`)];
  assert.deepEqual(both(first, second), {
    ...NOTHING, calls: [A, B], pinned: [A], enlarged: A, moment: { callSid: B, at: 3 },
  });
  assert.deepEqual(both(second, first).moment, { callSid: B, at: 3 });
  const many = readAddress(`#calls=${sids(MAX_OPEN + 1).join()}`);
  const others = readAddress(`#calls=${sids(MAX_OPEN + 3).slice(3).join()}&pin=${sids(MAX_OPEN).join()}`);
  const all = both(many, others);
  assert.deepEqual([all.calls, all.pinned.length, all.tooMany], [sids(MAX_OPEN), MAX_OPEN, 4]);
});

test("without a storage, or with a full one, the page remembers", () => {
  const store = new Store();
  store.full = true;
  for (const where of [null, store]) {
    const pins = new Pins(where, "here");
    pins.toggle(A);
    pins.toggle(B);
    assert.deepEqual([...pins.pinned], [A, B]);
  }
});

test("what is open is named in its order, with what is pinned and enlarged; of nothing, too", () => {
  const open = new OpenPanels();
  assert.deepEqual(open.desk, { calls: [], pinned: [], enlarged: null });
  const panels = [B, A].map((callSid) => panelOf(callSid, callSid === A));
  for (const panel of panels) open.byCallSid.set(panel.transcript.callSid, panel);
  open.enlarged = panels[0] ?? null;
  assert.deepEqual(open.desk, { calls: [B, A], pinned: [A], enlarged: B });
  assert.equal(open.oldest(() => true), panels[0]);
  assert.equal(open.oldest(({ pinned }) => pinned), panels[1]);
  assert.equal(open.oldest(() => false), null);
});

test("there is room until as many are open as may be", () => {
  const open = new OpenPanels();
  for (const callSid of sids(MAX_OPEN)) {
    assert.equal(open.full, false);
    open.byCallSid.set(callSid, panelOf(callSid, false));
  }
  assert.equal(open.full, true);
});

/**
 * What is asked of a panel here.
 * @param {string} callSid
 * @param {boolean} pinned
 */
function panelOf(callSid, pinned) {
  return /** @type {import("../../../handler/page/static/desk/call_panel.js").CallPanel} */ (
    /** @type {unknown} */ ({ transcript: { callSid }, pinned })
  );
}
