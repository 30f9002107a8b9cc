// Partyline's page: pick a call, read it live. It is served by the container that it reads from.

import { CallList } from "./calls.js";
import { Connection } from "./connection.js";
import { Panel } from "./panel.js";
import { Transcript } from "./transcript.js";

const byId = (id) => document.getElementById(id);
const NUMBER = /^\+[1-9][0-9]{1,14}$/;
const CALL_SID = /^CA[0-9a-f]{32}$/;
const TOKEN = "partyline.token"; // in the session's storage: gone with the tab
// Calls of the list whose last words are shown; the socket takes 100 subscriptions.
const GLANCES = 40;

const OVER = {
  expired: "Your token has expired. Paste a fresh one: what you have read stays.",
  refused: "This token opens nothing here.",
};

let connection = null;
let token = null;
let wanted = null; // a call, and a moment in it, that the address asks for
const transcripts = new Map(); // callSid: Transcript
const panels = new Map(); // callSid: Panel
const glances = new Set(); // callSids that are followed for the list alone
const followed = new Set(); // numbers
const opened = new Set(); // calls of theirs that were opened: one that was closed stays closed
let listed = new Map(); // callSid: what the list says

const list = new CallList(byId("calls"), byId("no-calls"));

function begin() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  if (fragment.has("token")) sessionStorage.setItem(TOKEN, fragment.get("token"));
  if (CALL_SID.test(fragment.get("call") ?? "")) {
    wanted = { callSid: fragment.get("call"), at: Number(fragment.get("t") ?? NaN) };
  }
  // A token in the address would stay in the history, and be copied with links.
  if (location.hash) history.replaceState(null, "", location.pathname);
  token = sessionStorage.getItem(TOKEN);
  if (token === null) byId("connection").textContent = "Looking …";
  tryOpen(token);
}

/** Open with a token, or without one where none is asked for. */
async function tryOpen(given) {
  if (given === null) {
    const answer = await fetch("calls").catch(() => null);
    if (!answer?.ok) return ask("");
  }
  token = given;
  open();
}

function ask(problem) {
  byId("room").hidden = panels.size === 0;
  byId("door").hidden = false;
  byId("problem").textContent = problem;
  byId("connection").textContent = "";
  byId("sign-out").hidden = true;
  byId("token").focus();
}

function open() {
  byId("door").hidden = true;
  byId("room").hidden = false;
  byId("sign-out").hidden = token === null;
  byId("connection").textContent = "Connecting …";
  connection?.close();
  connection = new Connection(token);
  connection.addEventListener("open", onOpen);
  connection.addEventListener("lost", () => {
    byId("connection").textContent = "Reconnecting …";
    document.body.classList.add("lost");
  });
  connection.addEventListener("over", (event) => {
    document.body.classList.remove("lost");
    sessionStorage.removeItem(TOKEN);
    ask(OVER[event.detail.reason] ?? `The connection has ended: ${event.detail.reason}.`);
  });
  connection.addEventListener("message", (event) => onMessage(event.detail));
}

function onOpen() {
  byId("connection").textContent = "Connected";
  document.body.classList.remove("lost");
  connection.send({ list: true });
  glances.clear();
  for (const callSid of panels.keys()) subscribe(callSid);
  if (wanted) openCall(wanted.callSid);
}

/** Follow a call from where we are. */
function subscribe(callSid) {
  const transcript = transcripts.get(callSid);
  if (transcript.ended === null) connection.send({ subscribe: callSid, since: transcript.last });
}

function onMessage(message) {
  switch (message.type) {
    case "Calls":
      return onList(message.calls);
    case "CaughtUp":
      if (wanted?.callSid === message.callSid) {
        if (wanted.at >= 0) panels.get(message.callSid)?.show(wanted.at);
        wanted = null;
      }
      return;
    case "Error":
      panels.get(message.callSid)?.refuse(message.message);
      glances.delete(message.callSid);
      return;
  }
  const transcript = transcripts.get(message.callSid);
  if (!transcript) return;
  const change = transcript.take(message);
  panels.get(message.callSid)?.take(message, change);
  list.tell(message.callSid, transcript);
}

