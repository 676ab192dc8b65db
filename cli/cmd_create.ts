/** `create`: a new archive of files and folders. */
import { printable } from "../core/bytes/mod.ts";
import { log } from "../core/report.ts";
import { backUp } from "./backup.ts";
import type { CommandContext } from "./context.ts";
import { CREATE_SPEC, type CreateValues } from "./create_options.ts";
import { earlierSize } from "./create_total.ts";
import { aheadOptions, makeSource, neverBackedUp } from "./create_source.ts";
import { printStats } from "./create_stats.ts";
import { hasFilesCache, openFilesCache } from "./files_cache_mode.ts";
import { collectRules } from "./pattern_options.ts";
import { archiveOrigin, resolveTimestamp, showFileStatus } from "./new_archive.ts";
import { ObjectThreads } from "./object_workers.ts";
import { openSession } from "./session.ts";
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
  let writer;
  try {
    writer = await backUp(context, session, values, {
      source,
      spawner: objectThreads,
      timestampUs,
      done: "backed up",
    });
  } finally {
    source.close();
  }
  cache?.save();
  await printStats(context, session, values, writer);
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
