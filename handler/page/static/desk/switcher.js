// Which of the open calls is seen, where there is room for one alone.

import { byId, makeButton, write } from "../shared/dom.js";

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
      write(button, panel.name);
      button.ariaCurrent = panel === current ? "true" : null;
      if (panel === current) button.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
    this.line.hidden = open.size < 2;
  }

  /**
   * It is known who a call is with.
   * @param {CallPanel} panel
   */
  name(panel) {
    const button = this.buttons.get(panel);
    if (button) write(button, panel.name);
  }

  /** @param {CallPanel} panel */
  #add(panel) {
    const button = makeButton("", () => this.choose(panel));
    this.buttons.set(panel, button);
    this.line.append(button);
    return button;
  }
}
