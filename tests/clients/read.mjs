// Reads a call, or a number's calls, for the conformance suite: README.md says how.

import { argv, exit } from "node:process";

import { Partyline, PartylineError } from "../../clients/js/partyline.js";

const [, , url = "", tokens = "", target = "", , wait = ""] = argv;

/** @param {unknown} line */
const tell = (line) => console.log(JSON.stringify(line));

const client = new Partyline({
  url,
  wait: Number(wait) * 1000,
  token: async () => {
    const answer = await fetch(tokens);
    if (!answer.ok) throw new Error(`${answer.status}`);
    return answer.text();
  },
  onState: (state) => tell({ state }),
});
try {
  const messages = target.startsWith("+") ? client.number(target) : client.call(target);
  for await (const message of messages) tell(message);
} catch (error) {
  if (!(error instanceof PartylineError)) throw error;
  tell({ state: error.state, code: error.code });
  exit(1);
}
