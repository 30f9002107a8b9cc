// Whether a log is followed to its end.

import assert from "node:assert/strict";
import test from "node:test";

import { Following } from "../../../handler/page/static/call/following.js";

/** At its end, with 1,000 pixels to show and room for 400. */
function followed() {
  const following = new Following();
  following.note({ scrollTop: 600, scrollHeight: 1000, clientHeight: 400 });
  return following;
}

test("a reader who goes up leaves, and who comes near the end is back", () => {
  const following = followed();
  assert.equal(following.scrolled({ scrollTop: 580, scrollHeight: 1000, clientHeight: 400 }), false);
  assert.equal(following.isOn, true); // so near is there
  assert.equal(following.scrolled({ scrollTop: 300, scrollHeight: 1000, clientHeight: 400 }), false);
  assert.equal(following.isOn, false);
  assert.equal(following.scrolled({ scrollTop: 500, scrollHeight: 1000, clientHeight: 400 }), false);
  assert.equal(following.isOn, false);
  assert.equal(following.scrolled({ scrollTop: 570, scrollHeight: 1000, clientHeight: 400 }), false);
  assert.equal(following.isOn, true);
});

test("who has left is not brought back by what is laid out anew", () => {
  const following = followed();
  following.scrolled({ scrollTop: 300, scrollHeight: 1000, clientHeight: 400 });
  assert.equal(following.scrolled({ scrollTop: 200, scrollHeight: 1300, clientHeight: 400 }), false);
  assert.equal(following.isOn, false);
});

for (const [what, standing] of Object.entries({
  "a log that grows": { scrollTop: 600, scrollHeight: 1400, clientHeight: 400 },
  "a log that is laid out anew above": { scrollTop: 500, scrollHeight: 1200, clientHeight: 400 },
  "a window that is turned": { scrollTop: 500, scrollHeight: 1000, clientHeight: 300 },
})) {
  test(`${what} is followed further`, () => {
    const following = followed();
    assert.equal(following.scrolled(standing), true);
    assert.equal(following.isOn, true);
  });
}
