// Two that read the list, the second one once the first has it, for tests/system/test_clients_together.py: URL TOKEN.
// A line of how many calls are in each list that comes.

import { argv } from "node:process";

import { Partyline } from "../../clients/js/partyline.js";

const [, , url = "", token = ""] = argv;
const client = new Partyline({ url, token: () => token });
for await (const calls of client.calls()) {
  console.log(calls.length);
  for await (const same of client.calls()) {
    console.log(same.length);
    break;
  }
  break;
}
