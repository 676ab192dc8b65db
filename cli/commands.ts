/** The commands by name. Each module is loaded only when its command runs: start-up time is part of every backup. */
import type { Command } from "./spec.ts";

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<{ command: Command }>;
}

export const COMMANDS: readonly CommandEntry[] = [
  { name: "init", summary: "make a new repository", load: () => import("./cmd_init.ts") },
  {
    name: "create",
    summary: "make a backup: a new archive of files and folders",
    load: () => import("./cmd_create.ts"),
  },
  {
    name: "list",
    summary: "list archives, or the contents of an archive",
    load: () => import("./cmd_list.ts"),
  },
  { name: "extract", summary: "restore files of an archive", load: () => import("./cmd_extract.ts") },
  {
    name: "info",
    summary: "show what a repository or an archive is and takes",
    load: () => import("./cmd_info.ts"),
  },
  { name: "check", summary: "verify a repository and its archives", load: () => import("./cmd_check.ts") },
  {
    name: "delete",
    summary: "delete archives, or a whole repository",
    load: () => import("./cmd_delete.ts"),
  },
  {
    name: "diff",
    summary: "show what is different between two archives",
    load: () => import("./cmd_diff.ts"),
  },
  {
    name: "export-tar",
    summary: "write an archive as a tar file",
    load: () => import("./cmd_export_tar.ts"),
  },
  {
    name: "import-tar",
    summary: "make an archive of a tar file",
    load: () => import("./cmd_import_tar.ts"),
  },
  {
    name: "recreate",
    summary: "make archives anew: leave files out, cut or compress in another way",
    load: () => import("./cmd_recreate.ts"),
  },
  { name: "compact", summary: "free the space of deleted data", load: () => import("./cmd_compact.ts") },
  {
    name: "break-lock",
    summary: "remove the locks of a repository",
    load: () => import("./cmd_break_lock.ts"),
  },
  {
    name: "benchmark cpu",
    summary: "measure how fast this machine chunks, hashes, encrypts and compresses",
    load: () => import("./cmd_benchmark_cpu.ts"),
  },
];
