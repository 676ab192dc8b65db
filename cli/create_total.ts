/** How large an archive is going to be, guessed from an earlier one: for the display of progress, and free of any scan. */
import { printable } from "../core/bytes/mod.ts";
import { AppError } from "../core/errors.ts";
import type { Session } from "./session.ts";

/** So many of the newest archives are looked at: each costs one object. */
const LOOK_AT = 8;

/** What of a command line tells what is backed up: not the archive, and not the options, but their values. */
const essence = (cmdline: readonly string[]): string =>
  JSON.stringify(cmdline.slice(1).filter((word) => !word.startsWith("-") && !word.includes("::")));

/** Bytes of files in the newest archive that the same command line made on this machine; null where there is none. */
export async function earlierSize(
  session: Session,
  machine: { argv: readonly string[]; hostname: string },
): Promise<number | null> {
  const newest = [...session.manifest.archives.values()]
    .filter(({ name }) => !name.includes(".checkpoint"))
    .sort((a, b) => a.time < b.time ? 1 : -1)
    .slice(0, LOOK_AT);
  const wanted = essence(machine.argv.map(printable));
  for (const { name } of newest) {
    try {
      const { meta } = await session.openArchive(name);
      if (meta.hostname !== machine.hostname || essence(meta.cmdline.map(printable)) !== wanted) continue;
      if (meta.stats && meta.stats.size > 0) return meta.stats.size;
    } catch (error) {
      // Of what cannot be read nothing is known; it is not this command that tells about it.
      if (!(error instanceof AppError)) throw error;
    }
  }
  return null;
}
