/** Deduplication in three dimensions, in stored bytes: within one source, over time, between machines. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { pseudoRandom } from "../fixtures/tree.ts";

const MEGABYTE = 1_000_000;

/** Bytes of all segment files. */
function stored(place: Workplace): number {
  const data = join(place.path, "repo/data/0");
  return fs.readdirSync(data).reduce((sum, name) => sum + fs.statSync(join(data, name)).size, 0);
}

/** How much a backup makes the repository grow. */
function growth(place: Workplace, name: string, source = "src", env: Record<string, string> = {}): number {
  const before = stored(place);
  place.alcove(["create", `repo::${name}`, source], { env });
  return stored(place) - before;
}

function begin(place: Workplace): void {
  place.alcove(["init", "-e", "repokey", "repo"]);
  fs.mkdirSync(join(place.path, "src"));
}

Deno.test("create stores copies, shifted copies and zeros within one source once", () => {
  using place = workplace();
  begin(place);
  const data = pseudoRandom("data", 20 * MEGABYTE);
  fs.writeFileSync(join(place.path, "src/original"), data);
  fs.writeFileSync(join(place.path, "src/copy"), data);
  fs.writeFileSync(join(place.path, "src/zeros"), new Uint8Array(50 * MEGABYTE));
  const grown = growth(place, "a");
  assert.ok(
    grown > 19 * MEGABYTE && grown < 21 * MEGABYTE,
    `copies and zeros cost ${grown - 20 * MEGABYTE} bytes`,
  );
  const shifted = new Uint8Array(data.length + 12_345);
  shifted.set(data, 12_345);
  fs.writeFileSync(join(place.path, "src/shifted"), shifted);
  // Cuts depend on content: only the chunk around the change is new (at most 8 MiB, 2 MiB on average).
  const more = growth(place, "b");
  assert.ok(more < 9 * MEGABYTE, `a shifted copy of 20 MB cost ${more} bytes`);
});

Deno.test("create stores only what changed over time: an insertion in front, a renamed folder", () => {
  using place = workplace();
  begin(place);
  fs.mkdirSync(join(place.path, "src/folder"));
  for (let i = 0; i < 300; i++) {
    fs.writeFileSync(join(place.path, `src/folder/file ${i}`), pseudoRandom(`file ${i}`, 20_000));
  }
  const large = pseudoRandom("large", 24 * MEGABYTE);
  fs.writeFileSync(join(place.path, "src/large"), large);
  growth(place, "a");
  assert.ok(growth(place, "unchanged") < 20_000);
  fs.writeFileSync(
    join(place.path, "src/large"),
    new Uint8Array([...new TextEncoder().encode("in front"), ...large]),
  );
  const inserted = growth(place, "inserted");
  assert.ok(inserted < 9 * MEGABYTE, `an insertion cost ${inserted} bytes`);
  fs.renameSync(join(place.path, "src/folder"), join(place.path, "src/renamed"));
  const renamed = growth(place, "renamed");
  assert.ok(renamed < 200_000, `a renamed folder of 6 MB cost ${renamed} bytes`);
});

Deno.test("create shares data between machines that use one repository", () => {
  using place = workplace();
  begin(place);
  const shared = pseudoRandom("shared", 10 * MEGABYTE);
  fs.mkdirSync(join(place.path, "other"));
  fs.writeFileSync(join(place.path, "src/here"), shared);
  fs.writeFileSync(join(place.path, "other/there"), shared);
  fs.writeFileSync(join(place.path, "other/own"), pseudoRandom("own", MEGABYTE));
  growth(place, "first");
  // Another machine: another home, another host id, no caches.
  const env = { BORG_BASE_DIR: join(place.path, "home2"), BORG_HOST_ID: "other.example@2" };
  const grown = growth(place, "second", "other", env);
  assert.ok(grown > 0.9 * MEGABYTE && grown < 1.2 * MEGABYTE, `the second machine stored ${grown} bytes`);
  place.alcove(["check", "--verify-data", "repo"]);
});
