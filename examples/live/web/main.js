// The page: it shows what the socket tells, and by HTTP what there is where no socket is open.
import * as api from "./api.js";
import { $ } from "./dom.js";
import { asJSON, typeOf } from "./json.js";
import { log } from "./log.js";
import { showTabs, showUser } from "./people.js";
import { Live } from "./socket.js";
import { onExpired } from "./time.js";
import * as view from "./view.js";

const tab = [...crypto.getRandomValues(new Uint8Array(4))].map((n) => (n % 36).toString(36)).join("");
const live = new Live(tab);

const bySocket = () => document.querySelector("input[name=by]:checked").value === "socket";

// What there is

const show = (session) => view.show(session, { set, remove });

// told waits for what the socket says next.
const told = () => new Promise((resolve) => {
  for (const type of ["session", "problem", "closed"]) live.addEventListener(type, resolve, { once: true });
});

// settle saves what the socket has not saved, since it would be lost with the socket's token.
async function settle() {
  if (!view.unsaved() || !live.open) return;
  live.send('{"save":true}');
  await told();
  if (view.unsaved()) throw new Error("there are changes that would be lost: save them, or take them back");
}

async function refresh() {
  if (!live.open) return show(await api.session());
  live.send('{"load":true}');
  await told();
}

async function refreshUser() {
  showUser(await api.user(), end);
}

// attempt runs a change and shows its error. It reports whether there was none.
async function attempt(change) {
  $("problem").hidden = true;
  try {
    await change();
    return true;
  } catch (error) {
    view.forgetMine();
    view.showProblem(error);
    return false;
  }
}

// Changing

const set = (key, json) => edit(key, `{"set":{"key":${JSON.stringify(key)},"value":${json}}}`, () => api.set(key, json));
const remove = (key) => edit(key, JSON.stringify({ delete: key }), () => api.remove(key));
const increment = (key) => edit(key, JSON.stringify({ increment: key }), () => api.increment(key));

function edit(key, message, request) {
  return attempt(async () => {
    view.expect(key);
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
    view.countTogether(true);
    const before = performance.now();
    try {
      const all = await Promise.allSettled(Array.from({ length: 64 }, () => api.increment(view.COUNTER)));
      const failed = all.filter((one) => one.status === "rejected");
      log("here", [`${64 - failed.length} increments in ${Math.round(performance.now() - before)} ms`]);
      await refresh();
      if (failed.length > 0) throw failed[0].reason;
    } finally {
      view.countTogether(false);
    }
  });
}

// begin starts over, after the session's end or the socket's.
async function begin() {
  view.begin();
  await attempt(async () => {
    const session = await api.session();
    show(session);
    log("info", [session.new ? "a new session: no row, no cookie yet" : "the session was found"]);
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
  view.forgetMine();
  view.showProblem(detail);
});
live.addEventListener("closed", ({ detail: { code, reason, rotated } }) => {
  const why = reason ? `: ${reason}` : "";
  if (rotated) return log("info", [`socket closed with ${code}${why}, opening it with the new token`]);
  if (code !== 4001) return log("error", [`socket lost (${code}${why}), trying again`], "lost");
  log("end", [`socket closed with ${code}${why}`]);
  view.finish(code, reason);
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
$("plus").onclick = () => increment(view.COUNTER);
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
    view.expect("browser"); // an entry that signing in makes
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
