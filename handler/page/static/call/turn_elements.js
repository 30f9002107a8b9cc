// The elements of which a transcript is made on the screen: turns, gaps, what was said.

import { make } from "../shared/dom.js";
import { goesLeft } from "../shared/bidi.js";
import { blankBetween, clock, gapReason } from "../shared/format.js";
import { texts } from "../shared/texts.js";
import { partsOf } from "../shared/words.js";

/** @import { GapTurn, Segment } from "../partyline/transcript.js" */
/** @import { Track, Word } from "../partyline/messages.d.ts" */

const UNCERTAIN = 0.6; // confidence below it
// Such as +1 (555) 000-1111: more than one group, or a sign before it.
const NUMBERS = /(\+\d[\d ().-]*\d|\d+(?:[ ().-]+\d+)+)/;

/**
 * A turn of which nothing is written yet.
 * @param {Track} track
 * @param {string} speaker
 * @param {HTMLElement} time
 */
export function turnElement(track, speaker, time) {
  const head = make("p", "head", make("bdi", "who", speaker), " ", time);
  const said = make("p", "said");
  said.dir = "auto"; // each turn as its script is written, whatever the page's is
  return make("div", `turn ${track}`, head, said);
}

/**
 * @param {GapTurn} gap
 * @param {Record<Track, string>} speakers
 */
export function gapElement(gap, speakers) {
  const speaker = gap.track ? speakers[gap.track] : "";
  const [from, to, why] = [clock(gap.start), clock(gap.end), gapReason(gap.reason)];
  return make("p", "gap", texts.call.gap({ speaker, from, to, why }));
}

/**
 * Write the segments of a turn that are not there yet. One that comes between others is rare; those
 * after it are written again.
 * @param {Element} said
 * @param {Segment[]} segments
 * @param {Segment[]} [shown]  those that are
 */
export function writeSegments(said, segments, shown = []) {
  const differs = segments.findIndex((segment, at) => segment !== shown[at]);
  const kept = differs < 0 ? segments.length : differs;
  while (said.children.length > kept) said.lastElementChild?.remove();
  const mixes = segments.some(({ text }) => goesLeft(text));
  for (let at = kept; at < segments.length; at += 1) {
    const segment = segments[at];
    const before = segments[at - 1]?.text ?? "";
    if (segment) said.append(segmentElement(segment, blankBetween(before, segment.text), mixes));
  }
}

/**
 * @param {Segment} segment
 * @param {string} blank  before it
 * @param {boolean} mixes  directions: a number keeps its own
 */
function segmentElement(segment, blank, mixes) {
  const part = make("span", "");
  part.title = clock(segment.start);
  const text = blank + segment.text;
  const doubts = segment.words.some(isUncertain);
  const parts = doubts ? partsOf(text, segment.words, isUncertain) : [{ text, word: null }];
  part.append(...parts.flatMap((one) => (one.word ? [marked(one.text, one.word)] : written(one.text, mixes))));
  return part;
}

/** @param {string} text */
export function interimElement(text) {
  const element = make("span", "interim", ...written(text, goesLeft(text)));
  element.setAttribute("aria-hidden", "true"); // what is final is read out, once
  return element;
}

/** @param {Word} word */
function isUncertain(word) {
  return word.confidence < UNCERTAIN;
}

/**
 * A word that is marked, if the reader wants it to be.
 * @param {string} text
 * @param {Word} word
 */
function marked(text, word) {
  const mark = make("span", "doubt", text);
  mark.title = texts.call.sure(word.confidence);
  return mark;
}

/**
 * A text; its numbers read from left to right among what does not.
 * @param {string} text
 * @param {boolean} mixes
 */
function written(text, mixes) {
  if (!mixes) return [text];
  return text.split(NUMBERS).map((part, at) => {
    if (at % 2 === 0) return part;
    const number = make("bdi", "", part);
    number.dir = "ltr";
    return number;
  });
}
