// Who speaks in an open call, and which watched words were said: a line below it.

import { write } from "../shared/dom.js";
import { showSignal, signalElement } from "../words/signal_elements.js";
import { signals, toldWords } from "../words/signals.js";

/** @import { CallView } from "../call/call_view.js" */
/** @import { Words } from "../words/signals.js" */

export class SignalLine {
  /**
   * @param {HTMLElement} marked  where the words are told, behind the signal
   * @param {CallView} shown
   */
  constructor(marked, shown) {
    this.marked = marked;
    this.shown = shown;
    this.signal = signalElement();
    this.talkOver = false; // both speak, now
    this.words = ""; // that are watched and were said, in short
    marked.before(this.signal);
  }

  /**
   * Show how it stands now, if the call is read live.
   * @param {Words} words
   */
  show(words) {
    const { about, clock, transcript, truth, view } = this.shown;
    const isLive = about.startedAt !== undefined && truth.standing === "live";
    const now = isLive ? signals(transcript, clock.seconds(about.startedAt ?? 0, Date.now())) : null;
    this.talkOver = now?.talkOver ?? false;
    showSignal(this.signal, now, view.speakers);
    this.words = toldWords(words);
    write(this.marked, this.words);
  }
}
