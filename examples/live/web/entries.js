// The list of entries. Rows stay where they are while their values change, so that an editor keeps its text and its focus.
import { $, el } from "./dom.js";
import { asJSON, pretty, typeOf } from "./json.js";

const rows = new Map();

// showEntries shows data. changes: { set(key, json), remove(key) }.
export function showEntries(data, changes) {
  const keys = Object.keys(data).sort();
  for (const [key, row] of rows) {
    if (!Object.hasOwn(data, key)) {
      row.element.remove();
      rows.delete(key);
    }
  }
  for (const [at, key] of keys.entries()) {
    const row = rows.get(key) ?? newRow(key, changes);
    rows.set(key, row);
    row.show(data[key]);
    const list = $("entries");
    if (list.children[at] !== row.element) list.insertBefore(row.element, list.children[at] ?? null);
  }
  $("empty").hidden = keys.length > 0;
  $("count").textContent = keys.length;
}

function newRow(key, changes) {
  const name = key === "" ? "the empty key" : key;
  const value = el("code", { className: "value" });
  const edit = el("button", { type: "button", className: "quiet", textContent: "Edit", ariaLabel: `Edit ${name}` });
  const remove = el("button", { type: "button", className: "quiet danger", textContent: "Delete", ariaLabel: `Delete ${name}` });
  const label = el("span", { className: key === "" ? "key blank" : "key", textContent: name });
  const buttons = el("span", { className: "buttons" }, edit, remove);
  const element = el("li", { className: "entry" }, label, value, buttons);
  element.dataset.key = key;
  edit.onclick = () => openEditor(element, edit, name, value.textContent, (json) => changes.set(key, json));
  remove.onclick = () => changes.remove(key);
  return { element, show: (next) => showValue(element, value, next) };
}

function showValue(element, value, next) {
  const text = pretty(next);
  if (value.textContent === text) return;
  value.textContent = text;
  value.dataset.type = typeOf(text);
  element.classList.remove("news");
  void element.offsetWidth; // starts the animation anew
  element.classList.add("news");
}

function openEditor(element, opener, name, text, save) {
  if (element.querySelector("form")) return;
  const input = el("textarea", { value: text, ariaLabel: `Value of ${name}`, spellcheck: false });
  const cancel = el("button", { type: "button", className: "quiet", textContent: "Cancel" });
  const submit = el("button", { type: "submit", className: "quiet primary", textContent: "Set" });
  const form = el("form", {}, input, el("span", { className: "buttons" }, cancel, submit));
  const close = () => {
    form.remove();
    opener.focus();
  };
  cancel.onclick = close;
  form.onkeydown = (event) => event.key === "Escape" && close();
  form.onsubmit = async (event) => {
    event.preventDefault();
    if (await save(asJSON(input.value))) close();
  };
  element.append(form);
  input.focus();
}
