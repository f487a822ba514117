// What the page shows of the session.
import { $ } from "./dom.js";
import { showEntries } from "./entries.js";
import { log } from "./log.js";
import { showTime } from "./time.js";

export const COUNTER = "counter";

let shown = null; // the session as last told
let counting = false; // many increments are under way, and told of as one
const mine = new Set(); // keys that this tab has changed and not yet seen changed

export const expect = (key) => mine.add(key);
export const forgetMine = () => mine.clear();
export const unsaved = () => shown?.changed;

export function countTogether(on) {
  counting = on;
}

export function show(session, changes) {
  if (shown && !session.new) tellChanges(shown.data, session.data); // a new one is another, not this one emptied
  shown = session;
  $("state").textContent = session.new ? "new, nothing stored" : session.changed ? "unsaved changes" : "stored";
  $("state").className = session.new ? "tag new" : session.changed ? "tag unsaved-tag" : "tag";
  $("unsaved").hidden = !session.changed;
  const count = JSON.stringify(session.data[COUNTER] ?? 0);
  $("counter").textContent = count;
  $("counter").classList.toggle("long", count.length > 9);
  showTime(session);
  showEntries(session.data, changes);
}

function tellChanges(before, after) {
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [from, to] = [before, after].map((data) => (Object.hasOwn(data, key) ? JSON.stringify(data[key]) : undefined));
    if (from === to || (counting && key === COUNTER)) continue;
    const kind = mine.delete(key) ? "here" : "elsewhere";
    const where = kind === "here" ? "" : ", by another tab or node";
    const parts = to === undefined ? [[key], ` deleted${where}`] : [[key], " = ", [short(to)], where];
    log(kind, parts, kind + " " + key);
  }
}

const short = (text) => (text.length > 80 ? text.slice(0, 80) + "…" : text);

export function showProblem(error) {
  const text = String(error.message ?? error);
  $("problem").textContent = text;
  $("problem").hidden = false;
  log("error", [text]);
}

// begin forgets what was shown.
export function begin() {
  shown = null;
  mine.clear();
  finished(false);
}

// finish shows how the session has ended, and lets nothing be done to it.
export function finish(code, reason) {
  $("ended-code").textContent = code;
  $("ended-reason").textContent = reason;
  $("state").textContent = "ended";
  finished(true);
}

function finished(yes) {
  $("ended").hidden = !yes;
  for (const part of document.querySelectorAll(".session, .entries-card, .side")) part.inert = yes;
}
