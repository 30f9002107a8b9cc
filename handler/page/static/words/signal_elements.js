// A glance at a call: who speaks, both at once, nobody for a while. By place, height and colour, and in words.

import { find, write } from "../shared/dom.js";
import { texts } from "../shared/texts.js";

/** @import { Signals } from "./signals.js" */
/** @import { Track } from "../partyline/messages.d.ts" */

// Who has said nothing for longer is silent (seconds); less is how people talk.
const SILENT = 10;

/**
 * Show in an open call what it is doing: two bars, one for each side in its place, and words beside them.
 * @param {HTMLElement} panel  has .signal with .bars and .word
 * @param {Signals | null} signals  null: it is not live, so nobody knows
 * @param {Record<Track, string>} names
 */
export function showSignals(panel, signals, names) {
  const element = find(panel, ".signal", HTMLElement);
  const { speaking = null, talkOver = false, silentFor = null } = signals ?? {};
  element.hidden = signals === null;
  element.dataset.speaking = talkOver ? "both" : speaking ?? "";
  const word = find(element, ".word", HTMLElement);
  if (talkOver) return write(word, texts.words.bothSpeak);
  if (speaking) return write(word, texts.words.speaks(names[speaking]));
  write(word, silentFor !== null && silentFor >= SILENT ? texts.words.silent(Math.floor(silentFor)) : "");
}
