// The open calls on the screen: they share it, or one is enlarged before the others. On a narrow
// screen either they are seen, one at a time, or the lists. Loaded with the first that is opened.

import { Switcher } from "./switcher.js";
import { beside, sizesOf, tiling } from "./tiling.js";
import { obey } from "../help/obey.js";
import { byId } from "../shared/dom.js";

/** @import { CallPanel } from "./call_panel.js" */
/** @import { OpenPanels } from "./open_panels.js" */
/** @import { Direction } from "./tiling.js" */

// What it leaves around and between tiles, in pixels.
const MARGIN = 8;
// The pixels that a tile's least size is said in are those of text of this size.
const USUAL_TEXT = 16;

export class OpenCalls {
  /**
   * @param {OpenPanels} openPanels  which they are
   * @param {() => void} enlarged  another one is, or none
   */
  constructor(openPanels, enlarged) {
    this.openPanels = openPanels;
    this.enlargedOther = enlarged;
    this.region = byId("desk", HTMLElement);
    this.place = byId("call-panels", HTMLElement);
    this.switcher = new Switcher((panel) => this.goTo(panel));
    /** @type {CallPanel | null} the one that the reader was in last */
    this.current = null;
    this.stale = false; // they are to be laid out anew
    this.tiling = this.#tile();
    obey(this.place, "tiles", {
      left: (event) => this.#moveAside(event, "left"),
      right: (event) => this.#moveAside(event, "right"),
      up: (event) => this.#move(event, "above"),
      down: (event) => this.#move(event, "below"),
      enlarge: (event) => this.#toggle(event),
      back: () => this.openPanels.enlarged ? this.enlarge(null) : false,
    });
    this.place.addEventListener("focusin", ({ target }) => this.#enter(this.#panelOf(target)));
    new ResizeObserver(() => this.lay()).observe(this.region);
    this.measuring = new ResizeObserver((entries) => entries.forEach((entry) => this.#measure(entry)));
  }

  get panels() {
    return this.openPanels.byCallSid;
  }

  /** @param {CallPanel} panel */
  add(panel) {
    this.panels.set(panel.transcript.callSid, panel);
    this.place.append(panel.root);
    this.measuring.observe(panel.root);
    this.current ??= panel;
    this.#layLater();
  }

  /**
   * Close a call, if it is open; returns the one that is next to it, or null if none is open.
   * @param {string} callSid
   */
  remove(callSid) {
    const panel = this.panels.get(callSid);
    if (!panel) return this.current;
    const panels = [...this.panels.values()];
    const at = panels.indexOf(panel);
    const next = panels[at + 1] ?? panels[at - 1] ?? null;
    this.measuring.unobserve(panel.root);
    panel.close();
    this.panels.delete(callSid);
    if (this.openPanels.enlarged === panel) this.openPanels.enlarged = null;
    if (this.current === panel) this.current = next;
    this.#layLater();
    return next;
  }

  /**
   * Bring a call before the reader.
   * @param {CallPanel} panel
   */
  goTo(panel, focus = true) {
    document.body.dataset.view = "call";
    if (this.openPanels.enlarged) this.enlarge(panel);
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
    if (this.openPanels.enlarged === panel) return;
    this.openPanels.enlarged = panel;
    if (panel) this.current = panel;
    this.lay();
    this.enlargedOther();
  }

  /**
   * Who a call is with, or how it stands, is another.
   * @param {CallPanel} panel
   */
  tell(panel) {
    this.switcher.tell(panel);
  }

  /** Let them share the place that there is. */
  lay() {
    this.stale = false;
    this.tiling = this.#tile();
    const { mode, rows, tracks, height } = this.tiling;
    this.region.dataset.mode = this.panels.size ? mode : "none";
    this.place.style.setProperty("--tracks", String(tracks));
    this.place.style.setProperty("--rows", String(rows.length));
    this.place.style.setProperty("--room", `${height}px`);
    const spans = rows.flatMap((length) => Array(length).fill(tracks / length));
    for (const panel of this.panels.values()) {
      panel.enlarge(panel === this.openPanels.enlarged);
      panel.come(panel === this.current);
      const span = mode === "enlarged" && panel === this.openPanels.enlarged ? 1 : spans.shift();
      panel.root.style.setProperty("--span", String(span));
    }
    this.switcher.show(this.panels, this.current);
  }

  /** How they share the place that there is now. */
  #tile() {
    const { width, height } = this.region.getBoundingClientRect();
    const scale = scaleOfText();
    const size = { width: (width - MARGIN) * scale, height: (height - MARGIN) * scale };
    return { ...tiling({ count: this.panels.size, ...size, enlarged: this.openPanels.enlarged !== null }), height };
  }

  /**
   * Say what a tile has room for.
   * @param {ResizeObserverEntry} entry
   */
  #measure({ target, contentRect: { width, height } }) {
    const scale = scaleOfText();
    if (target instanceof HTMLElement) target.dataset.room = sizesOf(width * scale, height * scale).join(" ");
  }

  /** Once, when all that changes at once has changed: what shrinks and grows again loses its place. */
  #layLater() {
    if (!this.stale) queueMicrotask(() => { if (this.stale) this.lay(); });
    this.stale = true;
  }

  /** @param {CallPanel | null} panel */
  #enter(panel) {
    if (!panel || panel === this.current) return;
    this.current?.come(false);
    panel.come(true);
    this.current = panel;
    this.switcher.show(this.panels, panel);
  }

  /** @param {EventTarget | null} target */
  #panelOf(target) {
    const root = target instanceof Element ? target.closest(".call-panel") : null;
    return this.openPanels.oldest((panel) => panel.root === root);
  }

  /**
   * Go to the tile that is beside the one with the focus.
   * @param {KeyboardEvent} event
   * @param {Direction} direction
   */
  #move({ target }, direction) {
    const panels = [...this.panels.values()];
    const at = panels.findIndex(({ root }) => target instanceof Node && root.contains(target));
    const { mode, rows } = this.tiling;
    const next = panels[beside(mode === "tiles" ? rows : panels.map(() => 1), at, direction)];
    if (!next) return;
    this.#enter(next);
    next.root.scrollIntoView({ block: "nearest" });
    next.focus();
  }

  /**
   * Before and after stand where they are read.
   * @param {KeyboardEvent} event
   * @param {"left" | "right"} side
   */
  #moveAside(event, side) {
    const turned = getComputedStyle(this.place).direction === "rtl";
    this.#move(event, (side === "left") === turned ? "after" : "before");
  }

  /**
   * A button or a link does what it is for.
   * @param {KeyboardEvent} event
   */
  #toggle({ target }) {
    if (target instanceof Element && target.closest("button, a")) return false;
    return this.#panelOf(target)?.listener.enlarged();
  }
}

/** What a pixel is at the usual size of text. */
function scaleOfText() {
  return USUAL_TEXT / parseFloat(getComputedStyle(document.documentElement).fontSize);
}
