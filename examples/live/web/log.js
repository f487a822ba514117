// What happened, newest first.
import { $, clock, el } from "./dom.js";

const MOST = 200;

// log adds a line. kind: here, elsewhere, end, error or info. Parts in arrays are shown as code. A line of the same topic
// as the newest takes its place.
export function log(kind, parts, topic = "") {
  const now = new Date();
  const text = parts.map((part) => (Array.isArray(part) ? el("code", { textContent: part[0] }) : part));
  const line = el("li", {}, el("time", { textContent: clock(now), dateTime: now.toISOString() }), el("span", {}, ...text));
  Object.assign(line.dataset, { kind, topic });
  const list = $("log");
  if (topic !== "" && list.firstChild?.dataset.topic === topic) list.firstChild.remove();
  list.prepend(line);
  while (list.children.length > MOST) list.lastChild.remove();
}

$("clear-log").onclick = () => $("log").replaceChildren();
