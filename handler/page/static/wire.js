// What comes over the socket, as docs/protocol.md and docs/schemas/ have it, and what is sent.

/** @typedef {"inbound" | "outbound"} Track */

/**
 * @typedef {object} Word
 * @property {string} word
 * @property {string} [punctuated_word]
 * @property {number} start  seconds on the call clock, as all times of speech
 * @property {number} end
 * @property {number} confidence
 */

/**
 * @typedef {object} ResultsBody
 * @property {"Results"} type
 * @property {string} callSid
 * @property {number} at  Unix ms at which it was published
 * @property {Track} track
 * @property {number} start
 * @property {number} duration
 * @property {{ alternatives: { transcript: string, words?: Word[] }[] }} channel
 */

/**
 * A record is numbered: 1, 2, 3 … without holes.
 * @typedef {ResultsBody & { seq: number }} FinalResults
 */

/**
 * What may still change is not numbered; an empty one takes back what was there.
 * @typedef {ResultsBody & { seq?: undefined }} InterimResults
 */

/** @typedef {FinalResults | InterimResults} Results */

/**
 * @typedef {object} Gap
 * @property {"Gap"} type
 * @property {string} callSid
 * @property {number} seq
 * @property {number} start
 * @property {number} end
 * @property {Track | null} track  null: both
 * @property {string} reason
 */

/**
 * What an application may have said of a call, for people and to know it again.
 * @typedef {object} Told
 * @property {string} [callerName]
 * @property {string} [calleeName]
 * @property {Record<string, string>} [metadata]
 */

/**
 * @typedef {object} CallBegin
 * @property {"CallStarted"} type
 * @property {string} callSid
 * @property {number} seq
 * @property {number} startedAt  Unix ms: the zero of the call clock
 * @property {string | null} from
 * @property {string | null} to
 * @property {string | null} direction
 */

/** @typedef {CallBegin & Told} CallStarted */

/** @typedef {{ type: "CallResumed", callSid: string, seq: number, reason?: string }} CallResumed */

/**
 * It went away, and why, or is there; with a reason then, if the call is told of something else.
 * @typedef {{ type: "Recogniser", callSid: string, seq: number } & ({ state: "down", reason: string } | { state: "up", reason?: string | null })} Recogniser
 */

/**
 * @typedef {object} CallEnded
 * @property {"CallEnded"} type
 * @property {string} callSid
 * @property {number} seq
 * @property {number} duration
 * @property {string} reason
 */

/** @typedef {FinalResults | Gap | CallStarted | CallResumed | Recogniser | CallEnded} CallRecord */
/** @typedef {{ type: "UtteranceEnd" | "SpeechStarted", callSid: string, seq?: undefined }} OtherInterim */
/** @typedef {{ type: "Expired", callSid: string, first: number, seq?: undefined }} Expired */
/** @typedef {CallRecord | InterimResults | OtherInterim | Expired} CallMessage */

/** @typedef {{ type: "Subscribed", callSid: string, first: number, last: number }} Subscribed */
/** @typedef {{ type: "CaughtUp", callSid: string, seq: number }} CaughtUp */
/** @typedef {{ type: "Error", callSid: string, code: number, message: string }} Refusal */
/** @typedef {{ type: "Token", exp: number | null }} Token */
/** @typedef {{ type: "Waiting", callSid: string, seconds: number }} Waiting */
/** @typedef {{ type: "Over", callSid: string, seq: number }} Over */

/**
 * @typedef {object} ListedFacts
 * @property {string} callSid
 * @property {string | null} from
 * @property {string | null} to
 * @property {string | null} direction
 * @property {number} startedAt  Unix ms
 * @property {string} state
 */

/** @typedef {ListedFacts & Told} ListedCall */
/** @typedef {{ type: "Calls", calls: ListedCall[] }} Calls */
/** @typedef {CallMessage | Subscribed | Waiting | CaughtUp | Over | Refusal | Calls | Token} Message */

/**
 * @typedef {{ list: true } | { subscribe: string, since: number | "live" } | { unsubscribe: string } | { token: string }} Command
 */

export const CALL_SID = /^CA[0-9a-f]{32}$/;
export const NUMBER = /^\+[1-9][0-9]{1,14}$/;

/**
 * Parse what the service sent. Returns null for the array of callSids that a socket begins with:
 * it says less than the list.
 * @param {string} text
 * @returns {Message | null}
 */
export function parse(text) {
  const value = JSON.parse(text);
  return Array.isArray(value) ? null : value;
}

/**
 * What a result says, and when: a result spans the silence around its words, too. They come in the
 * order of the text, which need not be that of their times.
 * @param {Results} results
 */
export function spoken(results) {
  const { transcript: text, words = [] } = results.channel.alternatives[0] ?? { transcript: "" };
  if (!words.length) return { text, words, start: results.start, end: results.start + results.duration };
  const start = Math.min(...words.map((word) => word.start));
  return { text, words, start, end: Math.max(...words.map((word) => word.end)) };
}

/**
 * Part a text by its words: it has its own blanks, or none, as its script has it. What is between
 * words, and a word that is written otherwise there, belong to none.
 * @param {string} text
 * @param {Word[]} words
 * @returns {{ text: string, word: Word | null }[]}
 */
export function partsOf(text, words) {
  const parts = [];
  let done = 0;
  for (const word of words) {
    const written = word.punctuated_word ?? word.word;
    const at = written ? placeOf(written, text, done) : -1;
    if (at < 0) continue;
    if (at > done) parts.push({ text: text.slice(done, at), word: null });
    parts.push({ text: written, word });
    done = at + written.length;
  }
  if (done < text.length) parts.push({ text: text.slice(done), word: null });
  return parts;
}

/**
 * Where a word stands: next, or after a blank farther on. "a" is not in "said".
 * @param {string} written
 * @param {string} text
 * @param {number} from
 */
function placeOf(written, text, from) {
  const next = text.indexOf(written, from);
  if (next < 0 || !/[\p{L}\p{N}]/u.test(text.slice(from, next))) return next;
  const later = text.indexOf(` ${written}`, from);
  return later < 0 ? -1 : later + 1;
}
