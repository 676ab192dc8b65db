/** A backup reads everything once, and leaves the machine's page cache as it found it. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { run } from "../fixtures/borg.ts";
import { workplace } from "../fixtures/alcove.ts";
import { pseudoRandom } from "../fixtures/tree.ts";

/** Bytes of the file that are in memory, null where util-linux's fincore is missing. */
function cachedBytes(path: string): number | null {
  try {
    const { code, stdout } = run("fincore", ["--bytes", "--noheadings", "--output", "RES", path]);
    return code === 0 ? Number(stdout.trim()) : null;
  } catch {
    return null;
  }
}

/** The system takes memory away, and reads ahead, as it needs to for others: what it did in one of so many tries counts. */
const TRIES = 10;

Deno.test("create does not leave in memory what was not there, and leaves what was", () => {
  for (let left = TRIES; left > 0; left--) {
    try {
      return backUp();
    } catch (error) {
      if (!(error instanceof assert.AssertionError) || left === 1) throw error;
    }
  }
});

function backUp(): void {
  using place = workplace();
  fs.mkdirSync(join(place.path, "src"));
  const [cold, warm] = [join(place.path, "src/cold"), join(place.path, "src/warm")];
  for (const path of [cold, warm]) {
    fs.writeFileSync(path, pseudoRandom(path, 3_000_000));
    const fd = fs.openSync(path, "r+");
    fs.fsyncSync(fd);
    fs.closeSync(fd);
  }
  if (cachedBytes(cold) === null) return console.log("skipped: fincore is not installed");
  run("dd", [`if=${cold}`, "iflag=nocache", "count=0"]);
  if (cachedBytes(cold)! > 0) return console.log("skipped: this file system keeps files in memory (tmpfs?)");
  fs.readFileSync(warm);
  const before = cachedBytes(warm)!;
  assert.ok(before > 2_900_000);
  place.alcove(["init", "-e", "none", "repo"]);
  place.alcove(["create", "repo::a", "src"]);
  assert.equal(cachedBytes(cold), 0);
  const { major, minor } = kernel();
  // Whether a file is in memory can be asked since Linux 6.5; before, everything that was read is dropped, as borg does.
  if (major > 6 || (major === 6 && minor >= 5)) assert.equal(cachedBytes(warm), before);
  const segments = fs.readdirSync(join(place.path, "repo/data/0")).map((name) =>
    join(place.path, "repo/data/0", name)
  );
  const large = segments.filter((path) => fs.statSync(path).size > 1_000_000);
  assert.ok(large.length > 0);
  for (const path of large) {
    assert.ok(cachedBytes(path)! < 300_000, `${path}: ${cachedBytes(path)} bytes are in memory`);
  }
}

function kernel(): { major: number; minor: number } {
  const [major, minor] = Deno.osRelease().split(".").map(Number);
  return { major: major!, minor: minor! };
}
