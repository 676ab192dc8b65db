/**
 * Time zones that TZ spells out as POSIX does ("CET-1CEST,M3.5.0,M10.5.0/3"; IEEE Std 1003.1, 8.3, "TZ"), which JavaScript
 * engines do not know: a fixed offset, and two days of the year on which it changes.
 */

export interface PosixZone {
  /** Seconds east of UTC at an instant in seconds since 1970. */
  offsetAt(seconds: number): number;
  /** "CET" or "CEST". */
  nameAt(seconds: number): string;
}

interface Change {
  /** Days from the first of January, in a year that begins on `yearDay` (days since 1970). */
  day(year: number, yearDay: number): number;
  /** Seconds after midnight, by the clock that is in force before the change. */
  time: number;
}

const NAME = "([A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)";
const OFFSET = "([+-]?\\d{1,3}(?::\\d{1,2}){0,2})";
const RULE = `,([JM]?[\\d.]+)(?:/${OFFSET})?`;
const ZONE = new RegExp(`^:?${NAME}${OFFSET}(?:${NAME}${OFFSET}?(?:${RULE}${RULE})?)?$`);
/** What the C library takes where a zone with summer time has no rules: those of the United States. */
const USUAL = ["M3.2.0", "M11.1.0"] as const;
const DAY = 86_400;
const HOUR = 3600;

/** null where `text` is not such a zone. */
export function parsePosixZone(text: string): PosixZone | null {
  const match = ZONE.exec(text);
  if (!match) return null;
  const [, std, stdOffset, dst, dstOffset, from, fromTime, to, toTime] = match;
  const east = -secondsOf(stdOffset!);
  const bare = (name: string): string => name.replace(/[<>]/g, "");
  if (dst === undefined) return { offsetAt: () => east, nameAt: () => bare(std!) };
  const summer = dstOffset === undefined ? east + HOUR : -secondsOf(dstOffset);
  const start = parseChange(from ?? USUAL[0], fromTime);
  const end = parseChange(to ?? USUAL[1], toTime);
  if (start === null || end === null) return null;
  const isSummer = (seconds: number): boolean => {
    const year = new Date(seconds * 1000).getUTCFullYear();
    const yearDay = Date.UTC(year, 0, 1) / 1000 / DAY;
    const begin = (yearDay + start.day(year, yearDay)) * DAY + start.time - east;
    const finish = (yearDay + end.day(year, yearDay)) * DAY + end.time - summer;
    // South of the equator summer lies around the new year.
    return begin < finish ? seconds >= begin && seconds < finish : !(seconds >= finish && seconds < begin);
  };
  return {
    offsetAt: (seconds) => isSummer(seconds) ? summer : east,
    nameAt: (seconds) => bare(isSummer(seconds) ? dst : std!),
  };
}

/** Seconds of "[+-]hours[:minutes[:seconds]]". */
function secondsOf(text: string): number {
  const [hours, minutes = 0, seconds = 0] = text.replace(/^[+-]/, "").split(":").map(Number);
  const value = hours! * HOUR + minutes * 60 + seconds;
  return text.startsWith("-") ? -value : value;
}

const isLeap = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);

function parseChange(rule: string, timeText: string | undefined): Change | null {
  const time = timeText === undefined ? 2 * HOUR : secondsOf(timeText);
  const weekday = /^M(\d{1,2})\.([1-5])\.([0-6])$/.exec(rule);
  if (weekday) {
    const [month, week, day] = weekday.slice(1).map(Number);
    if (month! < 1 || month! > 12) return null;
    return {
      time,
      day: (year, yearDay) => dayOfMonthRule(year, yearDay, { month: month!, week: week!, day: day! }),
    };
  }
  const julian = /^(J?)(\d{1,3})$/.exec(rule);
  if (!julian) return null;
  const number = Number(julian[2]);
  if (number > 365 || (julian[1] && number < 1)) return null;
  // "J60" is the first of March in every year; "59" counts from 0 and counts the 29th of February.
  if (julian[1]) return { time, day: (year) => number - 1 + (isLeap(year) && number >= 60 ? 1 : 0) };
  return { time, day: () => number };
}

/** The `week`th `day` (0: Sunday) of the month; 5 is the last one. */
function dayOfMonthRule(
  year: number,
  yearDay: number,
  { month, week, day }: { month: number; week: number; day: number },
): number {
  const first = Date.UTC(year, month - 1, 1) / 1000 / DAY;
  const length = Date.UTC(year, month, 1) / 1000 / DAY - first;
  // The first of January 1970 was a Thursday.
  const firstWeekday = (first + 4) % 7;
  let offset = (day - firstWeekday + 7) % 7 + 7 * (week - 1);
  while (offset >= length) offset -= 7;
  return first + offset - yearDay;
}
