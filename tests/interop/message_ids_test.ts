/**
 * What went wrong, as front ends read it: message id and exit code of borg 1.4, for its whole table of errors, and for each
 * state of a repository, a key, a lock, a connection and a file that one can bring about.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { AppError, type ErrorCode, WARNING_EXIT_CODES } from "../../core/errors.ts";
import { workplace } from "../fixtures/alcove.ts";
import { borg14PythonTest, borg14Test } from "../fixtures/borg14.ts";
import { borgPython, type Ran, run } from "../fixtures/borg.ts";

const TABLE = `
import json, borg.archiver, borg.remote
from borg.helpers.errors import ErrorBase, BorgWarning
def below(family):
    for one in family.__subclasses__():
        yield one
        yield from below(one)
print(json.dumps({one.__qualname__: one.exit_mcode for family in (ErrorBase, BorgWarning) for one in below(family)}))
`;

/** Of borg's code alone: nobody gets to see them by that name. */
const INTERNAL = [
  "ErrorWithTraceback",
  "Buffer.MemoryLimitExceeded",
  "EfficientCollectionQueue.SizeUnderflow",
];

borg14PythonTest("every error and warning has the message id and the exit code of borg 1.4", (python) => {
  const theirs = borgPython<Record<string, number>>(TABLE, null, python);
  const names = Object.keys(theirs).filter((name) => !INTERNAL.includes(name));
  assert.ok(names.length > 70);
  const ours = (name: string): number =>
    (WARNING_EXIT_CODES as Record<string, number>)[name] ?? new AppError(name as ErrorCode).exitCode;
  assert.deepEqual(names.map((name) => [name, ours(name)]), names.map((name) => [name, theirs[name]]));
});

interface Case {
  line: string;
  env?: Record<string, string>;
  input?: string;
  /** Shell, done first in the program's own copy of everything. */
  before?: string;
}

const NO = { BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "no", BORG_RELOCATED_REPO_ACCESS_IS_OK: "no" };
const ZERO = "0".repeat(64);
const LOCKED = "mkdir -p plain/lock.exclusive/other@1.9-1";
const FLIP =
  "f=$(ls -S plain/data/0/* | head -n 1); printf '\\377\\376' | dd of=$f bs=1 seek=3000 conv=notrunc status=none";
const remote = (rsh: string) => ({ BORG_REPO: "ssh://host/nowhere", BORG_RSH: rsh });

/** plain, sealed (repokey) and file (keyfile) are repositories with the archive "one" of the folder s. */
const CASES: readonly Case[] = [
  { line: "init -e none plain" },
  { line: "init -e none no/such/folder" },
  { line: "init -e none s/file" },
  { line: "init -e none s" },
  { line: "list missing" },
  { line: "list s" },
  { line: "list s/file" },
  { line: "list plain", before: "sed -i 's/^version.*/version = 9/' plain/config" },
  { line: "list plain", before: "sed -i 's/^id.*/id = zz/' plain/config" },
  { line: "list plain", before: ": > plain/config" },
  { line: "create --lock-wait 0 plain::x s", before: LOCKED },
  { line: "break-lock plain", before: LOCKED },
  { line: "info plain::x" },
  { line: "delete plain::x one" },
  { line: "extract plain::one nothing" },
  { line: "extract -e s/file plain::one nothing s" },
  { line: "export-tar plain::one out.tar nothing" },
  { line: "import-tar plain::x missing.tar" },
  { line: "create plain::x s missing" },
  { line: "create plain::x missing" },
  { line: "check --repair plain", env: { BORG_CHECK_I_KNOW_WHAT_I_AM_DOING: "NO" } },
  { line: "delete plain", env: { BORG_DELETE_I_KNOW_WHAT_I_AM_DOING: "NO" } },
  { line: "prune --keep-daily 1 -a nothing plain" },
  { line: "with-lock plain false" },
  {
    line: "create plain::x big",
    before:
      "head -c 300000 /dev/urandom > big; sed -i 's/^storage_quota.*/storage_quota = 100000/' plain/config",
  },
  { line: "key import plain s/file" },
  { line: "key import sealed s/file" },
  { line: "key import sealed missing" },
  { line: "key import sealed" },
  { line: "key import sealed file.key" },
  { line: "key export sealed s" },
  { line: "list sealed", env: { BORG_PASSPHRASE: "wrong" } },
  { line: "list file", env: { BORG_PASSPHRASE: "wrong" } },
  { line: "list file", env: { BORG_KEYS_DIR: "no-keys" } },
  {
    line: "list file",
    before: "for f in home/.config/borg/keys/*; do head -n 1 $f > x; echo AAAA >> x; cp x $f; done",
  },
  { line: "list sealed", before: "sed -i '/^key/,$d' sealed/config" },
  { line: "list plain", env: { BORG_BASE_DIR: "new-home", ...NO } },
  { line: "list plain", env: NO, before: "mv plain moved && mv moved plain" },
  {
    line: "list plain",
    before:
      "for f in home/.config/borg/security/*/manifest-timestamp; do printf 2099-01-01T00:00:00.000000 > $f; done",
  },
  { line: "list sealed", before: "for f in home/.config/borg/security/*/key-type; do printf 2 > $f; done" },
  { line: "list", env: remote("false") },
  { line: "list", env: remote("no-such-rsh") },
  { line: "list plain", before: "BORG debug delete-obj plain ZERO" },
  { line: "check plain", before: "BORG debug delete-obj plain ZERO" },
  { line: "extract -n plain::one", before: FLIP },
  { line: "check plain", before: FLIP },
  { line: "check --repository-only plain", before: "rm plain/index.*" },
  { line: `debug get-obj plain ${"1".repeat(64)} out` },
];

