// The page: it shows what the socket tells, and by HTTP what there is where no socket is open.
import * as api from "./api.js";
import { $ } from "./dom.js";
import { showEntries } from "./entries.js";
import { asJSON, typeOf } from "./json.js";
import { log } from "./log.js";
import { showTabs, showUser } from "./people.js";
import { Live } from "./socket.js";
import { onExpired, showTime } from "./time.js";

const COUNTER = "counter";
const tab = [...crypto.getRandomValues(new Uint8Array(4))].map((n) => (n % 36).toString(36)).join("");
const live = new Live(tab);

let shown = null; // the session as last told
let counting = false; // many increments are under way, and told of as one
const mine = new Set(); // keys that this tab has changed and not yet seen changed

const bySocket = () => document.querySelector("input[name=by]:checked").value === "socket";

// Showing

function show(session) {
  if (shown && !session.new) tellChanges(shown.data, session.data); // a new one is another, not this one emptied
  shown = session;
  const unsaved = session.changed;
  $("state").textContent = session.new ? "new, nothing stored" : unsaved ? "unsaved changes" : "stored";
  $("state").className = session.new ? "tag new" : unsaved ? "tag unsaved-tag" : "tag";
  $("unsaved").hidden = !unsaved;
  const count = JSON.stringify(session.data[COUNTER] ?? 0);
  $("counter").textContent = count;
  $("counter").classList.toggle("long", count.length > 9);
  showTime(session);
  showEntries(session.data, { set, remove });
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

// told waits for what the socket says next.
const told = () => new Promise((resolve) => {
  for (const type of ["session", "problem", "closed"]) live.addEventListener(type, resolve, { once: true });
});

// settle saves what the socket has not saved, since it would be lost with the socket's token.
async function settle() {
  if (!shown?.changed || !live.open) return;
  live.send('{"save":true}');
  await told();
}

const short = (text) => (text.length > 80 ? text.slice(0, 80) + "…" : text);

async function refresh() {
  if (!live.open) return show(await api.session());
  live.send('{"load":true}');
  await told();
}

async function refreshUser() {
  showUser(await api.user(), end);
}

// finish shows that the session has ended, and lets nothing be done to it.
function finish(ended) {
  $("ended").hidden = !ended;
  for (const part of document.querySelectorAll(".session, .entries-card, .side")) part.inert = ended;
  if (ended) $("state").textContent = "ended";
}

function showProblem(error) {
  $("problem").textContent = error.message ?? error;
  $("problem").hidden = false;
  log("error", [String(error.message ?? error)]);
}

// attempt runs a change and shows its error. It reports whether there was none.
async function attempt(change) {
  $("problem").hidden = true;
  try {
    await change();
    return true;
  } catch (error) {
    mine.clear();
    showProblem(error);
    return false;
  }
}

// Changing

const set = (key, json) => edit(key, `{"set":{"key":${JSON.stringify(key)},"value":${json}}}`, () => api.set(key, json));
const remove = (key) => edit(key, JSON.stringify({ delete: key }), () => api.remove(key));
const increment = (key) => edit(key, JSON.stringify({ increment: key }), () => api.increment(key));

function edit(key, message, request) {
  return attempt(async () => {
    mine.add(key);
    if (bySocket()) return live.send(message);
    await request();
    await refresh();
  });
}

const end = (handle) => attempt(async () => {
  await api.endSession(handle);
  log("here", ["ended another session of yours"]);
  await refreshUser();
});

function plusMany() {
  return attempt(async () => {
    counting = true;
    const before = performance.now();
    try {
      const all = await Promise.allSettled(Array.from({ length: 64 }, () => api.increment(COUNTER)));
      const failed = all.filter((one) => one.status === "rejected");
      log("here", [`${64 - failed.length} increments in ${Math.round(performance.now() - before)} ms`]);
      await refresh();
      if (failed.length > 0) throw failed[0].reason;
    } finally {
      counting = false;
    }
  });
}

// begin starts over, after the session's end or the socket's.
async function begin() {
  shown = null;
  mine.clear();
  finish(false);
  await attempt(async () => {
    show(await api.session());
    log("info", [shown.new ? "a new session: no row, no cookie yet" : "the session was found"]);
    await refreshUser();
  });
  live.start();
}

// The socket

const STATES = { live: "live", connecting: "connecting", ended: "ended", off: "HTTP only" };

live.addEventListener("state", ({ detail: { state } }) => {
  $("status").textContent = STATES[state];
  $("status").dataset.state = state;
  $("connect").textContent = state === "off" || state === "ended" ? "Connect" : "Disconnect";
  document.querySelector("input[value=socket]").disabled = state === "off";
  if (state === "off") {
    document.querySelector("input[value=http]").checked = true;
    showChoice();
  }
  if (state === "live") log("info", ["socket open"]);
  else showTabs([], tab);
});
live.addEventListener("session", ({ detail }) => show(detail));
live.addEventListener("tabs", ({ detail }) => showTabs(detail, tab));
live.addEventListener("problem", ({ detail }) => {
  mine.clear();
  showProblem(detail);
});
live.addEventListener("closed", ({ detail: { code, reason, rotated } }) => {
  const why = reason ? `: ${reason}` : "";
  if (rotated) return log("info", [`socket closed with ${code}${why}, opening it with the new token`]);
  if (code !== 4001) return log("error", [`socket lost (${code}${why}), trying again`], "lost");
  log("end", [`socket closed with ${code}${why}`]);
  $("ended-code").textContent = code;
  $("ended-reason").textContent = reason;
  finish(true);
});

// Buttons and forms

$("add").onsubmit = async (event) => {
  event.preventDefault();
  if (!(await set($("add-key").value, asJSON($("add-value").value)))) return;
  event.target.reset();
  $("add-type").textContent = "";
  $("add-key").focus();
};
$("add-value").oninput = ({ target }) => {
  $("add-type").textContent = target.value === "" ? "" : `(${typeOf(asJSON(target.value))})`;
};
$("save").onclick = () => attempt(() => live.send('{"save":true}'));
$("load").onclick = () => attempt(() => live.send('{"load":true}'));
$("plus").onclick = () => increment(COUNTER);
$("plus-many").onclick = plusMany;
$("rotate").onclick = () => attempt(async () => {
  await settle();
  await api.rotate();
  log("here", ["rotated: a new token, the old one is dead"]);
  if (!live.open) await refresh();
});
$("destroy").onclick = () => attempt(async () => {
  await api.destroy();
  log("here", ["logged out"]);
  if ($("status").dataset.state === "off") await refresh();
});
$("timeout").onchange = ({ target }) => attempt(async () => {
  await api.setIdleTimeout(Number(target.value));
  log("here", [`idle timeout: ${target.selectedOptions[0].text}`]);
  target.blur();
  await refresh();
});
$("restart").onclick = begin;
$("connect").onclick = () => ($("connect").textContent === "Connect" ? begin() : live.stop());
$("sign-in").onsubmit = (event) => {
  event.preventDefault();
  attempt(async () => {
    await settle();
    mine.add("browser"); // an entry that signing in makes
    await api.signIn($("name").value);
    log("here", ["signed in, with a new token"]);
    await refreshUser();
    if (!live.open) await refresh();
  });
};
$("end-others").onclick = () => attempt(async () => {
  const { ended } = await api.endOthers();
  log("here", [`ended ${ended} other session${ended === 1 ? "" : "s"} of yours`]);
  await refreshUser();
});
for (const choice of document.querySelectorAll("input[name=by]")) choice.onchange = showChoice;

function showChoice() {
  $("by-text").textContent = bySocket()
    ? "A change goes to the socket's session, and to the database when you save, count, or close the tab."
    : "A change is a request, saved before its response begins.";
}

// Time

onExpired(() => attempt(refresh));
setInterval(() => {
  if (!document.hidden && live.open) live.send('{"load":true}');
}, 10_000);
setInterval(() => {
  if (!document.hidden && live.open) refreshUser().catch(() => {}); // a lost server is told by the socket
}, 5_000);

$("node").textContent = location.host;
showChoice();
begin();
