// What the page's address names: the calls that are open, in their order, which of them are pinned and
// which is enlarged. Never the token. No document, no clock, no network.

import { CALL_SID } from "../shared/identifiers.js";

/**
 * What is before the reader.
 * @typedef {object} Desk
 * @property {string[]} calls  callSids, in their order
 * @property {string[]} pinned
 * @property {string | null} enlarged
 */

/**
 * A moment of a call, in seconds from its beginning; NaN if the link names none.
 * @typedef {{ callSid: string, at: number }} Moment
 */

/**
 * What an address asks for. Whoever wrote it: no more calls than may be open, each a callSid, none twice.
 * @typedef {Desk & { token: string | null, moment: Moment | null, malformed: string[], tooMany: number }} Asked
 */

// As many as one person can watch, and a screen shows so that they can be read.
export const MAX_OPEN = 16;
// No link of ours is longer; what is beyond is not looked at.
const LONGEST = 65_536;
// So much is repeated of what names no call.
const TOLD = 3;
const TOLD_LENGTH = 40;

/**
 * @param {string} hash  with its # or without
 * @returns {Asked}
 */
export function readAddress(hash) {
  const fragment = new URLSearchParams(hash.replace(/^#/, "").slice(0, LONGEST));
  const named = (/** @type {string} */ name) => (fragment.get(name) ?? "").split(",").filter(Boolean);
  const [calls, pinned, enlarged, moments] = [named("calls"), named("pin"), named("focus"), named("call")];
  const all = [...calls, ...pinned, ...enlarged, ...moments];
  const wanted = known([...calls, ...moments]);
  const open = wanted.slice(0, MAX_OPEN);
  const [callSid] = moments.filter((one) => open.includes(one));
  return {
    token: fragment.get("token") || null,
    calls: open,
    pinned: known(pinned).slice(0, MAX_OPEN),
    enlarged: enlarged.find((one) => open.includes(one)) ?? null,
    moment: callSid ? { callSid, at: Number(fragment.get("t") ?? NaN) } : null,
    malformed: [...new Set(all.filter((one) => !CALL_SID.test(one)))].map(shortened).slice(0, TOLD),
    tooMany: wanted.length - open.length,
  };
}

/**
 * What two links ask for, of which none was followed yet: all of it, and what the later one shows is shown.
 * @param {Asked} first
 * @param {Asked} second
 * @returns {Asked}
 */
export function both(first, second) {
  const calls = [...new Set([...first.calls, ...second.calls])];
  return {
    ...second,
    calls: calls.slice(0, MAX_OPEN),
    pinned: [...new Set([...first.pinned, ...second.pinned])].slice(-MAX_OPEN),
    enlarged: second.enlarged ?? first.enlarged,
    moment: second.moment ?? first.moment,
    tooMany: first.tooMany + second.tooMany + Math.max(0, calls.length - MAX_OPEN),
  };
}

/**
 * The fragment that names a desk, and a moment that is still to be shown; empty if nothing is open.
 * @param {Desk} desk
 * @param {Moment | null} moment
 */
export function writeAddress({ calls, pinned, enlarged }, moment = null) {
  const parts = [];
  const pins = pinned.filter((callSid) => calls.includes(callSid));
  if (calls.length) parts.push(`calls=${calls.join(",")}`);
  if (pins.length) parts.push(`pin=${pins.join(",")}`);
  if (enlarged) parts.push(`focus=${enlarged}`);
  if (moment) parts.push(momentLink(moment));
  return parts.length ? `#${parts.join("&")}` : "";
}

/**
 * A link's part that leads to a moment of a call.
 * @param {Moment} moment
 */
export function momentLink({ callSid, at }) {
  return Number.isFinite(at) ? `call=${callSid}&t=${at.toFixed(1)}` : `call=${callSid}`;
}

/** @param {string[]} names */
function known(names) {
  return [...new Set(names.filter((one) => CALL_SID.test(one)))];
}

/** @param {string} text */
function shortened(text) {
  return text.length > TOLD_LENGTH ? `${text.slice(0, TOLD_LENGTH)}…` : text;
}
