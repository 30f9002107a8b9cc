// Two that read a call which nobody knows, one of which closes the other as it is told how it stands with it. For
// tests/system/test_clients_together.py: URL TOKEN. A line for each that is told.

import { argv } from "node:process";

import { Partyline } from "../../clients/js/partyline.js";

const [, , url = "", token = ""] = argv;
const CALL = `CA${"1".repeat(32)}`;
const client = new Partyline({ url, token: () => token });
client.call(CALL, {
  onMessage: () => {},
  onState: (state) => {
    console.log(JSON.stringify(["first", state]));
    second.close();
    setTimeout(() => client.close()); // the other one is told in the same task
  },
});
const second = client.call(CALL, { onMessage: () => {}, onState: (state) => console.log(JSON.stringify(["second", state])) });
