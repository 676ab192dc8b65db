/** The options of `recreate`, and what they parse to. */
import { type ChunkerParams, parseChunkerParams } from "../core/chunk/mod.ts";
import type { Compression } from "../core/object/mod.ts";
import { ARCHIVE, optionalRepository, TAGGED_FOLDERS, TELLING } from "./option_groups.ts";
import { PATTERN_OPTIONS, type PatternValues } from "./pattern_options.ts";
import type { CommandSpec } from "./spec.ts";
import { parsePath } from "./values.ts";

export interface RecreateValues extends PatternValues {
  location: string;
  paths: string[];
  dry_run: boolean;
  stats: boolean;
  output_list: boolean;
  output_filter: string | undefined;
  exclude_caches: boolean;
  exclude_if_present: string[];
  keep_exclude_tags: boolean;
  target: string | undefined;
  comment: string | undefined;
  timestamp: string | undefined;
  checkpoint_interval: number;
  compression: Compression;
  recompress: "never" | "if-different" | "always";
  chunker_params: ChunkerParams | undefined;
}

export const RECREATE_SPEC: CommandSpec = {
  name: "recreate",
  summary: "make archives anew: leave files out, cut or compress in another way",
  description:
    `Makes an archive, or with only a repository all of them, anew: without the files that patterns leave out, with files cut
in another way (--chunker-params), or compressed in another way (--recompress with -C). The new archive takes the place of
the old one when it is complete; with --target it gets a name of its own and the old one stays. What nothing refers to
any more is deleted; run compact afterwards to get the space back.

Chunks that are compressed anew are shared: other archives that have them keep saying what they took before.`,
  options: [
    TELLING.list,
    TELLING.filter,
    {
      flags: ["-n", "--dry-run"],
      name: "dry_run",
      help: "show what would stay (-) and go (x), but change nothing",
    },
    TELLING.stats,
    ...PATTERN_OPTIONS,
    ...TAGGED_FOLDERS,
    {
      flags: ["--target"],
      name: "target",
      metavar: "TARGET",
      group: "archive",
      help: "name of the new archive; the old one stays (only with one archive)",
    },
    ARCHIVE.checkpointInterval,
    {
      flags: ["--comment"],
      name: "comment",
      metavar: "COMMENT",
      group: "archive",
      help: "a remark to keep with the archive instead of its old one",
    },
    ARCHIVE.timestamp,
    ARCHIVE.compression,
    {
      flags: ["--recompress"],
      name: "recompress",
      metavar: "MODE",
      optional: "if-different",
      choices: ["never", "if-different", "always"],
      default: "never",
      group: "archive",
      help:
        "compress by --compression what is compressed by another algorithm (if-different, also meant without a MODE), " +
        "or everything (always), or nothing (never, the default)",
    },
    {
      flags: ["--chunker-params"],
      name: "chunker_params",
      metavar: "PARAMS",
      once: true,
      parse: parseChunkerParams,
      group: "archive",
      help: "cut files anew in this way, where they were cut in another (default: they stay as they are)",
    },
  ],
  positionals: [
    optionalRepository("what to make anew; without it, the repository in BORG_REPO", "REPOSITORY_OR_ARCHIVE"),
    {
      name: "paths",
      metavar: "PATH",
      count: "*",
      parse: parsePath,
      help: "keep only these; patterns are understood",
    },
  ],
};
