// What is read in a token.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import test from "node:test";

import { authorization, expiryOf } from "../../clients/js/token.js";

/** @param {unknown} claims */
function token(claims) {
  return `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.c2ln`;
}

for (const [name, given, expires] of /** @type {[string, string | null, number | null][]} */ ([
  ["that says when it ends", token({ exp: 1795341600 }), 1795341600],
  ["of letters that only URLs have", token({ exp: 7, sub: "\u00ff\u00fe\u00ff~~~" }), 7],
  ["that does not say", token({}), null],
  ["that is none", "nonsense", null],
  ["that is malformed", "a.b.c", null],
  ["that is not there", null, null],
])) test(`a token ${name} is renewed accordingly`, () => assert.equal(expiryOf(given), expires));

test("a token goes into a header, and without one nothing does", () => {
  assert.deepEqual(authorization("a"), { Authorization: "Bearer a" });
  assert.deepEqual(authorization(null), {});
});
