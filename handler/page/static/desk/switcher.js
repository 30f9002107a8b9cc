// Which of the open calls is seen, where there is room for one alone; and how the others stand.

import { byId, make, makeButton, write } from "../shared/dom.js";

/** @import { CallPanel } from "./call_panel.js" */

export class Switcher {
  /** @param {(panel: CallPanel) => void} choose */
  constructor(choose) {
    this.choose = choose;
    this.line = byId("switcher", HTMLElement);
    /** @type {Map<CallPanel, HTMLButtonElement>} */
    this.buttons = new Map();
  }

  /**
   * @param {Map<string, CallPanel>} panels
   * @param {CallPanel | null} current
   */
  show(panels, current) {
    const open = new Set(panels.values());
    for (const [panel, button] of this.buttons) {
      if (open.has(panel)) continue;
      button.remove();
      this.buttons.delete(panel);
    }
    for (const panel of open) {
      const button = this.buttons.get(panel) ?? this.#add(panel);
      button.ariaCurrent = panel === current ? "true" : null;
      if (panel === current) button.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
    this.line.hidden = open.size < 2;
  }

  /**
   * Who a call is with, or how it stands, is another.
   * @param {CallPanel} panel
   */
  tell(panel) {
    const [name, sign, marked] = this.buttons.get(panel)?.children ?? [];
    if (!name || !sign || !marked) return;
    const { kind, text } = panel.sign;
    write(name, panel.name);
    sign.className = `sign ${kind}`;
    write(sign, text);
    write(marked, panel.signal.words);
  }

  /** @param {CallPanel} panel */
  #add(panel) {
    const button = makeButton("", () => this.choose(panel));
    // With blanks between: what is read out is made of it.
    button.append(make("span", "name"), " ", make("span", "sign"), " ", make("span", "marked"));
    this.buttons.set(panel, button);
    this.tell(panel);
    this.line.append(button);
    return button;
  }
}
