// Partyline's page: pick a call, read it live. It is served by the container that it reads from.

import { QUIET } from "./call/lost.js";
import { ConnectionStatus } from "./connection_status.js";
import { both, MAX_OPEN, readAddress, writeAddress } from "./desk/desk_address.js";
import { Pins } from "./desk/pins.js";
import { Workspace } from "./desk/workspace.js";
import { obey } from "./help/obey.js";
import { Partyline } from "./partyline/partyline.js";
import { settings } from "./preferences/preferences.js";
import { byId } from "./shared/dom.js";
import { dress } from "./shared/dress.js";
import { later, tellOfLoading, tryAgain, unlessGone } from "./shared/later.js";
import { browserStore, tabStore } from "./shared/stores.js";
import { choose, texts } from "./shared/texts.js";

await choose([settings.language, ...navigator.languages]);
document.documentElement.lang = texts.tag;
document.documentElement.dir = texts.direction;
dress(document);

// So long (ms) a service has that cannot say whether it wants a token, and to answer at all.
const AGAIN = 3000;
const ANSWERS_WITHIN = 10_000;
const TOKEN = "partyline.token"; // in the storage of the session: gone with the tab
// Frames of a tab share that storage, and each may show what a token of its own opens.
const FRAMED = window.top !== window;

const connection = new ConnectionStatus();
const signIn = byId("sign-in", HTMLFormElement);
const signOut = byId("sign-out", HTMLButtonElement);
const tokenInput = byId("token", HTMLInputElement);
const problem = byId("problem", HTMLElement);
const otherToken = byId("other-token", HTMLElement);
const keepToken = byId("keep-token", HTMLButtonElement);
const useToken = byId("use-token", HTMLButtonElement);
const loadReadingMenu = () => import("./preferences/preferences_menu.js");
const loadHelp = () => import("./help/help_sheet.js");
const loadOpener = () => import("./desk/call_opener.js");
const client = new Partyline({
  url: new URL(".", location.href),
  token: () => tokenInUse(),
  quiet: QUIET,
  onState: stand,
});
const pins = new Pins(FRAMED ? null : browserStore(), `partyline.pins ${new URL(".", location.href).pathname}`);
const workspace = new Workspace(client, pins, () => later(loadOpener), () => queueMicrotask(address));
let missing = ""; // what was told of what cannot be loaded
tellOfLoading({
  failed(isAsked) {
    // A page that has been open for long may be of a version that is gone: another's files are none of its own.
    const why = client.state === "live" ? texts.truth.renewed : texts.truth.notLoaded;
    if (isAsked || why !== missing) workspace.notices.tell(missing = why);
  },
  loaded: () => workspace.notices.takeBack(missing),
});
/** @type {Asked | null} what a link asks for, until it may be read */
let wanted = null;
let turns = 0; // how often it was begun to read: the last time counts

/** @import { Asked } from "./desk/desk_address.js" */
/** @import { State } from "./partyline/partyline.js" */

/** @type {string | null} of a frame, its link's; of a tab that may keep nothing, until it is loaded anew */
let ownToken = null;

function tokenInUse() {
  return FRAMED ? ownToken : tabStore().getItem(TOKEN) ?? ownToken;
}

/** @param {string | null} token */
function useAs(token) {
  ownToken = token;
  if (FRAMED) return;
  if (token === null) tabStore().removeItem(TOKEN);
  else tabStore().setItem(TOKEN, token);
}

/** Let the address name what is open, and what is to be: to be read again, and shared. Never the token. */
function address() {
  const { calls, pinned, enlarged } = workspace.openPanels.desk;
  const desk = {
    calls: [...new Set([...calls, ...wanted?.calls ?? []])],
    pinned: [...pinned, ...wanted?.pinned ?? []],
    enlarged: wanted?.enlarged ?? enlarged,
  };
  const fragment = writeAddress(desk, wanted?.moment);
  if (fragment !== location.hash) history.replaceState(null, "", location.pathname + fragment);
}

/**
 * Follow what an address says.
 * @param {string} hash
 */
