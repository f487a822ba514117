// The page's socket: it comes back by itself, unless its session has ended or the user has closed it.
import { parse } from "./json.js";

const SESSION_ENDED = 4001;
const LONGEST_PAUSE = 8000;

export class Live extends EventTarget {
  #socket = null;
  #timer = 0;
  #failures = 0;
  #url;

  constructor(tab) {
    super();
    const url = new URL("ws?tab=" + tab, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    this.#url = url;
  }

  get open() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  start() {
    this.#drop();
    this.#tell("state", { state: "connecting" });
    const socket = (this.#socket = new WebSocket(this.#url));
    socket.onopen = () => {
      this.#tell("state", { state: "live" });
      this.send('{"load":true}');
    };
    socket.onmessage = (event) => this.#receive(parse(event.data));
    socket.onclose = (event) => this.#closed(event);
  }

  stop() {
    this.#drop();
    this.#tell("state", { state: "off" });
  }

  #drop() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  send(text) {
    if (!this.open) throw new Error("the socket is not open");
    this.#socket.send(text);
  }

  #receive(message) {
    if (message.session) {
      this.#failures = 0;
      this.#tell("session", message.session);
    }
    if (message.tabs) this.#tell("tabs", message.tabs);
    if (message.error) this.#tell("problem", message.error);
  }

  // A rotation brings the browser a new cookie, with which the next socket opens the same session.
  #closed({ code, reason }) {
    this.#socket = null;
    const rotated = code === SESSION_ENDED && reason === "session rotated";
    this.#tell("closed", { code, reason, rotated });
    if (code === SESSION_ENDED && !rotated) {
      this.#tell("state", { state: "ended" });
      return;
    }
    this.#tell("state", { state: "connecting" });
    const pause = Math.min(150 * 2 ** this.#failures++, LONGEST_PAUSE);
    this.#timer = setTimeout(() => this.start(), pause * (0.8 + 0.4 * Math.random()));
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
