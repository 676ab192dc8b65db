/**
 * Placeholders in locations, prefixes, globs and comments: `{hostname}`, `{now:%Y-%m-%d}`, … (borg's "placeholders" help
 * topic). `{{` and `}}` stand for braces.
 */
import { UsageError } from "../core/errors.ts";
import { formatLocalTime, strftime, type ZonedTime } from "./local_time.ts";
import { usageError } from "./values.ts";

export interface PlaceholderSource {
  readonly pid: number;
  readonly fqdn: string;
  readonly hostname: string;
  readonly user: string;
  /** The instant that {now} and {utcnow} mean, in microseconds since 1970. */
  readonly nowUs: number;
  readonly version: string;
  readonly uuid4: () => string;
}

type Value = string | ZonedTime;

function values(source: PlaceholderSource): Record<string, () => Value> {
  const [major, minor, patch] = source.version.split(".");
  return {
    pid: () => String(source.pid),
    fqdn: () => source.fqdn,
    "reverse-fqdn": () => source.fqdn.split(".").reverse().join("."),
    hostname: () => source.hostname,
    now: () => formatLocalTime(source.nowUs, "local"),
    utcnow: () => formatLocalTime(source.nowUs, "utc"),
    unixtime: () => String(Math.floor(source.nowUs / 1e6)),
    user: () => source.user,
    uuid4: source.uuid4,
    borgversion: () => source.version,
    borgmajor: () => `${major}`,
    borgminor: () => `${major}.${minor}`,
    borgpatch: () => `${major}.${minor}.${patch}`,
  };
}

/** `text` with its placeholders replaced. Throws InvalidPlaceholder or PlaceholderError. */
export function fillPlaceholders(text: string, source: PlaceholderSource): string {
  if (!/[{}]/.test(text)) return text;
  const known = values(source);
  return text.replace(
    /\{\{|\}\}|\{([^{}:!]*)(?::([^{}]*))?\}|[{}]/g,
    (whole, name?: string, format?: string) => {
      if (whole === "{{") return "{";
      if (whole === "}}") return "}";
      if (name === undefined) {
        throw usageError(`Cannot fill in '${text}': it has a single brace`);
      }
      const value = Object.hasOwn(known, name) ? known[name]!() : undefined;
      if (value === undefined) throw new UsageError("InvalidPlaceholder", [name, text]);
      if (typeof value !== "string") return format ? strftime(value, format) : value.iso;
      try {
        return format ? padText(value, format) : value;
      } catch (error) {
        throw new UsageError("PlaceholderError", [text, text, "ValueError", (error as Error).message]);
      }
    },
  );
}

/** Width and alignment of Python's format language for text: `<10`, `>10`, `^10`, `10`, with a fill character. */
export function padText(value: string, format: string): string {
  const match = /^(?:(.)?([<>^]))?(\d+)?(?:\.(\d+))?s?$/u.exec(format);
  if (!match) throw usageError(`Cannot understand the format "${format}"`);
  const [, fill = " ", align = "<", width = "0", precision] = match;
  const text = precision === undefined ? value : [...value].slice(0, Number(precision)).join("");
  const missing = Number(width) - [...text].length;
  if (missing <= 0) return text;
  if (align === "<") return text + fill.repeat(missing);
  if (align === ">") return fill.repeat(missing) + text;
  const left = Math.floor(missing / 2);
  return fill.repeat(left) + text + fill.repeat(missing - left);
}
