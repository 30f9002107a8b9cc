// Partyline's page: pick a call, read it live. It is served by the container that it reads from.

import { byId } from "./shared/dom.js";
import { dress } from "./shared/dress.js";
import { CALL_SID } from "./shared/identifiers.js";
import { choose, texts } from "./shared/texts.js";
import { asksForSearch } from "./list/filters.js";
import { Partyline } from "./partyline/partyline.js";
import { Workspace } from "./desk/workspace.js";

await choose(navigator.languages);
document.documentElement.lang = texts.tag;
document.documentElement.dir = texts.direction;
dress(document);

const TOKEN = "partyline.token"; // in the session's storage: gone with the tab
// Frames of a tab share that storage, and each may show what a token of its own opens.
const FRAMED = window.top !== window;

const status = byId("connection", HTMLElement);
const signIn = byId("sign-in", HTMLFormElement);
const signOut = byId("sign-out", HTMLButtonElement);
const tokenInput = byId("token", HTMLInputElement);
const problem = byId("problem", HTMLElement);
const otherToken = byId("other-token", HTMLElement);
const keepToken = byId("keep-token", HTMLButtonElement);
const useToken = byId("use-token", HTMLButtonElement);
const client = new Partyline({
  url: new URL(".", location.href),
  token: () => tokenInUse(),
  onState: show,
});
const workspace = new Workspace(client);
/** @type {Moment | null} what a link asks for, until it may be read */
let wanted = null;

/** @import { State } from "./partyline/partyline.js" */
/** @typedef {{ callSid: string, at: number }} Moment */

/** @type {string | null} of a frame: its link's */
let framesToken = null;

function tokenInUse() {
  return FRAMED ? framesToken : sessionStorage.getItem(TOKEN);
}

/** @param {string | null} token */
function useAs(token) {
  if (FRAMED) framesToken = token;
  else if (token === null) sessionStorage.removeItem(TOKEN);
  else sessionStorage.setItem(TOKEN, token);
}

/** Follow what the address says, and leave nothing of it there: it would be kept and copied. */
function begin() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  if (location.hash) history.replaceState(null, "", location.pathname);
  const callSid = fragment.get("call") ?? "";
  if (CALL_SID.test(callSid)) wanted = { callSid, at: Number(fragment.get("t") ?? NaN) };
  const token = fragment.get("token") || null;
  const inUse = tokenInUse();
  const isNew = token !== null && token !== inUse;
  // A frame's links are its page's.
  if (isNew && (inUse === null || FRAMED)) useAs(token);
  else {
    if (isNew) askWhich(token);
    if (!["idle", "expired", "refused"].includes(client.state)) return openWanted();
  }
  read(tokenInUse());
}

function openWanted() {
  if (wanted) workspace.open(wanted.callSid, wanted);
  wanted = null;
}

/**
 * A link may come from anybody: it takes no token away unless the reader says so.
 * @param {string} token
 */
function askWhich(token) {
  otherToken.hidden = false;
  keepToken.onclick = () => { otherToken.hidden = true; };
  useToken.onclick = () => {
    otherToken.hidden = true;
    useAs(token);
    read(token);
  };
  keepToken.focus();
}

/**
 * Read with a token, or without one where none is asked for.
 * @param {string | null} token
 */
async function read(token) {
  if (token === null) {
    status.textContent = texts.truth.looking;
    const answer = await fetch("calls").catch(() => null);
    if (!answer?.ok) return ask(answer ? "" : texts.truth.silent);
  }
  workspace.renew(token);
  signIn.hidden = true;
  workspace.root.hidden = false;
  signOut.hidden = token === null;
  workspace.begin();
  openWanted();
}

/**
 * @param {State} state
 * @param {number} [code]
 */
function show(state, code) {
  switch (state) {
    case "connecting":
      return showLost(false, texts.truth.connecting);
    case "live":
      return showLost(false, texts.truth.connected);
    case "offline":
    case "draining":
      return showLost(true, texts.truth.reconnecting);
    case "expired":
    case "refused":
      useAs(null);
      if (code === 403) return ask(texts.truth.wrongOrigin);
      return ask(state === "expired" ? texts.truth.expired : texts.truth.refused);
  }
}

/**
 * Ask for a token; what was read stays in sight.
 * @param {string} why
 */
function ask(why) {
  showLost(false, "");
  workspace.root.hidden = !workspace.hasTranscript;
  signIn.hidden = false;
  problem.textContent = why;
  signOut.hidden = true;
  tokenInput.focus();
}

/**
 * @param {boolean} isLost
 * @param {string} text
 */
function showLost(isLost, text) {
  document.body.classList.toggle("lost", isLost);
  status.textContent = text;
}

signIn.addEventListener("submit", (event) => {
  event.preventDefault();
  const token = tokenInput.value.trim();
  tokenInput.value = "";
  problem.textContent = "";
  useAs(token);
  read(token);
});
signOut.onclick = () => {
  useAs(null);
  location.reload();
};
byId("back", HTMLButtonElement).onclick = () => workspace.search();
document.onkeydown = (event) => {
  if (workspace.root.hidden || !asksForSearch(event)) return;
  workspace.search();
  event.preventDefault();
};
addEventListener("hashchange", begin);

begin();
