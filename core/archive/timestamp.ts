/**
 * Times as borg's metadata holds them: ISO 8601, UTC, no zone, six digits of microseconds. Instants are microseconds
 * since 1970 (number: exact until the year 2255).
 */

const pad = (value: number, width: number): string => String(value).padStart(width, "0");

/** `us` as "2026-11-24T06:08:23.123456". */
export function formatTimestamp(us: number): string {
  const seconds = Math.floor(us / 1e6);
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${pad(us - seconds * 1e6, 6)}`;
}

/** Microseconds since 1970 of such a text (the fraction may be missing), or null where it is not one. */
export function parseTimestamp(text: string): number | null {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:Z|\+00:00)?$/.exec(text);
  if (!match) return null;
  const ms = Date.parse(`${match[1]}Z`);
  if (Number.isNaN(ms)) return null;
  return ms * 1000 + Number((match[2] ?? "0").padEnd(6, "0"));
}
