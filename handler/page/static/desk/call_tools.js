// What can be done with a call on the screen: find, mark, copy, download, follow its number.

import { obey } from "../help/obey.js";
import { find } from "../shared/dom.js";
import { clock } from "../shared/format.js";
import { texts } from "../shared/texts.js";
import { authorization } from "../partyline/token.js";

/** @import { TranscriptView } from "../call/transcript_view.js" */

const narrow = matchMedia("(max-width: 48rem)");

export class CallTools {
  /**
   * @param {HTMLElement} root  the call's panel
   * @param {string} callSid
   * @param {TranscriptView} view
   * @param {string | null} token  for downloads
   * @param {(number: string) => void} follow
   */
  constructor(root, callSid, view, token, follow) {
    this.callSid = callSid;
    this.view = view;
    this.token = token;
    this.follow = follow;
    this.query = find(root, ".find", HTMLInputElement);
    this.notice = find(root, ".hits", HTMLElement);
    this.followButton = find(root, ".follow", HTMLButtonElement);
    this.#wire(root);
  }

  /**
   * Offer to follow the call's number, if it has one.
   * @param {string | null} number
   */
  offer(number) {
    this.followButton.hidden = !number;
    this.followButton.textContent = number ? texts.desk.follow(number) : "";
    this.followButton.onclick = () => { if (number) this.follow(number); };
  }

  /** Count again what is looked for. */
  countHits() {
    if (this.query.value) this.#showHits();
  }

  /**
   * @param {number} seconds
   * @param {string} href
   */
  copyLink(seconds, href) {
    this.#copy(href, texts.desk.linkCopied(clock(seconds)));
  }

  /**
   * @param {number} seconds
   * @param {string} line
   */
  copyLine(seconds, line) {
    this.#copy(line, texts.desk.lineCopied(clock(seconds)));
  }

  /** Follow the end, or stay if it is followed. */
  followOrStay() {
    const { following } = this.view;
    if (following) this.view.stay();
    else this.view.follow();
    this.notice.textContent = following ? texts.desk.staying : texts.desk.following;
  }

  /** @param {HTMLElement} root */
  #wire(root) {
    const look = () => { this.view.find(this.query.value); this.#showHits(); };
    this.query.oninput = look;
    const step = (/** @type {1 | -1} */ by) => { this.view.findNext(by); this.#showHits(); };
    obey(this.query, "find", {
      next: () => step(1),
      previous: () => step(-1),
      clear: () => { this.query.value = ""; look(); },
    });
    find(root, ".copy", HTMLButtonElement).onclick = () => this.#copy(String(this.view), texts.desk.copied);
    for (const form of ["txt", "srt", "vtt", "json"]) {
      find(root, `[data-form="${form}"]`, HTMLButtonElement).onclick = () => this.#download(form);
    }
    find(root, ".tools", HTMLDetailsElement).open = !narrow.matches;
  }

  #showHits() {
    this.notice.textContent = String(this.view.search);
  }

  /**
   * @param {string} text
   * @param {string} done
   */
  async #copy(text, done) {
    try {
      await navigator.clipboard.writeText(text); // there is one on https and localhost alone
      this.notice.textContent = done;
    } catch {
      this.notice.textContent = texts.desk.mayNotCopy;
    }
  }

  /** @param {string} form */
  async #download(form) {
    try {
      const path = `calls/${this.callSid}/transcript.${form}`;
      const answer = await fetch(path, { headers: authorization(this.token) });
      if (!answer.ok) throw new Error(texts.desk.answered(answer.status));
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await answer.blob());
      link.download = `${this.callSid}.${form}`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    } catch (error) {
      this.notice.textContent = texts.desk.notDownloaded(String(error instanceof Error ? error.message : error));
    }
  }
}
