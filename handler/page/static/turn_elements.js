// The elements of which a transcript is made on the screen: turns, gaps, what was said.

import { make } from "./dom.js";
import { clock, gapReason } from "./format.js";

/** @import { GapTurn, Segment } from "./transcript.js" */
/** @import { Track, Word } from "./wire.js" */

const UNCERTAIN = 0.6; // confidence below it

/** Which segment an element shows. @type {WeakMap<Element, Segment>} */
const shownSegments = new WeakMap();

/**
 * A turn of which nothing is written yet.
 * @param {Track} track
 * @param {string} speaker
 * @param {HTMLElement} time
 */
export function turnElement(track, speaker, time) {
  const head = make("p", "head", make("span", "who", speaker), " ", time);
  return make("div", `turn ${track}`, head, make("p", "said"));
}

/**
 * @param {GapTurn} gap
 * @param {Record<Track, string>} speakers
 */
export function gapElement(gap, speakers) {
  const side = gap.track ? ` of ${speakers[gap.track]}` : "";
  const bounds = `from ${clock(gap.start)} to ${clock(gap.end)}`;
  return make("p", "gap", `No transcript${side} ${bounds}: ${gapReason(gap.reason)}.`);
}

/**
 * Write the segments of a turn that are not there yet. One that comes between others is rare; those
 * after it are written again, and all of them if `anew`.
 * @param {Element} said
 * @param {Segment[]} segments
 * @param {{ anew: boolean, marksUncertain: boolean }} how
 */
export function writeSegments(said, segments, { anew, marksUncertain }) {
  const shown = [...said.children].map((part) => shownSegments.get(part));
  const differs = segments.findIndex((segment, at) => segment !== shown[at]);
  const kept = anew ? 0 : differs < 0 ? segments.length : differs;
  while (said.children.length > kept) said.lastElementChild?.remove();
  for (const segment of segments.slice(kept)) said.append(segmentElement(segment, marksUncertain));
}

/**
 * @param {Segment} segment
 * @param {boolean} marksUncertain
 */
function segmentElement(segment, marksUncertain) {
  const part = make("span", "");
  shownSegments.set(part, segment);
  part.title = clock(segment.start);
  if (marksUncertain && segment.words.some(isUncertain)) part.append(...segment.words.flatMap(marked), " ");
  else part.textContent = `${segment.text} `;
  return part;
}

/** @param {string} text */
export function interimElement(text) {
  const element = make("span", "interim", text);
  element.setAttribute("aria-hidden", "true"); // what is final is read out, once
  return element;
}

/** @param {Word} word */
export function isUncertain(word) {
  return word.confidence < UNCERTAIN;
}

/**
 * A word as it is written, marked if need be, with the blank before it.
 * @param {Word} word
 * @param {number} at
 */
function marked(word, at) {
  const written = word.punctuated_word ?? word.word;
  const blank = at ? " " : "";
  if (!isUncertain(word)) return [blank + written];
  const mark = make("mark", "doubt", written);
  mark.title = `${Math.round(100 * word.confidence)} % sure`;
  return [blank, mark];
}
