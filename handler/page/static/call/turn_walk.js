// Going from turn to turn in a transcript on the screen, and taking along what is said there.

import { linesOf } from "./selected_lines.js";
import { makeButton } from "../shared/dom.js";
import { texts } from "../shared/texts.js";

/** @import { TranscriptView } from "./transcript_view.js" */
/** @import { Turn } from "../partyline/transcript.js" */

export class TurnWalk {
  /**
   * @param {TranscriptView} view
   * @param {(text: string, seconds: number) => void} copy  takes a line of a moment along
   */
  constructor(view, copy) {
    this.view = view;
    this.copy = copy;
    /** @type {Turn | null} that the pointer is on */
    this.pointed = null;
    // One for all turns: it goes where it is wanted. The keyboard has a key of its own.
    this.button = makeButton(texts.call.copyLine, () => this.#copyTurn(this.pointed));
    this.button.className = "copy-line";
    this.button.tabIndex = -1;
    this.button.ariaHidden = "true";
    const { log } = view;
    log.addEventListener("pointerover", ({ target }) => this.#point(target));
    log.addEventListener("pointerleave", () => this.#point(null));
    log.addEventListener("copy", (event) => this.#copySelected(event));
  }

  /**
   * Go to the next turn, or to the one before; to begin with, to one that is seen.
   * @param {1 | -1} by
   */
  step(by) {
    const { view } = this;
    const { turns } = view.transcript;
    const turn = this.focused ? turns[turns.indexOf(this.focused) + by] : view.seen;
    if (turn) view.goTo(turn);
  }

  /** Copy the turn that has the focus, else the one that the pointer is on, else the last one that is seen. */
  copyLine() {
    this.#copyTurn(this.focused ?? this.pointed ?? this.view.seen);
  }

  get focused() {
    return this.view.turnOf(document.activeElement);
  }

  /** @param {EventTarget | null} target */
  #point(target) {
    const turn = target instanceof Element ? this.view.turnOf(target) : null;
    if (turn === this.pointed) return;
    if (this.pointed) this.view.elementOf(this.pointed).classList.remove("pointed");
    this.pointed = turn;
    this.button.remove();
    const element = turn && this.view.elementOf(turn);
    element?.classList.add("pointed");
    element?.querySelector(".head")?.append(this.button);
  }

  /** @param {Turn | null} turn */
  #copyTurn(turn) {
    if (!turn) return;
    const link = this.view.elementOf(turn).querySelector("a.time");
    const line = this.view.lineOf(turn);
    this.copy(link instanceof HTMLAnchorElement ? `${line} ${link.href}` : line, turn.start);
  }

  /** @param {ClipboardEvent} event */
  #copySelected(event) {
    const lines = linesOf(getSelection(), this.view);
    if (lines.length < 2) return; // a few words of a turn are copied as they are
    event.clipboardData?.setData("text/plain", `${lines.join("\n")}\n`);
    event.preventDefault();
  }
}
