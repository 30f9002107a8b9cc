// Why nothing comes.

import assert from "node:assert/strict";
import test from "node:test";

import { lostBy } from "../../../handler/page/static/call/lost.js";

/** @import { State } from "../../../handler/page/static/partyline/partyline.js" */

test("a connection brings nothing unless it is live", () => {
  /** @type {State[]} */
  const states = ["idle", "live", "connecting", "offline", "draining", "expired", "refused"];
  const why = [null, null, "offline", "offline", "draining", "expired", "refused"];
  assert.deepEqual(states.map(lostBy), why);
});
