/** The options of `create`, and what they parse to. */
import type { ChangedBy } from "../core/fs/mod.ts";
import type { ChunkerParams } from "../core/chunk/mod.ts";
import { DEFAULT_CHUNKER_PARAMS, parseChunkerParams } from "../core/chunk/mod.ts";
import { type Compression, parseCompression } from "../core/object/mod.ts";
import { type FilesCacheChoice, parseFilesCacheMode } from "./files_cache_mode.ts";
import { PATTERN_OPTIONS, type PatternValues } from "./pattern_options.ts";
import type { CommandSpec } from "./spec.ts";
import { parseInteger, parseOctal, parsePath } from "./values.ts";

export interface CreateValues extends PatternValues {
  location: string;
  paths: string[];
  dry_run: boolean;
  stats: boolean;
  quick_stats: boolean;
  output_list: boolean;
  output_filter: string | undefined;
  json: boolean;
  one_file_system: boolean;
  numeric_ids: boolean;
  atime: boolean;
  noctime: boolean;
  nobirthtime: boolean;
  noflags: boolean;
  noacls: boolean;
  noxattrs: boolean;
  exclude_nodump: boolean;
  exclude_dataless: boolean;
  exclude_caches: boolean;
  exclude_if_present: string[];
  keep_exclude_tags: boolean;
  files_cache: FilesCacheChoice;
  files_changed: ChangedBy;
  sparse: boolean;
  read_special: boolean;
  stdin_name: string;
  stdin_user: string;
  stdin_group: string;
  stdin_mode: number;
  content_from_command: boolean;
  paths_from_stdin: boolean;
  paths_from_command: boolean;
  paths_delimiter: string | undefined;
  comment: string;
  timestamp: string | undefined;
  checkpoint_interval: number;
  chunker_params: ChunkerParams;
  compression: Compression;
}

const fsGroup = "file system";
const archiveGroup = "archive";

