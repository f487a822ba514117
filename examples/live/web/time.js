// The dial: how long the session has left.
import { server } from "./api.js";
import { $, clock } from "./dom.js";

let expiration = null;
let timeout = 3600;
let over = () => {};

export function onExpired(callback) {
  over = callback;
}

export function showTime(session) {
  expiration = session.expiration ? new Date(session.expiration) : null;
  timeout = session.timeout_seconds;
  $("expiration").textContent = expiration ? clock(expiration) : "not stored yet";
  showTimeout(timeout);
  tick();
}

function showTimeout(seconds) {
  const select = $("timeout");
  const value = String(seconds);
  if (![...select.options].some((option) => option.value === value)) select.add(new Option(spell(seconds), value));
  if (document.activeElement !== select) select.value = value;
}

function spell(seconds) {
  const total = Math.max(0, Math.ceil(seconds));
  const [h, m, s] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  const two = (n) => String(n).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

function tick() {
  const left = expiration ? (expiration - Date.now() - server.ahead) / 1000 : timeout;
  $("left").textContent = spell(left);
  $("left").className = left >= 3600 ? "long" : "";
  $("left-what").textContent = expiration ? "left" : "once stored";
  const part = Math.min(1, Math.max(0, left / timeout));
  $("ring").style.setProperty("--gone", 100 - 100 * part);
  $("ring").closest(".dial").toggleAttribute("data-low", expiration !== null && part < 0.2);
  if (expiration && left < -1) {
    expiration = null;
    over();
  }
}

setInterval(tick, 500);
