// Words and numbers for people.

import { isolate } from "./bidi.js";
import { locale, textFor, texts } from "./texts.js";

/** @import { Told, Track } from "../partyline/messages.d.ts" */

/**
 * What is known of a call: some of it, or nothing.
 * @typedef {Told & { from?: string | null, to?: string | null, direction?: string | null }} About
 */

/**
 * When and how a call ended, and how many words it has, as far as it is known: 28 Nov, 09:30 · ended · 212 words.
 * @param {{ endedAt: number, reason?: string, words?: number }} call
 */
export function ended({ endedAt, reason, words }) {
  const when = new Date(endedAt).toLocaleString(locale, { dateStyle: "medium", timeStyle: "short" });
  const count = words === undefined ? [] : [texts.call.words(words)];
  const how = reason === undefined ? [] : [endReason(reason)];
  return [when, ...how, ...count].join(" · ");
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
  return textFor(texts.call.gaps, reason);
}

/** @param {string} reason */
export function endReason(reason) {
  return textFor(texts.call.ends, reason, texts.call.endedAs(reason));
}

/**
 * Why a call cannot be read.
 * @param {{ code?: number, message: string } | undefined} error  as the client tells it
 */
export function refusal(error) {
  return textFor(texts.truth.refusals, String(error?.code), error?.message ?? "");
}

/** @param {string | null | undefined} direction */
export function isOutbound(direction) {
  return direction?.startsWith("outbound") ?? false;
}

/**
 * Name the sides of a call as its direction has it; docs/protocol.md says which is which.
 * @param {About} call
 * @returns {Record<Track, string>}
 */
export function speakers({ direction, callerName, calleeName }) {
  const [caller, callee] = [callerName || texts.call.caller, calleeName || texts.call.callee];
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
  return isolate(name || otherNumber(call) || `CA…${call.callSid.slice(-6)}`, texts.direction);
}

/**
 * Who of ours is on the line, if their name is known: our end of the call has an arrow before it if it was called.
 * @param {About} call
 */
export function ourParty({ callerName, calleeName, direction }) {
  if (isOutbound(direction)) return isolate(callerName ?? "", texts.direction);
  return calleeName ? texts.list.to(isolate(calleeName, texts.direction)) : "";
}

/** @param {string | null | undefined} direction */
export function directionName(direction) {
  return isOutbound(direction) ? texts.call.outgoing : texts.call.incoming;
}

/**
 * The two ends of a call, named and numbered as far as they are known; null if nothing is.
 * @param {About} call
 */
export function parties({ from, to, callerName, calleeName }) {
  const [caller, callee] = [party(callerName, from), party(calleeName, to)];
  if (!caller && !callee) return null;
  return { caller: caller || texts.call.unknown, callee: callee || texts.call.unknown };
}

/**
 * @param {string | undefined} name
 * @param {string | null | undefined} number
 */
function party(name, number) {
  return name && number ? texts.call.party(name, number) : isolate(name || number || "", texts.direction);
}

/** @param {About & { callSid: string }} call */
export function title(call) {
  const ends = parties(call);
  return ends ? texts.call.title(ends.caller, ends.callee) : call.callSid;
}
