// The list of live calls and its place on the connection, for tests/system/test_clients_together.py: URL TOKEN NARROW, of
// which the first opens more calls than the other. A line for each of what the test asks about.

import { argv } from "node:process";

import { Partyline } from "../../clients/js/partyline.js";

const [, , url = "", token = "", narrow = ""] = argv;
/** @param {unknown} line */
const tell = (line) => console.log(JSON.stringify(line));

/**
 * Await as many calls as there is room for, and one more; returns how many that were.
 * @param {Partyline} client
 * @param {() => void} [onWaiting]  the last one is awaited: the service has heard of all
 */
function fill(client, onWaiting) {
  /** @type {import("../../clients/js/reading.js").CallReading[]} */
  const calls = [];
  try {
    while (calls.length < 200) {
      const onState = (/** @type {string} */ state) => { if (state === "waiting" && calls.at(-1) === call) onWaiting?.(); };
      const call = client.call(`CA${String(calls.length).padStart(32, "0")}`, { onMessage: () => {}, onState });
      calls.push(call);
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return calls.length;
}

/** Two that read it, the second one once the first has it, which is all the service tells; it keeps its place. */
async function beside() {
  const client = new Partyline({ url, token: () => token });
  client.call(`CA${"f".repeat(32)}`, { onMessage: () => {} });
  for await (const calls of client.calls()) {
    for await (const same of client.calls()) {
      tell({ first: calls.length, second: same.length });
      break;
    }
    break;
  }
  const beside = fill(client);
  client.calls({ onList: (again) => { tell({ beside, again: again.length }); client.close(); } });
}

/** Two at once take one place. */
async function together() {
  const client = new Partyline({ url, token: () => token });
  await new Promise((done) => {
    client.calls({ onList: done });
    client.calls({ onList: () => {} });
  });
  tell({ together: fill(client) });
  client.close();
}

/** One that is begun as another is told, and one that is closed before. */
async function within() {
  const client = new Partyline({ url, token: () => token });
  let [told, closed] = [0, 0];
  await new Promise((done) => {
    client.calls({
      onList: () => {
        client.calls({ onList: () => told++ });
        client.calls({ onList: () => closed++ }).close();
        setTimeout(done);
      },
    });
  });
  tell({ told, closed });
  client.close();
}

/** One that is read no longer before the service has answered: it has its place all the same. */
async function unanswered() {
  /** @type {string[]} */
  const states = [];
  let calls = 0;
  await new Promise((done) => {
    const client = new Partyline({
      url,
      token: () => token,
      onState: (state) => {
        states.push(state);
        if (state === "idle") done(null);
        if (state !== "live" || calls) return;
        queueMicrotask(() => { // it has asked for its call by then
          client.calls({ onList: () => {} }).close();
          calls = fill(client, () => client.close());
        });
      },
    });
    client.call(`CA${"f".repeat(32)}`, { onMessage: () => {} });
  });
  tell({ unanswered: calls, states });
}

/** What the token before could see is told to nobody. */
async function renewed() {
  let now = token;
  const client = new Partyline({ url, token: () => now });
  /** @type {number[]} */
  const lists = [];
  /** @param {import("../../clients/js/messages.d.ts").ListedCall[]} calls */
  const onList = (calls) => lists.push(calls.length);
  await new Promise((done) => {
    client.calls({
      onList: (calls) => {
        onList(calls);
        if (now === narrow) return done(null);
        client.calls({ onList });
        now = narrow;
        client.connect();
        client.calls({ onList });
      },
    });
    client.calls({ onList });
  });
  await new Promise((done) => setTimeout(done)); // the second one is told behind the first
  tell({ lists });
  client.close();
}

await beside();
await together();
await within();
await unanswered();
await renewed();
