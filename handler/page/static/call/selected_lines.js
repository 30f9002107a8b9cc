// What is selected of a transcript, as lines with their times.

import { find } from "../shared/dom.js";
import { isSpoken } from "../partyline/transcript.js";

/** @import { TranscriptView } from "./transcript_view.js" */
/** @import { Turn } from "../partyline/transcript.js" */

/**
 * A line for each turn of which something is selected.
 * @param {Selection | null} selection
 * @param {TranscriptView} view
 */
export function linesOf(selection, view) {
  if (!selection?.rangeCount) return [];
  const range = selection.getRangeAt(0);
  return view.transcript.turns.flatMap((turn) => lineOf(turn, range, view));
}

/**
 * @param {Turn} turn
 * @param {Range} range
 * @param {TranscriptView} view
 */
function lineOf(turn, range, view) {
  const element = view.elementOf(turn);
  if (!range.intersectsNode(element)) return [];
  if (!isSpoken(turn)) return [view.lineOf(turn)];
  const words = selectedOf(find(element, ".said", HTMLElement), range);
  return words ? [view.lineOf(turn, words)] : [];
}

/**
 * What of a text is selected, without what may still change.
 * @param {HTMLElement} said
 * @param {Range} range
 */
function selectedOf(said, range) {
  if (!range.intersectsNode(said)) return "";
  const part = new Range();
  part.selectNodeContents(said);
  if (said.contains(range.startContainer)) part.setStart(range.startContainer, range.startOffset);
  if (said.contains(range.endContainer)) part.setEnd(range.endContainer, range.endOffset);
  const copy = part.cloneContents();
  for (const interim of copy.querySelectorAll(".interim")) interim.remove();
  return copy.textContent?.trim() ?? "";
}
