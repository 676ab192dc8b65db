/** `compact`: gives the space of deleted data back to the file system. */
import { log } from "../core/report.ts";
import type { CommandContext } from "./context.ts";
import { formatSize } from "./format_size.ts";
import { openStore } from "./session.ts";
import { optionalRepository } from "./option_groups.ts";
import type { Command, CommandSpec } from "./spec.ts";
import { parseInteger } from "./values.ts";

interface CompactValues {
  location: string;
  dry_run: boolean;
  cleanup_commits: boolean;
  threshold: number;
}

const spec: CommandSpec = {
  name: "compact",
  summary: "free the space of deleted data",
  description:
    `Frees the space that deleted archives have left behind. Needs no key, so it can run on the server too.

A segment file is rewritten where more than --threshold percent of it is waste.`,
  options: [
    { flags: ["-n", "--dry-run"], name: "dry_run", help: "do nothing" },
    {
      flags: ["--cleanup-commits"],
      name: "cleanup_commits",
      help: "also remove the 17-byte segment files that borg 1.1 left behind",
    },
    {
      flags: ["--threshold"],
      name: "threshold",
      metavar: "PERCENT",
      parse: parseInteger,
      default: 10,
      help: "waste in a segment that makes rewriting worth it (default: 10)",
    },
  ],
  positionals: [optionalRepository("what to compact; without it, the repository in BORG_REPO")],
};

async function run(context: CommandContext, raw: Record<string, unknown>): Promise<void> {
  const values = raw as unknown as CompactValues;
  await using session = await openStore(context, values.location, { exclusive: true, archive: false });
  if (values.dry_run) return;
  const { freedBytes } = await session.store.compact({
    thresholdPercent: values.threshold,
    cleanupCommits: values.cleanup_commits,
  });
  context.reporter.finish();
  if (freedBytes === null) return;
  const freed = formatSize(freedBytes, context.common.iec);
  log(context.reporter, "INFO", `compaction freed about ${freed} repository space.`);
}

export const command: Command = { spec, run };
