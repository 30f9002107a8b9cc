// A quiet word beside the page when a watched one is said: if the reader has switched that on, and the
// browser lets us.

import { title } from "../shared/format.js";

/** @import { Mention } from "./call_words.js" */
/** @import { Marked } from "./signals.js" */
/** @import { Store } from "./watch_words.js" */
/** @import { KnownCall } from "../list/known_calls.js" */

const KEY = "partyline.notify";

export class Notifications {
  /** @type {Map<string, Map<string, Notification>>} by callSid, by word: each is told once */
  #told = new Map();

  /**
   * @param {Store} store
   * @param {(callSid: string, at: number) => void} opened
   */
  constructor(store, opened) {
    this.store = store;
    this.opened = opened;
  }

  /** How it stands: `unknown` where a browser has none. @returns {"on" | "off" | "denied" | "unknown"} */
  get state() {
    if (!("Notification" in globalThis)) return "unknown";
    if (Notification.permission === "denied") return "denied";
    return Notification.permission === "granted" && this.store.getItem(KEY) === "on" ? "on" : "off";
  }

  /**
   * Switch them on or off: the reader has clicked, so the browser may ask.
   * @param {boolean} isOn
   */
  async change(isOn) {
    if (isOn && this.state !== "unknown") await Notification.requestPermission();
    try {
      this.store.setItem(KEY, isOn ? "on" : "off");
    } catch { // it is full
    }
  }

  /**
   * @param {string} callSid
   * @param {Mention} mention
   * @param {KnownCall | null} about
   */
  tell(callSid, { word, at, context }, about) {
    const told = this.#told.get(callSid) ?? new Map();
    if (this.state !== "on" || told.has(word)) return;
    const notification = notificationOf(`${word} · ${title({ ...about, callSid })}`, {
      body: `${context.before}${context.words}${context.after}`,
      tag: `${callSid} ${word}`,
      silent: true,
    });
    if (!notification) return;
    notification.onclick = () => {
      window.focus();
      this.opened(callSid, at);
      notification.close();
    };
    this.#told.set(callSid, told.set(word, notification));
  }

  /**
   * Take back what is no longer so.
   * @param {string} callSid
   * @param {readonly Marked[]} marked  what still is
   */
  settle(callSid, marked) {
    const told = this.#told.get(callSid) ?? new Map();
    for (const [word, notification] of told) {
      if (marked.some((one) => one.word === word)) continue;
      notification.close();
      told.delete(word);
    }
  }

  /**
   * Forget calls but these.
   * @param {{ has(callSid: string): boolean }} calls
   */
  keep(calls) {
    for (const callSid of this.#told.keys()) if (!calls.has(callSid)) this.#told.delete(callSid);
  }
}

/**
 * A notification, or null where pages may make none themselves: Chrome on Android wants a worker.
 * @param {string} title
 * @param {NotificationOptions} options
 */
function notificationOf(title, options) {
  try {
    return new Notification(title, options);
  } catch {
    return null;
  }
}
