// The socket to /client: opened, kept, opened again, and told apart from one that is refused.

const FIRST_WAIT = 500; // ms
const LONGEST_WAIT = 15_000;
// A connection that lived for longer was a good one: the next failure is a new one.
const GOOD_LIFE = 10_000;
const OPEN_TIMEOUT = 10_000;
// After so long without a message we ask for one; without an answer the line is dead.
const QUIET = 20_000;
const ANSWER_TIMEOUT = 5_000;

export class Connection extends EventTarget {
  /**
   * Events: `open`; `message` with `detail`; `lost`, when it will be tried again; `over` with
   * `detail` `expired`, `refused` or `origin`, when it will not.
   */
  constructor(token) {
    super();
    this.token = token;
    this.failures = 0;
    this.everOpened = false;
    // A laptop that wakes up, or a network that is back, need not wait.
    this.wake = () => { if (!document.hidden) this.#wake(); };
    addEventListener("online", this.wake);
    document.addEventListener("visibilitychange", this.wake);
    this.#open();
  }

  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  close() {
    removeEventListener("online", this.wake);
    document.removeEventListener("visibilitychange", this.wake);
    this.closed = true;
    this.#drop();
  }

  #open() {
    this.#drop();
    const url = new URL("client", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    url.hash = "";
    if (this.token) url.searchParams.set("token", this.token);
    const socket = (this.socket = new WebSocket(url));
    this.timer = setTimeout(() => this.#lose(), OPEN_TIMEOUT);
    socket.onopen = () => {
      this.openedAt = Date.now();
      this.everOpened = true;
      this.#listen(QUIET);
      this.dispatchEvent(new Event("open"));
    };
    socket.onmessage = (event) => {
      this.#listen(QUIET);
      const message = JSON.parse(event.data);
      // The array of callSids that a socket begins with says less than the list.
      if (!Array.isArray(message)) this.dispatchEvent(new CustomEvent("message", { detail: message }));
    };
    socket.onclose = (event) => (event.code === 4401 ? this.#over("expired") : this.#lose());
  }

  /** Wait for a message; then ask for one; then take the line for dead. */
  #listen(wait) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      // A renewal is answered, whatever else there is to say; without a token too.
      this.send({ token: this.token ?? "" });
      this.timer = setTimeout(() => this.#lose(), ANSWER_TIMEOUT);
    }, wait);
  }

  #wake() {
    if (this.socket?.readyState === WebSocket.OPEN) this.#listen(0);
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
    const opened = this.openedAt ?? 0;
    this.openedAt = null;
    this.#drop();
    this.failures = opened && Date.now() - opened > GOOD_LIFE ? 0 : this.failures + 1;
    this.dispatchEvent(new Event("lost"));
    // A browser does not say why a handshake was refused: a plain request does.
    const refused = opened ? null : await this.#refusal();
    if (this.closed) return;
    if (refused) return this.#over(refused);
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.failures);
    this.waiting = true;
    this.timer = setTimeout(() => this.#open(), wait * (0.5 + Math.random() / 2));
  }

  async #refusal() {
    try {
      const answer = await fetch("calls", {
        headers: authorization(this.token), signal: AbortSignal.timeout(OPEN_TIMEOUT),
      });
      if (answer.status === 401) return this.everOpened ? "expired" : "refused";
      return answer.status === 403 ? "origin" : null;
    } catch {
      return null;
    }
  }

  #over(reason) {
    this.close();
    this.dispatchEvent(new CustomEvent("over", { detail: reason }));
  }
}

export function authorization(token) {
  return token ? { Authorization: `Bearer ${token}` } : {};
}