function onList(calls) {
  listed = new Map(calls.map((call) => [call.callSid, call]));
  list.show(calls);
  list.mark(panels);
  for (const call of calls) panels.get(call.callSid)?.describe(call);
  for (const callSid of transcripts.keys()) {
    if (!listed.has(callSid) && !panels.has(callSid)) { transcripts.delete(callSid); glances.delete(callSid); }
  }
  for (const { callSid, from, to } of calls) {
    if ((followed.has(from) || followed.has(to)) && !opened.has(callSid)) openCall(callSid, true);
  }
  for (const { callSid } of calls) {
    if (glances.size >= GLANCES) break;
    if (!panels.has(callSid) && !glances.has(callSid)) glance(callSid);
  }
}

/** Follow a call for its last words. */
function glance(callSid) {
  glances.add(callSid);
  transcripts.set(callSid, new Transcript(callSid));
  connection.send({ subscribe: callSid, since: "live" });
}

/** Open a call; one that opens by itself does not take the reader away from where they are. */
function openCall(callSid, byItself = false) {
  const open = panels.get(callSid);
  if (open) return open.log.focus();
  glances.delete(callSid);
  opened.add(callSid);
  const transcript = new Transcript(callSid);
  transcripts.set(callSid, transcript);
  const panel = new Panel(transcript, listed.get(callSid) ?? { callSid }, token);
  panels.set(callSid, panel);
  panel.addEventListener("close", () => closeCall(callSid));
  byId("panels").append(panel.root);
  byId("no-panels").hidden = true;
  subscribe(callSid); // in place of a glance
  list.mark(panels);
  if (!byItself) panel.log.focus();
}

function closeCall(callSid) {
  panels.get(callSid).root.remove();
  panels.delete(callSid);
  transcripts.delete(callSid);
  connection.send({ unsubscribe: callSid });
  byId("no-panels").hidden = panels.size > 0;
  list.mark(panels);
  if (listed.has(callSid)) { glance(callSid); list.items.get(callSid)?.button.focus(); }
}

function followNumber(number) {
  if (followed.has(number)) return;
  followed.add(number);
  const row = document.createElement("li");
  const stop = document.createElement("button");
  stop.type = "button";
  stop.textContent = `Following ${number}: stop`;
  stop.onclick = () => {
    followed.delete(number);
    row.remove();
  };
  row.append(stop);
  byId("followed").append(row);
  onList([...listed.values()]);
}

// What the reader does

byId("door").onsubmit = (event) => {
  event.preventDefault();
  const given = byId("token").value.trim();
  byId("token").value = "";
  sessionStorage.setItem(TOKEN, given);
  for (const panel of panels.values()) panel.token = given;
  tryOpen(given);
};
byId("sign-out").onclick = () => {
  sessionStorage.removeItem(TOKEN);
  location.reload();
};
byId("search").oninput = () => {
  const text = byId("search").value.trim();
  list.search(text);
  byId("follow-number").hidden = !NUMBER.test(text);
  byId("follow-number").textContent = `Follow ${text}, its next call too`;
};
byId("search").onkeydown = (event) => {
  const text = byId("search").value.trim();
  if (event.key === "Enter" && CALL_SID.test(text)) openCall(text);
};
byId("follow-number").onclick = () => followNumber(byId("search").value.trim());
list.addEventListener("choose", (event) => openCall(event.detail));
document.onkeydown = (event) => {
  if (event.key === "/" && !(event.target instanceof HTMLInputElement)) {
    byId("search").focus();
    event.preventDefault();
  }
};
setInterval(() => {
  list.tick();
  for (const panel of panels.values()) panel.tick();
}, 1000);

begin();
