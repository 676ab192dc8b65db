/** JSON in one line as Python's `json.dumps` writes it: for what scripts may compare, or search, as text. */

/** Without the line's end; keys in the order they have, or sorted. */
export function pythonJson(value: unknown, order: "as is" | "sorted" = "as is"): string {
  if (Array.isArray(value)) return `[${value.map((part) => pythonJson(part, order)).join(", ")}]`;
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value);
    if (order === "sorted") entries.sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
    const parts = entries.filter(([, part]) => part !== undefined);
    return `{${parts.map(([key, part]) => `${ascii(key)}: ${pythonJson(part, order)}`).join(", ")}}`;
  }
  return typeof value === "string" ? ascii(value) : JSON.stringify(value);
}

/** In quotes, everything beyond ASCII escaped. */
function ascii(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
