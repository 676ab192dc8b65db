/** Unchanged files are not read again, changed ones always are, and the archive is the same either way. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { assertSameTree, makeTree, pseudoRandom, writeNewest } from "../fixtures/tree.ts";

/** Status letters of regular files by path. */
function backup(place: Workplace, name: string, ...options: string[]): Map<string, string> {
  const { stderr } = place.alcove(["create", "--list", ...options, `repo::${name}`, "tree"]);
  return new Map(
    stderr.trim().split("\n").filter((line) => /^[AMUCE] /.test(line)).map((
      line,
    ) => [line.slice(2), line[0]!]),
  );
}

/** Makes all files older than one that is stored last, so that the rule about the newest time spares them. */
function makeSource(place: Workplace): void {
  makeTree(join(place.path, "tree"));
  writeNewest(join(place.path, "tree/newest"), "newest");
}

function extracted(place: Workplace, name: string): void {
  const out = join(place.path, `out-${name}`);
  fs.mkdirSync(out);
  place.alcove(["extract", `../repo::${name}`], { cwd: out });
  assertSameTree(join(out, "tree"), join(place.path, "tree"));
}

Deno.test("create reads only what changed, and extracts all of it", () => {
  using place = workplace();
  makeSource(place);
  place.alcove(["init", "-e", "repokey", "repo"]);
  assert.equal(backup(place, "a").get("tree/random.bin"), "A");
  const random = join(place.path, "tree/random.bin");
  const { atime, mtime } = fs.statSync(random);
  fs.writeFileSync(random, pseudoRandom("other", 3_000_000));
  // Same size, same modification time: the change time tells.
  fs.utimesSync(random, atime, mtime);
  fs.writeFileSync(join(place.path, "tree/added"), "added");
  const second = backup(place, "b");
  assert.equal(second.get("tree/copy.bin"), "U");
  assert.equal(second.get("tree/empty"), "U");
  assert.equal(second.get("tree/random.bin"), "M");
  assert.equal(second.get("tree/added"), "A");
  extracted(place, "b");
  const third = backup(place, "c", "--files-cache", "disabled");
  assert.equal(third.get("tree/copy.bin"), "A");
  assert.equal(backup(place, "d", "--files-cache", "mtime,size").get("tree/copy.bin"), "M");
  extracted(place, "d");
});

Deno.test("create reads a file again when the repository has lost a chunk of it", () => {
  using place = workplace();
  makeSource(place);
  place.alcove(["init", "-e", "none", "repo"]);
  backup(place, "a");
  place.alcove(["delete", "repo::a"]);
  assert.equal(backup(place, "b").get("tree/zeros"), "M");
  place.alcove(["check", "--verify-data", "repo"]);
  extracted(place, "b");
});

Deno.test("create believes no damaged files cache", () => {
  using place = workplace();
  makeSource(place);
  place.alcove(["init", "-e", "none", "repo"]);
  backup(place, "a");
  const caches = join(place.path, "home/.cache/alcove");
  const path = join(caches, fs.readdirSync(caches)[0]!, "files");
  assert.equal(fs.statSync(path).mode & 0o077, 0);
  const bytes = fs.readFileSync(path);
  bytes[bytes.length - 5]! ^= 1;
  fs.writeFileSync(path, bytes);
  assert.equal(backup(place, "b").get("tree/copy.bin"), "A");
  extracted(place, "b");
});
