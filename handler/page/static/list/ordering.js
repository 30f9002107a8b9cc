// In which order a list shows its calls, and those that stand how; and what of that is kept over a reload.
// No document, no clock, no network.

import { otherNumber } from "../shared/format.js";

/** @import { KnownCall } from "./known_calls.js" */

/**
 * What the reader wants to see. `live` are all that are not over, `away` those whose recogniser is.
 * @typedef {object} Wanted
 * @property {string} text  words, a number however it is written, `key:value` of the metadata
 * @property {"live" | "waiting" | "away" | "ended"} state
 * @property {"" | "incoming" | "outgoing"} direction  "": either
 * @property {keyof typeof ORDERS} sort  of live calls; those that are over come as they ended
 * @property {"" | "roomy" | "compact"} rows  "": what fits
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
export const LONGEST_TEXT = 200;

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
export const FIRST = { text: "", state: "live", direction: "", sort: "marked", rows: "" };

const CHOICES = /** @type {const} */ ({
  state: ["live", "waiting", "away", "ended"],
  direction: ["", "incoming", "outgoing"],
  sort: Object.keys(ORDERS),
  rows: ["", "roomy", "compact"],
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
 * Of live calls those that stand as is wanted, in their order: pinned ones first.
 * @param {KnownCall[]} calls
 * @param {Wanted} wanted
 * @param {(call: KnownCall) => Standing} standingOf
 */
export function liveCalls(calls, wanted, standingOf) {
  const placed = calls.map((call) => ({ call, standing: standingOf(call) }));
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
function isInState(call, standing, state) {
  if (state === "waiting") return call.state === "waiting";
  return state === "live" || (state === "away" && standing.isAway);
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
