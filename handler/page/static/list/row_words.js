// What the words of a call tell, in its row: who speaks, what was said last, which watched words.

import { speakers } from "../shared/format.js";
import { write } from "../shared/dom.js";
import { showSignal, signalElement } from "../words/signal_elements.js";
import { signals, toldWords } from "../words/signals.js";
import { glance, glanceBack } from "./glance.js";

/** @import { KnownCall } from "./known_calls.js" */
/** @import { CallRow, Shown } from "./call_row.js" */

// So many characters fill the lines of the last words.
const ROOM = { roomy: 56, compact: 34 };

/**
 * What is known of who speaks; null: nothing.
 * @param {Shown} shown
 */
export function signalsOf({ transcript, now }) {
  return transcript && now !== null ? signals(transcript, now) : null;
}

/**
 * @param {CallRow} row
 * @param {KnownCall} call
 * @param {Shown} shown
 * @param {"roomy" | "compact"} rows
 */
export function tellWords({ root, parts }, call, shown, rows) {
  const seen = call.endedAt === undefined
    ? glance(call, shown.transcript, signalsOf(shown), ROOM[rows])
    : glanceBack(call);
  const signal = parts.voice.firstElementChild ?? parts.voice.appendChild(signalElement());
  if (signal instanceof HTMLElement) showSignal(signal, seen.signals, speakers(call));
  const told = call.endedAt === undefined ? toldWords(shown.words) : "";
  write(parts.marked, told);
  write(parts.last, seen.last);
  root.classList.toggle("watched", told !== "");
  root.classList.toggle("speaking", Boolean(seen.signals?.speaking));
  root.classList.toggle("away", seen.isAway);
  root.classList.toggle("over", call.endedAt !== undefined);
}
