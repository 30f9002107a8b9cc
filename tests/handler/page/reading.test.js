// How the reader reads: what is kept, keys, and texts of both directions.

import assert from "node:assert/strict";
import test from "node:test";

import { actionOf, KEYS } from "../../../handler/page/static/help/keys.js";
import { readSettings } from "../../../handler/page/static/reading/settings.js";
import { isolate, isolating } from "../../../handler/page/static/shared/bidi.js";

/** @import { Place } from "../../../handler/page/static/help/keys.js" */

const USUAL = { size: "normal", density: "comfortable", theme: "system", times: "on", uncertain: "off", language: "" };

/** @type {[string, string | null, object][]} what was kept, and what is read of it */
const KEPT = [
  ["nothing", null, USUAL],
  ["some of it", '{"size":"large","times":"off","language":"de"}', { ...USUAL, size: "large", times: "off", language: "de" }],
  ["values that there are not", '{"size":"huge","theme":1,"density":null,"language":"../x"}', USUAL],
  ["names that there are not", '{"moon":"full","__proto__":{"size":"large"}}', USUAL],
  ["no object", "7", USUAL],
  ["no JSON", "{", USUAL],
  ["null", "null", USUAL],
];

for (const [name, kept, wanted] of KEPT) {
  test(`of what was kept, ${name} is read so far as it is known`, () => assert.deepEqual(readSettings(kept), wanted));
}

/** @param {string} key @param {object} held */
function pressed(key, held = {}) {
  return { key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...held };
}

/** @type {[string, Place, ReturnType<typeof pressed>, boolean, string | null][]} */
const PRESSED = [
  ["a letter", "call", pressed("c"), false, "copyLine"],
  ["a large letter", "call", pressed("C", { shiftKey: true }), false, "copyLine"],
  ["a letter that is typed into a field", "call", pressed("c"), true, null],
  ["a sign, with Shift as keyboards have it", "page", pressed("?", { shiftKey: true }), false, "help"],
  ["Ctrl and a letter", "page", pressed("k", { ctrlKey: true }), false, "search"],
  ["Ctrl, Shift and a letter, which is the browser's", "page", pressed("K", { ctrlKey: true, shiftKey: true }), false, null],
  ["Ctrl and a letter while capitals are locked", "page", pressed("K", { ctrlKey: true }), false, "search"],
  ["Command and a letter", "page", pressed("k", { metaKey: true }), false, "search"],
  ["the same in a field", "page", pressed("k", { ctrlKey: true }), true, "search"],
  ["another letter", "page", pressed("x"), false, null],
  ["a key of another place", "list", pressed("c"), false, null],
  ["Alt and a letter", "call", pressed("c", { altKey: true }), false, null],
  ["Enter in a field that has keys", "find", pressed("Enter"), true, "next"],
  ["Shift and Enter there", "find", pressed("Enter", { shiftKey: true }), true, "previous"],
];

for (const [name, place, key, typing, wanted] of PRESSED) {
  test(`${name} does ${wanted ?? "nothing"}`, () => assert.equal(actionOf(place, key, typing), wanted));
}

test("no place has a key that does two things", () => {
  for (const actions of Object.values(KEYS)) {
    const keys = Object.values(actions).flat();
    assert.equal(new Set(keys).size, keys.length);
  }
});

test("a text that goes another way is isolated, and no other", () => {
  assert.equal(isolate("Ana +1 555", "ltr"), "Ana +1 555");
  assert.equal(isolate("نور", "ltr"), "\u2068نور\u2069");
  assert.equal(isolate("+1 555", "rtl"), "\u2068+1 555\u2069");
  assert.equal(isolate("", "rtl"), "");
});

test("texts isolate what is put into them, numbers left alone", () => {
  const texts = isolating({
    direction: "ltr",
    deep: { said: (/** @type {string} */ who, /** @type {number} */ times) => `${who}: ${times}` },
    gap: (/** @type {{ of: string }} */ { of }) => `none of ${of}`,
    plain: "שלום",
  });
  assert.equal(texts.deep.said("נור", 2), "\u2068נור\u2069: 2");
  assert.equal(texts.gap({ of: "Ana" }), "none of Ana");
  assert.equal(texts.plain, "שלום");
});
