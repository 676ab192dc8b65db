/** Converters for option values. Each throws a RangeError whose message completes "argument X: …". */
import { AppError, UsageError } from "../core/errors.ts";

export function parseInteger(text: string): number {
  // Underscores between digits as in Python, which reads borg's options.
  if (!/^[+-]?\d+(_\d+)*$/.test(text.trim())) throw new RangeError(`not a whole number: '${text}'`);
  return Number(text.replaceAll("_", ""));
}

export function parsePositive(text: string): number {
  const value = parseInteger(text);
  if (value <= 0) throw new RangeError(`not a number above zero: '${text}'`);
  return value;
}

export function parseOctal(text: string): number {
  if (!/^(0o)?[0-7]+$/.test(text)) throw new RangeError(`not an octal number: '${text}'`);
  return parseInt(text.replace("0o", ""), 8);
}

/** A path given on the command line; must not be empty. */
export function parsePath(text: string): string {
  if (text === "") throw new RangeError("an empty path is not accepted");
  return text;
}

const UNITS: Record<string, number> = { "": 1, K: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15 };

/** Bytes of "5G", "1.5T", "500000", "5e8" (decimal units, as borg). */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d*)?(?:e[+-]?\d+)?)([KMGTP]?)$/i.exec(text.trim());
  if (!match) throw new RangeError(`not a size: '${text}'`);
  return Math.trunc(Number(match[1]) * UNITS[match[2]!.toUpperCase()]!);
}

/** A storage quota; borg accepts nothing below 10 MB. */
export function parseStorageQuota(text: string): number {
  const size = parseSize(text);
  if (size < 1e7) throw new RangeError(`a quota below 10M is too small: '${text}'`);
  return size;
}

const SORT_KEYS: Record<string, string> = { timestamp: "time", archive: "name", name: "name", id: "id" };

/** Comma-separated sort keys of the archive list, as property names of ArchiveInfo. */
export function parseSortKeys(text: string): string[] {
  return text.split(",").map((key) => {
    const property = SORT_KEYS[key];
    if (!property) {
      throw new RangeError(`unknown sort key '${key}', known are: ${Object.keys(SORT_KEYS).join(", ")}`);
    }
    return property;
  });
}

const TIMESTAMP = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?)?(Z|\+00:00)?$/;

/** Microseconds since 1970 of a UTC date and time ("2026-11-24T06:00:00"), null where it is not one. */
export function parseDateTime(text: string): number | null {
  const match = TIMESTAMP.exec(text);
  if (!match) {
    const ordinal = /^(\d{4})-(\d{3})$/.exec(text);
    if (!ordinal) return null;
    return Date.UTC(Number(ordinal[1]), 0, Number(ordinal[2])) * 1000;
  }
  const [, year, month, day, hour = "0", minute = "0", second = "0"] = match;
  const date = new Date(0);
  // Not Date.UTC: that takes years below 100 for years of the 20th century.
  date.setUTCFullYear(+year!, +month! - 1, +day!);
  date.setUTCHours(+hour, +minute, +second);
  const ms = date.getTime();
  // What does not exist (February 30th, 10:61) rolls over, and then does not read the same.
  const same = date.getUTCMonth() === +month! - 1 && date.getUTCDate() === +day! &&
    date.getUTCHours() === +hour &&
    date.getUTCMinutes() === +minute && date.getUTCSeconds() === +second;
  if (!same) return null;
  return ms * 1000;
}

/** The sentence for what a command cannot do, wrong combinations of options among it. */
export const commandError = (sentence: string): AppError => new AppError("CommandError", [sentence]);

/** The sentence for a command line that cannot be understood: to borg that is its parser's matter, and ends with 2. */
export const usageError = (sentence: string): UsageError => new UsageError("Error", [sentence]);
