// What is loaded once it is wanted, and tried again until it comes.

import assert from "node:assert/strict";
import test from "node:test";

import { later, tellOfLoading, tryAgain, unlessGone } from "../../../handler/page/static/shared/later.js";

/** @type {string[]} */
let told = [];
const listener = {
  failed: (/** @type {boolean} */ isAsked) => { told.push(isAsked ? "failed, asked for" : "failed"); },
  loaded: () => { told.push("loaded"); },
};

/** Something that cannot be had until it is there. */
function missing() {
  const one = { isThere: false, load: async () => { if (!one.isThere) throw new TypeError("Failed to fetch"); return one; } };
  return one;
}

/** Whatever can go on has gone on. */
const settled = () => new Promise((done) => { setImmediate(done); });

test("nobody need be told of what is missing", async () => {
  const one = missing();
  const found = later(one.load);
  await settled();
  one.isThere = true;
  tryAgain();
  assert.equal(await found, one);
});

test("that something is missing is taken back once all is there, whatever came last", async () => {
  tellOfLoading(listener);
  told = [];
  const [late, quick] = [missing(), missing()];
  const found = later(late.load);
  await settled();
  assert.deepEqual(told, ["failed, asked for"]);
  late.isThere = true;
  const other = later(quick.load); // fails while the first one comes
  await found;
  await settled();
  quick.isThere = true;
  assert.deepEqual(told, ["failed, asked for", "failed, asked for"]);
  tryAgain();
  await other;
  assert.deepEqual(told.slice(2), ["loaded"]);
  await later(missingOnce());
  assert.deepEqual(told.slice(3), []); // it was not told of
});

/** What can be had with the second try. */
function missingOnce() {
  let tries = 0;
  return async () => { if (++tries < 2) throw new TypeError("Failed to fetch"); };
}

test("what comes at once, or last with its second try, takes the notice back as well", async () => {
  told = [];
  const first = missing();
  const found = later(first.load);
  await settled();
  /** @type {(value?: unknown) => void} */
  let come = () => {};
  const slow = later(() => new Promise((done) => { come = done; }));
  first.isThere = true;
  tryAgain();
  await found;
  assert.deepEqual(told, ["failed, asked for"]);
  come();
  await slow;
  assert.deepEqual(told, ["failed, asked for", "loaded"]);
});

test("who asks for something else is not told again of what is missing", async () => {
  told = [];
  const one = missing();
  const found = later(one.load);
  await settled();
  await later(async () => "menu");
  await settled();
  assert.deepEqual(told, ["failed, asked for", "failed"]);
  later(one.load);
  await settled();
  assert.deepEqual(told.slice(2), ["failed, asked for"]);
  one.isThere = true;
  tryAgain();
  await found;
  assert.deepEqual(told.slice(3), ["loaded"]);
});

test("what comes once the reader has gone on is null", async () => {
  const page = { activeElement: "menu" };
  Object.defineProperty(globalThis, "document", { value: page });
  assert.equal(await unlessGone(Promise.resolve("it")), "it");
  const [earlier, latest] = [unlessGone(Promise.resolve("it")), unlessGone(Promise.resolve("other"))];
  assert.deepEqual([await earlier, await latest], [null, "other"]);
  const gone = unlessGone(Promise.resolve("it"));
  page.activeElement = "search";
  assert.equal(await gone, null);
});