/**
 * Exit code, and level and id of each message that has one; "Exception" stands for borg's breaking down, whose exit code
 * is then that of any error.
 */
function told(ran: Ran): unknown[] {
  const messages = ran.stderr.trim().split("\n").filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ type, msgid }) => type === "log_message" && typeof msgid === "string");
  return [ran.code, ...messages.map(({ levelname, msgid }) => `${levelname} ${msgid}`)];
}

function shell(cwd: string, script: string, env: Record<string, string> = {}): void {
  const { code, stderr } = run("sh", ["-ec", script], { cwd, env });
  assert.equal(code, 0, stderr);
}

borg14Test("whatever goes wrong has borg 1.4's message id, level and exit code", (borg) => {
  using place = workplace({ BORG_EXIT_CODES: "modern", BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes" });
  const template = join(place.path, "template");
  const options = { cwd: template, env: { BORG_BASE_DIR: join(template, "home") } };
  shell(place.path, "mkdir -p template/s; seq 20000 > template/s/file");
  for (const [name, mode] of [["plain", "none"], ["sealed", "repokey"], ["file", "keyfile"]] as const) {
    place.alcove(["init", "-e", mode, name], options);
    place.alcove(["create", "-C", "none", `${name}::one`, "s"], options);
  }
  place.alcove(["key", "export", "file", "file.key"], options);

  const wrong: string[] = [];
  for (const { line, env = {}, before = "true", input = "" } of CASES) {
    const [ours, theirs] = ["alcove", "borg"].map((program) => {
      const cwd = join(place.path, "now");
      shell(place.path, "rm -rf now; cp -a template now");
      const base = { BORG_BASE_DIR: join(cwd, "home") };
      if (before.startsWith("BORG ")) {
        const words = before.replace("ZERO", ZERO).split(" ").slice(1);
        place.alcove(words, { cwd, env: base });
      } else shell(cwd, before);
      const settings = { cwd, env: { ...base, ...env }, input, code: null };
      const words = ["--log-json", ...line.split(" ")];
      return told(program === "alcove" ? place.alcove(words, settings) : borg(place, words, settings));
    });
    const broke = theirs!.includes("ERROR Exception");
    if (broke ? (ours![0] as number) < 2 : JSON.stringify(ours) !== JSON.stringify(theirs)) {
      wrong.push(
        `${line} ${JSON.stringify(env)} ${before}: ${JSON.stringify(ours)}, borg ${JSON.stringify(theirs)}`,
      );
    }
  }
  assert.deepEqual(wrong, []);
});
