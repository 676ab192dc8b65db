/** Options, and the first positional, that several commands have. */
import { DEFAULT_CHUNKER_PARAMS, parseChunkerParams } from "../core/chunk/mod.ts";
import { parseCompression } from "../core/object/mod.ts";
import type { OptionSpec, PositionalSpec } from "./spec.ts";
import { parseInteger } from "./values.ts";

const CHECKPOINT_INTERVAL = {
  flags: ["-c", "--checkpoint-interval"],
  name: "checkpoint_interval",
  metavar: "SECONDS",
  parse: parseInteger,
  default: 1800,
} as const;

/** Of commands that make archives: what they tell. */
export const TELLING = {
  stats: { flags: ["-s", "--stats"], name: "stats", help: "print statistics at the end" },
  quickStats: {
    flags: ["--quick-stats"],
    name: "quick_stats",
    help: "print statistics of the new archive only",
  },
  list: { flags: ["--list"], name: "output_list", help: "print each file with its status letter" },
  filter: {
    flags: ["--filter"],
    name: "output_filter",
    metavar: "LETTERS",
    once: true,
    help: "with --list, print only files with one of these status letters",
  },
  json: { flags: ["--json"], name: "json", help: "print statistics as JSON" },
} as const satisfies Record<string, OptionSpec>;

/** Of commands that make archives: folders that mark themselves as not worth it. */
export const TAGGED_FOLDERS: readonly OptionSpec[] = [
  {
    flags: ["--exclude-caches"],
    name: "exclude_caches",
    group: "include and exclude",
    help: "leave out folders that hold a CACHEDIR.TAG file",
  },
  {
    flags: ["--exclude-if-present"],
    name: "exclude_if_present",
    metavar: "NAME",
    repeat: "append",
    group: "include and exclude",
    help: "leave out folders that hold something of this name",
  },
  {
    flags: ["--keep-exclude-tags"],
    name: "keep_exclude_tags",
    group: "include and exclude",
    help: "of folders left out by the two options above, keep the folder and the mark",
  },
];

/** Of commands that make archives: the archive itself. */
export const ARCHIVE = {
  comment: {
    flags: ["--comment"],
    name: "comment",
    metavar: "COMMENT",
    default: "",
    group: "archive",
    help: "a remark to keep with the archive; placeholders are understood",
  },
  timestamp: {
    flags: ["--timestamp"],
    name: "timestamp",
    metavar: "TIMESTAMP",
    group: "archive",
    help: "date and time of the archive (UTC, yyyy-mm-ddThh:mm:ss), or a file whose time to take",
  },
  checkpointInterval: {
    ...CHECKPOINT_INTERVAL,
    group: "archive",
    help: "save what there is every so often (default: 1800)",
  },
  chunkerParams: {
    flags: ["--chunker-params"],
    name: "chunker_params",
    metavar: "PARAMS",
    parse: parseChunkerParams,
    once: true,
    default: DEFAULT_CHUNKER_PARAMS,
    group: "archive",
    help: "how to cut files: ALGORITHM,MIN_EXP,MAX_EXP,MASK_BITS,WINDOW (default: buzhash,19,23,21,4095)",
  },
  compression: {
    flags: ["-C", "--compression"],
    name: "compression",
    metavar: "COMPRESSION",
    parse: parseCompression,
    default: parseCompression("lz4"),
    group: "archive",
    help: "none, lz4, zstd[,1-22], zlib[,0-9], lzma[,0-9], auto,…, obfuscate,… (default: lz4)",
  },
} as const satisfies Record<string, OptionSpec>;

/** Of commands that delete archives. */
export const DELETION = {
  dryRun: {
    flags: ["-n", "--dry-run"],
    name: "dry_run",
    help: "show what would be done, but change nothing",
  },
  stats: { flags: ["-s", "--stats"], name: "stats", help: "print statistics of what was deleted" },
  quickStats: {
    flags: ["--quick-stats"],
    name: "quick_stats",
    help: "the same without those of the whole repository",
  },
  checkpointInterval: {
    ...CHECKPOINT_INTERVAL,
    help: "accepted for compatibility: all archives of one call are deleted in one transaction",
  },
} as const satisfies Record<string, OptionSpec>;

export const SAVE_SPACE: OptionSpec = {
  flags: ["--save-space"],
  name: "save_space",
  help: "work slower, but with less space",
};

/** Of commands that write what an archive holds. */
export const STRIP_COMPONENTS: OptionSpec = {
  flags: ["--strip-components"],
  name: "strip_components",
  metavar: "NUMBER",
  parse: parseInteger,
  default: 0,
  group: "include and exclude",
  help: "drop this many leading elements of each path; shorter paths are left out",
};

const formerName = (former: string, present: string, name: string): OptionSpec => ({
  flags: [former],
  name,
  hidden: true,
  help: `deprecated, use ${present}`,
  deprecated: `use ${present}`,
});

export const NUMERIC_OWNER = formerName("--numeric-owner", "--numeric-ids", "numeric_ids");
export const NOBSDFLAGS = formerName("--nobsdflags", "--noflags", "noflags");

/** The repository, or where the command takes one an archive in it; BORG_REPO answers where it is left out. */
export const optionalRepository = (help: string, metavar = "REPOSITORY"): PositionalSpec => ({
  name: "location",
  metavar,
  count: "?",
  default: "",
  help,
});
