// A number of many calls that end while the connection is lost; once it is back, while they are asked for, another
// number and the list are begun. For tests/system/test_clients_together.py: URL TOKEN NUMBER COUNT OTHER, of the calls
// of the first number; a call that nobody knows is read as well, and closed behind them. A line once those are read, then for the list and each message of the other number; last, how
// often the connection was live.

import { argv } from "node:process";

import { Partyline } from "../../clients/js/partyline.js";

const [, , url = "", token = "", number = "", count = "", other = ""] = argv;
/** @param {unknown} line */
const tell = (line) => console.log(JSON.stringify(line));

let [lives, started, isListed] = [0, 0, false];
const client = new Partyline({
  url,
  token: () => token,
  wait: 10,
  onState: (state) => {
    if (state !== "live" || ++lives !== 2) return;
    setTimeout(() => { // what was read is asked for again by then
      client.calls({ onList: () => { if (!isListed) tell("list"); isListed = true; } });
      unknown.close();
      client.number(other, {
        interim: false,
        onMessage: (message) => {
          tell(message);
          if (message.type === "CallEnded") client.close();
        },
      });
    });
  },
});
const unknown = client.call(`CA${"f".repeat(32)}`, { onMessage: () => {} });
for await (const message of client.number(number, { interim: false })) {
  started += Number(message.type === "CallStarted");
  if (message.type === "CallStarted" && started === Number(count)) tell("read");
}
tell({ lives });
