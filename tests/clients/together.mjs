// Several readings over one connection, for tests/system/test_clients_together.py: URL TOKEN CALL NUMBER.

import { argv } from "node:process";

import { Partyline } from "../../clients/js/partyline.js";

const [, , url = "", token = "", callSid = "", number = ""] = argv;
const client = new Partyline({ url, token: () => token });

/** @param {number} ms */
const rest = (ms) => new Promise((over) => setTimeout(over, ms));

/** @type {Promise<unknown>[]} */
const others = [];
/** @type {Record<string, number[]>} */
const seqs = { slow: [], late: [], newest: [], behind: [], number: [] };
/** @param {string} name */
const keep = (name) => (/** @type {{ callSid: string, seq?: number }} */ message) => {
  if (message.seq && message.callSid === callSid) seqs[name]?.push(message.seq);
};

/** @param {string} name @param {object} options */
const over = (name, options) => new Promise((done) => {
  client.call(callSid, {
    ...options,
    onMessage: keep(name),
    onState: (state) => {
      if (state === "over") done(null);
      if (state === "live") begun.shift()?.();
    },
  });
});

/** @type {(() => void)[]} */
const begun = [];
/** @param {string} name @param {object} options */
const live = (name, options) => {
  const asked = new Promise((done) => { begun.push(() => done(null)); });
  others.push(over(name, options));
  return asked;
};

// The number finds a call that is read already, and whose first record nobody here has seen.
await Promise.all([live("newest", { newest: 3 }), live("behind", { since: 1490 })]);
const ofNumber = client.number(number);
(async () => {
  for await (const message of ofNumber) {
    keep("number")(message);
    if (seqs.number?.length === 1) await rest(1000);
  }
})();
for await (const message of client.call(callSid)) {
  keep("slow")(message);
  if (seqs.slow?.length !== 1) continue;
  console.log(JSON.stringify("reading"));
  await rest(1000); // more comes meanwhile than is kept for it
  others.push(over("late", {}));
}
await Promise.all(others);
while (seqs.number?.at(-1) !== seqs.slow?.at(-1)) await rest(10);
ofNumber.close();

// One more than a connection takes; none of them is there.
const many = Array.from({ length: 101 }, (_, at) => `CA${String(at).padStart(32, "0")}`);
let refused = "";
try {
  for (const one of many) client.call(one, { onMessage() {} });
} catch (error) {
  refused = error instanceof RangeError ? error.message : String(error);
}
client.close();
console.log(JSON.stringify({ seqs, refused, state: client.state }));
