// How an open call stands, in a word or two.

import assert from "node:assert/strict";
import test from "node:test";
import { shortSign } from "../../../handler/page/static/desk/short_sign.js";

/** @import { Seen, ShortSign } from "../../../handler/page/static/desk/short_sign.js" */

/** @type {[string, Partial<Seen>, ShortSign][]} what is seen of a call that is live, else */
const TABLE = [
  ["live, in time, one after the other", {}, { kind: "live", text: "live" }],
  ["both speak", { talkOver: true }, { kind: "busy", text: "Both speak" }],
  ["late, which comes before what is said", { late: "late: 6.2 s", talkOver: true }, { kind: "amiss", text: "late: 6.2 s" }],
  ["unheard, which is why it is late", { isAway: true, late: "late: 6.2 s" }, { kind: "amiss", text: "unheard" }],
  ["its past is read", { standing: "looking" }, { kind: "over", text: "Looking …" }],
  ["it has no audio", { standing: "waiting" }, { kind: "over", text: "Waiting" }],
  ["nothing comes", { standing: "offline", isAway: true }, { kind: "over", text: "not live" }],
  ["the token has expired", { standing: "expired" }, { kind: "over", text: "not live" }],
  ["it may not be read", { standing: "refused" }, { kind: "over", text: "not live" }],
  ["it is over, without its recogniser", { standing: "ended", isAway: true }, { kind: "over", text: "ended" }],
];

for (const [name, seen, sign] of TABLE) {
  test(name, () => assert.deepEqual(shortSign({ standing: "live", isAway: false, late: "", talkOver: false, ...seen }), sign));
}
