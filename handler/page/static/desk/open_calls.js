// The calls that are open: they share the screen, or one is enlarged before the others. On a narrow
// screen either they are seen, one at a time, or the lists.

import { MAX_OPEN } from "./desk_address.js";
import { Switcher } from "./switcher.js";
import { beside, tiling } from "./tiling.js";
import { byId } from "../shared/dom.js";

/** @import { CallPanel } from "./call_panel.js" */
/** @import { Direction, Tiling } from "./tiling.js" */

// What it leaves around and between tiles, in pixels.
const MARGIN = 8;
// The pixels that a tile's least size is said in are those of text of this size.
const USUAL_TEXT = 16;

export class OpenCalls {
  /** @param {() => void} changed  another one is enlarged, or none */
  constructor(changed) {
    this.changed = changed;
    /** @type {Map<string, CallPanel>} by callSid, the one that was opened first comes first */
    this.panels = new Map();
    this.root = byId("workspace", HTMLElement);
    this.desk = byId("desk", HTMLElement);
    this.place = byId("call-panels", HTMLElement);
    this.switcher = new Switcher((panel) => this.goTo(panel));
    /** @type {CallPanel | null} */
    this.enlarged = null;
    /** @type {CallPanel | null} the one that the reader was in last */
    this.current = null;
    this.stale = false; // they are to be laid out anew
    /** @type {Tiling} */
    this.tiling = tiling({ count: 0, width: 0, height: 0 });
    this.place.onkeydown = (event) => this.#onKey(event);
    this.place.addEventListener("focusin", ({ target }) => this.#enter(this.#panelOf(target)));
    new ResizeObserver(() => this.lay()).observe(this.desk);
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
    this.place.append(panel.root);
    this.current ??= panel;
    this.#layLater();
  }

  /**
   * Close a call; returns the one that is next to it, or null if none is open.
   * @param {string} callSid
   */
  remove(callSid) {
    const panels = [...this.panels.values()];
    const at = panels.findIndex(({ transcript }) => transcript.callSid === callSid);
    const [panel] = panels.splice(at, 1);
    const next = panels[at] ?? panels.at(-1) ?? null;
    panel?.close();
    this.panels.delete(callSid);
    if (this.enlarged === panel) this.enlarged = null;
    if (this.current === panel) this.current = next;
    this.#layLater();
    return next;
  }

  /**
   * Bring a call before the reader.
   * @param {CallPanel} panel
   */
  goTo(panel, focus = true) {
    this.view("call");
    if (this.enlarged) this.enlarge(panel);
    this.#enter(panel);
    if (this.stale) this.lay();
    panel.root.scrollIntoView({ block: "nearest", inline: "nearest" });
    if (focus) panel.focus();
  }

  /**
   * Make one large, or none.
   * @param {CallPanel | null} panel
   */
  enlarge(panel) {
    if (this.enlarged === panel) return;
    this.enlarged = panel;
    if (panel) this.current = panel;
    this.lay();
    this.changed();
  }

  /**
   * It is known who a call is with.
   * @param {CallPanel} panel
   */
  name(panel) {
    this.switcher.name(panel);
  }

  /** @param {"list" | "call"} what */
  view(what) {
    this.root.dataset.view = this.panels.size ? what : "list";
  }

  /** Let them share the place that there is. */
  lay() {
    this.stale = false;
    const { width, height } = this.desk.getBoundingClientRect();
    const scale = USUAL_TEXT / parseFloat(getComputedStyle(document.documentElement).fontSize);
    const size = { width: (width - MARGIN) * scale, height: (height - MARGIN) * scale };
    this.tiling = tiling({ count: this.panels.size, ...size, enlarged: this.enlarged !== null });
    const { mode, rows, tracks } = this.tiling;
    this.desk.dataset.mode = this.panels.size ? mode : "none";
    this.place.style.setProperty("--tracks", String(tracks));
    this.place.style.setProperty("--rows", String(rows.length));
    const spans = rows.flatMap((length) => Array(length).fill(tracks / length));
    for (const panel of this.panels.values()) {
      panel.enlarge(panel === this.enlarged);
      panel.root.classList.toggle("current", panel === this.current);
      const span = mode === "enlarged" && panel === this.enlarged ? 1 : spans.shift();
      panel.root.style.setProperty("--span", String(span));
    }
    this.switcher.show(this.panels, this.current);
  }

  /** Once, when all that changes at once has changed: what shrinks and grows again loses its place. */
  #layLater() {
    if (!this.stale) queueMicrotask(() => { if (this.stale) this.lay(); });
    this.stale = true;
  }

  /** @param {CallPanel | null} panel */
  #enter(panel) {
    if (!panel || panel === this.current) return;
    this.current?.root.classList.remove("current");
    panel.root.classList.add("current");
    this.current = panel;
    this.switcher.show(this.panels, panel);
  }

  /** @param {EventTarget | null} target */
  #panelOf(target) {
    const root = target instanceof Element ? target.closest(".call-panel") : null;
    return this.oldest((panel) => panel.root === root);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const { target } = event;
    const panel = this.#panelOf(target);
    if (!panel || event.defaultPrevented || target instanceof HTMLInputElement) return;
    if (this.#act(event, panel, target === panel.shown.parts.log)) event.preventDefault();
  }

  /**
   * Do what a key in a tile asks for; returns whether it is one of ours.
   * @param {KeyboardEvent} event
   * @param {CallPanel} panel
   * @param {boolean} inText
   */
  #act(event, panel, inText) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return false;
    const direction = directionOf(event, this.place, inText);
    if (direction) return this.#move(panel, direction);
    if (event.altKey) return false;
    switch (event.key) {
      case "Enter": return inText && this.#toggle(panel);
      case "Escape": return this.enlarged !== null && this.#toggle(this.enlarged);
      case "Delete": panel.listener.closed(); return true;
      case "f": panel.finder.open(); return true;
      case "m": panel.openMenu(); return true;
      case "p": panel.listener.pinned(); return true;
      default: return false;
    }
  }

  /** @param {CallPanel} panel */
  #toggle(panel) {
    panel.listener.enlarged();
    return true;
  }

  /**
   * @param {CallPanel} panel
   * @param {Direction} direction
   */
  #move(panel, direction) {
    const panels = [...this.panels.values()];
    const { mode, rows } = this.tiling;
    const lines = mode === "tiles" ? rows : panels.map(() => 1);
    const next = panels[beside(lines, panels.indexOf(panel), direction)];
    if (!next) return false;
    this.#enter(next);
    next.root.scrollIntoView({ block: "nearest" });
    next.focus();
    return true;
  }
}

/**
 * Where an arrow leads: sideways on a page that reads from right to left, too. Within the words up
 * and down are for scrolling, and lead on with Alt.
 * @param {KeyboardEvent} event
 * @param {HTMLElement} place
 * @param {boolean} inText
 * @returns {Direction | null}
 */
function directionOf({ key, altKey }, place, inText) {
  const turned = getComputedStyle(place).direction === "rtl";
  if (key === "ArrowLeft" && !altKey) return turned ? "after" : "before";
  if (key === "ArrowRight" && !altKey) return turned ? "before" : "after";
  if (inText && !altKey) return null;
  if (key === "ArrowUp") return "above";
  return key === "ArrowDown" ? "below" : null;
}
