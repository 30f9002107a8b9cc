// Two numbers over one connection, for tests/system/test_clients_together.py: URL TOKEN FIRST SECOND.
// A line for each message: which number's reading told it.

import { argv } from "node:process";

import { Partyline } from "../../clients/js/partyline.js";

const [, , url = "", token = "", ...numbers] = argv;
const client = new Partyline({ url, token: () => token });
for (const number of numbers) {
  client.number(number, {
    interim: false,
    onMessage: (message) => {
      console.log(JSON.stringify({ number, message }));
      if (message.type === "CallEnded") client.close();
    },
  });
}
