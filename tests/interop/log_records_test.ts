/**
 * What front ends read beside JSON documents, against borg 1.4: the records of `--log-json`, with the keys and the types of
 * their values, of each command that writes some; and every key of `--format`.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { HELP_TOPICS } from "../../cli/help_topics.ts";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { borg14PythonTest, borg14Test } from "../fixtures/borg14.ts";
import { borgPython, run } from "../fixtures/borg.ts";
import { makeTree } from "../fixtures/tree.ts";

/** NEW stands for a name that is not taken; behind "<" stands the answer to a question. What changes the repository comes last. */
const COMMANDS: readonly string[] = [
  "create --progress --list --stats --show-rc repo::NEW tree missing",
  "create -n --list repo::NEW tree",
  "extract --progress --list -n repo::one",
  "extract --list -n repo::one tree/nothing",
  "export-tar --progress --list repo::one out.tar",
  "import-tar --progress --list --stats repo::NEW tree.tar",
  "check --progress --verify-data -v repo",
  "prune --list -n --keep-last 1 repo",
  "prune --list --stats --keep-last 5 repo",
  "delete --list -n repo::one",
  "delete --stats --list repo::one",
  "recreate --progress --list -n --comment x repo::two",
  "compact --progress -v --threshold 0 repo",
  "rename --show-version repo::two three",
  "config --show-rc repo append_only",
  "delete repo",
  "delete repo < NO",
  "delete repo < perhaps",
];

type Json = Record<string, unknown>;

/** Of each kind of record the types of the values of its keys. */
type Kinds = Map<string, Map<string, Set<string>>>;

/**
 * What makes a record one of another kind. Loggers other than "borg.output.*" are named after modules of the program, and
 * borg tells of its cache, which is not here.
 */
function kindOf({ type, name, levelname, msgid, status, finished }: Json): string | null {
  if (levelname === "DEBUG" || /^cache\./.test(`${msgid}`)) return null;
  const logger = /^(alcove$|borg\.(?!output))/.test(`${name}`) ? "program" : name;
  // How often there is progress on the way depends on the machine's speed.
  if (type === "archive_progress" && finished === false) return null;
  const parts = [type, logger, levelname, msgid, type === "file_status" ? status : undefined, finished];
  return parts.filter((part) => part !== undefined).join(" ");
}

function kindsOf(stderr: string): Kinds {
  const kinds: Kinds = new Map();
  for (const text of stderr.trim().split("\n").filter(Boolean)) {
    const line = JSON.parse(text) as Json;
    const kind = kindOf(line);
    if (kind === null) continue;
    if (!kinds.has(kind)) kinds.set(kind, new Map());
    for (const [key, value] of Object.entries(line)) {
      const types = kinds.get(kind)!.get(key) ?? new Set();
      kinds.get(kind)!.set(
        key,
        types.add(value === null ? "null" : Array.isArray(value) ? "array" : typeof value),
      );
    }
  }
  return kinds;
}

/** Kinds that only one has; keys that ours lack, or whose values are of no type that they have in theirs. */
function differences(ours: Kinds, theirs: Kinds): string[] {
  const wrong = [...ours.keys()].filter((kind) => !theirs.has(kind)).map((kind) => `only here: ${kind}`);
  for (const [kind, keys] of theirs) {
    const own = ours.get(kind);
    if (own === undefined) wrong.push(`only borg: ${kind}`);
    for (const [key, types] of own === undefined ? [] : keys) {
      const here = [...own!.get(key) ?? []];
      if (!here.some((type) => types.has(type))) wrong.push(`${kind}, ${key}: ${here}, borg ${[...types]}`);
    }
  }
  return wrong;
}

function prepare(place: Workplace): void {
  makeTree(join(place.path, "tree"));
  place.alcove(["init", "-e", "none", "repo"]);
  place.alcove([
    "create",
    "--comment",
    "a remark",
    "--timestamp",
    "2024-01-02T03:04:05",
    "repo::one",
    "tree",
  ]);
  place.alcove(["create", "--timestamp", "2024-02-03T04:05:06", "repo::two", "tree"]);
  place.alcove(["export-tar", "repo::one", "tree.tar"]);
}

borg14Test("the records of --log-json have the names, keys and types of borg 1.4's", (borg) => {
  using place = workplace({ BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes" });
  prepare(place);
  for (const program of ["ours", "theirs"]) {
    assert.equal(run("cp", ["-a", "repo", `${program}-repo`], { cwd: place.path }).code, 0);
  }
  const wrong: unknown[] = [];
  for (const [i, command] of COMMANDS.entries()) {
    const [line, input = ""] = command.replace("NEW", `new${i}`).split(" < ");
    const words = (repository: string) => ["--log-json", ...line!.replaceAll("repo", repository).split(" ")];
    const settings = (program: string) => ({
      code: null,
      input: `${input}\n`,
      env: { BORG_BASE_DIR: join(place.path, program) },
    });
    const ours = place.alcove(words("ours-repo"), settings("ours"));
    const theirs = borg(place, words("theirs-repo"), settings("theirs"));
    const differs = differences(kindsOf(ours.stderr), kindsOf(theirs.stderr));
    if (ours.code !== theirs.code) differs.push(`${ours.code}, borg ${theirs.code}`);
    if (differs.length > 0) wrong.push([command, ...differs]);
  }
  assert.deepEqual(wrong, []);
});

const KEYS = `
import json
from borg.archiver import Archiver
from borg.helpers.parseformat import ArchiveFormatter, ItemFormatter
keys = lambda formatter: sorted({key for group in formatter.KEY_GROUPS for key in group})
print(json.dumps({'archives': keys(ArchiveFormatter), 'items': keys(ItemFormatter), 'topics': sorted(Archiver.helptext)}))
`;

borg14PythonTest(
  "every key of --format gives what it gives in borg 1.4, and its help topics are here",
  (python) => {
    const keys = borgPython<{ archives: string[]; items: string[]; topics: string[] }>(KEYS, null, python);
    assert.ok(keys.archives.length > 5 && keys.items.length > 25, JSON.stringify(keys));
    const topics = HELP_TOPICS.map(({ name }) => name);
    assert.deepEqual(keys.topics.filter((name) => !topics.includes(name)), []);

    using place = workplace();
    prepare(place);
    const text = (names: string[]) => names.map((name) => `${name}={${name}}|`).join("") + "{NL}";
    for (const [where, names] of [["repo", keys.archives], ["repo::one", keys.items]] as const) {
      // {bpath} is a name's bytes here, as borg's help says; borg prints a question mark for what is no UTF-8.
      const rest = where === "repo" ? [] : ["--exclude", "sh:**/not-utf8*"];
      const command = ["list", ...rest, "--format", text(names), where];
      const borg = run(python.program, ["-m", "borg", ...command], { cwd: place.path, env: place.env });
      assert.equal(borg.code, 0, borg.stderr);
      assert.deepEqual(place.alcove(command).stdout.split("|"), borg.stdout.split("|"));
    }
  },
);
