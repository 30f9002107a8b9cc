// Words and numbers for people.

/** @import { Told, Track } from "../partyline/messages.d.ts" */

/**
 * What is known of a call: some of it, or nothing.
 * @typedef {Told & { from?: string | null, to?: string | null, direction?: string | null }} About
 */

/** @type {Record<string, string>} */
const GAP_REASONS = {
  "recogniser-unreachable": "the recogniser could not be reached",
  "recogniser-rejected": "the recogniser refused the call",
  "recogniser-unreadable": "what the recogniser said could not be read",
  "media-lost": "no audio came",
  "late-audio": "the audio came too late",
  "broker-unreachable": "it could not be stored",
  "owner-lost": "the server that carried the call was lost",
  paused: "streaming was paused",
};

/** @type {Record<string, string>} */
const END_REASONS = {
  completed: "ended",
  "stream-lost": "ended: the audio stream was lost",
  crashed: "ended: the server that carried it was lost",
  drained: "ended: the server that carried it left",
};

/**
 * A call that is over, as `GET /calls?state=ended` tells of it.
 * @typedef {import("../list/known_calls.js").KnownCall & { endedAt: number, duration: number, reason: string, words?: number }} PastCall
 */

/**
 * When and how a call ended, and how many words it has: 28 Nov, 09:30 · ended · 212 words.
 * @param {PastCall} call
 * @param {string | undefined} locale  the reader's own unless it is given
 */
export function ended({ endedAt, reason, words }, locale = undefined) {
  const when = new Date(endedAt).toLocaleString(locale, { dateStyle: "medium", timeStyle: "short" });
  const count = words === undefined ? [] : [words === 1 ? "1 word" : `${words} words`];
  return [when, endReason(reason), ...count].join(" · ");
}

/**
 * Write seconds on the call clock: 01:05, or 1:02:05.
 * @param {number} seconds
 */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const rest = `${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  return hours ? `${hours}:${rest}` : rest;
}

const UNSPACED = "[\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\u3000-\u303f\uff00-\uff60]";
const ENDS_UNSPACED = new RegExp(`${UNSPACED}$`, "u");
const BEGINS_UNSPACED = new RegExp(`^${UNSPACED}`, "u");

/**
 * What stands between two texts of which one is said after the other: nothing in Chinese and Japanese.
 * @param {string} before
 * @param {string} after
 */
export function blankBetween(before, after) {
  if (!before || !after) return "";
  return ENDS_UNSPACED.test(before) && BEGINS_UNSPACED.test(after) ? "" : " ";
}

/**
 * What is said in a row.
 * @param {string[]} texts
 */
export function joined(texts) {
  return texts.reduce((before, after) => before + blankBetween(before, after) + after, "");
}

/** @param {string} reason */
export function gapReason(reason) {
  return GAP_REASONS[reason] ?? reason;
}

/** @param {string} reason */
export function endReason(reason) {
  return END_REASONS[reason] ?? `ended: ${reason}`;
}

/** @param {string | null | undefined} direction */
function isOutbound(direction) {
  return direction?.startsWith("outbound") ?? false;
}

/**
 * Name the sides of a call as its direction has it; docs/protocol.md says which is which.
 * @param {About} call
 * @returns {Record<Track, string>}
 */
export function speakers({ direction, callerName, calleeName }) {
  const [caller, callee] = [callerName || "Caller", calleeName || "Callee"];
  return isOutbound(direction) ? { inbound: callee, outbound: caller } : { inbound: caller, outbound: callee };
}

/**
 * The number that is not ours: who called us, or whom we called.
 * @param {About} call
 */
export function otherNumber({ from, to, direction }) {
  return (isOutbound(direction) ? to : from) ?? null;
}

/**
 * Who is at the other end: a name, else a number, else the end of the callSid.
 * @param {About & { callSid: string }} call
 */
export function otherParty(call) {
  const name = isOutbound(call.direction) ? call.calleeName : call.callerName;
  return name || otherNumber(call) || `CA…${call.callSid.slice(-6)}`;
}

/** @param {string | null | undefined} direction */
export function directionName(direction) {
  return isOutbound(direction) ? "outgoing" : "incoming";
}

/**
 * The two ends of a call, named and numbered as far as they are known; null if nothing is.
 * @param {About} call
 */
export function parties({ from, to, callerName, calleeName }) {
  const caller = [callerName, from].filter(Boolean).join(" ");
  const callee = [calleeName, to].filter(Boolean).join(" ");
  return caller || callee ? { caller: caller || "unknown", callee: callee || "unknown" } : null;
}

/** @param {About & { callSid: string }} call */
export function title(call) {
  const ends = parties(call);
  return ends ? `${ends.caller} →\u00a0${ends.callee}` : call.callSid; // it may break before the arrow
}

/**
 * A number as it is dialled, however it was written; anything else as it is.
 * @param {string} text
 */
export function digits(text) {
  const written = text.trim();
  return /^\+?[0-9 ().-]+$/.test(written) ? written.replace(/[^+0-9]/g, "") : written;
}
