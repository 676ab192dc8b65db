/**
 * How C libraries call the local time at an instant: "CET", "EDT", "+0530". JavaScript knows long names alone, so the
 * system's zone files are read (RFC 9636, TZif), which is where `strftime` of C and Python has the names from.
 */
import { readFileSync } from "node:fs";
import { parsePosixZone } from "./posix_zone.ts";

const FOLDERS = ["/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo"];
/** RFC 9636, section 3.1: magic, version, reserved, six counts. */
const HEADER = 44;

/** `seconds`: since 1970. `zone`: as "Europe/Berlin"; null where the system has no file of it. */
export function zoneAbbreviation(seconds: number, zone: string): string | null {
  for (const folder of FOLDERS) {
    try {
      const name = abbreviationIn(readFileSync(`${folder}/${zone}`), seconds);
      if (name !== null) return name;
    } catch {
      // Not in this folder, or cut short.
    }
  }
  return null;
}

/** The name that a TZif file, of version 2 or later, gives to an instant. Throws RangeError where it is cut short. */
function abbreviationIn(file: Uint8Array, seconds: number): string | null {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (view.getUint32(0) !== 0x545a6966 || view.getUint8(4) < 0x32) return null;
  const first = counts(view, 0);
  // Behind the old block, with times of 32 bits, comes one with 64.
  const second = HEADER + blockSize(first, 4);
  const { times, types, characters, leaps, standard, universal } = counts(view, second);
  const timesAt = second + HEADER;
  const indexesAt = timesAt + 8 * times;
  const typesAt = indexesAt + times;
  const namesAt = typesAt + 6 * types;
  const footerAt = namesAt + characters + 12 * leaps + standard + universal;
  let last = -1;
  for (let i = 0; i < times && Number(view.getBigInt64(timesAt + 8 * i)) <= seconds; i++) last = i;
  if (last === times - 1) {
    const rule = parsePosixZone(new TextDecoder().decode(file.subarray(footerAt)).trim());
    if (rule) return rule.nameAt(seconds);
  }
  const type = last < 0 ? 0 : view.getUint8(indexesAt + last);
  const name = namesAt + view.getUint8(typesAt + 6 * type + 5);
  return new TextDecoder().decode(file.subarray(name, file.indexOf(0, name)));
}

function counts(view: DataView, at: number) {
  const [universal, standard, leaps, times, types, characters] = [0, 1, 2, 3, 4, 5].map((i) =>
    view.getUint32(at + 20 + 4 * i)
  ) as [number, number, number, number, number, number];
  return { universal, standard, leaps, times, types, characters };
}

function blockSize(block: ReturnType<typeof counts>, timeSize: number): number {
  const { universal, standard, leaps, times, types, characters } = block;
  return times * (timeSize + 1) + types * 6 + characters + leaps * (timeSize + 4) + standard + universal;
}
