/** `prune`: deletes the archives that a retention policy does not keep. */
import {
  type ArchiveInfo,
  CHECKPOINT_SUFFIX,
  isCheckpoint,
  planDelete,
  planPrune,
  PRUNE_RULES,
  type PruneDecision,
  type PrunePolicy,
  type PruneRule,
  runDelete,
} from "../core/archive/mod.ts";
import { globToRegExp } from "../core/fs/mod.ts";
import { log } from "../core/report.ts";
import { archiveLine } from "./archive_line.ts";
import { SELECTION_OPTIONS, type SelectionValues } from "./archive_selection.ts";
import type { CommandContext } from "./context.ts";
import { deletedStats } from "./deleted_stats.ts";
import { formatLocalTime } from "./local_time.ts";
import { DELETION, optionalRepository, SAVE_SPACE } from "./option_groups.ts";
import { outputLine } from "./report_base.ts";
import { openSession, type Session } from "./session.ts";
import type { Command, CommandSpec, OptionSpec } from "./spec.ts";
import { commandError, parseInteger } from "./values.ts";

interface PruneValues extends Pick<SelectionValues, "prefix" | "glob_archives">, Record<PruneRule, number> {
  location: string;
  dry_run: boolean;
  forced: boolean;
  stats: boolean;
  quick_stats: boolean;
  output_list: boolean;
  within: number | undefined;
}

const HOURS: Record<string, number> = { H: 1, d: 24, w: 7 * 24, m: 31 * 24, y: 365 * 24 };

/** Hours of "2d": a whole number above zero and one of H, d, w, m (31 days), y (365 days). */
export function parseInterval(text: string): number {
  const unit = HOURS[text.slice(-1)];
  if (unit === undefined) {
    throw new RangeError(`'${text}' does not end with a unit of time: ${Object.keys(HOURS).join(", ")}`);
  }
  const number = text.slice(0, -1).trim();
  if (!/^\+?\d+(_\d+)*$/.test(number) || Number(number.replaceAll("_", "")) === 0) {
    throw new RangeError(`'${text}' does not begin with a whole number above zero`);
  }
  return Number(number.replaceAll("_", "")) * unit;
}

const keep = (flags: string[], name: PruneRule, help: string, exclusive?: string): OptionSpec => ({
  flags,
  name,
  metavar: "N",
  parse: parseInteger,
  default: 0,
  group: "what to keep",
  help,
  ...(exclusive === undefined ? {} : { exclusive }),
});

const spec: CommandSpec = {
  name: "prune",
  summary: "delete archives that a retention policy does not keep",
  description:
    `Thins out the archives of a repository: keeps those that one of the rules wants, and deletes the others. Without
-a all archives of the repository are looked at, whatever they hold: give -a where several machines or sets of files
share it. Run compact afterwards to get the space back.

--keep-daily 7 keeps the newest archive of each of the 7 newest days that have one; likewise for the other periods.
Rules are applied from the shortest period to the longest, and archives that one keeps do not count for the next. A
negative number keeps all. A rule that finds fewer than it should keep also keeps the oldest archive. --keep-within
2d keeps everything younger than 2 days (H hours, d days, w weeks, m months of 31 days, y years); that does not count
for the others. The time is that of the start of the backup, in the local time zone; weeks begin on Monday.

What interrupted backups left behind (checkpoints) is deleted, unless it is the newest of all.`,
  options: [
    DELETION.dryRun,
    { flags: ["--force"], name: "forced", help: "delete damaged archives too" },
    DELETION.stats,
    DELETION.quickStats,
    { flags: ["--list"], name: "output_list", help: "print the archives that are kept and deleted, and why" },
    {
      flags: ["--keep-within"],
      name: "within",
      metavar: "INTERVAL",
      parse: parseInterval,
      group: "what to keep",
      help: "all that is younger than this, such as 36H, 2d, 4w, 6m, 1y",
    },
    keep(["--keep-last", "--keep-secondly"], "secondly", "the last N archives (of different seconds)"),
    keep(["--keep-minutely"], "minutely", "N archives of different minutes"),
    keep(["-H", "--keep-hourly"], "hourly", "N archives of different hours"),
    keep(["-d", "--keep-daily"], "daily", "N archives of different days"),
    keep(["-w", "--keep-weekly"], "weekly", "N archives of different weeks"),
    keep(["-m", "--keep-monthly"], "monthly", "N archives of different months"),
    keep(
      ["--keep-13weekly"],
      "quarterly_13weekly",
      "N archives of different quarters of 13 weeks",
      "quarters",
    ),
    keep(
      ["--keep-3monthly"],
      "quarterly_3monthly",
      "N archives of different quarters of 3 months",
      "quarters",
    ),
    keep(["-y", "--keep-yearly"], "yearly", "N archives of different years"),
    ...SELECTION_OPTIONS.filter(({ name }) => name === "prefix" || name === "glob_archives"),
    SAVE_SPACE,
    DELETION.checkpointInterval,
  ],
  positionals: [optionalRepository("the repository to prune; without it, the one in BORG_REPO")],
};

