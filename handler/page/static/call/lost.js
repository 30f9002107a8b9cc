// Why nothing comes of the calls that are read, and how soon that is noticed. No document, no clock, no network.

/** @import { State } from "../partyline/partyline.js" */

/** Why nothing comes. @typedef {"offline" | "draining" | "expired" | "refused"} Lost */

/** After so long without a word (ms) the service is asked whether it is there; it has as long to answer. */
export const QUIET = 2_200;

/**
 * Why nothing comes, while it stands so with the connection; null if something may.
 * @param {State} state
 * @returns {Lost | null}
 */
export function lostBy(state) {
  switch (state) {
    case "idle": case "live": return null;
    case "connecting": return "offline";
    default: return state;
  }
}
