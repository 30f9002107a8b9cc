// Two that read the list, the second one once the first has it, beside a call that is awaited; then as many more calls
// as the connection has room for. For tests/system/test_clients_together.py: URL TOKEN. A line of how many calls are
// in each list that comes, and one of how many were asked for.

import { argv } from "node:process";

import { Partyline } from "../../clients/js/partyline.js";

const [, , url = "", token = ""] = argv;
const client = new Partyline({ url, token: () => token });
let asked = 0;
const ask = () => client.call(`CA${String(asked++).padStart(32, "0")}`, { onMessage: () => {} });
ask();
for await (const calls of client.calls()) {
  console.log(calls.length);
  for await (const same of client.calls()) {
    console.log(same.length);
    break;
  }
  break;
}
try {
  while (asked < 200) ask();
} catch {
  console.log(asked - 1);
}
client.close();
