/** `export-tar`: the contents of an archive as a tar file. */
import { extractionSize, type Item, TarExport } from "../core/archive/mod.ts";
import { printable } from "../core/bytes/mod.ts";
import { makeBreath } from "./breath.ts";
import type { CommandContext } from "./context.ts";
import { ObjectThreads } from "./object_workers.ts";
import { STRIP_COMPONENTS } from "./option_groups.ts";
import { buildMatcher, PATHS_POSITIONAL, PATTERN_OPTIONS, type PatternValues } from "./pattern_options.ts";
import { outputLine } from "./report_base.ts";
import { openSession } from "./session.ts";
import type { Command, CommandSpec } from "./spec.ts";
import { openTarOutput, tarFilter } from "./tar_stream.ts";

interface ExportValues extends PatternValues {
  location: string;
  tarfile: string;
  paths: string[];
  tar_filter: string;
  output_list: boolean;
  strip_components: number;
}

const spec: CommandSpec = {
  name: "export-tar",
  summary: "write an archive as a tar file",
  description:
    `Writes an archive, or what PATH names in it, as a tar file in the GNU format; "-" is standard output.

A FILE that ends with .tar.gz or .tgz, .tar.bz2 or .tbz, .tar.xz or .txz, .tar.zst or .tar.zstd, or .tar.lz4 is
compressed by the program of that name. Another program can be named with --tar-filter: it reads the tar stream from its
standard input and writes to its standard output.

Tar files have no place for extended attributes, access control lists, file flags, and times but that of the last change of
contents, in whole seconds.`,
  options: [
    {
      flags: ["--tar-filter"],
      name: "tar_filter",
      metavar: "PROGRAM",
      default: "auto",
      help: "pipe the stream through this program (default: auto, by the name of FILE)",
    },
    { flags: ["--list"], name: "output_list", help: "print the path of each file" },
    ...PATTERN_OPTIONS,
    STRIP_COMPONENTS,
  ],
  positionals: [
    { name: "location", metavar: "ARCHIVE", help: "what to export" },
    { name: "tarfile", metavar: "FILE", help: 'the tar file to write; "-" for standard output' },
    PATHS_POSITIONAL,
  ],
};

async function run(context: CommandContext, raw: Record<string, unknown>): Promise<void> {
  const values = raw as unknown as ExportValues;
  const { reporter } = context;
  await using session = await openSession(context, values.location, {
    operations: ["read"],
    needsArchive: true,
  });
  const archive = await session.openArchive(session.location.archive!);
  const matcher = buildMatcher(context, values, values.paths);
  const select = (item: Item): boolean => matcher.match(item.path) === "include";
  const totalBytes = reporter.progress ? await extractionSize(archive, select) : 0;
  const output = openTarOutput(
    context,
    values.tarfile,
    tarFilter(values.tar_filter, values.tarfile, "write"),
  );
  const list = (path: string): void => outputLine(reporter, "list", printable(path));
  try {
    const work = new TarExport(archive, reporter, {
      stripComponents: Math.max(0, values.strip_components),
      parts: context.common.consider_part_files,
      write: output.write,
      breathe: makeBreath(),
      spawner: new ObjectThreads(context),
      ...(matcher.empty && values.paths.length === 0 ? {} : { select }),
      ...(values.output_list ? { list } : {}),
      ...(reporter.progress ? { totalBytes } : {}),
    });
    await work.run();
    await output.end();
  } catch (error) {
    output.abort();
    throw error;
  }
  for (const pattern of matcher.unmatched()) {
    reporter.warn("IncludePatternNeverMatchedWarning", pattern, "nothing in the archive matches this path");
  }
}

export const command: Command = { spec, run };
