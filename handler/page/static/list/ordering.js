// Which calls a list shows, and in which order; and what of that is kept over a reload. No document, no
// clock, no network.

import { isOutbound, otherNumber } from "../shared/format.js";
import { NUMBER } from "../shared/identifiers.js";

/** @import { KnownCall } from "./known_calls.js" */

/**
 * What the reader wants to see. `live` are all that are not over, `away` those whose recogniser is.
 * @typedef {object} Wanted
 * @property {string} text  words, a number however it is written, `key:value` of the metadata
 * @property {"live" | "waiting" | "away" | "ended"} state
 * @property {"" | "incoming" | "outgoing"} direction  "": either
 * @property {keyof typeof ORDERS} sort  of live calls; those that are over come as they ended
 * @property {"roomy" | "compact"} rows
 */

/**
 * What an order may ask of a call, beside what the list says of it.
 * @typedef {object} Standing
 * @property {boolean} isPinned
 * @property {boolean} isAway  its recogniser is
 * @property {readonly { word: string, at: number }[]} marked  watched words, and when they were said (seconds of the call)
 * @property {number | null} silentFor  seconds
 */

/** @typedef {{ call: KnownCall, standing: Standing }} Placed */
/** @typedef {(one: Placed, other: Placed) => number} Order */

// More is not looked for (characters).
const LONGEST_TEXT = 200;
const NUMERIC = /^[+\d\s().\/-]*\d[+\d\s().\/-]*$/;
const KEYED = /(?:"([^"]+)"|([^\s":]+)):(?:"([^"]*)"|([^\s"]*))/g;
// A number of so many digits that begins with 0 is written as it is dialled at home.
const AT_HOME = 6;
// One without a + and with so many may be followed: it has its country's code.
const WITH_COUNTRY = 8;

/** @type {Order} */
const newest = (one, other) => other.call.startedAt - one.call.startedAt;

/** What may be asked for: who comes first. Those that are alike come as they began, the newest first. */
const ORDERS = {
  newest,
  /** @type {Order} */
  longest: (one, other) => -newest(one, other),
  /** @type {Order} */
  marked: (one, other) => lastMarked(other) - lastMarked(one),
  /** @type {Order} */
  silent: (one, other) => (other.standing.silentFor ?? -1) - (one.standing.silentFor ?? -1),
  /** @type {Order} */
  number: (one, other) => numberOf(one).localeCompare(numberOf(other), "en"),
};

/** @type {Readonly<Wanted>} */
export const FIRST = { text: "", state: "live", direction: "", sort: "marked", rows: "roomy" };

const CHOICES = /** @type {const} */ ({
  state: ["live", "waiting", "away", "ended"],
  direction: ["", "incoming", "outgoing"],
  sort: Object.keys(ORDERS),
  rows: ["roomy", "compact"],
});

/**
 * What was wanted before a reload, as far as it can be read.
 * @param {string | null} kept  what `JSON.stringify` made of it
 * @returns {Wanted}
 */
export function restored(kept) {
  const wanted = { ...FIRST };
  const before = parsed(kept);
  for (const name of /** @type {(keyof typeof CHOICES)[]} */ (Object.keys(CHOICES))) {
    const choice = before[name];
    if (CHOICES[name].some((one) => one === choice)) Object.assign(wanted, { [name]: choice });
  }
  if (typeof before.text === "string") wanted.text = before.text.slice(0, LONGEST_TEXT);
  return wanted;
}

/**
 * Whether something hides calls that the state alone would show.
 * @param {Wanted} wanted
 */
export function isNarrowed({ text, direction }) {
  return text.trim() !== "" || direction !== "";
}

/**
 * The live calls that are wanted, in their order: pinned ones first.
 * @param {Iterable<KnownCall>} calls
 * @param {Wanted} wanted
 * @param {(call: KnownCall) => Standing} standingOf
 */
export function liveCalls(calls, wanted, standingOf) {
  const fits = filter(wanted);
  const placed = [...calls].filter(fits).map((call) => ({ call, standing: standingOf(call) }));
  const inState = placed.filter(({ call, standing }) => isInState(call, standing, wanted.state));
  const order = ORDERS[wanted.sort];
  inState.sort((one, other) => Number(other.standing.isPinned) - Number(one.standing.isPinned)
    || order(one, other) || newest(one, other));
  return inState.map(({ call }) => call);
}

/**
 * Whether a live call stands as is wanted.
 * @param {KnownCall} call
 * @param {Standing} standing
 * @param {Wanted["state"]} state
 */
export function isInState(call, standing, state) {
  if (state === "waiting") return call.state === "waiting";
  return state === "live" || (state === "away" && standing.isAway);
}

/**
 * What tells whether a call has the direction that is wanted, and all that is looked for in its numbers,
 * names, callSid and metadata.
 * @param {Wanted} wanted
 * @returns {(call: KnownCall) => boolean}
 */
export function filter({ text, direction }) {
  /** @type {{ whole: string, key: string, value: string }[]} */
  const keyed = [];
  const rest = text.slice(0, LONGEST_TEXT).replace(KEYED, (whole, quotedKey, key, quoted, value) => {
    keyed.push({ whole: folded(whole), key: folded(quotedKey ?? key), value: folded(quoted ?? value) });
    return " ";
  });
  const numbers = waysToWrite(rest);
  // The groups of a number are no words: each alone is in many.
  const words = folded(rest).trim().split(numbers.length ? /(?!)/u : /\s+/u).filter(Boolean);
  return (call) => {
    if (direction && isOutbound(call.direction) !== (direction === "outgoing")) return false;
    if (!keyed.length && !words.length) return true;
    const texts = textsOf(call);
    const has = (/** @type {string} */ one) => texts.some((other) => other.includes(one));
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
 * @param {{ key: string, value: string }} wanted  without a value: any
 */
function hasMetadata({ metadata = {} }, { key, value }) {
  return Object.entries(metadata).some(([name, one]) => folded(name) === key && folded(one).includes(value));
}

/** @param {KnownCall} call */
function textsOf({ callSid, from, to, callerName, calleeName, metadata = {} }) {
  return [callSid, from, to, callerName, calleeName, ...Object.values(metadata)].map((one) => folded(one ?? ""));
}

/**
 * A text as it is compared: José is found by jose.
 * @param {string} text
 */
function folded(text) {
  return text.normalize("NFKD").replace(/\p{Mn}/gu, "").toLowerCase();
}

/** @param {Placed} placed */
function lastMarked({ call, standing }) {
  const { marked } = standing;
  return marked.length ? call.startedAt + 1000 * Math.max(...marked.map(({ at }) => at)) : 0;
}

/** @param {Placed} placed */
function numberOf({ call }) {
  return otherNumber(call) ?? "\uffff"; // behind all that have one
}

/**
 * @param {string | null} kept
 * @returns {Record<string, unknown>}
 */
function parsed(kept) {
  try {
    return Object(JSON.parse(kept ?? ""));
  } catch {
    return {};
  }
}
