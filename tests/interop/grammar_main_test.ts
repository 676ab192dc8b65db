/**
 * The option grammar of init, create, list, info, extract, check, delete, compact, key, debug and benchmark: each command
 * line is accepted or refused as borg's parser does, with the same values. borg's parser runs in one process of Python.
 */
import assert from "node:assert/strict";
import { findCommand } from "../../cli/args.ts";
import { COMMANDS } from "../../cli/commands.ts";
import { type BorgPython, borgTest } from "../fixtures/borg.ts";
import { borg14PythonTest } from "../fixtures/borg14.ts";
import { borgParse, ownParse } from "../fixtures/command_lines.ts";

const COMMON = [
  ...["progress", "iec", "log_json", "lock_wait", "show_rc", "show_version", "umask", "debug_topics"],
  ...["remote_path", "rsh", "consider_part_files", "debug_profile"],
];
const SELECTION = ["prefix", "glob_archives", "first", "last"];
const NAMES: Record<string, readonly string[]> = {
  init: ["encryption", "append_only", "storage_quota", "make_parent_dirs"],
  create: [
    ...[
      "dry_run",
      "stats",
      "output_list",
      "output_filter",
      "json",
      "stdin_name",
      "stdin_user",
      "stdin_group",
    ],
    ...["stdin_mode", "content_from_command", "paths_from_stdin", "paths_from_command", "paths_delimiter"],
    ...["exclude_caches", "exclude_if_present", "keep_exclude_tags", "exclude_nodump", "one_file_system"],
    ...["numeric_ids", "atime", "noctime", "nobirthtime", "noflags", "noacls", "noxattrs", "files_changed"],
    ...["read_special", "sparse", "comment", "checkpoint_interval", "paths"],
  ],
  list: [...SELECTION, "consider_checkpoints", "short", "format", "json", "json_lines", "paths"],
  info: [...SELECTION, "json"],
  extract: [
    ...["output_list", "dry_run", "numeric_ids", "noflags", "noacls", "noxattrs", "stdout", "sparse"],
    ...["strip_components", "paths"],
  ],
  check: [...SELECTION, "repo_only", "archives_only", "verify_data", "repair", "save_space", "max_duration"],
  delete: [
    ...[...SELECTION, "dry_run", "output_list", "stats", "cache_only", "forced", "keep_security_info"],
    ...["save_space", "archives"],
  ],
  compact: ["cleanup_commits", "threshold"],
  "key export": ["paper", "qr", "path"],
  "key import": ["paper", "path"],
  "key change-passphrase": [],
  "key migrate-to-repokey": [],
  "debug dump-archive": ["path"],
  "debug dump-manifest": ["path"],
  "debug get-obj": ["id", "path"],
  "debug put-obj": [],
  "debug delete-obj": ["ids"],
  "debug refcount-obj": ["ids"],
  "debug dump-hints": ["path"],
  "debug search-repo-objs": ["wanted"],
  "benchmark crud": ["path"],
};

