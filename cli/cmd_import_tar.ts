/** `import-tar`: a new archive of the contents of a tar file. */
import {
  deviceNumber,
  type Item,
  type PipeEntry,
  type Source,
  type TarEntry,
  TarReader,
  TarType,
} from "../core/archive/mod.ts";
import { printable } from "../core/bytes/mod.ts";
import { normalizePath, toArchivePath } from "../core/fs/mod.ts";
import { log } from "../core/report.ts";
import { backUp } from "./backup.ts";
import { resolveTimestamp, showFileStatus } from "./new_archive.ts";
import type { CommandContext } from "./context.ts";
import type { CreateValues } from "./create_options.ts";
import { printStats } from "./create_stats.ts";
import { ObjectThreads } from "./object_workers.ts";
import { ARCHIVE, TELLING } from "./option_groups.ts";
import { openSession } from "./session.ts";
import type { Command, CommandSpec } from "./spec.ts";
import { openTarInput, tarFilter, type TarInput } from "./tar_stream.ts";

interface ImportValues extends CreateValues {
  tarfile: string;
  tar_filter: string;
  ignore_zeros: boolean;
}

const spec: CommandSpec = {
  name: "import-tar",
  summary: "make an archive of a tar file",
  description:
    `Makes a new archive of the contents of a tar file (ustar, GNU, or pax); "-" is standard input. Nothing is unpacked to
disk, and of the tar file nothing is kept in memory.

A TARFILE that ends with .tar.gz or .tgz, .tar.bz2 or .tbz, .tar.xz or .txz, .tar.zst or .tar.zstd, or .tar.lz4 is
unpacked by the program of that name. Another program can be named with --tar-filter: it reads the file from its standard
input and writes a tar stream to its standard output.

Names, types, contents, owners, modes, links and times of the last change are taken over; a tar file that was made of
several, one behind the other, is read to its end with --ignore-zeros.`,
  options: [
    {
      flags: ["--tar-filter"],
      name: "tar_filter",
      metavar: "PROGRAM",
      once: true,
      default: "auto",
      help: "pipe the file through this program (default: auto, by the name of TARFILE)",
    },
    ...Object.values(TELLING),
    {
      flags: ["--ignore-zeros"],
      name: "ignore_zeros",
      help: "go on behind blocks of zeros, which else are the end",
    },
    ...Object.values(ARCHIVE),
  ],
  positionals: [
    { name: "location", metavar: "ARCHIVE", help: "REPOSITORY::NAME of the archive to make" },
    { name: "tarfile", metavar: "TARFILE", help: 'the tar file to read; "-" for standard input' },
  ],
};

async function run(context: CommandContext, raw: Record<string, unknown>): Promise<void> {
  const values = raw as unknown as ImportValues;
  showFileStatus(context, values);
  const timestampUs = resolveTimestamp(context, values.timestamp);
  await using session = await openSession(context, values.location, {
    operations: ["write"],
    exclusive: true,
    needsArchive: true,
    ...(timestampUs === undefined ? {} : { placeholderTimeUs: timestampUs }),
  });
  log(context.reporter, "INFO", `Creating archive at "${session.location.processed}"`);
  const filter = tarFilter(values.tar_filter, values.tarfile, "read");
  const input = openTarInput(context, values.tarfile, filter);
  let writer;
  try {
    writer = await backUp(context, session, values, {
      source: tarSource(context, values, input),
      spawner: new ObjectThreads(context),
      timestampUs,
      // What a filter that failed has not unpacked must not look like a whole archive.
      ended: () => input.end(),
      done: "imported",
    });
  } catch (error) {
    input.abort();
    throw error;
  }
  await printStats(context, session, values, writer);
}

const TYPES: ReadonlyMap<number, { status: string; mode: number }> = new Map([
  [TarType.File, { status: "A", mode: 0o100000 }],
  [TarType.Contiguous, { status: "A", mode: 0o100000 }],
  [TarType.Directory, { status: "d", mode: 0o040000 }],
  [TarType.Symlink, { status: "s", mode: 0o120000 }],
  [TarType.HardLink, { status: "h", mode: 0o100000 }],
  [TarType.Block, { status: "b", mode: 0o060000 }],
  [TarType.Character, { status: "c", mode: 0o020000 }],
  [TarType.Fifo, { status: "f", mode: 0o010000 }],
]);

/** The entries of the stream as a backup takes them. */
function tarSource(context: CommandContext, values: ImportValues, input: TarInput): Source {
  const { reporter } = context;
  const reader = new TarReader(input.read, {
    ignoreZeros: values.ignore_zeros,
    onDamage: (message) => {
      reporter.countWarning();
      log(reporter, "WARNING", message);
    },
  });
  const contents = { read: (into: Uint8Array): number => reader.read(into), wait: () => input.wait() };
  const never = (): never => {
    throw new TypeError("Cannot ask the file system: a tar stream has none");
  };
  return {
    next() {
      for (let entry = reader.next(); entry !== null; entry = reader.next()) {
        if (entry === undefined) return input.wait();
        const known = TYPES.get(entry.type);
        if (known !== undefined) return pipeEntry(entry, known, contents);
        const type = JSON.stringify(String.fromCharCode(entry.type));
        reporter.warn("BackupError", printable(entry.name), `an entry of unknown type ${type} is left out`);
        reporter.emit({ type: "file_status", status: "E", path: printable(entry.name) });
      }
      return null;
    },
    get reader() {
      return never();
    },
    meta: never,
    readLink: never,
    // Trouble with the stream is trouble with all of it.
    warningOf: () => null,
  };
}

function pipeEntry(
  entry: TarEntry,
  { status, mode }: { status: string; mode: number },
  contents: Pick<PipeEntry, "read" | "wait">,
): PipeEntry {
  const item: Item = {
    path: archivePath(entry.name),
    mode: entry.mode | mode,
    uid: entry.uid,
    gid: entry.gid,
    user: entry.user || null,
    group: entry.group || null,
    mtime: entry.mtime < 0n ? 0n : entry.mtime > LAST_NS ? LAST_NS : entry.mtime,
  };
  if (entry.type === TarType.Symlink) item.source = entry.linkName;
  // As the first name is: else it would not be found when it is extracted.
  if (entry.type === TarType.HardLink) item.source = archivePath(entry.linkName);
  if (status === "b" || status === "c") item.rdev = deviceNumber(entry.major, entry.minor);
  const bare = status === "A" ? {} : { bare: true as const };
  return { pipe: true, item, status, ...bare, ...contents, end: () => Promise.resolve() };
}

/** Items hold no times before 1970, as with borg. */
const LAST_NS = 2n ** 63n - 1n;

const archivePath = (name: string): string => toArchivePath(normalizePath(name));

export const command: Command = { spec, run };
