/** Both programs take turns on one repository, with deletes and compaction in between, and never disagree. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { borgTest } from "../fixtures/borg.ts";
import { workplace } from "../fixtures/alcove.ts";
import { assertSameTree, makeTree, pseudoRandom } from "../fixtures/tree.ts";

borgTest("both programs alternate on one repository for twenty rounds", () => {
  using place = workplace();
  const tree = join(place.path, "tree");
  makeTree(tree);
  place.borg(["init", "-e", "repokey", "repo"]);
  const programs = ["alcove", "borg"] as const;
  for (let round = 0; round < 20; round++) {
    const [program, other] = round % 2 === 0
      ? programs
      : [...programs].reverse() as ["alcove" | "borg", "alcove" | "borg"];
    fs.writeFileSync(join(tree, `changing-${round % 3}`), pseudoRandom(`round ${round}`, 50_000));
    fs.appendFileSync(join(tree, "random.bin"), `round ${round}`);
    place[program!](["create", `repo::round-${round}`, "tree"]);
    if (round % 3 === 2) place[other!](["delete", `repo::round-${round - 2}`]);
    if (round % 5 === 4) place[program!](["compact", "--threshold", "1", "repo"]);
    if (round % 4 === 3) {
      place.borg(["check", "repo"]);
      place.alcove(["check", "repo"]);
    }
  }
  place.borg(["check", "--verify-data", "repo"]);
  place.alcove(["check", "--verify-data", "repo"]);
  assert.equal(place.alcove(["list", "repo"]).stdout, place.borg(["list", "repo"]).stdout);
  for (const program of programs) {
    const out = join(place.path, `out-${program}`);
    fs.mkdirSync(out);
    place[program](["extract", "../repo::round-19"], { cwd: out });
    assertSameTree(join(out, "tree"), tree);
  }
});

borgTest("deleting an archive leaves nothing behind and takes nothing away", () => {
  using place = workplace();
  const tree = join(place.path, "tree");
  makeTree(tree);
  place.alcove(["init", "-e", "none", "repo"]);
  place.alcove(["create", "repo::a", "tree"]);
  fs.writeFileSync(join(tree, "more"), pseudoRandom("more", 200_000));
  place.alcove(["create", "repo::b", "tree"]);
  place.alcove(["create", "repo::c", "tree"]);
  place.alcove(["delete", "repo::a", "b"]);
  // borg check complains about orphans and about missing chunks alike.
  place.borg(["check", "--verify-data", "repo"]);
  place.alcove(["delete", "repo::c"]);
  place.borg(["check", "--verify-data", "repo"]);
  place.alcove(["compact", "--threshold", "0", "repo"]);
  place.borg(["check", "--verify-data", "repo"]);
  const left = fs.readdirSync(join(place.path, "repo/data/0")).map((name) =>
    fs.statSync(join(place.path, "repo/data/0", name)).size
  );
  assert.ok(left.reduce((sum, size) => sum + size, 0) < 5000, `left: ${left}`);
});

borgTest("borg diff sees no difference between the two programs' archives of one tree", () => {
  using place = workplace();
  makeTree(join(place.path, "tree"));
  place.alcove(["init", "-e", "repokey", "repo"]);
  place.alcove(["create", "repo::ours", "tree"]);
  place.borg(["create", "repo::theirs", "tree"]);
  assert.equal(place.borg(["diff", "repo::ours", "theirs"]).stdout, "");
  // And it would see one.
  fs.appendFileSync(join(place.path, "tree/one"), "2");
  place.alcove(["create", "repo::other", "tree"]);
  assert.match(place.borg(["diff", "repo::other", "theirs"]).stdout, /tree\/one/);
});
