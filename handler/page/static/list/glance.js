// What a row of the list says of a call, in words. No document, no clock, no network.

import { clock, ended, speakers } from "../shared/format.js";
import { texts } from "../shared/texts.js";
import { lastWords } from "./last_words.js";

/** @import { KnownCall } from "./known_calls.js" */
/** @import { Transcript } from "../partyline/transcript.js" */
/** @import { Track } from "../partyline/messages.d.ts" */

/**
 * What its words tell of a call that is read.
 * @typedef {object} Signals
 * @property {Track | null} speaking
 * @property {boolean} talkOver
 * @property {number | null} silentFor  seconds
 * @property {readonly { word: string, at: number }[]} marked
 */

/**
 * What of its transcript is looked at.
 * @typedef {Pick<Transcript, "interims" | "lastTurn" | "trouble">} Heard
 */

/**
 * @typedef {object} Glance
 * @property {"" | "speaking" | "both" | "silent" | "waiting" | "away"} tone  what kind of a thing it says
 * @property {string} voice  who speaks, or that nobody does
 * @property {string} last  what was said last, or why nothing is
 * @property {string[]} marked  watched words, each once, the newest first
 */

// Who has said nothing for longer is silent (seconds); less is how people talk.
const SILENT = 10;
const MOST_MARKED = 3;
// So many characters of what was said are there, whatever the speaker's name takes.
const LEAST_ROOM = 16;

/**
 * Tell of a live call.
 * @param {KnownCall} call
 * @param {Heard | null} transcript  if it is read
 * @param {Signals | null} signals  likewise
 * @param {number} room  for the last words, in characters
 * @returns {Glance}
 */
export function glance(call, transcript, signals, room) {
  const marked = [...new Set(signals?.marked.map(({ word }) => word).reverse())].slice(0, MOST_MARKED);
  if (transcript?.trouble) return { tone: "away", voice: "", last: texts.list.recogniserAway, marked };
  const names = speakers(call);
  const last = transcript ? lastSaid(transcript, names, room) : "";
  if (call.state === "waiting") return { tone: "waiting", voice: texts.list.waiting, last, marked };
  if (signals?.talkOver) return { tone: "both", voice: texts.list.bothSpeak, last, marked };
  if (signals?.speaking) return { tone: "speaking", voice: texts.list.speaks(names[signals.speaking]), last, marked };
  const silent = signals?.silentFor ?? 0;
  if (silent >= SILENT) return { tone: "silent", voice: texts.list.silent(clock(silent)), last, marked };
  return { tone: "", voice: "", last, marked };
}

/**
 * Tell of a call that is over; how it ended may not be known yet.
 * @param {KnownCall} call
 * @returns {Glance}
 */
export function glanceBack({ endedAt = 0, reason, words }) {
  return { tone: "", voice: "", last: ended({ endedAt, reason, words }), marked: [] };
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
