/**
 * Unpacked msgpack as the JSON of borg's `debug dump-…` commands: indented by four, ASCII alone, raw values as text
 * where they are UTF-8, else (and where they begin with DEL) as DEL and hexadecimal digits.
 */
import { encodeHex, type Unpacked } from "../core/bytes/mod.ts";

const STEP = "    ";
const DELETE = 0x7f;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function rawText(bytes: Uint8Array): string {
  if (bytes[0] !== DELETE) {
    try {
      return utf8.decode(bytes);
    } catch {
      // Not text: an id, as a rule.
    }
  }
  return `\x7f${encodeHex(bytes)}`;
}

function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** `value` as JSON; every line but the first begins with `indent`. */
export function debugJson(value: Unpacked, indent = ""): string {
  const inner = indent + STEP;
  const block = (open: string, parts: string[], close: string): string =>
    parts.length === 0 ? open + close : `${open}\n${inner}${parts.join(`,\n${inner}`)}\n${indent}${close}`;
  if (value instanceof Uint8Array) return quoted(rawText(value));
  if (Array.isArray(value)) return block("[", value.map((part) => debugJson(part, inner)), "]");
  if (value instanceof Map) {
    const entries = [...value].map(([key, part]) => `${quoted(String(key))}: ${debugJson(part, inner)}`);
    return block("{", entries, "}");
  }
  return String(value);
}
