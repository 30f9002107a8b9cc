// Follows a number, and reads calls and lets them go, for tests/system/test_clients_together.py: URL CALLS.

import { argv } from "node:process";

import { Partyline } from "../../clients/js/partyline.js";

const [, , url = "", count = ""] = argv;
const client = new Partyline({ url });
let isBegun = false;
client.number("+15550003333", {
  onMessage: ({ type, callSid }) => {
    if (isBegun) console.log(JSON.stringify([type, callSid]));
    if (type === "CallEnded") client.close();
    if (isBegun) return;
    isBegun = true; // it is live, and what is let go is let go on this connection
    for (let at = 1; at <= Number(count); at += 1) client.call(`CA${String(at).padStart(32, "0")}`).close();
  },
});