/** r is a repository; what its parser makes of `R::a` is not looked at. */
const LINES: readonly string[] = [
  // init
  "init -e none r",
  "init --encryption repokey-blake2 --append-only --storage-quota 5G --make-parent-dirs r",
  "init -enone r",
  "init --enc=none r",
  "init r",
  "init -e r",
  "init -e NONE r",
  "init -e passphrase r",
  "init -e none --storage-quota 1M r",
  "init -e none --storage-quota 10M r",
  "init -e none --storage-quota 10 MB r",
  "init -e none r s",
  "init -e none --append r",
  // create
  "create r::a s",
  "create r::a s t u",
  "create -n -s --list --filter AM --json r::a s",
  "create -ns r::a s",
  "create --stdin-name x --stdin-user y --stdin-group z --stdin-mode 0644 r::a -",
  "create --stdin-mode 644 r::a -",
  "create --stdin-mode 0o644 r::a -",
  "create --stdin-mode 8 r::a -",
  "create --content-from-command r::a -- cmd -x",
  "create --content-from-command r::a cmd",
  "create --paths-from-stdin r::a",
  "create --paths-from-command --paths-delimiter x r::a -- find .",
  "create --paths-delimiter \\n r::a s",
  "create --exclude-caches --exclude-if-present .a --exclude-if-present .b --keep-exclude-tags r::a s",
  "create --keep-tag-files --exclude-nodump -x r::a s",
  "create --numeric-ids --atime --noctime --nobirthtime --noflags --noacls --noxattrs r::a s",
  "create --numeric-owner --noatime --noflags r::a s",
  "create --files-cache mtime,size --read-special --sparse r::a s",
  "create --files-cache mtime r::a s",
  "create --files-cache rechunk,ctime r::a s",
  "create --files-cache disabled,ctime r::a s",
  "create --files-changed none r::a s",
  "create --comment x --timestamp 2020-01-01T00:00:00 -c 60 r::a s",
  "create -c60 r::a s",
  "create -c x r::a s",
  "create --checkpoint 60 r::a s",
  "create --chunker-params 10,16,12,4095 -C lzma,3 r::a s",
  "create --chunker-params fixed,4096,512 -C auto,zstd,5 r::a s",
  "create --chunker-params buzhash,10,16,12,4095 -Czlib r::a s",
  "create --chunker-params default -C obfuscate,3,none r::a s",
  "create --chunker-params fixed r::a s",
  "create --chunker-params 16,10,12,4095 r::a s",
  "create -C lz5 r::a s",
  "create -C zlib,10 r::a s",
  "create -C none,1 r::a s",
  // Not "--pattern -z": here a value may begin with a dash.
  "create -e x --exclude y --pattern +z --pattern=-z r::a s",
  "create --exclude-f /dev/null --patterns-from /dev/null r::a s",
  "create --exclude-c r::a s",
  "create --exclude x r::a s",
  "create --exc x r::a s",
  "create --no r::a s",
  "create --noa r::a s",
  "create --stats=1 r::a s",
  "create --one-file r::a s",
  // Not "create r::a --stats s": Python's argparse gives up where an option stands between optional words; here it may.
  "create r::a s --stats",
  "create r::a -- --stats",
  "create r::a -- -x s",
  "create --no-such r::a s",
  "create -z r::a s",
  "create -l r::a s",
  "create -p r::a s",
  "create -v -p --iec --debug r::a s",
  "create --remote-path /x --rsh ssh --umask 0 r::a s",
  // list
  "list r",
  "list",
  "list r::a",
  "list r::a s t",
  "list --short r",
  "list --sho r",
  "list --s r",
  "list --format {archive} --json r",
  "list --json-lines r::a",
  "list --json --json-lines r::a",
  "list -P x r",
  "list -a x* r",
  "list -P x -a y r",
  "list --first 1 r",
  "list --last 1 r",
  "list --first 1 --last 1 r",
  "list --first -1 r",
  "list --first 1.5 r",
  "list --sort-by name,id r",
  "list --sort-by size r",
  "list --consider-checkpoints r",
  "list --consider-part-files r::a",
  "list -e x --pattern=-y r::a s",
  "list --strip-components 1 r::a",
  "list --bypass-lock r",
  // info
  "info r",
  "info",
  "info r::a",
  "info --json r",
  "info -a x --first 2 --sort-by timestamp r",
  "info -P x --last 2 r",
  "info r s",
  "info --format x r",
  // extract
  "extract r::a",
  "extract r::a s t",
  "extract -n --list r::a",
  "extract --numeric-ids --noflags --noacls --noxattrs --stdout --sparse r::a",
  "extract --noflags --strip-components 2 r::a s",
  "extract --strip-components -1 r::a s",
  "extract --strip-components x r::a s",
  "extract --strip 1 r::a s",
  "extract -e x --exclude-from /dev/null --pattern +y --patterns-from /dev/null r::a s",
  "extract --exclude-caches r::a",
  "extract -s r::a",
  "extract",
  "extract -p r::a",
  // check
  "check r",
  "check",
  "check r::a",
  "check --repository-only r",
  "check --archives-only --verify-data r",
  "check --repair --save-space r",
  "check --max-duration 60 --repository-only r",
  "check --max-duration x r",
  "check -P x --first 3 r",
  "check -a x --last 3 --sort-by id r",
  "check --rep r",
  "check --repo r",
  "check --verify r",
  "check r s",
  // delete
  "delete r",
  "delete r::a",
  "delete r::a b c",
  "delete r a b",
  "delete",
  "delete -n --list -s r::a",
  "delete --cache-only r",
  "delete --force r::a",
  "delete --force --force r::a",
  "delete --keep-security-info --save-space r",
  "delete -a x --first 1 --sort-by name r",
  "delete -P x --last 1 r",
  "delete -P x -a y r",
  "delete --keep r",
  "delete --no r",
  // compact
  "compact r",
  "compact",
  "compact --cleanup-commits --threshold 20 r",
  "compact --threshold=0 r",
  "compact --threshold -5 r",
  "compact --threshold x r",
  "compact --thres 5 r",
  "compact -p -v r",
  // key
  "key export r",
  "key export r path",
  "key export --paper r",
  "key export --paper r path",
  "key export --qr-html r path",
  "key export --paper --qr-html r path",
  "key export r path more",
  "key import r path",
  "key import --paper r",
  "key import --qr-html r",
  "key change-passphrase r",
  "key change-passphrase r more",
  "key change-passphrase --paper r",
  "key migrate-to-repokey r",
  "key migrate-to-repokey r more",
  "key export -p --lock-wait 5 r path",
  "-p key export r path",
  // debug
  "debug dump-archive r::a path",
  "debug dump-manifest r path",
  "debug dump-manifest r",
  "debug get-obj r 00 path",
  "debug get-obj r 00",
  "debug put-obj r a b",
  "debug put-obj r",
  "debug delete-obj r a b",
  "debug delete-obj r",
  "debug refcount-obj r a b",
  "debug dump-hints r path",
  "debug dump-hints r",
  "debug search-repo-objs r str:x",
  "debug search-repo-objs r",
  "debug dump-repo-objs --ghost r",
  "debug dump-repo-objs r more",
  "benchmark crud r path",
  "benchmark crud r",
  "benchmark crud r path more",
];

