// Which calls fit what is searched for. No document, no clock, no network.

import { isOutbound } from "../shared/format.js";
import { sought, spellings } from "../shared/folding.js";
import { NUMBER } from "../shared/identifiers.js";
import { LONGEST_TEXT } from "./ordering.js";

/** @import { KnownCall } from "./known_calls.js" */
/** @import { Wanted } from "./ordering.js" */

/** How a text may be spelled. @typedef {readonly string[]} Spellings */

const NUMERIC = /^[+\d\s().\/-]*\d[+\d\s().\/-]*$/;
const KEYED = /(?:"([^"]+)"|([^\s":]+)):(?:"([^"]*)"|([^\s"]*))/g;
// A number of so many digits that begins with 0 is written as it is dialled at home.
const AT_HOME = 6;
// One without a + and with so many may be followed: it has its country's code.
const WITH_COUNTRY = 8;

/**
 * What tells whether a call has the direction that is wanted, and all that is looked for in its numbers,
 * names, callSid and metadata.
 * @param {Pick<Wanted, "text" | "direction">} wanted
 * @returns {(call: KnownCall) => boolean}
 */
export function filter({ text, direction }) {
  /** @type {{ whole: Spellings, key: Spellings, value: Spellings }[]} */
  const keyed = [];
  const rest = text.slice(0, LONGEST_TEXT).replace(KEYED, (whole, quotedKey, key, quoted, value) => {
    keyed.push({ whole: typed(whole), key: typed(quotedKey ?? key), value: typed(quoted ?? value) });
    return " ";
  });
  const numbers = waysToWrite(rest);
  // The groups of a number are no words: each alone is in many.
  const words = rest.trim().split(numbers.length ? /(?!)/u : /\s+/u).filter(Boolean).map(typed);
  return (call) => {
    if (direction && isOutbound(call.direction) !== (direction === "outgoing")) return false;
    if (!keyed.length && !words.length) return true;
    const texts = textsOf(call);
    const has = (/** @type {Spellings} */ one) => texts.some((other) => isIn(one, other));
    return keyed.every((one) => hasMetadata(call, one) || has(one.whole))
      && (words.every(has) || numbers.some((one) => hasNumber(call, one)));
  };
}

/**
 * The whole number that a text is, in E.164: one that may be followed, and asked for; or null.
 * @param {string} text
 */
export function wholeNumber(text) {
  const ways = waysToWrite(text);
  const found = ways.find((one) => NUMBER.test(one));
  if (found) return found;
  const withPlus = ways.filter((one) => one.length >= WITH_COUNTRY).map((one) => `+${one}`);
  return withPlus.find((one) => NUMBER.test(one) && !ways.some((way) => way.startsWith("0"))) ?? null;
}

/**
 * A number as it may stand in E.164, however it was written: +49 (0)30 123, 0049 30 123, 030/123.
 * @param {string} text
 */
function waysToWrite(text) {
  if (!NUMERIC.test(text)) return [];
  const dialled = text.replaceAll("(0)", "").replace(/[^+\d]/g, "");
  if (dialled.startsWith("00")) return [dialled, `+${dialled.slice(2)}`];
  return dialled.startsWith("0") && dialled.length >= AT_HOME ? [dialled, dialled.slice(1)] : [dialled];
}

/**
 * @param {KnownCall} call
 * @param {string} number
 */
function hasNumber({ from, to }, number) {
  return [from, to].some((one) => one?.includes(number));
}

/**
 * @param {KnownCall} call
 * @param {{ key: Spellings, value: Spellings }} wanted  without a value: any
 */
function hasMetadata({ metadata = {} }, { key, value }) {
  return Object.entries(metadata)
    .some(([name, one]) => spellings(name).some((way) => key.includes(way)) && isIn(value, spellings(one)));
}

/** @param {KnownCall} call */
function textsOf({ callSid, from, to, callerName, calleeName, metadata = {} }) {
  return [callSid, from, to, callerName, calleeName, ...Object.values(metadata)].map((one) => spellings(one ?? ""));
}

/** @param {string} text @returns {Spellings} */
function typed(text) {
  return sought(spellings(text));
}

/**
 * Whether a text has another one within, in any spelling of both.
 * @param {Spellings} part
 * @param {Spellings} text
 */
function isIn(part, text) {
  return part.some((one) => text.some((other) => other.includes(one)));
}
