// A glance at a call: who speaks, both at once, nobody for a while. In words, place and colour; what a
// row's or tile's name says is changed rarely, so that nobody is told it every second.

import { make, write } from "../shared/dom.js";
import { texts } from "../shared/texts.js";

/** @import { Signals } from "./signals.js" */
/** @import { Track } from "../partyline/messages.d.ts" */

// Silence that is shorter (seconds) is how people talk.
const SILENT = 10;

/**
 * What shows it: two bars, the caller's before the callee's, and words beside them.
 */
export function signalElement() {
  const bars = make("span", "bars", make("span", "bar inbound"), make("span", "bar outbound"));
  bars.setAttribute("aria-hidden", "true");
  return make("span", "signal", bars, make("span", "word"));
}

/**
 * @param {HTMLElement} element  as `signalElement` made it
 * @param {Signals | null} signals  null: it is not live, or not read
 * @param {Record<Track, string>} names
 */
export function showSignal(element, signals, names) {
  const { speaking = null, talkOver = false, silentFor = null } = signals ?? {};
  const silent = silentFor !== null && silentFor >= SILENT;
  element.dataset.speaking = talkOver ? "both" : speaking ?? (silent ? "nobody" : "");
  const word = element.lastElementChild;
  if (!word) return;
  // The seconds go on for the eye alone.
  if (silent && !speaking) word.setAttribute("aria-hidden", "true");
  else word.removeAttribute("aria-hidden");
  if (talkOver) write(word, texts.words.bothSpeak);
  else if (speaking) write(word, texts.words.speaks(names[speaking]));
  else write(word, silent ? texts.words.silent(Math.floor(silentFor)) : "");
}