function follow(hash) {
  const asked = readAddress(hash);
  const { token } = asked;
  if (asked.calls.length || asked.pinned.length) wanted = wanted ? both(wanted, asked) : asked;
  address();
  tellOfLink(asked, asked.tooMany);
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

async function openWanted() {
  if (!wanted) return;
  await workspace.ready();
  const asked = wanted;
  wanted = null;
  if (!asked) return; // meanwhile it was opened
  tellOfLink(asked, asked.tooMany + workspace.openAll(asked));
  address();
}

/**
 * What of a link is not opened is never kept silent.
 * @param {Asked} asked
 * @param {number} left  for want of room
 */
function tellOfLink({ malformed }, left) {
  const problems = [];
  if (malformed.length) problems.push(texts.desk.malformed(malformed.join(", ")));
  if (left) problems.push(texts.desk.tooMany(left, MAX_OPEN));
  if (problems.length) workspace.notices.tell(problems.join(" "));
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
  const turn = ++turns;
  if (token === null && !await isOpenToAll(turn)) return;
  workspace.renew(token);
  show({ asks: false, reads: true });
  signOut.hidden = token === null;
  workspace.begin();
  openWanted();
}

/**
 * Whether one may read without a token; a service that cannot say is asked again.
 * @param {number} turn
 */
async function isOpenToAll(turn) {
  connection.say(texts.truth.looking);
  for (;;) {
    const status = await fetch("calls", { signal: AbortSignal.timeout(ANSWERS_WITHIN) }).then((answer) => answer.status, () => 0);
    if (turn !== turns) return false; // meanwhile there is a token, or this is asked anew
    if (status === 200) return true;
    if (status === 401 || status === 403) {
      ask("");
      return false;
    }
    connection.say(status ? texts.truth.answers(status) : texts.truth.silent);
    await new Promise((done) => setTimeout(done, AGAIN));
    if (turn !== turns) return false;
  }
}

/**
 * Show that a token is asked for, and what is read.
 * @param {{ asks: boolean, reads: boolean }} parts
 */
function show({ asks, reads }) {
  signIn.hidden = !asks;
  workspace.root.hidden = !reads;
  // To ask for it by :has() is to look through every transcript whenever a word comes.
  document.body.classList.toggle("asks", asks);
  document.body.classList.toggle("reads", reads);
}

/**
 * @param {State} state
 * @param {number} [code]
 */
function stand(state, code) {
  connection.show(state);
  workspace.stand(state);
  if (state === "live") tryAgain();
  if (state !== "expired" && state !== "refused") return;
  useAs(null);
  if (code === 403) ask(texts.truth.wrongOrigin);
  else ask(state === "expired" ? texts.truth.expired : texts.truth.refused);
}

/**
 * Ask for a token; what was read stays in sight.
 * @param {string} why
 */
function ask(why) {
  if (client.state === "idle") connection.say("");
  show({ asks: true, reads: workspace.hasTranscript });
  problem.textContent = why;
  signOut.hidden = true;
  tokenInput.focus();
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
  history.replaceState(null, "", location.pathname); // what was read is the affair of nobody else
  location.reload();
};
byId("back", HTMLButtonElement).onclick = () => workspace.search();
const readingButton = byId("reading", HTMLButtonElement);
readingButton.onclick = async () => {
  const menu = await unlessGone(later(loadReadingMenu));
  if (!menu || readingButton.popoverTargetElement) return;
  readingButton.onclick = null; // it has one of its own from now on
  menu.openReadingMenu(readingButton);
};
byId("help", HTMLButtonElement).onclick = showHelp;
obey(document, "page", {
  search: () => workspace.root.hidden ? false : workspace.search(),
  help: () => { showHelp(); },
});

async function showHelp() {
  (await unlessGone(later(loadHelp)))?.showHelp();
}

// What the address says by now may be another's: the next link's, or what is open, written over it.
addEventListener("hashchange", ({ newURL }) => follow(new URL(newURL).hash));

follow(location.hash);