export const CREATE_SPEC: CommandSpec = {
  name: "create",
  summary: "make a backup: a new archive of files and folders",
  description:
    `Makes a new archive of all that PATH names. Every archive is a full backup; data that the repository has
already is not stored again, so a second backup takes little time and space.

The archive's name may have placeholders: {hostname} {fqdn} {user} {now} {utcnow} {pid} {uuid4}; {now:%Y-%m-%d} takes a
strftime pattern. Files that cannot be read are reported and left out, and the exit code is 1.

Chunks of large files are compressed and encrypted on all cores; ALCOVE_WORKERS=0 in the environment keeps to one.

Status letters of --list: A added, M modified, U unchanged, d folder, s symbolic link, h further name of a file, f FIFO, c and b devices,
i contents of a pipe, C changed while it was read, E could not be read, x excluded, - dry run.
The line of a folder comes behind those of its contents; in the archive the folder itself comes first.`,
  options: [
    { flags: ["-n", "--dry-run"], name: "dry_run", help: "show what would be done, but store nothing" },
    { flags: ["-s", "--stats"], name: "stats", help: "print statistics at the end" },
    { flags: ["--quick-stats"], name: "quick_stats", help: "print statistics of the new archive only" },
    { flags: ["--list"], name: "output_list", help: "print each file with its status letter" },
    {
      flags: ["--filter"],
      name: "output_filter",
      metavar: "LETTERS",
      once: true,
      help: "with --list, print only files with one of these status letters",
    },
    { flags: ["--json"], name: "json", help: "print statistics as JSON" },
    {
      flags: ["--stdin-name"],
      name: "stdin_name",
      metavar: "NAME",
      default: "stdin",
      help: "name in the archive for what comes from standard input or a command (default: stdin)",
    },
    {
      flags: ["--stdin-user"],
      name: "stdin_user",
      metavar: "USER",
      default: "root",
      help: "its owner (default: root)",
    },
    {
      flags: ["--stdin-group"],
      name: "stdin_group",
      metavar: "GROUP",
      default: "root",
      help: "its group (default: root)",
    },
    {
      flags: ["--stdin-mode"],
      name: "stdin_mode",
      metavar: "M",
      parse: parseOctal,
      default: 0o660,
      help: "its permissions (default: 0660)",
    },
    {
      flags: ["--content-from-command"],
      name: "content_from_command",
      help: "PATH is a command with arguments (after --): store what it prints",
    },
    {
      flags: ["--paths-from-stdin"],
      name: "paths_from_stdin",
      help: "read paths from standard input and store just these, nothing below them",
    },
    {
      flags: ["--paths-from-command"],
      name: "paths_from_command",
      help: "PATH is a command with arguments (after --): read paths from what it prints",
    },
    {
      flags: ["--paths-delimiter"],
      name: "paths_delimiter",
      metavar: "DELIM",
      help: "what separates these paths; \\0 and \\n are understood (default: \\n)",
    },
    ...PATTERN_OPTIONS,
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
    {
      flags: ["--exclude-nodump"],
      name: "exclude_nodump",
      group: "include and exclude",
      help: "leave out files and folders that are flagged nodump",
    },
    {
      flags: ["--exclude-dataless"],
      name: "exclude_dataless",
      group: "include and exclude",
      help: "leave out files whose contents are in a cloud only (macOS), which reading would fetch",
    },
    {
      flags: ["-x", "--one-file-system"],
      name: "one_file_system",
      group: fsGroup,
      help: "do not enter other file systems that are mounted below",
    },
    { flags: ["--numeric-ids"], name: "numeric_ids", group: fsGroup, help: "store owners by number only" },
    {
      flags: ["--numeric-owner"],
      name: "numeric_ids",
      hidden: true,
      help: "deprecated, use --numeric-ids",
      deprecated: "use --numeric-ids",
    },
    {
      flags: ["--noatime"],
      name: "noatime",
      hidden: true,
      help: "deprecated, this is the default",
      deprecated: "this is the default",
    },
    { flags: ["--atime"], name: "atime", group: fsGroup, help: "store the time of the last access" },
    {
      flags: ["--noctime"],
      name: "noctime",
      group: fsGroup,
      help: "do not store the time of the last status change",
    },
    {
      flags: ["--nobirthtime"],
      name: "nobirthtime",
      group: fsGroup,
      help: "do not store the time of creation",
    },
    {
      flags: ["--noflags"],
      name: "noflags",
      group: fsGroup,
      help: "do not store file flags (nodump, immutable, append only, compressed)",
    },
    {
      flags: ["--nobsdflags"],
      name: "noflags",
      hidden: true,
      help: "deprecated, use --noflags",
      deprecated: "use --noflags",
    },
    { flags: ["--noacls"], name: "noacls", group: fsGroup, help: "do not store access control lists" },
    { flags: ["--noxattrs"], name: "noxattrs", group: fsGroup, help: "do not store extended attributes" },
    {
      flags: ["--files-cache"],
      name: "files_cache",
      metavar: "MODE",
      parse: parseFilesCacheMode,
      once: true,
      default: parseFilesCacheMode("ctime,size,inode"),
      group: fsGroup,
      help:
        "by what an unchanged file is known: ctime or mtime, with size and inode; rechunk reads all files again; " +
        "disabled does without the cache (default: ctime,size,inode)",
    },
    {
      flags: ["--files-changed"],
      name: "files_changed",
      metavar: "MODE",
      choices: ["ctime", "mtime", "disabled"],
      once: true,
      default: "ctime",
      group: fsGroup,
      help: "by which time a file counts as changed while it was read (default: ctime)",
    },
    {
      flags: ["--read-special"],
      name: "read_special",
      group: fsGroup,
      help: "read devices and FIFOs, and links to them, as if they were files",
    },
    {
      flags: ["--sparse"],
      name: "sparse",
      group: fsGroup,
      help:
        "with --chunker-params fixed,...: skip the holes of files and cut along them; else they are read as zeros",
    },
    {
      flags: ["--no-cache-sync"],
      name: "no_cache_sync",
      hidden: true,
      help: "accepted for compatibility: there is no cache to synchronize",
    },
    {
      flags: ["--comment"],
      name: "comment",
      metavar: "COMMENT",
      default: "",
      group: archiveGroup,
      help: "a remark to keep with the archive; placeholders are understood",
    },
    {
      flags: ["--timestamp"],
      name: "timestamp",
      metavar: "TIMESTAMP",
      group: archiveGroup,
      help: "date and time of the archive (UTC, yyyy-mm-ddThh:mm:ss), or a file whose time to take",
    },
    {
      flags: ["-c", "--checkpoint-interval"],
      name: "checkpoint_interval",
      metavar: "SECONDS",
      parse: parseInteger,
      default: 1800,
      group: archiveGroup,
      help: "save what there is every so often (default: 1800)",
    },
    {
      flags: ["--chunker-params"],
      name: "chunker_params",
      metavar: "PARAMS",
      parse: parseChunkerParams,
      once: true,
      default: DEFAULT_CHUNKER_PARAMS,
      group: archiveGroup,
      help: "how to cut files: ALGORITHM,MIN_EXP,MAX_EXP,MASK_BITS,WINDOW (default: buzhash,19,23,21,4095)",
    },
    {
      flags: ["-C", "--compression"],
      name: "compression",
      metavar: "COMPRESSION",
      parse: parseCompression,
      default: parseCompression("lz4"),
      group: archiveGroup,
      help: "none, lz4, zstd[,1-22], zlib[,0-9], lzma[,0-9], auto,…, obfuscate,… (default: lz4)",
    },
  ],
  positionals: [
    { name: "location", metavar: "ARCHIVE", help: "REPOSITORY::NAME of the archive to make" },
    { name: "paths", metavar: "PATH", count: "*", parse: parsePath, help: "what to back up" },
  ],
};
