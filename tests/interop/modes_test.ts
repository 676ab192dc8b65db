/** For every encryption mode: what one program writes, the other lists, checks, extracts, continues, deletes and compacts. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { borgTest } from "../fixtures/borg.ts";
import { workplace } from "../fixtures/alcove.ts";
import { assertSameTree, makeTree } from "../fixtures/tree.ts";

const MODES = [
  "none",
  "authenticated",
  "authenticated-blake2",
  "keyfile",
  "keyfile-blake2",
  "repokey",
  "repokey-blake2",
];

/** Deduplicated size of the archive that was just made, in bytes. */
function newBytes(stdout: string): number {
  return JSON.parse(stdout).archive.stats.deduplicated_size;
}

for (const mode of MODES) {
  borgTest(`borg continues what alcove writes: ${mode}`, () => {
    using place = workplace();
    makeTree(join(place.path, "tree"));
    place.alcove(["init", "-e", mode, "repo"]);
    place.alcove(["create", "repo::ours", "tree"]);
    place.borg(["check", "--verify-data", "repo"]);
    const names = place.borg(["list", "--short", "repo::ours"]).stdout;
    assert.equal(names, place.alcove(["list", "--short", "repo::ours"]).stdout);
    fs.mkdirSync(join(place.path, "out"));
    place.borg(["extract", "../repo::ours"], { cwd: join(place.path, "out") });
    assertSameTree(join(place.path, "out/tree"), join(place.path, "tree"));
    // The same input gives the same chunks: the other program stores (next to) nothing new.
    const again = place.borg(["create", "--json", "repo::theirs", "tree"]).stdout;
    assert.ok(newBytes(again) < 3000, `borg stored ${newBytes(again)} bytes again`);
    place.borg(["delete", "repo::ours"]);
    place.borg(["compact", "repo"]);
    place.alcove(["check", "--verify-data", "repo"]);
    assert.equal(place.alcove(["list", "--short", "repo"]).stdout, "theirs\n");
  });

  borgTest(`alcove continues what borg writes: ${mode}`, () => {
    using place = workplace();
    makeTree(join(place.path, "tree"));
    place.borg(["init", "-e", mode, "repo"]);
    place.borg(["create", "repo::theirs", "tree"]);
    place.alcove(["check", "--verify-data", "repo"]);
    assert.equal(place.alcove(["list", "repo::theirs"]).stdout, place.borg(["list", "repo::theirs"]).stdout);
    fs.mkdirSync(join(place.path, "out"));
    place.alcove(["extract", "../repo::theirs"], { cwd: join(place.path, "out") });
    assertSameTree(join(place.path, "out/tree"), join(place.path, "tree"));
    const again = place.alcove(["create", "--json", "repo::ours", "tree"]).stdout;
    assert.ok(newBytes(again) < 1000, `alcove stored ${newBytes(again)} bytes again`);
    place.alcove(["delete", "repo::theirs"]);
    place.alcove(["compact", "repo"]);
    place.borg(["check", "--verify-data", "repo"]);
    assert.equal(place.borg(["list", "--short", "repo"]).stdout, "ours\n");
  });
}
