/** `delete`: archives, or a whole repository. */
import { type ArchiveInfo, planDelete, runDelete } from "../core/archive/mod.ts";
import { encodeHex, printable } from "../core/bytes/mod.ts";
import { AppError, UsageError } from "../core/errors.ts";
import { log } from "../core/report.ts";
import { archiveLine } from "./archive_line.ts";
import {
  hasSelection,
  selectArchives,
  SELECTION_OPTIONS,
  type SelectionValues,
} from "./archive_selection.ts";
import type { CommandContext } from "./context.ts";
import { canonicalPath } from "./location.ts";
import { deletedStats } from "./deleted_stats.ts";
import { askYes } from "./prompt.ts";
import { DASHES } from "./repo_stats.ts";
import { DELETION, optionalRepository, SAVE_SPACE } from "./option_groups.ts";
import { outputLine } from "./report_base.ts";
import { openSession, openStore, type Session, type StoreSession } from "./session.ts";
import { resolveLocation } from "./session_store.ts";
import type { Command, CommandSpec } from "./spec.ts";
import { commandError } from "./values.ts";

interface DeleteValues extends SelectionValues {
  location: string;
  archives: string[];
  dry_run: boolean;
  output_list: boolean;
  stats: boolean;
  quick_stats: boolean;
  cache_only: boolean;
  forced: number;
  keep_security_info: boolean;
  save_space: boolean;
}

const spec: CommandSpec = {
  name: "delete",
  summary: "delete archives, or a whole repository",
  description:
    `Deletes the archives that are named or chosen; what other archives need stays. Run compact afterwards to get
the space back. With only a repository, deletes all of it, after a question.`,
  options: [
    DELETION.dryRun,
    { flags: ["--list"], name: "output_list", help: "print the archives that are deleted" },
    DELETION.stats,
    DELETION.quickStats,
    {
      flags: ["--cache-only"],
      name: "cache_only",
      help: "delete only what this machine has cached of the repository",
    },
    {
      flags: ["--force"],
      name: "forced",
      repeat: "count",
      help: "delete damaged archives too; given twice, only take them off the list",
    },
    {
      flags: ["--keep-security-info"],
      name: "keep_security_info",
      help: "keep what this machine remembers of a repository that is deleted",
    },
    SAVE_SPACE,
    DELETION.checkpointInterval,
    ...SELECTION_OPTIONS,
  ],
  positionals: [
    optionalRepository("what to delete; without it, the repository in BORG_REPO", "REPOSITORY_OR_ARCHIVE"),
    { name: "archives", metavar: "ARCHIVE", count: "*", help: "further archives of that repository" },
  ],
};

async function run(context: CommandContext, raw: Record<string, unknown>): Promise<void> {
  const values = raw as unknown as DeleteValues;
  const { archive } = resolveLocation(context, values.location, {});
  const named = values.archives.length > 0 || archive !== undefined;
  const chosen = hasSelection(values);
  if (!named && !chosen) {
    await using session = await openStore(context, values.location, { exclusive: true });
    return await deleteRepository(context, session, values);
  }
  await using session = await openSession(context, values.location, {
    operations: ["delete"],
    exclusive: true,
  });
  if (named && chosen) throw commandError("Name the archives or choose them by filters, not both");
  await deleteArchives(context, session, values);
}

function chooseArchives(context: CommandContext, session: Session, values: DeleteValues): ArchiveInfo[] {
  const { manifest, location } = session;
  if (location.archive === undefined && values.archives.length === 0) {
    return selectArchives(manifest, values, { checkpoints: true, fill: session.fill });
  }
  const names = [...(location.archive === undefined ? [] : [location.archive]), ...values.archives];
  const found: ArchiveInfo[] = [];
  for (const [i, name] of names.entries()) {
    const info = manifest.archives.get(name);
    if (info) found.push(info);
    else {
      context.reporter.countWarning();
      log(context.reporter, "WARNING", `Archive ${printable(name)} not found (${i + 1}/${names.length}).`);
    }
  }
  return [...new Set(found)];
}

