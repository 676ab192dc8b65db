/** `benchmark crud` prints the lines that borg's prints and leaves nothing behind. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { borgTest } from "../fixtures/borg.ts";
import { workplace } from "../fixtures/alcove.ts";

borgTest("benchmark crud prints borg's lines, and leaves neither files nor archives", () => {
  using place = workplace({ _BORG_BENCHMARK_CRUD_TEST: "1" });
  place.alcove(["init", "-e", "repokey", "repo"]);
  fs.mkdirSync(join(place.path, "work"));
  const shape = (text: string) =>
    text.replace(/ +\d+\.\d\d MB\/s/g, " SPEED").replace(/\d+\.\d\ds\)/g, "TIME)");
  const args = ["benchmark", "crud", "repo", "work"];
  const ours = shape(place.alcove(args).stdout);
  assert.equal(ours, shape(place.borg(args).stdout));
  assert.match(ours, /^C-Z-TEST .* \(1 \* 1 B all-zero files: TIME\)\nR-Z-TEST /);
  assert.equal(ours.split("\n").length, 9);
  assert.deepEqual(fs.readdirSync(join(place.path, "work")), []);
  assert.equal(place.alcove(["list", "repo"]).stdout, "");
  place.alcove(["check", "repo"]);
});

Deno.test("benchmark crud keeps away from a folder that is there already", () => {
  using place = workplace({ _BORG_BENCHMARK_CRUD_TEST: "1", BORG_EXIT_CODES: "modern" });
  place.alcove(["init", "-e", "none", "repo"]);
  fs.mkdirSync(join(place.path, "borg-test-data"));
  fs.writeFileSync(join(place.path, "borg-test-data/precious"), "x");
  const { stderr } = place.alcove(["benchmark", "crud", "repo", "."], { code: 4 });
  assert.match(stderr, /exists already/);
  assert.ok(fs.existsSync(join(place.path, "borg-test-data/precious")));
  // Without a repository nothing is left either.
  fs.rmSync(join(place.path, "borg-test-data"), { recursive: true });
  place.alcove(["benchmark", "crud", "nowhere", "."], { code: 13 });
  assert.equal(fs.existsSync(join(place.path, "borg-test-data")), false);
});
