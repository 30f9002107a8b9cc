// The calls that are open, side by side; on a narrow screen either they are seen, or the lists.

import { byId } from "../shared/dom.js";

/** @import { CallPanel } from "./call_panel.js" */

// A socket takes 100 subscriptions: so many open calls, beside the previews.
export const MAX_OPEN = 24;

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

  /** The callSid of the one that was opened first of those that have ended, or null. */
  get oldestEnded() {
    const [callSid] = [...this.panels].find(([, { transcript }]) => transcript.ended) ?? [null];
    return callSid;
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
