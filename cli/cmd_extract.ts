/** `extract`: files of an archive into the current folder, or their contents to standard output. */
import { Extraction, extractionSize, type Item } from "../core/archive/mod.ts";
import { printable } from "../core/bytes/mod.ts";
import type { CommandContext } from "./context.ts";
import { makeTarget } from "./extract_target.ts";
import { ObjectThreads } from "./object_workers.ts";
import { NOBSDFLAGS, NUMERIC_OWNER, STRIP_COMPONENTS } from "./option_groups.ts";
import { buildMatcher, PATHS_POSITIONAL, PATTERN_OPTIONS, type PatternValues } from "./pattern_options.ts";
import { outputLine } from "./report_base.ts";
import { openSession } from "./session.ts";
import type { Command, CommandSpec } from "./spec.ts";

interface ExtractValues extends PatternValues {
  location: string;
  paths: string[];
  output_list: boolean;
  dry_run: boolean;
  numeric_ids: boolean;
  stdout: boolean;
  sparse: boolean;
  continue_extraction: boolean;
  noflags: boolean;
  noacls: boolean;
  noxattrs: boolean;
  strip_components: number;
}

const spec: CommandSpec = {
  name: "extract",
  summary: "restore files of an archive",
  description:
    `Restores an archive, or what PATH names in it, below the current folder: contents, owners, modes, times,
extended attributes, access control lists and file flags.

Existing files of the same name are replaced. Nothing is ever written outside of the current folder. Restoring owners
and most flags takes root.`,
  options: [
    { flags: ["--list"], name: "output_list", help: "print the path of each file" },
    { flags: ["-n", "--dry-run"], name: "dry_run", help: "fetch and verify everything, but write nothing" },
    { flags: ["--numeric-ids"], name: "numeric_ids", help: "restore owners by number, not by name" },
    NUMERIC_OWNER,
    {
      flags: ["--noflags"],
      name: "noflags",
      help: "do not set file flags (nodump, immutable, append only, …)",
    },
    NOBSDFLAGS,
    { flags: ["--noacls"], name: "noacls", help: "do not set access control lists" },
    { flags: ["--noxattrs"], name: "noxattrs", help: "do not set extended attributes" },
    { flags: ["--stdout"], name: "stdout", help: "write all contents to standard output" },
    { flags: ["--sparse"], name: "sparse", help: "make holes of stretches that are all zero" },
    {
      flags: ["--continue"],
      name: "continue_extraction",
      exact: true,
      help: "go on with an extraction that was interrupted: leave files alone that are complete",
    },
    ...PATTERN_OPTIONS,
    STRIP_COMPONENTS,
  ],
  positionals: [
    { name: "location", metavar: "ARCHIVE", help: "what to extract" },
    PATHS_POSITIONAL,
  ],
};

async function run(context: CommandContext, raw: Record<string, unknown>): Promise<void> {
  const values = raw as unknown as ExtractValues;
  const { reporter } = context;
  using spawner = new ObjectThreads(context);
  await using session = await openSession(context, values.location, {
    operations: ["read"],
    needsArchive: true,
    whileOpening: ({ location }) => {
      spawner.leaveCoreToSsh(location);
      // A whole archive is worth threads; of a few files nobody knows.
      if (values.paths.length === 0) spawner.startEarly();
    },
  });
  const archive = await session.openArchive(session.location.archive!);
  const matcher = buildMatcher(context, values, values.paths);
  const select = (item: Item): boolean => matcher.match(item.path) === "include";
  const writes = !values.dry_run && !values.stdout;
  const extraction = new Extraction(archive, writes ? makeTarget(context, values) : null, reporter, {
    select,
    stripComponents: values.strip_components,
    dryRun: values.dry_run,
    parts: context.common.consider_part_files,
    spawner,
    ...(values.stdout && !values.dry_run ? { stdout: (data: Uint8Array) => context.printData(data) } : {}),
    ...(values.output_list
      ? {
        list: (path: string) => outputLine(reporter, "list", printable(path)),
      }
      : {}),
    ...(reporter.progress ? { totalBytes: await extractionSize(archive, select) } : {}),
  });
  await extraction.run();
  for (const pattern of matcher.unmatched()) {
    reporter.warn("IncludePatternNeverMatchedWarning", pattern, "nothing in the archive matches this path");
  }
}

export const command: Command = { spec, run };
