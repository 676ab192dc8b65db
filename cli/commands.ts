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
    name: "prune",
    summary: "delete archives that a retention policy does not keep",
    load: () => import("./cmd_prune.ts"),
  },
  { name: "rename", summary: "give an archive another name", load: () => import("./cmd_rename.ts") },
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
    name: "config",
    summary: "get, set and delete settings of a repository",
    load: () => import("./cmd_config.ts"),
  },
  {
    name: "with-lock",
    summary: "run a program while the repository is locked",
    load: () => import("./cmd_with_lock.ts"),
  },
  {
    name: "upgrade",
    summary: "upgrade a repository of an older version",
    load: () => import("./cmd_upgrade.ts"),
  },
  {
    name: "break-lock",
    summary: "remove the locks of a repository",
    load: () => import("./cmd_break_lock.ts"),
  },
  {
    name: "serve",
    summary: "serve repositories to a client at the other end of a pipe",
    load: () => import("./cmd_serve.ts"),
  },
  { name: "help", summary: "explain a command or a topic", load: () => import("./cmd_help.ts") },
  {
    name: "version",
    summary: "show the versions of client and server",
    load: () => import("./cmd_version.ts"),
  },
  {
    name: "key change-passphrase",
    summary: "protect the repository's key by another passphrase",
    load: () => import("./cmd_key_change_passphrase.ts"),
  },
  {
    name: "key export",
    summary: "save a copy of the repository's key",
    load: () => import("./cmd_key_export.ts"),
  },
  {
    name: "key import",
    summary: "bring the repository's key back from a copy",
    load: () => import("./cmd_key_import.ts"),
  },
  {
    name: "key migrate-to-repokey",
    summary: "give a repository of the old passphrase mode a key",
    load: () => import("./cmd_key_migrate_to_repokey.ts"),
  },
  {
    name: "key export-related-secrets",
    summary: "save the secrets that make another repository a related one",
    load: () => import("./cmd_key_export_related_secrets.ts"),
  },
  {
    name: "debug info",
    summary: "show what this program runs on",
    load: () => import("./cmd_debug_info.ts"),
  },
  {
    name: "debug dump-archive-items",
    summary: "write the raw items of an archive to files",
    load: () => import("./cmd_debug_dump_archive_items.ts"),
  },
  {
    name: "debug dump-archive",
    summary: "write all that an archive says as JSON",
    load: () => import("./cmd_debug_dump_archive.ts"),
  },
  {
    name: "debug dump-manifest",
    summary: "write the manifest as JSON",
    load: () => import("./cmd_debug_dump_manifest.ts"),
  },
  {
    name: "debug dump-repo-objs",
    summary: "write all objects of a repository to files",
    load: () => import("./cmd_debug_dump_repo_objs.ts"),
  },
  {
    name: "debug search-repo-objs",
    summary: "search all objects of a repository",
    load: () => import("./cmd_debug_search_repo_objs.ts"),
  },
  {
    name: "debug id-hash",
    summary: "show which id a file's contents would have",
    load: () => import("./cmd_debug_id_hash.ts"),
  },
  {
    name: "debug get-obj",
    summary: "write a stored object to a file",
    load: () => import("./cmd_debug_get_obj.ts"),
  },
  {
    name: "debug put-obj",
    summary: "store a file as an object",
    load: () => import("./cmd_debug_put_obj.ts"),
  },
  {
    name: "debug delete-obj",
    summary: "delete objects",
    load: () => import("./cmd_debug_delete_obj.ts"),
  },
  {
    name: "debug refcount-obj",
    summary: "show how often objects are referred to",
    load: () => import("./cmd_debug_refcount_obj.ts"),
  },
  {
    name: "debug dump-hints",
    summary: "write what compaction knows as JSON",
    load: () => import("./cmd_debug_dump_hints.ts"),
  },
  {
    name: "debug convert-profile",
    summary: "not possible here: there are no Python profiles",
    load: () => import("./cmd_debug_convert_profile.ts"),
  },
  {
    name: "benchmark cpu",
    summary: "measure how fast this machine chunks, hashes, encrypts and compresses",
    load: () => import("./cmd_benchmark_cpu.ts"),
  },
  {
    name: "benchmark crud",
    summary: "measure how fast archives are created, read, updated and deleted",
    load: () => import("./cmd_benchmark_crud.ts"),
  },
];
