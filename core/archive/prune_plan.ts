/**
 * Which archives `prune` keeps: archives and a policy flow in, one decision for each archive flows out (borg docs,
 * usage/prune). Pure: the present and the calendar of the local zone are parameters.
 *
 * Rules are applied from the shortest period to the longest. Each goes through the archives from the newest to the oldest
 * and takes the first of every period, unless an earlier rule took it already: those do not count. Periods are compared
 * with that of the next newer archive only, so an hour that the end of daylight saving time repeats is one period.
 */
import { IntegrityError } from "../errors.ts";
import type { ArchiveInfo } from "./manifest.ts";
import { parseTimestamp } from "./timestamp.ts";

/** A date and time as the clock on the wall shows it; months count from 1. */
export interface CalendarTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

/** In the order in which they are applied; the names are those that borg prints. */
export const PRUNE_RULES = [
  "secondly",
  "minutely",
  "hourly",
  "daily",
  "weekly",
  "monthly",
  "quarterly_13weekly",
  "quarterly_3monthly",
  "yearly",
] as const;

export type PruneRule = typeof PRUNE_RULES[number];

export interface PrunePolicy {
  /** Keeps all archives younger than this many hours. */
  readonly withinHours?: number;
  /** How many archives each rule keeps; 0 or missing: none, negative: no limit. */
  readonly keep: Readonly<Partial<Record<PruneRule, number>>>;
}

export interface PruneClock {
  /** The present in microseconds since 1970. */
  readonly nowUs: number;
  /** The local calendar at an instant in microseconds since 1970. */
  readonly local: (us: number) => CalendarTime;
}

export interface PruneDecision {
  readonly info: ArchiveInfo;
  readonly keep: boolean;
  /** Left behind by an interrupted backup: no rule counts it. */
  readonly checkpoint: boolean;
  /** Which rule keeps the archive: "daily", "within", "yearly[oldest]"; null for what goes, and for checkpoints. */
  readonly rule: string | null;
  /** How many archives that rule has kept up to and with this one. */
  readonly ordinal: number;
}

/** What `create` appends to the names of its checkpoints. */
export const CHECKPOINT_SUFFIX = String.raw`\.checkpoint(?:\.[0-9]+)?`;
const CHECKPOINT = new RegExp(`${CHECKPOINT_SUFFIX}$`);

export const isCheckpoint = (name: string): boolean => CHECKPOINT.test(name);

interface Candidate {
  readonly info: ArchiveInfo;
  readonly us: number;
  readonly checkpoint: boolean;
  local: CalendarTime | null;
  rule: string | null;
  ordinal: number;
}

const period = {
  secondly: (t) => [t.year, t.month, t.day, t.hour, t.minute, t.second],
  minutely: (t) => [t.year, t.month, t.day, t.hour, t.minute],
  hourly: (t) => [t.year, t.month, t.day, t.hour],
  daily: (t) => [t.year, t.month, t.day],
  weekly: (t) => {
    const { year, week } = isoWeek(t);
    return [year, week];
  },
  monthly: (t) => [t.year, t.month],
  // Quarters of 13 weeks; the last one has 14 where the year has 53.
  quarterly_13weekly: (t) => {
    const { year, week } = isoWeek(t);
    return [year, Math.min(4, Math.ceil(week / 13))];
  },
  quarterly_3monthly: (t) => [t.year, Math.ceil(t.month / 3)],
  yearly: (t) => [t.year],
} as const satisfies Record<PruneRule, (time: CalendarTime) => number[]>;

/** Week of ISO 8601 and the year that it belongs to: that of its Thursday. */
function isoWeek(time: CalendarTime): { year: number; week: number } {
  // Not Date.UTC: that takes years below 100 for years of the 20th century.
  const thursday = new Date(0);
  thursday.setUTCFullYear(time.year, time.month - 1, time.day);
  thursday.setUTCDate(thursday.getUTCDate() + 4 - (thursday.getUTCDay() || 7));
  const year = thursday.getUTCFullYear();
  const firstDay = new Date(0).setUTCFullYear(year, 0, 1);
  return { year, week: Math.floor((thursday.getTime() - firstDay) / 604_800_000) + 1 };
}

/**
 * Decides about each of `archives`, which are in the order of the manifest. The answer goes from the newest to the oldest,
 * archives of one instant in reverse order of the manifest. Throws IntegrityError for a time that cannot be read: prune
 * must not guess.
 */
export function planPrune(
  archives: readonly ArchiveInfo[],
  policy: PrunePolicy,
  clock: PruneClock,
): PruneDecision[] {
  const candidates = archives.map(toCandidate).reverse().sort((a, b) => b.us - a.us);
  const backups = candidates.filter((candidate) => !candidate.checkpoint);
  if (policy.withinHours) keepWithin(backups, clock.nowUs - policy.withinHours * 3_600_000_000);
  for (const rule of PRUNE_RULES) {
    const count = policy.keep[rule] ?? 0;
    if (count !== 0) keepByRule(backups, rule, count, clock);
  }
  return candidates.map(({ info, checkpoint, rule, ordinal }, i) => ({
    info,
    checkpoint,
    // The newest of all is still needed where it is a checkpoint: its backup goes on from there.
    keep: checkpoint ? i === 0 : rule !== null,
    rule,
    ordinal,
  }));
}

function toCandidate(info: ArchiveInfo): Candidate {
  const us = parseTimestamp(info.time);
  if (us === null) {
    throw new IntegrityError("IntegrityError", [
      `the manifest has an unreadable time for archive ${info.name}: ${info.time}`,
    ]);
  }
  return { info, us, checkpoint: isCheckpoint(info.name), local: null, rule: null, ordinal: 0 };
}

function keepWithin(backups: readonly Candidate[], sinceUs: number): void {
  let kept = 0;
  for (const backup of backups) {
    if (backup.us <= sinceUs) return;
    backup.rule = "within";
    backup.ordinal = ++kept;
  }
}

function keepByRule(backups: readonly Candidate[], rule: PruneRule, count: number, clock: PruneClock): void {
  let kept = 0;
  let newer = "";
  for (const backup of backups) {
    backup.local ??= clock.local(backup.us);
    const own = period[rule](backup.local).join(" ");
    if (own === newer) continue;
    newer = own;
    if (backup.rule !== null) continue;
    backup.rule = rule;
    backup.ordinal = ++kept;
    if (kept === count) return;
  }
  // A rule that found too few keeps the oldest too, so that it can grow old enough to stand for a period.
  const oldest = backups.at(-1);
  if (oldest && kept < count && oldest.rule === null) {
    oldest.rule = `${rule}[oldest]`;
    oldest.ordinal = kept + 1;
  }
}
