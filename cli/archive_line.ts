/** One archive in a line for people, as borg's delete and prune print it. */
import { type ArchiveInfo, parseTimestamp } from "../core/archive/mod.ts";
import { hexOfId, printable } from "../core/bytes/mod.ts";
import { humanTime } from "./local_time.ts";

/** "name, padded to 36 columns  Tue, 2026-11-24 06:08:23 [id]" */
export function archiveLine(info: ArchiveInfo): string {
  const name = printable(info.name);
  const padding = " ".repeat(Math.max(0, 36 - [...name].length));
  return `${name}${padding} ${humanTime(parseTimestamp(info.time) ?? 0)} [${hexOfId(info.id)}]`;
}
