// JSON whose integers keep every digit: those beyond 2^53 stay the text that they are.

const exact = (key, value, context) =>
  typeof value === "number" && context && JSON.rawJSON && !Number.isSafeInteger(value) && /^-?\d+$/.test(context.source)
    ? JSON.rawJSON(context.source) : value;

export const parse = (text) => JSON.parse(text, exact);

const WIDTH = 60;

// pretty spells what fits into a line in one, and the rest in several.
export function pretty(value, indent = "") {
  const line = JSON.stringify(value);
  const plain = value === null || typeof value !== "object" || JSON.isRawJSON?.(value);
  if (plain || indent.length + line.length <= WIDTH) return line;
  const inner = indent + "  ";
  const parts = Array.isArray(value)
    ? value.map((item) => inner + pretty(item, inner))
    : Object.entries(value).map(([key, item]) => `${inner}${JSON.stringify(key)}: ${pretty(item, inner)}`);
  return `${line[0]}\n${parts.join(",\n")}\n${indent}${line.at(-1)}`;
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