async function run(context: CommandContext, raw: Record<string, unknown>): Promise<void> {
  const values = raw as unknown as PruneValues;
  const policy = policyOf(values);
  await using session = await openSession(context, values.location, {
    operations: ["delete"],
    exclusive: true,
    archive: false,
  });
  const decisions = planPrune(chooseArchives(session, values), policy, {
    nowUs: context.nowUs(),
    local: (us) => formatLocalTime(us, "local"),
  });
  tellCounts(context, session, decisions);
  if (values.output_list) listDecisions(context, decisions, values.dry_run);
  if (values.dry_run) {
    if (values.stats || values.quick_stats) {
      log(
        context.reporter,
        "WARNING",
        "Nothing is deleted in a dry run, so there are no statistics to print.",
      );
    }
    return;
  }
  const doomed = decisions.filter((decision) => !decision.keep).map((decision) => decision.info);
  await deleteArchives(context, session, doomed, values);
}

/** Throws CommandError where the options name no rule at all. */
function policyOf(values: PruneValues): PrunePolicy {
  const rules = PRUNE_RULES.filter((rule) => values[rule] !== 0);
  if (values.within === undefined && rules.length === 0) {
    throw commandError("Nothing says what to keep: give at least one of the --keep-… options");
  }
  return {
    keep: Object.fromEntries(rules.map((rule) => [rule, values[rule]])),
    ...(values.within === undefined ? {} : { withinHours: values.within }),
  };
}

/** In the order of the manifest. A glob that matches a backup's name matches those of its checkpoints too. */
function chooseArchives(session: Session, values: PruneValues): ArchiveInfo[] {
  const archives = [...session.manifest.archives.values()];
  const glob = values.prefix === undefined ? values.glob_archives : `${values.prefix}*`;
  if (glob === undefined || glob === "") return archives;
  const pattern = globToRegExp(session.fill(glob), "sh", { suffix: `(?:${CHECKPOINT_SUFFIX})?` });
  return archives.filter((info) => pattern.test(info.name));
}

function tellCounts(context: CommandContext, session: Session, decisions: readonly PruneDecision[]): void {
  const count = (of: readonly boolean[]): string => {
    const checkpoints = of.filter((checkpoint) => checkpoint).length;
    return `${of.length - checkpoints} archives and ${checkpoints} checkpoints`;
  };
  const say = (message: string): void => log(context.reporter, "INFO", message);
  say(`In the repository: ${count([...session.manifest.archives.keys()].map(isCheckpoint))}.`);
  say(`Matching: ${count(decisions.map((decision) => decision.checkpoint))}.`);
  const [kept, doomed] = [true, false].map((keep) =>
    count(decisions.filter((decision) => decision.keep === keep).map((decision) => decision.checkpoint))
  );
  say(`To keep: ${kept}; to prune: ${doomed}.`);
}

function listDecisions(
  context: CommandContext,
  decisions: readonly PruneDecision[],
  dryRun: boolean,
): void {
  const total = decisions.filter((decision) => !decision.keep).length;
  let pruned = 0;
  for (const { info, keep, rule, ordinal } of decisions) {
    let verb = rule === null ? "Keeping checkpoint archive:" : `Keeping archive (rule: ${rule} #${ordinal}):`;
    if (!keep) verb = dryRun ? "Would prune:" : `Pruning archive (${++pruned}/${total}):`;
    outputLine(context.reporter, "list", `${verb.padEnd(44)} ${archiveLine(info)}`);
  }
}

async function deleteArchives(
  context: CommandContext,
  session: Session,
  doomed: readonly ArchiveInfo[],
  values: PruneValues,
): Promise<void> {
  const stats = values.stats || values.quick_stats;
  if (doomed.length === 0 && !stats) return;
  if (doomed.length > 0) session.expectWrites();
  const lists = { ...session.chunkLists(), store: session.store };
  const plan = await planDelete(lists, doomed, {
    ...(values.forced
      ? {
        onDamaged: (info, error) =>
          log(
            context.reporter,
            "WARNING",
            `Archive ${info.name} is damaged (${error.message}), some of it may stay behind`,
          ),
      }
      : {}),
  });
  if (doomed.length > 0) {
    await runDelete(lists, plan, {
      nowUs: context.nowUs(),
      onProgress: makeProgress(context, doomed.length),
    });
    context.reporter.emit({ type: "progress_percent", operation: 1, msgid: "prune", finished: true });
    session.afterCommit();
  }
  if (stats) {
    const lines = await deletedStats(session, plan, { quick: !values.stats, iec: context.common.iec });
    for (const line of lines) outputLine(context.reporter, "stats", line);
  }
  plan.remaining.dispose();
}

/** Progress in archives, as borg counts, from progress in chunks: all archives are deleted together. */
function makeProgress(context: CommandContext, archives: number) {
  let next = 0;
  return (done: number, total: number): void => {
    const percent = 100 * done / total;
    if (percent >= next) {
      next = 5 * Math.floor(percent / 5) + 5;
      context.reporter.emit({
        type: "progress_percent",
        operation: 1,
        msgid: "prune",
        finished: false,
        current: Math.min(archives, Math.floor(archives * done / total) + 1),
        total: archives,
        message: `Pruning archives ${percent.toFixed(0).padStart(3)}%`,
      });
    }
  };
}

export const command: Command = { spec, run };
