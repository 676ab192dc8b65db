/** `create`: a new archive of files and folders. */
import { ArchiveWriter, Backup, ChunkSink, Interrupted } from "../core/archive/mod.ts";
import { createChunker, DEFAULT_CHUNKER_PARAMS, parseChunkerParams } from "../core/chunk/mod.ts";
import type { ChunkerParams } from "../core/chunk/mod.ts";
import { hexOfId, printable } from "../core/bytes/mod.ts";
import { ChunksIndex } from "../core/local/mod.ts";
import { type Compression, parseCompression } from "../core/object/mod.ts";
import { MAX_DATA_SIZE } from "../core/store/mod.ts";
import { monotonicMs, sleep } from "../core/platform/mod.ts";
import { AppError, OsError } from "../core/errors.ts";
import { log } from "../core/report.ts";
import type { CommandContext } from "./context.ts";
import { makeSource } from "./create_source.ts";
import { formatDuration } from "./format_size.ts";
import { humanTime, jsonTime } from "./local_time.ts";
import { canonicalPath } from "./location.ts";
import { type FilesCacheChoice, openFilesCache, parseFilesCacheMode } from "./files_cache_mode.ts";
import { sealWorkers } from "./seal_workers.ts";
import { collectRules, PATTERN_OPTIONS, type PatternValues } from "./pattern_options.ts";
import {
  DASHES,
  repositoryJson,
  repositoryTotals,
  sortedJson,
  STATS_HEADER,
  statsLine,
  totalsLines,
} from "./repo_stats.ts";
import { OUTPUT_LOGGER } from "./report_base.ts";
import { openSession, type Session } from "./session.ts";
import type { Command, CommandSpec } from "./spec.ts";
import { commandError, parseDateTime, parseInteger, parsePath } from "./values.ts";

interface CreateValues extends PatternValues {
  location: string;
  paths: string[];
  dry_run: boolean;
  stats: boolean;
  quick_stats: boolean;
  output_list: boolean;
  output_filter: string | undefined;
  json: boolean;
  one_file_system: boolean;
  numeric_ids: boolean;
  atime: boolean;
  noctime: boolean;
  nobirthtime: boolean;
  exclude_caches: boolean;
  exclude_if_present: string[];
  keep_exclude_tags: boolean;
  files_cache: FilesCacheChoice;
  comment: string;
  timestamp: string | undefined;
  checkpoint_interval: number;
  chunker_params: ChunkerParams;
  compression: Compression;
}

const fsGroup = "file system";
const archiveGroup = "archive";