async function deleteArchives(
  context: CommandContext,
  session: Session,
  values: DeleteValues,
): Promise<void> {
  const archives = chooseArchives(context, session, values);
  if (values.output_list) {
    for (const [i, info] of archives.entries()) {
      const verb = values.dry_run ? "Would delete archive:" : "Deleting archive:";
      outputLine(context.reporter, "list", `${verb} ${archiveLine(info)} (${i + 1}/${archives.length})`);
    }
  }
  if (values.dry_run || archives.length === 0) return;
  session.expectWrites();
  if (values.forced >= 2) return await forget(context, session, archives);
  const lists = { ...session.chunkLists(), store: session.store };
  const plan = await planDelete(lists, archives, {
    ...(values.forced ? { onDamaged: (info, error) => damaged(context, info, error) } : {}),
  });
  await runDelete(lists, plan, {
    nowUs: context.nowUs(),
    onProgress: (done, total) => progress(context, done, total),
  });
  context.reporter.emit({ type: "progress_percent", operation: 1, msgid: "archive.delete", finished: true });
  context.reporter.finish();
  session.afterCommit();
  if (values.stats || values.quick_stats) {
    const { iec } = context.common;
    const lines = await deletedStats(session, plan, { quick: values.quick_stats, iec });
    for (const line of lines) outputLine(context.reporter, "stats", line);
  }
  plan.remaining.dispose();
}

function damaged(context: CommandContext, info: ArchiveInfo, error: AppError): void {
  log(
    context.reporter,
    "WARNING",
    `Archive ${info.name} is damaged (${error.message}), some of it may stay behind`,
  );
}

function progress(context: CommandContext, done: number, total: number): void {
  if (!context.reporter.progress) return;
  context.reporter.emit({
    type: "progress_percent",
    operation: 1,
    msgid: "archive.delete",
    finished: false,
    current: done,
    total,
    message: `Deleting ${(100 * done / Math.max(1, total)).toFixed(0).padStart(3)}%`,
  });
}

/** Takes archives off the list without looking at what they hold. */
async function forget(
  context: CommandContext,
  session: Session,
  archives: readonly ArchiveInfo[],
): Promise<void> {
  for (const info of archives) session.manifest.archives.delete(info.name);
  await session.manifest.write(session.store, context.nowUs());
  await session.store.commit();
  session.afterCommit();
  log(context.reporter, "WARNING", 'Done. Run "check --repair" to free what the archives held.');
}

async function deleteRepository(
  context: CommandContext,
  session: StoreSession,
  values: DeleteValues,
): Promise<void> {
  if (values.cache_only) return values.dry_run ? undefined : session.wipeCache();
  if (!values.forced) await confirmDelete(context, session, values);
  if (values.dry_run) return log(context.reporter, "INFO", "Would delete the repository.");
  await session.store.destroy();
  if (!values.keep_security_info) session.wipeSecurity();
  session.wipeCache();
  log(context.reporter, "INFO", "Repository deleted.");
}

async function confirmDelete(
  context: CommandContext,
  session: StoreSession,
  values: DeleteValues,
): Promise<void> {
  let archives: ArchiveInfo[] | null = null;
  try {
    archives = [...(await session.openManifest([])).archives.values()];
  } catch (error) {
    if (!(error instanceof AppError && error.code === "NoManifestError")) throw error;
  }
  const count = archives === null ? "all archives it may hold" : `the ${archives.length} archives in it`;
  const lines = [
    `You are about to DELETE this repository, with ${count}:`,
    DASHES,
    `Repository ID: ${encodeHex(session.store.id)}`,
    `Location: ${canonicalPath(session.location)}`,
    ...(values.output_list && archives ? ["", "Archives:", ...archives.map(archiveLine)] : []),
    DASHES,
    "Type 'YES' if you understand this and want to go on: ",
  ];
  const yes = askYes(context, {
    variable: "BORG_DELETE_I_KNOW_WHAT_I_AM_DOING",
    message: lines.join("\n"),
    only: "YES",
  });
  if (!yes) throw new UsageError("CancelledByUser");
}

export const command: Command = { spec, run };
