// A call on the page, beside others: what can be done with it, and what an application said of it.

import { CallTools } from "./call_tools.js";
import { CallView } from "../call/call_view.js";
import { momentLink } from "./desk_address.js";
import { byId, find, make } from "../shared/dom.js";
import { clock, otherNumber } from "../shared/format.js";

/** @import { KnownCall } from "../list/known_calls.js" */
/** @import { Change, Transcript } from "../partyline/transcript.js" */
/** @import { CallMessage } from "../partyline/messages.d.ts" */

/**
 * @typedef {object} PanelListener
 * @property {() => void} closed  the reader closes it
 * @property {(number: string) => void} followed  the reader follows the call's number
 * @property {() => void} pinned  the reader pins it, or lets it go
 */

export class CallPanel {
  /**
   * @param {Transcript} transcript  filled by others, who say so with `receive`
   * @param {Partial<KnownCall>} call  what the list says of it
   * @param {string | null} token
   * @param {PanelListener} listener
   */
  constructor(transcript, call, token, listener) {
    const copy = document.importNode(byId("call-panel-template", HTMLTemplateElement).content, true);
    this.root = find(copy, ".call-panel", HTMLElement);
    this.transcript = transcript;
    this.metadata = find(this.root, ".metadata", HTMLElement);
    this.shown = new CallView(this.root, transcript, call, {
      time: (seconds) => this.#timeLink(seconds),
      drawn: () => this.tools.countHits(),
    });
    this.tools = new CallTools(this.root, transcript.callSid, this.shown.view, token, listener.followed);
    find(this.root, ".close", HTMLButtonElement).onclick = listener.closed;
    this.pinButton = find(this.root, ".pin", HTMLButtonElement);
    this.pinButton.onclick = listener.pinned;
    this.describe({});
  }

  /**
   * Show what the list says of the call.
   * @param {Partial<KnownCall>} call
   */
  describe(call) {
    this.shown.describe(call);
    const { about } = this.shown;
    this.tools.offer(otherNumber(about));
    this.#drawMetadata(about.metadata ?? {});
  }

  /**
   * Receive a message, and what the transcript made of it.
   * @param {CallMessage} message
   * @param {Change | null} change
   */
  receive(message, change) {
    if (message.type === "CallStarted") this.describe({});
    this.shown.receive(message, change);
  }

  /** @param {boolean} pinned */
  pin(pinned) {
    this.pinButton.setAttribute("aria-pressed", String(pinned));
  }

  focus() {
    this.shown.parts.log.focus({ preventScroll: true });
  }

  /** Leave the screen. */
  close() {
    this.shown.close();
    this.root.remove();
  }

  /**
   * Show what an application said of the call.
   * @param {Record<string, string>} metadata
   */
  #drawMetadata(metadata) {
    const items = Object.entries(metadata).map(([name, value]) =>
      make("div", "", make("dt", "", name), make("dd", "", value)));
    this.metadata.replaceChildren(...items);
    this.metadata.hidden = !items.length;
  }

  /** @param {number} seconds */
  #timeLink(seconds) {
    const link = make("a", "time", clock(seconds));
    link.href = `#${momentLink({ callSid: this.transcript.callSid, at: seconds })}`;
    link.title = "Copy a link to this moment";
    link.onclick = (event) => {
      event.preventDefault();
      this.tools.copyLink(seconds, link.href);
    };
    return link;
  }
}
