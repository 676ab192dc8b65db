/** JSON output has exactly borg 1.4's keys, with values of its types, all the way down. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { workplace } from "../fixtures/alcove.ts";
import { borg14Test } from "../fixtures/borg14.ts";
import { makeTree } from "../fixtures/tree.ts";

/** NEW stands for a name that is not taken. */
const COMMANDS: readonly string[] = [
  "create --json repo::NEW tree",
  "create --json --stats --comment text repo::NEW tree",
  "import-tar --json repo::NEW tree.tar",
  "list --json repo",
  "list --json --format {archive}{comment}{hostname}{username}{end}{command_line}{tam}{bcomment} repo",
  "list --json-lines repo::first",
  "list --json-lines --format {size}{csize}{num_chunks}{isomtime}{isoctime}{isoatime}{sha256}{archiveid} repo::first",
  "list --json-lines --format {dsize}{dcsize}{unique_chunks}{health}{flags}{extra}{source}{linktarget} repo::first",
  "info --json repo",
  "info --json repo::first",
  "info --json --last 2 repo",
  "diff --json-lines repo::first second",
  "diff --json-lines --content-only repo::first second",
];

/** The value with types in place of values. Keys of objects by name; of lists the set of what stands in them. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return [...new Set(value.map((item) => JSON.stringify(shape(item))))].sort();
  if (value === null || typeof value !== "object") return value === null ? "null" : typeof value;
  return Object.fromEntries(Object.entries(value).sort().map(([key, inner]) => [key, shape(inner)]));
}

function shapes(text: string): unknown {
  const lines = text.trim().split("\n");
  const whole = lines[0] === "{" || lines.length === 1;
  return shape(whole ? JSON.parse(text) : lines.map((line) => JSON.parse(line)));
}

borg14Test("JSON output has the keys and types of borg 1.4", (borg) => {
  using place = workplace();
  makeTree(join(place.path, "tree"));
  makeTree(join(place.path, "tree/again"));
  place.alcove(["init", "-e", "repokey", "repo"]);
  place.alcove(["create", "--comment", "a remark", "repo::first", "tree/again"]);
  place.alcove(["create", "repo::second", "tree"]);
  place.alcove(["export-tar", "repo::first", "tree.tar"]);
  for (const [i, command] of COMMANDS.entries()) {
    const [ours, theirs] = [place.alcove, (args: string[]) => borg(place, args, { code: 0 })].map((
      program,
      p,
    ) => shapes(program(command.split(" ").map((word) => word.replace("NEW", `new${i}${p}`))).stdout));
    assert.deepEqual(ours, theirs, command);
  }
});
