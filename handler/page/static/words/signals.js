// What a call is doing, at a glance: who speaks, whether both do, for how long nobody has. Told from the
// times of words alone, and asked ten times a second for a hundred calls: it looks at the last minute.

import { isSpoken } from "../partyline/transcript.js";

/** @import { Interim, Segment, Transcript } from "../partyline/transcript.js" */
/** @import { Track } from "../partyline/messages.d.ts" */

/** A watched word that was said, and when (seconds on the call clock). @typedef {{ word: string, at: number }} Marked */

/** What is known of a call's words. @typedef {{ marked: readonly Marked[] }} Words */

/**
 * @typedef {object} Signals
 * @property {Track | null} speaking  the side that speaks; if both do, the one that has spoken for longer
 * @property {boolean} talkOver  both speak, and it is more than a short "mhm"
 * @property {number | null} silentFor  seconds since the last word of either side; null: nobody knows
 */

/** Speech without a pause (seconds). @typedef {{ track: Track, start: number, end: number }} Stretch */

/**
 * The watched words that were said, as far as a line has room: the last one, and how many more.
 * @param {Words} words
 */
export function toldWords({ marked }) {
  const [word = "", ...others] = new Set(marked.map((one) => one.word));
  return others.length ? `${word} +${others.length}` : word;
}

// Interims come once a second and are under way for some: who ended no longer ago still speaks (seconds).
const STILL_SPEAKS = 2;
// Words that are no farther apart are said without a pause (seconds).
const PAUSE = 0.8;
// What both say at once, if it is no longer (seconds), is a back-channel.
const BACK_CHANNEL = 0.8;
// Of what one side says in a row no more is looked at (seconds).
const LONG_ENOUGH = 10;
// What began longer before the newest turn has ended before it (seconds): turns are shorter.
const LONGEST_TURN = 90;

/**
 * Tell how it stands with a call that is read live; of one that is over, or whose recogniser is away,
 * nothing is known.
 * @param {Transcript} transcript
 * @param {number} now  seconds on the call clock
 * @returns {Signals}
 */
export function signals(transcript, now) {
  if (transcript.ended || transcript.trouble) return { speaking: null, talkOver: false, silentFor: null };
  const stretches = [lastStretch(transcript, "inbound"), lastStretch(transcript, "outbound")].filter((one) => one !== null);
  const [one, other] = stretches.filter(({ end }) => now - end <= STILL_SPEAKS);
  return {
    // What may still change is being said, whenever its words began.
    speaking: (one && other ? speaker(one, other) : one)?.track ?? [...transcript.interims.keys()].at(-1) ?? null,
    talkOver: one && other ? overlap(one, other) > BACK_CHANNEL : false,
    silentFor: silence(transcript, stretches, now),
  };
}

/**
 * What a side has said last without a pause.
 * @param {Transcript} transcript
 * @param {Track} track
 * @returns {Stretch | null}
 */
function lastStretch({ turns, interims }, track) {
  const interim = interims.get(track);
  let stretch = interim ? reachBack(null, track, interim) : null;
  const oldest = (turns.at(-1)?.start ?? 0) - LONGEST_TURN;
  for (let at = turns.length - 1; at >= 0; at -= 1) {
    const turn = turns[at];
    if (!turn || turn.start < oldest) break;
    if (!isSpoken(turn) || turn.track !== track) continue;
    for (const segment of turn.segments.toReversed()) stretch = reachBack(stretch, track, segment);
    break;
  }
  return stretch;
}

/**
 * Begin a stretch earlier, with what was said before it without a pause.
 * @param {Stretch | null} stretch
 * @param {Track} track
 * @param {Segment | Interim} said
 * @returns {Stretch | null}
 */
function reachBack(stretch, track, said) {
  const spans = said.words.length ? said.words : [said];
  for (let at = spans.length - 1; at >= 0; at -= 1) {
    const { start, end } = /** @type {{ start: number, end: number }} */ (spans[at]);
    stretch ??= { track, start, end };
    if (end < stretch.start - PAUSE || stretch.end - stretch.start > LONG_ENOUGH) break;
    stretch.start = Math.min(stretch.start, start);
    stretch.end = Math.max(stretch.end, end);
  }
  return stretch;
}

/**
 * For how long both speak at once (seconds); less than 0: one after the other.
 * @param {Stretch} one
 * @param {Stretch} other
 */
function overlap(one, other) {
  return Math.min(one.end, other.end) - Math.max(one.start, other.start);
}

/**
 * Of two that have just spoken: who spoke last, or at once with the other one and for longer.
 * @param {Stretch} one
 * @param {Stretch} other
 */
function speaker(one, other) {
  const measure = overlap(one, other) > 0
    ? (/** @type {Stretch} */ { start, end }) => end - start
    : (/** @type {Stretch} */ { end }) => end;
  return measure(one) >= measure(other) ? one : other;
}

/**
 * Of what was not transcribed, and of what was before the first record that we have, nobody knows.
 * @param {Transcript} transcript
 * @param {Stretch[]} stretches
 * @param {number} now
 */
function silence({ turns, started }, stretches, now) {
  const last = turns.at(-1);
  const since = stretches.map(({ end }) => end);
  if (last && !isSpoken(last)) since.push(last.end);
  if (started && !since.length) since.push(0);
  return since.length ? Math.max(0, now - Math.max(...since)) : null;
}
