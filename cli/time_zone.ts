/** The values of TZ that JavaScript engines do not understand and C libraries do. */
import { setLocalZone } from "./local_time.ts";
import { parsePosixZone } from "./posix_zone.ts";

/**
 * Makes `text`, the value of TZ, the local zone: a path in a folder `zoneinfo` by the zone's name, which `rename` gives to
 * the engine; and what is no zone's name as POSIX spells zones out. Otherwise the engine's own choice (UTC) stays.
 */
export function useTimeZone(text: string, rename: (name: string) => void): void {
  const name = text.replace(/^:/, "").replace(/^\/.*\/zoneinfo\//, "");
  if (isKnown(name)) {
    if (name !== text) rename(name);
    return;
  }
  const zone = parsePosixZone(text);
  if (zone) setLocalZone(zone);
}

function isKnown(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    // Newer engines take "+01:00" here, but not from TZ.
    return /^[A-Za-z]/.test(name);
  } catch {
    return false;
  }
}
