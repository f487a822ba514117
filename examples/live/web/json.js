// JSON whose integers keep every digit: those beyond 2^53 stay the text that they are.

const exact = (key, value, context) =>
  typeof value === "number" && context && JSON.rawJSON && !Number.isSafeInteger(value) && /^-?\d+$/.test(context.source)
    ? JSON.rawJSON(context.source) : value;

export const parse = (text) => JSON.parse(text, exact);

// pretty spells small values in one line and others in several.
export function pretty(value) {
  const line = JSON.stringify(value);
  return line.length <= 60 ? line : JSON.stringify(value, null, 2);
}

// asJSON takes what somebody has typed: as JSON where it is some, and otherwise as text.
export function asJSON(typed) {
  try {
    JSON.parse(typed);
    return typed;
  } catch {
    return JSON.stringify(typed);
  }
}

// typeOf names what a JSON text holds.
export function typeOf(json) {
  const first = json.trim()[0];
  if (first === '"') return "text";
  if (first === "{") return "object";
  if (first === "[") return "list";
  if (first === "n") return "null";
  return first === "t" || first === "f" ? "yes or no" : "number";
}
