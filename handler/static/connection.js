// The socket to /client: opened, kept, opened again, and told apart from one that is refused.

// A socket that ended with one of these may be opened again at once, or soon.
const COME_BACK = new Set([1005, 1006, 1012, 1001, 4408]);
const FIRST_WAIT = 500; // ms
const LONGEST_WAIT = 8000;

export class Connection extends EventTarget {
  /**
   * Events: `open`; `message` with `detail`; `lost`, when it will be tried again; `over` with
   * `detail.reason`, when it will not.
   */
  constructor(token) {
    super();
    this.token = token;
    this.#open();
    // A laptop that wakes up, or a network that is back, need not wait.
    this.retry = () => { if (this.timer) { clearTimeout(this.timer); this.#open(); } };
    addEventListener("online", this.retry);
    document.addEventListener("visibilitychange", this.retry);
  }

  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  close() {
    removeEventListener("online", this.retry);
    document.removeEventListener("visibilitychange", this.retry);
    clearTimeout(this.timer);
    this.closed = true;
    this.socket?.close();
  }

  #open() {
    this.timer = 0;
    const url = new URL("client", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    url.hash = "";
    if (this.token) url.searchParams.set("token", this.token);
    const socket = (this.socket = new WebSocket(url));
    let opened = false;
    socket.onopen = () => {
      opened = true;
      this.wait = FIRST_WAIT;
      this.dispatchEvent(new Event("open"));
    };
    socket.onmessage = (event) => {
      const message = JSON.parse(event.data);
      // The array of callSids that a socket begins with says less than the list.
      if (!Array.isArray(message)) this.dispatchEvent(new CustomEvent("message", { detail: message }));
    };
    socket.onclose = async (event) => {
      if (this.closed) return;
      if (event.code === 4401) return this.#over("expired");
      if (!COME_BACK.has(event.code)) return this.#over(event.reason || `closed with ${event.code}`);
      this.dispatchEvent(new Event("lost"));
      // A browser does not say why a handshake was refused: a plain request does.
      if (!opened && (await this.#isRefused())) return this.#over("refused");
      this.wait = Math.min(LONGEST_WAIT, (this.wait ?? FIRST_WAIT) * 2);
      if (!this.closed) this.timer = setTimeout(() => this.#open(), this.wait * (0.5 + Math.random() / 2));
    };
  }

  async #isRefused() {
    try {
      const answer = await fetch("calls", { headers: authorization(this.token) });
      return answer.status === 401 || answer.status === 403;
    } catch {
      return false;
    }
  }

  #over(reason) {
    this.close();
    this.dispatchEvent(new CustomEvent("over", { detail: { reason } }));
  }
}

export function authorization(token) {
  return token ? { Authorization: `Bearer ${token}` } : {};
}
