// Partyline's page: pick a call, read it live. It is served by the container that it reads from.

import { Connection } from "./connection.js";
import { CALL_SID, Desk } from "./workspace.js";

const byId = (id) => document.getElementById(id);
const TOKEN = "partyline.token"; // in the session's storage: gone with the tab

const OVER = {
  expired: "Your token has expired. Paste a fresh one: what you have read stays.",
  refused: "This token opens nothing here.",
  origin: "This address may not read here: see ALLOWED_ORIGINS in the service's settings.",
};

const desk = new Desk(byId);
let connection = null;

/** Take what the address says, and leave nothing of it there: it would be kept and copied. */
function begin() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  if (location.hash) history.replaceState(null, "", location.pathname);
  const callSid = fragment.get("call");
  const link = CALL_SID.test(callSid ?? "") ? { callSid, at: Number(fragment.get("t") ?? NaN) } : null;
  if (fragment.has("token")) sessionStorage.setItem(TOKEN, fragment.get("token"));
  else if (connection && !connection.closed) return link && desk.open(link.callSid, link);
  read(sessionStorage.getItem(TOKEN), link);
}

/** Open with a token, or without one where none is asked for. */
async function read(token, link = null) {
  if (link) desk.open(link.callSid, link);
  if (token === null) {
    byId("connection").textContent = "Looking …";
    const answer = await fetch("calls").catch(() => null);
    if (!answer?.ok) return ask(answer ? "" : "The service does not answer. Try again.");
  }
  desk.renew(token);
  byId("door").hidden = true;
  byId("room").hidden = false;
  byId("sign-out").hidden = token === null;
  byId("connection").textContent = "Connecting …";
  connection?.close();
  connection = new Connection(token);
  connection.addEventListener("open", () => {
    lost(false, "Connected");
    desk.connect(connection);
  });
  connection.addEventListener("lost", () => {
    lost(true, "Reconnecting …");
    desk.lose();
  });
  connection.addEventListener("over", ({ detail }) => {
    sessionStorage.removeItem(TOKEN);
    desk.lose();
    ask(OVER[detail]);
  });
  connection.addEventListener("message", ({ detail }) => desk.take(detail));
}

/** Ask for a token; what was read stays in sight. */
function ask(problem) {
  lost(false, "");
  byId("room").hidden = ![...desk.panels.values()].some(({ transcript }) => transcript.known);
  byId("door").hidden = false;
  byId("problem").textContent = problem;
  byId("sign-out").hidden = true;
  byId("token").focus();
}

function lost(isLost, text) {
  document.body.classList.toggle("lost", isLost);
  byId("connection").textContent = text;
}

byId("door").onsubmit = (event) => {
  event.preventDefault();
  const token = byId("token").value.trim();
  byId("token").value = "";
  byId("problem").textContent = "";
  sessionStorage.setItem(TOKEN, token);
  read(token);
};
byId("sign-out").onclick = () => {
  sessionStorage.removeItem(TOKEN);
  location.reload();
};
byId("back").onclick = () => {
  byId("room").dataset.view = "list";
  byId("search").focus();
};
document.onkeydown = (event) => {
  if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || byId("room").hidden) return;
  byId("room").dataset.view = "list";
  byId("search").focus();
  event.preventDefault();
};
addEventListener("hashchange", begin);

begin();
