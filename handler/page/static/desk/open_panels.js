// Which calls are open, in their order, and which of them is enlarged: true of none, too, before what shows
// them is loaded (open_calls.js). No document, no clock, no network.

import { MAX_OPEN } from "./desk_address.js";

/** @import { CallPanel } from "./call_panel.js" */
/** @import { Desk } from "./desk_address.js" */

export class OpenPanels {
  /** @type {Map<string, CallPanel>} by callSid, the one that was opened first comes first */
  byCallSid = new Map();
  /** @type {CallPanel | null} the one that is larger than the others */
  enlarged = null;

  /** What the address names of them. @returns {Desk} */
  get desk() {
    const pinned = [...this.byCallSid].filter(([, panel]) => panel.pinned).map(([callSid]) => callSid);
    return { calls: [...this.byCallSid.keys()], pinned, enlarged: this.enlarged?.transcript.callSid ?? null };
  }

  get full() {
    return this.byCallSid.size >= MAX_OPEN;
  }

  /**
   * The one that was opened first of those that a test lets through, or null.
   * @param {(panel: CallPanel) => boolean} may
   */
  oldest(may) {
    return [...this.byCallSid.values()].find(may) ?? null;
  }
}
