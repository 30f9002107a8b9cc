// How an open call stands, in a word or two: for where there is room for no more. No document, no clock, no network.

import { texts } from "../shared/texts.js";

/** @import { Standing } from "../call/truth.js" */

/**
 * What is seen of a call.
 * @typedef {object} Seen
 * @property {Standing} standing
 * @property {boolean} isAway  its recogniser
 * @property {string} late  how late its words are, as it is told; "" if they are not
 * @property {boolean} talkOver
 */

/**
 * `live`: nothing is amiss. `busy`: look here. `amiss`: its words are not there yet. `over`: none come, now or for good.
 * @typedef {{ kind: "live" | "busy" | "amiss" | "over", text: string }} ShortSign
 */

/**
 * @param {Seen} seen
 * @returns {ShortSign}
 */
export function shortSign({ standing, isAway, late, talkOver }) {
  if (standing === "ended") return { kind: "over", text: texts.call.ends.completed };
  if (standing === "looking") return { kind: "over", text: texts.truth.looking };
  if (standing === "waiting") return { kind: "over", text: texts.list.stateWaiting };
  if (standing !== "live") return { kind: "over", text: texts.truth.notLive };
  if (isAway) return { kind: "amiss", text: texts.truth.unheard };
  if (late) return { kind: "amiss", text: late };
  if (talkOver) return { kind: "busy", text: texts.words.bothSpeak };
  return { kind: "live", text: texts.call.live };
}