const spec: CommandSpec = {
  name: "create",
  summary: "make a backup: a new archive of files and folders",
  description:
    `Makes a new archive of all that PATH names. Every archive is a full backup; data that the repository has
already is not stored again, so a second backup takes little time and space.

The archive's name may have placeholders: {hostname} {fqdn} {user} {now} {utcnow} {pid} {uuid4}; {now:%Y-%m-%d} takes a
strftime pattern. Files that cannot be read are reported and left out, and the exit code is 1.

Status letters of --list: A added, M modified, U unchanged, d folder, s symbolic link, h further name of a file, f FIFO, c and b devices,
C changed while it was read, E could not be read, x excluded, - dry run.`,
  options: [
    { flags: ["-n", "--dry-run"], name: "dry_run", help: "show what would be done, but store nothing" },
    { flags: ["-s", "--stats"], name: "stats", help: "print statistics at the end" },
    { flags: ["--quick-stats"], name: "quick_stats", help: "print statistics of the new archive only" },
    { flags: ["--list"], name: "output_list", help: "print each file with its status letter" },
    {
      flags: ["--filter"],
      name: "output_filter",
      metavar: "LETTERS",
      help: "with --list, print only files with one of these status letters",
    },
    { flags: ["--json"], name: "json", help: "print statistics as JSON" },
    ...PATTERN_OPTIONS,
    {
      flags: ["--exclude-caches"],
      name: "exclude_caches",
      group: "include and exclude",
      help: "leave out folders that hold a CACHEDIR.TAG file",
    },
    {
      flags: ["--exclude-if-present"],
      name: "exclude_if_present",
      metavar: "NAME",
      repeat: "append",
      group: "include and exclude",
      help: "leave out folders that hold something of this name",
    },
    {
      flags: ["--keep-exclude-tags", "--keep-tag-files"],
      name: "keep_exclude_tags",
      group: "include and exclude",
      help: "of folders left out by the two options above, keep the folder and the mark",
    },
    {
      flags: ["-x", "--one-file-system"],
      name: "one_file_system",
      group: fsGroup,
      help: "do not enter other file systems that are mounted below",
    },
    { flags: ["--numeric-ids"], name: "numeric_ids", group: fsGroup, help: "store owners by number only" },
    { flags: ["--numeric-owner"], name: "numeric_ids", hidden: true, help: "deprecated, use --numeric-ids" },
    { flags: ["--noatime"], name: "noatime", hidden: true, help: "deprecated, this is the default" },
    { flags: ["--atime"], name: "atime", group: fsGroup, help: "store the time of the last access" },
    {
      flags: ["--noctime"],
      name: "noctime",
      group: fsGroup,
      help: "do not store the time of the last status change",
    },
    {
      flags: ["--nobirthtime"],
      name: "nobirthtime",
      group: fsGroup,
      help: "do not store the time of creation",
    },
    {
      flags: ["--files-cache"],
      name: "files_cache",
      metavar: "MODE",
      parse: parseFilesCacheMode,
      default: parseFilesCacheMode("ctime,size,inode"),
      group: fsGroup,
      help:
        "by what an unchanged file is known: ctime or mtime, with size and inode; rechunk reads all files again; " +
        "disabled does without the cache (default: ctime,size,inode)",
    },
    {
      flags: ["--comment"],
      name: "comment",
      metavar: "COMMENT",
      default: "",
      group: archiveGroup,
      help: "a remark to keep with the archive; placeholders are understood",
    },
    {
      flags: ["--timestamp"],
      name: "timestamp",
      metavar: "TIMESTAMP",
      group: archiveGroup,
      help: "date and time of the archive (UTC, yyyy-mm-ddThh:mm:ss), or a file whose time to take",
    },
    {
      flags: ["-c", "--checkpoint-interval"],
      name: "checkpoint_interval",
      metavar: "SECONDS",
      parse: parseInteger,
      default: 1800,
      group: archiveGroup,
      help: "save what there is every so often (default: 1800)",
    },
    {
      flags: ["--chunker-params"],
      name: "chunker_params",
      metavar: "PARAMS",
      parse: parseChunkerParams,
      default: DEFAULT_CHUNKER_PARAMS,
      group: archiveGroup,
      help: "how to cut files: ALGORITHM,MIN_EXP,MAX_EXP,MASK_BITS,WINDOW (default: buzhash,19,23,21,4095)",
    },
    {
      flags: ["-C", "--compression"],
      name: "compression",
      metavar: "COMPRESSION",
      parse: parseCompression,
      default: parseCompression("lz4"),
      group: archiveGroup,
      help: "none, lz4, zstd[,1-22], zlib[,0-9], lzma[,0-9], auto,…, obfuscate,… (default: lz4)",
    },
  ],
  positionals: [
    { name: "location", metavar: "ARCHIVE", help: "REPOSITORY::NAME of the archive to make" },
    { name: "paths", metavar: "PATH", count: "*", parse: parsePath, help: "what to back up" },
  ],
};

async function run(context: CommandContext, raw: Record<string, unknown>): Promise<void> {
  const values = raw as unknown as CreateValues;
  const rules = collectRules(context, values);
  const paths = [...rules.roots, ...values.paths];
  if (paths.length === 0) throw commandError("nothing to back up: give at least one path");
  const timestampUs = values.timestamp === undefined
    ? undefined
    : resolveTimestamp(context, values.timestamp);
  context.reporter.setFileStatus(values.output_list ? values.output_filter ?? "" : null);
  await using session = await openSession(context, values.location, {
    operations: ["write"],
    exclusive: true,
    needsArchive: true,
    ...(timestampUs === undefined ? {} : { placeholderTimeUs: timestampUs }),
  });
  const { location } = session;
  log(context.reporter, "INFO", `Creating archive at "${location.processed}"`);
  const cache = values.dry_run ? null : openFilesCache(context, session, values.files_cache);
  const source = makeSource(context, session, {
    ...values,
    paths,
    rules: rules.rules,
    cache,
    rechunk: values.files_cache.rechunk,
  });
  if (values.dry_run) return dryRun(context, source);

  const backup = prepare(context, session, values, source, timestampUs);
  context.stopCleanly();
  try {
    await backup.work.run();
    await backup.writer.save();
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    throw new AppError("Error", ["Interrupted: what was backed up so far is kept as a checkpoint"]);
  } finally {
    backup.dispose();
  }
  await session.afterCommit();
  cache?.save();
  context.reporter.finish();
  if (values.stats || values.quick_stats || values.json) {
    await printStats(context, session, values, backup.writer);
  }
}

