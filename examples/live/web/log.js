// What happened, newest first.
import { $, clock, el } from "./dom.js";

const MOST = 200;

// log adds a line. kind: here, elsewhere, end, error or info. Parts in arrays are shown as code.
export function log(kind, ...parts) {
  const now = new Date();
  const text = parts.map((part) => (Array.isArray(part) ? el("code", { textContent: part[0] }) : part));
  const line = el("li", {}, el("time", { textContent: clock(now), dateTime: now.toISOString() }), el("span", {}, ...text));
  line.dataset.kind = kind;
  const list = $("log");
  list.prepend(line);
  while (list.children.length > MOST) list.lastChild.remove();
}

$("clear-log").onclick = () => $("log").replaceChildren();
