/** Whether borg reads, checks and continues what `rename` wrote, and what wrong names lead to. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { borgTest } from "../fixtures/borg.ts";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { pseudoRandom } from "../fixtures/tree.ts";

function repository(place: Workplace, mode: string): void {
  fs.mkdirSync(join(place.path, "src"));
  fs.writeFileSync(join(place.path, "src/file"), pseudoRandom("file", 100_000));
  place.borg(["init", "-e", mode, "repo"]);
  place.borg(["create", "--comment", "grüße", "repo::first", "src"]);
  place.borg(["create", "repo::second", "src"]);
}

borgTest("rename: borg lists, checks, extracts and deletes what was renamed", () => {
  for (const mode of ["none", "repokey-blake2"]) {
    using place = workplace();
    repository(place, mode);
    const format = "{comment}|{start}|{end}|{hostname}|{username}|{command_line}{NL}";
    const before = place.borg(["list", "--format", format, "repo"]).stdout;
    place.alcove(["rename", "repo::first", "zweit-ä-{now:%Y}"]);
    const name = `zweit-ä-${new Date().getUTCFullYear()}`;
    const names = place.borg(["list", "--short", "repo"]).stdout.trim().split("\n");
    assert.deepEqual(names, [name, "second"]);
    assert.equal(place.borg(["list", "--format", format, "repo"]).stdout, before);
    place.borg(["check", "--verify-data", "repo"]);
    place.alcove(["check", "repo"]);
    place.borg(["extract", "--dry-run", `repo::${name}`]);
    assert.match(place.borg(["info", `repo::${name}`]).stdout, /Archive name: zweit-ä/);
    place.alcove(["upgrade", "--check-archives-tam", "repo"]);
    place.borg(["delete", `repo::${name}`]);
    place.borg(["check", "repo"]);
    assert.deepEqual(place.alcove(["list", "--short", "repo"]).stdout, "second\n");
  }
});

borgTest("rename: wrong names change nothing, and end as with borg", () => {
  using place = workplace();
  repository(place, "none");
  for (
    const args of [
      ["repo::first", "second"],
      ["repo::first", "first"],
      ["repo::third", "fourth"],
      ["repo::first", "a/b"],
      ["repo::first", "a::b"],
      ["repo::first", ""],
      ["repo::first", "{nothing}"],
      ["repo::first"],
      ["repo", "third"],
      ["repo::first", "third", "fourth"],
    ]
  ) {
    const borg = place.borg(["rename", ...args], { code: null });
    const alcove = place.alcove(["rename", ...args], { code: null });
    assert.equal(alcove.code, borg.code, `rename ${args.join(" ")}: ${alcove.stderr}`);
    assert.equal(alcove.code, 2);
  }
  assert.equal(place.alcove(["list", "--short", "repo"]).stdout, "first\nsecond\n");
});
