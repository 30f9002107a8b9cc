// What a row of the list says of a call, in words. No document, no clock, no network.

import { ended, speakers } from "../shared/format.js";
import { texts } from "../shared/texts.js";
import { lastWords } from "./last_words.js";

/** @import { KnownCall } from "./known_calls.js" */
/** @import { Transcript } from "../partyline/transcript.js" */
/** @import { Track } from "../partyline/messages.d.ts" */
/** @import { Signals } from "../words/signals.js" */

/**
 * What of its transcript is looked at.
 * @typedef {Pick<Transcript, "interims" | "lastTurn" | "trouble">} Heard
 */

/**
 * @typedef {object} Glance
 * @property {Signals | null} signals  who speaks; null: nobody knows
 * @property {boolean} isAway  its recogniser is, as far as is known
 * @property {string} last  what was said last, or why nothing is
 */

// So many characters of what was said are there, whatever the speaker's name takes.
const LEAST_ROOM = 16;

/**
 * Tell of a live call.
 * @param {KnownCall} call
 * @param {Heard | null} transcript  if it is read
 * @param {Signals | null} signals  if it is read, and live
 * @param {number} room  for the last words, in characters
 * @returns {Glance}
 */
export function glance(call, transcript, signals, room) {
  if (!transcript) return { signals: null, isAway: false, last: "" };
  // While nothing comes nobody knows whether it is away.
  if (signals && transcript.trouble) return { signals: null, isAway: true, last: texts.list.recogniserAway };
  return { signals, isAway: false, last: lastSaid(transcript, speakers(call), room) };
}

/**
 * Tell of a call that is over; how it ended may not be known yet.
 * @param {KnownCall} call
 * @returns {Glance}
 */
export function glanceBack({ endedAt = 0, reason, words }) {
  return { signals: null, isAway: false, last: ended({ endedAt, reason, words }) };
}

/**
 * @param {Heard} transcript
 * @param {Record<Track, string>} names
 * @param {number} room
 */
function lastSaid({ interims, lastTurn }, names, room) {
  const [newest] = [...interims].slice(-1);
  const [track, text] = newest
    ? [newest[0], newest[1].text]
    : [lastTurn?.track, lastTurn?.segments.slice(-1).map((segment) => segment.text).join("")];
  if (!track || !text) return "";
  return texts.list.said(names[track], lastWords(text, Math.max(LEAST_ROOM, room - names[track].length)));
}
