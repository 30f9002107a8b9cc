// The socket to /client: opened, kept, opened again, and told apart from one that is refused.

import { parse } from "./wire.js";

/** @import { Command, Message } from "./wire.js" */

/** Why it will not be tried again. @typedef {"expired" | "refused" | "origin"} Reason */

/**
 * @typedef {object} ConnectionListener
 * @property {() => void} opened
 * @property {(message: Message) => void} received
 * @property {() => void} lost  it will be tried again
 * @property {(reason: Reason) => void} over  it will not
 */

const FIRST_WAIT = 500; // ms
const LONGEST_WAIT = 15_000;
// A connection that lived for longer was a good one: the next failure is a new one.
const GOOD_LIFE = 10_000;
const OPEN_TIMEOUT = 10_000;
// After so long without a message we ask for one; without an answer the line is dead.
const QUIET = 20_000;
const ANSWER_TIMEOUT = 5_000;

export class Connection {
  /**
   * @param {string | null} token
   * @param {ConnectionListener} listener
   * @param {URL} service
   */
  constructor(token, listener, service = new URL(".", location.href)) {
    this.service = service;
    this.token = token;
    this.listener = listener;
    this.failures = 0;
    this.everOpened = false;
    this.openedAt = 0; // Unix ms; 0 while it is not open
    this.waiting = false; // to try again
    this.closed = false;
    /** @type {WebSocket | null} */
    this.socket = null;
    /** @type {number | undefined} */
    this.timer = undefined;
    // A laptop that wakes up, or a network that is back, need not wait.
    this.wake = () => { if (!document.hidden) this.#wake(); };
    addEventListener("online", this.wake);
    document.addEventListener("visibilitychange", this.wake);
    this.#open();
  }

  /** @param {Command} command */
  send(command) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(command));
  }

  close() {
    removeEventListener("online", this.wake);
    document.removeEventListener("visibilitychange", this.wake);
    this.closed = true;
    this.#drop();
  }

  #open() {
    this.#drop();
    const url = new URL("client", this.service);
    url.protocol = url.protocol.replace("http", "ws");
    url.hash = "";
    if (this.token) url.searchParams.set("token", this.token);
    const socket = (this.socket = new WebSocket(url));
    this.timer = setTimeout(() => this.#lose(), OPEN_TIMEOUT);
    socket.onopen = () => {
      this.openedAt = Date.now();
      this.everOpened = true;
      this.#expectMessage(QUIET);
      this.listener.opened();
    };
    socket.onmessage = (event) => {
      this.#expectMessage(QUIET);
      const message = parse(event.data);
      if (message) this.listener.received(message);
    };
    socket.onclose = (event) => (event.code === 4401 ? this.#end("expired") : this.#lose());
  }

  /**
   * Wait for a message; then ask for one; then take the line for dead.
   * @param {number} wait  ms
   */
  #expectMessage(wait) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      // A renewal is answered, whatever else there is to say; without a token too.
      this.send({ token: this.token ?? "" });
      this.timer = setTimeout(() => this.#lose(), ANSWER_TIMEOUT);
    }, wait);
  }

  #wake() {
    if (this.socket?.readyState === WebSocket.OPEN) this.#expectMessage(0);
    else if (this.waiting) this.#open();
  }

  /** Forget the socket: a line that is dead says nothing of its own. */
  #drop() {
    clearTimeout(this.timer);
    this.waiting = false;
    const { socket } = this;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    this.socket = null;
  }

  async #lose() {
    const opened = this.openedAt;
    this.openedAt = 0;
    this.#drop();
    this.failures = opened && Date.now() - opened > GOOD_LIFE ? 0 : this.failures + 1;
    this.listener.lost();
    // A browser does not say why a handshake was refused: a plain request does.
    const refused = opened ? null : await this.#refusal();
    if (this.closed) return;
    if (refused) return this.#end(refused);
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.failures);
    this.waiting = true;
    this.timer = setTimeout(() => this.#open(), wait * (0.5 + Math.random() / 2));
  }

  /** @returns {Promise<Reason | null>} */
  async #refusal() {
    try {
      const answer = await fetch(new URL("calls", this.service), {
        headers: authorization(this.token), signal: AbortSignal.timeout(OPEN_TIMEOUT),
      });
      if (answer.status === 401) return this.everOpened ? "expired" : "refused";
      return answer.status === 403 ? "origin" : null;
    } catch {
      return null;
    }
  }

  /** @param {Reason} reason */
  #end(reason) {
    this.close();
    this.listener.over(reason);
  }
}

/**
 * @param {string | null} token
 * @returns {Record<string, string>}
 */
export function authorization(token) {
  return token ? { Authorization: `Bearer ${token}` } : {};
}
