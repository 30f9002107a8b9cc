// Calls that are awaited, and a number whose calls end while the connection is lost: more than it carries. Some that
// are awaited are let go once all is quiet. For tests/system/test_clients_together.py: URL TOKEN NUMBER COUNT AWAITED, of
// the number's calls and of the others. A line once those have begun, how many have ended with each that has, and last
// how often the connection was live.

import { argv } from "node:process";

import { Partyline } from "../../clients/js/partyline.js";

const [, , url = "", token = "", number = "", count = "", awaited = ""] = argv;
const QUIET = 500; // ms
/** @param {unknown} line */
const tell = (line) => console.log(JSON.stringify(line));

let [begun, ended, lives] = [0, 0, 0];
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
const client = new Partyline({ url, token: () => token, wait: 10, onState: (state) => { lives += Number(state === "live"); } });
const others = Array.from({ length: Number(awaited) }, (_, at) =>
  client.call(`CA${String(at).padStart(32, "0")}`, { onMessage: () => {} }));
client.number(number, {
  interim: false,
  onMessage: ({ type }) => {
    if (type === "CallStarted" && ++begun === Number(count)) tell("begun");
    if (type !== "CallEnded") return;
    tell(++ended);
    clearTimeout(timer);
    timer = setTimeout(() => { for (const one of others) one.close(); }, QUIET);
    if (ended < Number(count)) return;
    clearTimeout(timer);
    tell({ lives });
    client.close();
  },
});
