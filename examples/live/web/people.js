// The tabs that have the session open, and the sessions of its user.
import { $, el } from "./dom.js";

function hue(name) {
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + letter.codePointAt(0)) % 360;
  return sum;
}

export function showTabs(tabs, own) {
  const chips = tabs.map((tab) => {
    const name = tab.name === own ? "this tab" : tab.name;
    const chip = el("li", { className: tab.name === own ? "chip this" : "chip" }, name, el("small", { textContent: tab.node }));
    chip.style.setProperty("--hue", hue(tab.name));
    return chip;
  });
  $("tabs").replaceChildren(...chips);
  $("tabs-count").textContent = tabs.length === 1 ? "1 tab" : `${tabs.length} tabs`;
  $("tabs-count").hidden = tabs.length === 0;
}

const when = (text) => new Date(text).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });

// showUser shows whose session it is. end is called with the handle of a session whose button was pressed.
export function showUser(user, end) {
  const signedIn = user.name !== "";
  $("sign-in").hidden = signedIn;
  $("user-name").hidden = !signedIn;
  $("user-name").textContent = user.name;
  $("end-others").hidden = user.sessions.length < 2;
  const items = user.sessions.map((session) => sessionItem(session, end));
  // A button that has the focus is not to be replaced by one that does not.
  const text = JSON.stringify(user);
  if ($("sessions").dataset.shown === text) return;
  $("sessions").dataset.shown = text;
  $("sessions").replaceChildren(...items);
}

function sessionItem(session, end) {
  const since = el("span", { className: "muted", textContent: `since ${when(session.created_at)}` });
  const item = el("li", {}, el("div", {}, el("b", { textContent: session.browser }), since));
  item.dataset.handle = session.handle;
  if (session.this) {
    item.append(el("span", { className: "tag", textContent: "this one" }));
    return item;
  }
  const label = `End the session of ${session.browser}, since ${when(session.created_at)}`;
  const button = el("button", { type: "button", className: "quiet danger", textContent: "End", ariaLabel: label });
  button.onclick = () => end(session.handle);
  item.append(button);
  return item;
}