function prepare(
  context: CommandContext,
  session: Session,
  values: CreateValues,
  source: ReturnType<typeof makeSource>,
  timestampUs: number | undefined,
): { writer: ArchiveWriter; work: Backup; dispose: () => void } {
  const { store, codec, manifest, location } = session;
  const seen = new ChunksIndex();
  const sink = new ChunkSink(store, codec, seen, {
    compression: values.compression,
    spawner: sealWorkers(context),
  });
  const writer = new ArchiveWriter({ store, codec, manifest, sink, nowUs: context.nowUs }, {
    name: location.archive!,
    comment: session.fill(values.comment),
    chunkerParams: values.chunker_params,
    cmdline: [...context.argv],
    hostname: context.env("BORG_HOSTNAME") ?? context.host.hostname,
    username: context.env("BORG_USERNAME") ?? context.host.userName,
    cwd: context.cwd,
    ...(timestampUs === undefined ? {} : { timestampUs }),
  });
  const chunker = createChunker(values.chunker_params, codec.chunkSeed);
  const work = new Backup(source, writer, sink, chunker, context.reporter, {
    checkpointIntervalMs: values.checkpoint_interval * 1000,
    nowMs: monotonicMs,
    interrupted: context.interrupted,
    breathe: () => sleep(0),
  });
  return {
    writer,
    work,
    dispose: () => {
      sink.dispose();
      chunker.dispose();
      seen.dispose();
    },
  };
}

function dryRun(context: CommandContext, source: ReturnType<typeof makeSource>): void {
  for (let entry = source.next(); entry !== null; entry = source.next()) {
    context.reporter.emit({ type: "file_status", status: "-", path: printable(entry.path) });
  }
}

/** `--timestamp` is a date and time, or a file whose modification time is meant. */
function resolveTimestamp(context: CommandContext, text: string): number {
  try {
    return Number(context.files.stat(text).mtimeNs / 1_000_000_000n) * 1e6;
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
  }
  const us = parseDateTime(text);
  if (us === null) throw commandError(`--timestamp: neither a file nor a date and time: '${text}'`);
  return us;
}

async function printStats(
  context: CommandContext,
  session: Session,
  values: CreateValues,
  writer: ArchiveWriter,
): Promise<void> {
  const totals = values.quick_stats ? null : await repositoryTotals(session);
  const { iec } = context.common;
  const { stats } = writer;
  const seconds = (writer.endUs - writer.startUs) / 1e6;
  if (values.json) {
    const archive = {
      name: session.location.archive,
      id: hexOfId(writer.id!),
      start: jsonTime(Math.floor(writer.startUs / 1e6) * 1e6),
      end: jsonTime(Math.floor(writer.endUs / 1e6) * 1e6),
      duration: seconds,
      stats: {
        original_size: stats.originalSize,
        compressed_size: stats.compressedSize,
        deduplicated_size: stats.deduplicatedSize,
        nfiles: stats.files,
      },
      limits: { max_archive_size: writer.metaSize / MAX_DATA_SIZE },
      command_line: context.argv,
    };
    context.print(sortedJson(repositoryJson(session, totals, { archive })));
    return;
  }
  const lines = [
    DASHES,
    `Repository: ${canonicalPath(session.location)}`,
    `Archive name: ${session.location.archive}`,
    `Archive fingerprint: ${hexOfId(writer.id!)}`,
    `Time (start): ${humanTime(writer.startUs)}`,
    `Time (end):   ${humanTime(writer.endUs)}`,
    `Duration: ${formatDuration(seconds)}`,
    `Number of files: ${stats.files}`,
    `Utilization of max. archive size: ${Math.round(100 * writer.metaSize / MAX_DATA_SIZE)}%`,
    DASHES,
    STATS_HEADER,
    statsLine("This archive:", [stats.originalSize, stats.compressedSize, stats.deduplicatedSize], iec),
    ...(totals ? totalsLines(totals, iec) : []),
    DASHES,
  ];
  for (const message of lines) {
    context.reporter.emit({
      type: "log_message",
      levelname: "INFO",
      name: `${OUTPUT_LOGGER}.stats`,
      message,
    });
  }
}

export const command: Command = { spec, run };