async function compare(python?: BorgPython): Promise<void> {
  const lines = LINES.map((line) => line.split(" "));
  const answers = borgParse(lines, python);
  const wrong: string[] = [];
  for (const [i, argv] of lines.entries()) {
    const borg = answers[i]!;
    const own = await ownParse(argv);
    if (typeof borg === "number" || typeof own === "number") {
      if (borg !== own) wrong.push(`${LINES[i]}: borg ${JSON.stringify(borg)}, here ${JSON.stringify(own)}`);
      continue;
    }
    const command = findCommand(argv, COMMANDS.map(({ name }) => name)).command!;
    const names = [...COMMON, ...NAMES[command] ?? []];
    for (const name of names) {
      // Where nothing was given, borg decides later (and has no value yet); here the default is the value.
      if ((borg[name] ?? null) === null && argv.every((word) => !word.includes(name.replaceAll("_", "-")))) {
        continue;
      }
      const [ours, theirs] = [own[name] ?? null, borg[name] ?? null].map((value) => JSON.stringify(value));
      if (ours !== theirs) wrong.push(`${LINES[i]}: ${name} is ${theirs} for borg, ${ours} here`);
    }
  }
  assert.deepEqual(wrong, []);
}

borgTest("the main commands: the same command lines mean the same", () => compare());
borg14PythonTest("the main commands: the same command lines mean the same to borg 1.4", compare);
