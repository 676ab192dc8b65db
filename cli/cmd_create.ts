/** `create`: a new archive of files and folders. */
import { ArchiveWriter, Backup, ChunkListRecorder, ChunkSink, Interrupted } from "../core/archive/mod.ts";
import { printable } from "../core/bytes/mod.ts";
import { createChunker, largestChunk } from "../core/chunk/mod.ts";
import { ChunksIndex } from "../core/local/mod.ts";
import { monotonicMs } from "../core/platform/mod.ts";
import type { WorkerSpawner } from "../core/object/mod.ts";
import { AppError } from "../core/errors.ts";
import { log } from "../core/report.ts";
import { makeBreath } from "./breath.ts";
import type { CommandContext } from "./context.ts";
import { CREATE_SPEC, type CreateValues } from "./create_options.ts";
import { earlierSize } from "./create_total.ts";
import { aheadOptions, makeSource, neverBackedUp } from "./create_source.ts";
import { printStats } from "./create_stats.ts";
import { hasFilesCache, openFilesCache } from "./files_cache_mode.ts";
import { collectRules } from "./pattern_options.ts";
import { archiveOrigin, resolveTimestamp, showFileStatus } from "./new_archive.ts";
import { ObjectThreads } from "./object_workers.ts";
import { openSession, type Session } from "./session.ts";
import { WalkThread } from "./walk_thread.ts";
import type { Command } from "./spec.ts";
import { usageError } from "./values.ts";

/** A thread is for large trees: each root costs it memory and a turn. */
const MAX_THREAD_ROOTS = 16;

async function run(context: CommandContext, raw: Record<string, unknown>): Promise<void> {
  const values = raw as unknown as CreateValues;
  const rules = collectRules(context, values);
  const paths = [...rules.roots, ...values.paths];
  validate(values, paths);
  const timestampUs = resolveTimestamp(context, values.timestamp);
  showFileStatus(context, values);
  const plainRoots = paths.length > 0 && !paths.some((path) => path === "-" || path.includes("/./"));
  using objectThreads = new ObjectThreads(context);
  using walking: { thread: WalkThread | null } & Disposable = {
    thread: null,
    [Symbol.dispose]() {
      this.thread?.[Symbol.dispose]();
    },
  };
  await using session = await openSession(context, values.location, {
    operations: ["write"],
    exclusive: true,
    needsArchive: true,
    whileOpening: (opening) => {
      const { cacheDir } = opening;
      const { kind } = values.compression;
      if (kind === "lz4" || kind === "none") objectThreads.leaveCoreToSsh(opening.location);
      // Nothing is known of these files, so all of them are going to be read.
      if (cacheDir !== null && !values.dry_run && !hasFilesCache(context, cacheDir)) {
        objectThreads.startEarly();
      }
      if (!plainRoots || paths.length > MAX_THREAD_ROOTS || cacheDir === null) return;
      const skip = neverBackedUp(context, opening);
      const first = aheadOptions(context, { values, rules: rules.rules, root: paths[0]!, skip });
      walking.thread = WalkThread.start(context, values, { cacheDir, first });
    },
    ...(timestampUs === undefined ? {} : { placeholderTimeUs: timestampUs }),
  });
  const { location } = session;
  log(context.reporter, "INFO", `Creating archive at "${location.processed}"`);
  const cache = values.dry_run ? null : openFilesCache(context, session, values.files_cache);
  const walkThread = await walking.thread?.ready ? walking.thread : null;
  const source = makeSource(context, session, { values, paths, rules: rules.rules, cache, walkThread });
  if (values.dry_run) return await dryRun(context, source);

  if (context.reporter.progress) {
    const { hostname } = archiveOrigin(context);
    context.reporter.setArchiveTotal(await earlierSize(session, { argv: context.argv, hostname }));
  }
  const backup = prepare(context, session, { values, source, timestampUs, spawner: objectThreads });
  context.stopCleanly();
  session.expectWrites({ chunks: true });
  try {
    await backup.work.run();
    const { stats } = await backup.writer.save();
    backup.recorder.keep(session.chunkLists(), backup.writer.id!, stats!);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    session.afterCommit();
    throw new AppError("Error", ["Interrupted: what was backed up so far is kept as a checkpoint"]);
  } finally {
    source.close();
    backup.dispose();
  }
  session.afterCommit();
  cache?.save();
  context.reporter.finish();
  if (values.stats || values.quick_stats || values.json) {
    await printStats(context, session, values, backup.writer);
  }
}

function validate(values: CreateValues, paths: readonly string[]): void {
  const sources = [values.content_from_command, values.paths_from_command, values.paths_from_stdin];
  if (sources.filter(Boolean).length > 1) {
    throw usageError(
      "--content-from-command, --paths-from-command and --paths-from-stdin exclude each other",
    );
  }
  if (values.paths_from_stdin) {
    if (paths.length > 0) throw usageError("--paths-from-stdin takes no PATH");
  } else if (paths.length === 0) {
    const what = sources.some(Boolean) ? "no command given" : "nothing to back up: give at least one path";
    throw usageError(what);
  }
}

function prepare(
  context: CommandContext,
  session: Session,
  options: {
    values: CreateValues;
    source: ReturnType<typeof makeSource>;
    timestampUs: number | undefined;
    spawner: WorkerSpawner;
  },
): { writer: ArchiveWriter; recorder: ChunkListRecorder; work: Backup; dispose: () => void } {
  const { values, source, timestampUs, spawner } = options;
  const { store, codec, manifest, location } = session;
  const seen = new ChunksIndex();
  const sink = new ChunkSink(store, codec, seen, {
    compression: values.compression,
    largestChunk: largestChunk(values.chunker_params),
    spawner,
    breathe: makeBreath(),
  });
  const recorder = new ChunkListRecorder(() => new ChunksIndex());
  const writer = new ArchiveWriter({ store, codec, manifest, sink, recorder, nowUs: context.nowUs }, {
    name: location.archive!,
    comment: session.fill(values.comment),
    chunkerParams: values.chunker_params,
    ...archiveOrigin(context),
    ...(timestampUs === undefined ? {} : { timestampUs }),
  });
  const chunker = createChunker(values.chunker_params, codec.chunkSeed);
  const work = new Backup(source, writer, sink, chunker, context.reporter, {
    checkpointIntervalMs: values.checkpoint_interval * 1000,
    nowMs: monotonicMs,
    interrupted: context.interrupted,
    breathe: makeBreath(),
  });
  return {
    writer,
    recorder,
    work,
    dispose: () => {
      recorder.dispose();
      sink.dispose();
      chunker.dispose();
      seen.dispose();
    },
  };
}

async function dryRun(context: CommandContext, source: ReturnType<typeof makeSource>): Promise<void> {
  const tell = (path: string): void =>
    context.reporter.emit({ type: "file_status", status: "-", path: printable(path) });
  for (let entry = source.next(tell); entry !== null; entry = source.next(tell)) {
    if (entry instanceof Promise) await entry;
    else if ("pipe" in entry) tell(entry.item.path);
    else if (entry.inside === undefined) tell(entry.path);
  }
}

export const command: Command = { spec: CREATE_SPEC, run };
