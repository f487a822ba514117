// The requests of the page.
import { parse } from "./json.js";

// server.ahead is how many milliseconds the server's clock is ahead of this one. Its Date is in whole seconds.
export const server = { ahead: 0 };

function learnTime(date) {
  const ahead = Date.parse(date) - Date.now();
  if (!Number.isNaN(ahead)) server.ahead = Math.abs(ahead) > 2000 ? ahead : 0;
}

async function call(method, path, body) {
  const response = await fetch(path, { method, body, cache: "no-store" }).catch(() => {
    throw new Error("the server cannot be reached, or the connection to it was lost");
  });
  learnTime(response.headers.get("Date"));
  const text = await response.text();
  if (response.ok) return text ? parse(text) : null;
  let message = `${response.status} ${response.statusText}`;
  try {
    message = `${response.status}: ${parse(text).error}`;
  } catch {
    // no answer of ours: a proxy, perhaps
  }
  throw new Error(message);
}

// A browser takes these two for parts of the path, however they are escaped.
function escaped(key) {
  if (key === "." || key === "..") throw new Error(`the key ${key} goes through the WebSocket only`);
  return encodeURIComponent(key);
}

export const session = () => call("GET", "api/session");
export const set = async (key, json) => call("PUT", "api/session/data/" + escaped(key), json);
export const remove = async (key) => call("DELETE", "api/session/data/" + escaped(key));
export const increment = async (key) => call("POST", "api/session/increment/" + escaped(key));
export const rotate = () => call("POST", "api/session/rotate");
export const destroy = () => call("POST", "api/session/destroy");
export const setIdleTimeout = (seconds) => call("PUT", "api/session/timeout", JSON.stringify({ seconds }));

export const user = () => call("GET", "api/user");
export const signIn = (name) => call("PUT", "api/user", JSON.stringify({ name }));
export const endSession = (handle) => call("DELETE", "api/user/sessions/" + handle);
export const endOthers = () => call("DELETE", "api/user/sessions");
