// What the calls that are read are doing now, for whoever shows it.

import { speakers } from "../shared/format.js";
import { showSignals } from "./signal_elements.js";
import { signals } from "./signals.js";

/** @import { WordPart } from "./word_part.js" */
/** @import { CallPanel } from "../desk/call_panel.js" */

export class CallSignals {
  /** @param {WordPart} words  knows the calls, too */
  constructor(words) {
    this.words = words;
  }

  /**
   * What a call is doing; null if what is known of it may be old.
   * @param {string} callSid
   */
  of(callSid) {
    const { read, calls, clock } = this.words.sources;
    const { transcript, reading } = read.get(callSid) ?? {};
    const startedAt = transcript?.started?.startedAt ?? calls.find(callSid)?.startedAt;
    if (!transcript || startedAt === undefined || transcript.ended || reading?.state !== "live") return null;
    return signals(transcript, clock.seconds(startedAt, Date.now()), this.words.of(callSid));
  }

  /**
   * Show it in an open call.
   * @param {CallPanel} panel
   */
  show(panel) {
    showSignals(panel.root, this.of(panel.transcript.callSid), speakers(panel.shown.about));
  }
}
