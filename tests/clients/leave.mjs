// A call, and a number that is let go, over one connection, for tests/system/test_clients_together.py: URL TOKEN CALL
// NUMBER COUNT, of the number's calls. A line once those have begun, and the number is read no longer.

import { argv } from "node:process";

import { Partyline } from "../../clients/js/partyline.js";

const [, , url = "", token = "", callSid = "", number = "", count = ""] = argv;
const client = new Partyline({ url, token: () => token });
const call = client.call(callSid, { interim: false });
let begun = 0;
for await (const message of client.number(number, { interim: false })) {
  begun += Number(message.type === "CallStarted");
  if (begun === Number(count)) break;
}
console.log(JSON.stringify("left"));
const told = [];
for await (const message of call) told.push(message.seq);
console.log(JSON.stringify(told));
