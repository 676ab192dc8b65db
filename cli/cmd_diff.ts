/** `diff`: what is different between two archives of a repository. */
import { type Archive, ArchiveDiff, type PathDiff } from "../core/archive/mod.ts";
import type { ChunkerParams } from "../core/chunk/mod.ts";
import { printable } from "../core/bytes/mod.ts";
import { log } from "../core/report.ts";
import { isArchiveName } from "./archive_name.ts";
import { makeBreath } from "./breath.ts";
import type { CommandContext } from "./context.ts";
import { diffJson, diffText, parseSortFields, sortDiffs } from "./diff_output.ts";
import { LineBuffer } from "./line_buffer.ts";
import { NUMERIC_OWNER } from "./option_groups.ts";
import { buildMatcher, PATHS_POSITIONAL, PATTERN_OPTIONS, type PatternValues } from "./pattern_options.ts";
import { openSession } from "./session.ts";
import type { Command, CommandSpec } from "./spec.ts";
import { usageError } from "./values.ts";

interface DiffValues extends PatternValues {
  location: string;
  archive2: string;
  paths: string[];
  numeric_ids: boolean;
  same_chunker_params: boolean;
  sort: boolean;
  sort_by: string[] | undefined;
  content_only: boolean;
  json_lines: boolean;
}

const spec: CommandSpec = {
  name: "diff",
  summary: "show what is different between two archives",
  description:
    `Shows each path that is in one of two archives only, or is different in them: contents (bytes of chunks added and
removed), links, owners, modes and times.

Where both archives were made with the same chunker parameters nothing but lists of files is read. Else files of the same
size are compared byte by byte.

Fields for --sort-by: path size size_diff size_added size_removed user group uid gid ctime mtime ctime_diff mtime_diff;
> before a field turns its order around.`,
  options: [
    {
      flags: ["--numeric-ids"],
      name: "numeric_ids",
      help: "accepted for compatibility: owners are compared by name, as borg does with this option, too",
    },
    NUMERIC_OWNER,
    {
      flags: ["--same-chunker-params"],
      name: "same_chunker_params",
      help: "believe that both archives were made with the same chunker parameters",
    },
    {
      flags: ["--sort"],
      name: "sort",
      help: "sort by path (deprecated, use --sort-by path)",
      deprecated: "use --sort-by path",
    },
    {
      flags: ["--sort-by"],
      name: "sort_by",
      metavar: "FIELDS",
      once: true,
      parse: parseSortFields,
      help: "sort by these, separated by commas",
    },
    {
      flags: ["--content-only"],
      name: "content_only",
      help: "compare contents only, not owners, modes and times",
    },
    { flags: ["--json-lines"], name: "json_lines", help: "print each path as one line of JSON" },
    ...PATTERN_OPTIONS,
  ],
  positionals: [
    { name: "location", metavar: "REPOSITORY::ARCHIVE1", help: "the older archive" },
    { name: "archive2", metavar: "ARCHIVE2", help: "the newer one, in the same repository" },
    PATHS_POSITIONAL,
  ],
};

async function run(context: CommandContext, raw: Record<string, unknown>): Promise<void> {
  const values = raw as unknown as DiffValues;
  await using session = await openSession(context, values.location, {
    operations: ["read"],
    needsArchive: true,
  });
  const secondName = session.fill(values.archive2);
  if (!isArchiveName(secondName)) {
    throw usageError(`Not the name of an archive: '${values.archive2}'`);
  }
  const { archives } = session.manifest;
  const infos = [session.location.archive!, secondName].map((name) => archives.get(name));
  if (infos.every((info) => info !== undefined)) session.store.preload?.(infos.map(({ id }) => id));
  const from = await session.openArchive(session.location.archive!);
  const to = await session.openArchive(secondName);
  const matcher = buildMatcher(context, values, values.paths);
  const all = values.paths.length === 0 && matcher.empty;
  const diff = new ArchiveDiff(from, to, {
    sameChunks: values.same_chunker_params || chunkedAlike(context, from, to),
    contentOnly: values.content_only,
    parts: context.common.consider_part_files,
    breathe: makeBreath(),
    onLostLink: (path, source) => {
      context.reporter.countWarning();
      const what = `${printable(path)}: its first name ${printable(source)} is not there, it is not compared`;
      log(context.reporter, "WARNING", what);
    },
    ...(all ? {} : { select: (path: string) => matcher.match(path) === "include" }),
  });
  await print(context, values, diff.run());
  for (const pattern of matcher.unmatched()) {
    context.reporter.warn(
      "IncludePatternNeverMatchedWarning",
      pattern,
      "nothing in the archives matches this path",
    );
  }
}

async function print(
  context: CommandContext,
  values: DiffValues,
  diffs: AsyncIterable<PathDiff>,
): Promise<void> {
  const out = new LineBuffer(context.printBytes);
  const line = values.json_lines ? diffJson : diffText;
  const fields = values.sort_by ?? (values.sort ? ["path"] : []);
  const found: PathDiff[] = [];
  for await (const diff of diffs) {
    if (fields.length > 0) found.push(diff);
    else {
      out.text(line(diff));
      out.lineDone();
    }
  }
  sortDiffs(found, fields);
  for (const diff of found) {
    out.text(line(diff));
    out.lineDone();
  }
  out.flush();
}

/** Whether equal contents are equal chunks in both archives; a warning where they need not be. */
function chunkedAlike(context: CommandContext, from: Archive, to: Archive): boolean {
  const [a, b] = [from.meta.chunkerParams, to.meta.chunkerParams];
  if (a === undefined || b === undefined) {
    log(
      context.reporter,
      "WARNING",
      "The archives may have different chunker parameters: contents are compared, which is slow. " +
        "If you know that they are the same, use --same-chunker-params.",
    );
    return false;
  }
  if (sameParams(a, b)) return true;
  log(
    context.reporter,
    "WARNING",
    "The archives have different chunker parameters: contents are compared, which is slow.",
  );
  return false;
}

function sameParams(a: ChunkerParams, b: ChunkerParams): boolean {
  const text = (params: ChunkerParams): string => JSON.stringify(Object.entries(params).sort());
  return text(a) === text(b);
}

export const command: Command = { spec, run };
