/** `check`: is the repository whole, and are the archives in it? */
import { ArchiveCheck, type Manifest } from "../core/archive/mod.ts";
import { ChunksIndex } from "../core/local/mod.ts";
import { UsageError } from "../core/errors.ts";
import { log } from "../core/report.ts";
import {
  hasSelection,
  selectArchives,
  SELECTION_OPTIONS,
  type SelectionValues,
} from "./archive_selection.ts";
import { makeBreath } from "./breath.ts";
import type { CommandContext } from "./context.ts";
import { ObjectThreads } from "./object_workers.ts";
import { askYes } from "./prompt.ts";
import { optionalRepository, SAVE_SPACE } from "./option_groups.ts";
import { openStore, type StoreSession } from "./session.ts";
import type { Command, CommandSpec } from "./spec.ts";
import { commandError, parseInteger } from "./values.ts";

interface CheckValues extends SelectionValues {
  location: string;
  repo_only: boolean;
  archives_only: boolean;
  verify_data: boolean;
  repair: boolean;
  save_space: boolean;
  max_duration: number;
}

const spec: CommandSpec = {
  name: "check",
  summary: "verify a repository and its archives",
  description:
    `Verifies the repository (checksums of all that is stored, and the index), then the archives: that each is
authentic and that everything it refers to is there. --verify-data also fetches, decrypts and verifies every object.

--repair mends what can be mended; what is beyond that it removes. Make a copy of the repository first.`,
  options: [
    { flags: ["--repository-only"], name: "repo_only", help: "verify the repository only" },
    { flags: ["--archives-only"], name: "archives_only", help: "verify the archives only" },
    { flags: ["--verify-data"], name: "verify_data", help: "verify the contents of every object too" },
    { flags: ["--repair"], name: "repair", help: "try to repair what is found" },
    SAVE_SPACE,
    {
      flags: ["--max-duration"],
      name: "max_duration",
      metavar: "SECONDS",
      parse: parseInteger,
      default: 0,
      help: "verify a part of the repository in this time; the next run goes on from there",
    },
    ...SELECTION_OPTIONS,
  ],
  positionals: [
    optionalRepository("what to verify; without it, the repository in BORG_REPO", "REPOSITORY_OR_ARCHIVE"),
  ],
};

function validate(values: CheckValues): void {
  if (values.repo_only && (values.verify_data || hasSelection(values))) {
    throw commandError("--repository-only cannot go with --verify-data or a choice of archives");
  }
  if (values.repair && values.max_duration) throw commandError("--repair cannot go with --max-duration");
  if (values.max_duration && !values.repo_only) throw commandError("--max-duration needs --repository-only");
}

async function run(context: CommandContext, raw: Record<string, unknown>): Promise<void> {
  const values = raw as unknown as CheckValues;
  validate(values);
  if (values.repair) confirmRepair(context);
  await using session = await openStore(context, values.location, { exclusive: true });
  using spawner = new ObjectThreads(context);
  if (values.verify_data) spawner.startEarly();
  if (!values.archives_only) {
    const { ok } = await session.store.check({
      repair: values.repair,
      saveSpace: values.save_space,
      maxDurationSeconds: values.max_duration,
    });
    if (!ok) return context.reporter.countWarning();
  }
  if (!values.repo_only && !await checkArchives(context, session, values, spawner)) {
    context.reporter.countWarning();
  }
}

function confirmRepair(context: CommandContext): void {
  const yes = askYes(context, {
    variable: "BORG_CHECK_I_KNOW_WHAT_I_AM_DOING",
    message: `check --repair changes the repository. What it cannot mend is lost for good.
Type 'YES' if you understand this and want to go on: `,
    only: "YES",
  });
  if (!yes) throw new UsageError("CancelledByUser");
}

async function checkArchives(
  context: CommandContext,
  session: StoreSession,
  values: CheckValues,
  spawner: ObjectThreads,
): Promise<boolean> {
  const { archive } = session.location;
  if (await session.store.count() === 0) {
    // Without an object there is none that tells how it is encrypted, either.
    log(context.reporter, "ERROR", "The repository contains no data at all, the check cannot go on");
    return false;
  }
  const codec = await session.openCodec({ anyObject: true });
  let missing = false;
  const choose = (manifest: Manifest) => {
    if (archive === undefined) {
      return selectArchives(manifest, values, { checkpoints: true, fill: session.fill });
    }
    const info = manifest.archives.get(archive);
    if (!info) {
      log(context.reporter, "ERROR", `Archive '${archive}' not found.`);
      missing = true;
    }
    return info ? [info] : [];
  };
  const check = new ArchiveCheck({
    store: session.store,
    codec,
    reporter: context.reporter,
    newIndex: (capacity) => ChunksIndex.withCapacity(capacity),
    nowUs: context.nowUs,
    breathe: makeBreath(),
    spawner,
  }, {
    repair: values.repair,
    verifyData: values.verify_data,
    select: archive !== undefined || hasSelection(values) ? choose : null,
  });
  return await check.run() && !missing;
}

export const command: Command = { spec, run };
