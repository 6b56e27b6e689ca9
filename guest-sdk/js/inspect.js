// How a value looks in a log line: text as it is, the rest roughly as Node prints it. For people only; never throws.

/** Deeper than this a log line is no longer read. */
const DEPTH = 4;

export function inspect(value) {
  try {
    return typeof value === "string" ? value : nested(value, []);
  } catch {
    return "[a value that cannot be shown]";
  }
}

function nested(value, above) {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "bigint":
      return `${value}n`;
    case "function":
      return `[function ${value.name || "without a name"}]`;
    case "object":
      return value === null ? "null" : object(value, above);
    default:
      return Object.is(value, -0) ? "-0" : String(value);
  }
}

function object(value, above) {
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (value instanceof RegExp) return String(value);
  if (value instanceof Uint8Array) return `<${value.length} bytes>`;
  if (above.includes(value)) return "[circular]";
  const inside = [...above, value];
  if (inside.length > DEPTH) return Array.isArray(value) ? "[…]" : "{…}";
  const each = (values) => Array.from(values, (item) => nested(item, inside)).join(", ");
  if (Array.isArray(value)) return `[${each(value)}]`;
  if (value instanceof Set) return `Set {${each(value)}}`;
  const arrow = value instanceof Map;
  const entries = Array.from(arrow ? value : Object.entries(value), ([key, item]) =>
    arrow ? `${nested(key, inside)} => ${nested(item, inside)}` : `${/^[\w$]+$/.test(key) ? key : JSON.stringify(key)}: ${nested(item, inside)}`);
  return `${arrow ? "Map " : ""}{${entries.join(", ")}}`;
}
