// The socket to /client: opened, kept, renewed, opened again, and told apart from one that is refused.

import { authorization, expiryOf } from "./token.js";

/** @import { Command, Message } from "./messages.d.ts" */
/** @import { Options, State } from "./partyline.js" */

/**
 * @typedef {object} Listener
 * @property {(message: Message | string[]) => void} received  the live calls come first: nothing is known of what was
 *   asked before
 * @property {(state: State, code?: number, message?: string) => void} changed
 */

const LONGEST_WAIT = 15_000; // ms, as all of these
// A connection that lived for longer, too, or brought something, was a good one: the next failure is a new one.
const OPEN_TIMEOUT = 10_000;
const LONGEST_ANSWER = 5_000;
const LONGEST_TIMER = 2 ** 31 - 1;
// A token is renewed when a quarter of its time is left, and not in its last moment.
const RENEW = 0.75;
const LAST_MOMENT = 500;
const LEAVING = 1012;
const EXPIRED = 4401;
const TOO_SLOW = 4408;
const TOO_MUCH = 4429;

export class Connection {
  #failures = 0;
  #turn = 0; // counts sockets: what was begun for an earlier one changes nothing
  #openedAt = 0;
  #setAt = 0; // when the timer was
  #everOpened = false;
  #waits = false;
  /** @type {string | null} */
  #token = null;
  /** @type {number | null} of the token for which a renewal is planned */
  #expires = null;
  #refused = ""; // a token that has expired
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #renewal;
  /** @param {Event} event */
  #wake = ({ type }) => {
    if (globalThis.document?.hidden) return;
    // A laptop that wakes up, or a network that is back, need not wait.
    if (!this.#openedAt) this.#waits && this.#open();
    // Timers slept: what may be long gone is not taken for alive until it speaks.
    else if (type === "offline" || Date.now() - this.#setAt > 2 * this.quiet) this.#lose();
    else this.#expectMessage(0);
  };

  /**
   * @param {Options} options
   * @param {Listener} listener
   */
  constructor({ url, token, wait = 500, quiet = 20_000 }, listener) {
    this.service = new URL(`${url}`.replace(/^ws/, "http").replace(/\/?$/, "/"));
    this.askToken = token;
    this.wait = wait;
    // Nobody asks without end, and no timer overflows.
    this.quiet = Math.min(Math.max(quiet || 0, 1000), LONGEST_TIMER);
    this.listener = listener;
    globalThis.addEventListener?.("online", this.#wake);
    globalThis.addEventListener?.("offline", this.#wake);
    globalThis.document?.addEventListener("visibilitychange", this.#wake);
    this.#open();
  }

  /** @param {Command} command */
  send(command) {
    if (this.#openedAt) this.#socket?.send(JSON.stringify(command));
  }

  /** Something new has come: this way is good. */
  succeed() {
    this.#failures = 0;
  }

  close() {
    globalThis.removeEventListener?.("online", this.#wake);
    globalThis.removeEventListener?.("offline", this.#wake);
    globalThis.document?.removeEventListener("visibilitychange", this.#wake);
    this.#drop();
  }

  async #open() {
    const turn = this.#drop();
    this.#timer = setTimeout(() => this.#lose(), OPEN_TIMEOUT);
    try {
      this.#token = await this.#freshToken();
    } catch {
      if (turn === this.#turn) this.#lose();
      return;
    }
    if (turn !== this.#turn) return;
    if (this.#token && this.#token === this.#refused) return this.#end("expired", EXPIRED);
    const url = new URL("client", `${this.service}`.replace(/^http/, "ws"));
    if (this.#token) url.searchParams.set("token", this.#token);
    const socket = (this.#socket = new WebSocket(url));
    socket.onopen = () => {
      this.#openedAt = Date.now();
      this.#everOpened = true;
      this.#expectMessage(this.quiet);
      this.#renewInTime(expiryOf(this.#token));
    };
    socket.onmessage = ({ data }) => {
      this.#expectMessage(this.quiet);
      const message = JSON.parse(data);
      // The answer to a question whether it is there puts nothing off.
      if (message.type === "Token" && message.exp !== this.#expires) this.#renewInTime(message.exp);
      this.listener.received(message);
    };
    socket.onclose = ({ code, reason }) => this.#lose(code, reason);
    socket.onerror = () => this.#lose(); // no word of the service comes behind it, and in Node nothing may
  }

  async #freshToken() {
    return await this.askToken?.() || null;
  }

  /**
   * Wait for a message; then ask for one; then take the line for dead.
   * @param {number} wait
   */
  #expectMessage(wait) {
    clearTimeout(this.#timer);
    this.#setAt = Date.now();
    this.#timer = setTimeout(() => {
      // A renewal is answered, whatever else there is to say; without a token too.
      this.send({ token: this.#token ?? "" });
      this.#timer = setTimeout(() => this.#lose(), Math.min(this.quiet, LONGEST_ANSWER));
    }, wait);
  }

  /**
   * Renew the token before it ends: on the open socket nothing is interrupted by it.
   * @param {number | null} expires  Unix time
   */
  #renewInTime(expires) {
    this.#expires = expires;
    clearTimeout(this.#renewal);
    const left = (expires ?? 0) * 1000 - Date.now();
    if (left < LAST_MOMENT) return; // or by our clock long ago: the service will say
    this.#renewal = setTimeout(() => this.#renew(), Math.min(left * RENEW, LONGEST_TIMER));
  }

  async #renew() {
    const turn = this.#turn;
    const token = await this.#freshToken().catch(() => null); // the one in use is good yet
    if (turn !== this.#turn) return;
    if (!token || token === this.#token) return this.#renewInTime(expiryOf(this.#token));
    this.#token = token;
    this.send({ token });
  }

  /** Forget the socket: a line that is dead says nothing of its own. */
  #drop() {
    clearTimeout(this.#timer);
    clearTimeout(this.#renewal);
    this.#waits = false;
    this.#openedAt = 0;
    const socket = this.#socket;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
      socket.close();
    }
    this.#socket = null;
    return ++this.#turn;
  }

  async #lose(code = 1006, reason = "") {
    const opened = this.#openedAt;
    const tried = this.#socket;
    const turn = this.#drop();
    if (opened && Date.now() - opened > OPEN_TIMEOUT) this.#failures = 0;
    if (code === EXPIRED) this.#refused = this.#token ?? "";
    else if (code >= 4400 && code !== TOO_SLOW && code !== TOO_MUCH) return this.#end("refused", code, reason);
    this.listener.changed(code === LEAVING ? "draining" : "offline", code, reason);
    // A browser does not say why a handshake was refused: a plain request does.
    const status = opened || !tried || turn !== this.#turn ? 0 : await this.#status();
    if (turn !== this.#turn) return;
    const over = this.#everOpened || (expiryOf(this.#token) ?? Infinity) * 1000 < Date.now();
    if (status === 401 && over) return this.#end("expired", status);
    if (status === 401 || status === 403) return this.#end("refused", status);
    const longest = code === TOO_MUCH ? LONGEST_WAIT : this.wait * 2 ** this.#failures++;
    this.#waits = true;
    this.#timer = setTimeout(() => this.#open(), Math.min(LONGEST_WAIT, longest) * (0.5 + Math.random() / 2));
  }

  /** The status that a plain request gets; 0: none. */
  async #status() {
    const answer = await fetch(new URL("calls", this.service), {
      headers: authorization(this.#token),
      signal: AbortSignal.timeout(OPEN_TIMEOUT),
    }).catch(() => null);
    await answer?.body?.cancel();
    return answer?.status ?? 0;
  }

  /**
   * @param {State} state
   * @param {number} code
   * @param {string} [message]
   */
  #end(state, code, message) {
    this.close();
    this.listener.changed(state, code, message);
  }
}
