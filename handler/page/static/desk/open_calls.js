// The calls that are open, side by side; on a narrow screen either they are seen, or the lists.

import { MAX_OPEN } from "./desk_address.js";
import { byId } from "../shared/dom.js";

/** @import { CallPanel } from "./call_panel.js" */

export class OpenCalls {
  constructor() {
    /** @type {Map<string, CallPanel>} by callSid, the one that was opened first comes first */
    this.panels = new Map();
    this.root = byId("workspace", HTMLElement);
    this.row = byId("call-panels", HTMLElement);
    this.hint = byId("no-call-panels", HTMLElement);
  }

  get full() {
    return this.panels.size >= MAX_OPEN;
  }

  /**
   * The one that was opened first of those that a test lets through, or null.
   * @param {(panel: CallPanel) => boolean} may
   */
  oldest(may) {
    return [...this.panels.values()].find(may) ?? null;
  }

  /** @param {CallPanel} panel */
  add(panel) {
    this.panels.set(panel.transcript.callSid, panel);
    this.row.append(panel.root);
    this.hint.hidden = true;
  }

  /** @param {string} callSid */
  remove(callSid) {
    this.panels.get(callSid)?.close();
    this.panels.delete(callSid);
    this.hint.hidden = this.panels.size > 0;
  }

  /** @param {CallPanel} panel */
  goTo(panel, focus = true) {
    this.view("call");
    panel.root.scrollIntoView({ block: "nearest", inline: "nearest" });
    if (focus) panel.focus();
  }

  /** @param {"list" | "call"} what */
  view(what) {
    this.root.dataset.view = this.panels.size ? what : "list";
  }
}
