/** Instants as people read them: local or UTC, with strftime patterns. */
import type { CalendarTime } from "../core/archive/mod.ts";
import type { PosixZone } from "./posix_zone.ts";
import { zoneAbbreviation } from "./zone_abbreviation.ts";

/** An instant broken down in one zone. */
export interface ZonedTime extends CalendarTime {
  readonly microsecond: number;
  /** 0 is Sunday. */
  readonly weekday: number;
  readonly dayOfYear: number;
  /** Minutes east of UTC. */
  readonly offset: number;
  /** Name of the zone; computed when asked for, that is slow. */
  readonly zone: () => string;
  readonly epochSeconds: number;
  /** "2026-11-24T06:08:23" */
  readonly iso: string;
}

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];
const two = (value: number): string => String(value).padStart(2, "0");

let spelledOut: PosixZone | null = null;

/** Sets the local zone where the engine does not know it. */
export function setLocalZone(zone: PosixZone): void {
  spelledOut = zone;
}

/** Minutes that the local zone is east of UTC at an instant in seconds since 1970. */
export function localOffset(seconds: number): number {
  return spelledOut ? spelledOut.offsetAt(seconds) / 60 : -new Date(seconds * 1000).getTimezoneOffset();
}

/** `us`: microseconds since 1970. */
export function formatLocalTime(us: number, zone: "local" | "utc"): ZonedTime {
  const seconds = Math.floor(us / 1e6);
  const date = new Date(seconds * 1000);
  const offset = zone === "utc" ? 0 : localOffset(seconds);
  // The fields of the zone are the UTC fields of the shifted instant.
  const shifted = new Date(seconds * 1000 + offset * 60_000);
  const year = shifted.getUTCFullYear();
  return {
    year,
    month: shifted.getUTCMonth() + 1,
    day: shifted.getUTCDate(),
    hour: shifted.getUTCHours(),
    minute: shifted.getUTCMinutes(),
    second: shifted.getUTCSeconds(),
    microsecond: us - seconds * 1e6,
    weekday: shifted.getUTCDay(),
    dayOfYear: Math.floor((shifted.getTime() - Date.UTC(year, 0, 1)) / 86_400_000) + 1,
    offset,
    zone: () => zone === "utc" ? "UTC" : zoneName(date),
    epochSeconds: seconds,
    iso: shifted.toISOString().slice(0, 19),
  };
}

function zoneName(date: Date): string {
  if (spelledOut) return spelledOut.nameAt(date.getTime() / 1000);
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
  return zoneAbbreviation(date.getTime() / 1000, timeZone) ?? /\(([^)]+)\)/.exec(date.toString())?.[1] ?? "";
}

/** "Tue, 2026-11-24 06:08:23", borg's way to show a time to people. */
export function humanTime(us: number): string {
  const time = formatLocalTime(us, "local");
  return `${DAYS[time.weekday]!.slice(0, 3)}, ${time.iso.slice(0, 10)} ${time.iso.slice(11)}`;
}

/** "2026-11-24T06:08:23.000000" in local time, borg's way to show a time to programs. */
export function jsonTime(us: number): string {
  return strftime(formatLocalTime(us, "local"), "%Y-%m-%dT%H:%M:%S.%f");
}

const FIELDS: Record<string, (time: ZonedTime) => string> = {
  "%": () => "%",
  Y: (t) => String(t.year),
  y: (t) => two(t.year % 100),
  m: (t) => two(t.month),
  d: (t) => two(t.day),
  e: (t) => String(t.day).padStart(2),
  H: (t) => two(t.hour),
  I: (t) => two(t.hour % 12 || 12),
  k: (t) => String(t.hour).padStart(2),
  l: (t) => String(t.hour % 12 || 12).padStart(2),
  P: (t) => t.hour < 12 ? "am" : "pm",
  g: (t) => two(isoWeek(t).year % 100),
  M: (t) => two(t.minute),
  S: (t) => two(t.second),
  f: (t) => String(t.microsecond).padStart(6, "0"),
  p: (t) => t.hour < 12 ? "AM" : "PM",
  j: (t) => String(t.dayOfYear).padStart(3, "0"),
  a: (t) => DAYS[t.weekday]!.slice(0, 3),
  A: (t) => DAYS[t.weekday]!,
  b: (t) => MONTHS[t.month - 1]!.slice(0, 3),
  h: (t) => MONTHS[t.month - 1]!.slice(0, 3),
  B: (t) => MONTHS[t.month - 1]!,
  u: (t) => String(t.weekday || 7),
  w: (t) => String(t.weekday),
  s: (t) => String(t.epochSeconds),
  U: (t) => two(Math.floor((t.dayOfYear + 6 - t.weekday) / 7)),
  W: (t) => two(Math.floor((t.dayOfYear + 6 - (t.weekday + 6) % 7) / 7)),
  V: (t) => two(isoWeek(t).week),
  G: (t) => String(isoWeek(t).year),
  C: (t) => two(Math.floor(t.year / 100)),
  z: (t) =>
    `${t.offset < 0 ? "-" : "+"}${two(Math.floor(Math.abs(t.offset) / 60))}${two(Math.abs(t.offset) % 60)}`,
  Z: (t) => t.zone(),
  n: () => "\n",
  t: () => "\t",
  F: (t) => t.iso.slice(0, 10),
  T: (t) => t.iso.slice(11),
  D: (t) => `${two(t.month)}/${two(t.day)}/${two(t.year % 100)}`,
  R: (t) => t.iso.slice(11, 16),
  c: (t) => strftime(t, "%a %b %e %H:%M:%S %Y"),
  x: (t) => strftime(t, "%m/%d/%y"),
  X: (t) => strftime(t, "%H:%M:%S"),
};

/** Week of ISO 8601 and the year it belongs to. */
function isoWeek(time: ZonedTime): { year: number; week: number } {
  const thursday = new Date(Date.UTC(time.year, time.month - 1, time.day + 4 - (time.weekday || 7)));
  const year = thursday.getUTCFullYear();
  return { year, week: Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / 604_800_000) + 1 };
}

/** strftime(3) in the C locale; unknown directives stay as they are. */
export function strftime(time: ZonedTime, format: string): string {
  return format.replace(/%([-_0^#]?)([a-zA-Z%])/g, (whole, flag: string, directive: string) => {
    const text = FIELDS[directive]?.(time);
    if (text === undefined) return whole;
    return flag === "-" ? text.replace(/^[0 ]+(?=.)/, "") : text;
  });
}
