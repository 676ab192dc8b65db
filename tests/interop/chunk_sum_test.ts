/** The kept sum of chunk lists: whatever has become of it or of the repository since, counts and deletions are right. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import * as fs from "node:fs";
import { join } from "node:path";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { borgTest } from "../fixtures/borg.ts";
import { pseudoRandom } from "../fixtures/tree.ts";

/** Archives a, b, c ... of which each has what all have, what its neighbour has, and what it alone has. */
function makeArchives(place: Workplace, names: readonly string[]): void {
  const source = join(place.path, "src");
  if (!fs.existsSync(source)) place.alcove(["init", "-e", "none", "repo"]);
  for (const name of names) {
    const n = name.charCodeAt(0);
    fs.rmSync(source, { recursive: true, force: true });
    fs.mkdirSync(source);
    for (const seed of ["all", `pair ${n}`, `pair ${n + 1}`, `alone ${n}`]) {
      fs.writeFileSync(join(source, seed), pseudoRandom(seed, 3000));
    }
    fs.writeFileSync(join(source, "all again"), pseudoRandom("all", 3000));
    place.alcove(["create", `repo::${name}`, "src"]);
  }
}

function cacheFolder(place: Workplace): string {
  const cache = join(place.path, "home/.cache/alcove");
  const [repository] = fs.readdirSync(cache);
  return join(cache, repository!, "archives");
}

const sumFile = (place: Workplace) => join(cacheFolder(place), "sum");
const lists = (place: Workplace) =>
  fs.readdirSync(cacheFolder(place)).filter((name) => name !== "sum").sort();
const idOf = (place: Workplace, name: string) =>
  place.alcove(["list", "--format", "{archive} {id}{NL}", "repo"]).stdout.match(`${name} ([0-9a-f]+)`)![1]!;

interface Info {
  cache: { stats: Record<string, number> };
  archives: { name: string; stats: Record<string, number> }[];
}

function info(place: Workplace, program: "alcove" | "borg"): Pick<Info, "archives"> & { stats: unknown } {
  const parsed = JSON.parse(place[program](["info", "--json", "--last", "99", "repo"]).stdout) as Info;
  const archives = parsed.archives.map(({ name, stats }) => ({ name, stats }));
  return { stats: parsed.cache.stats, archives };
}

/** What `info` says is the same as without anything kept, and the repository is whole. */
function assertRight(place: Workplace, message: string): void {
  const kept = info(place, "alcove");
  fs.renameSync(cacheFolder(place), `${cacheFolder(place)}-aside`);
  assert.deepEqual(kept, info(place, "alcove"), message);
  fs.rmSync(cacheFolder(place), { recursive: true });
  fs.renameSync(`${cacheFolder(place)}-aside`, cacheFolder(place));
}

borgTest("info counts chunks as borg does after archives have come and gone", () => {
  using place = workplace();
  makeArchives(place, ["a", "b", "c"]);
  for (
    const change of [
      () => {},
      () => place.alcove(["delete", "repo::b"]),
      () => makeArchives(place, ["d", "e"]),
      // By another program, as on another machine: the list of what is gone is still there, once.
      () => place.borg(["delete", "repo::a"]),
      () => place.alcove(["delete", "repo::c", "d"]),
      () => makeArchives(place, ["b"]),
    ]
  ) {
    change();
    const { stats, archives } = info(place, "alcove");
    const theirs = info(place, "borg");
    assert.deepEqual({ stats, archives: archives.map(({ name }) => name) }, {
      stats: theirs.stats,
      archives: theirs.archives.map(({ name }) => name),
    });
    assertRight(place, change.toString());
    assert.equal(lists(place).length, archives.length);
    place.borg(["check", "repo"]);
  }
});

Deno.test("delete and info go by the kept sum, and read no list but those of what comes and goes", () => {
  using place = workplace();
  makeArchives(place, ["a", "b", "c", "d"]);
  place.alcove(["info", "repo"]);
  const doomed = idOf(place, "b");
  for (const list of lists(place)) if (list !== doomed) fs.unlinkSync(join(cacheFolder(place), list));
  place.alcove(["delete", "repo::b"]);
  place.alcove(["info", "repo"]);
  assert.deepEqual(lists(place), []);
  makeArchives(place, ["e"]);
  place.alcove(["info", "repo"]);
  assert.deepEqual(lists(place), [idOf(place, "e")]);
  // Without the list of what goes, and that archive gone elsewhere, all are read again.
  fs.unlinkSync(join(cacheFolder(place), idOf(place, "e")));
  const sum = fs.readFileSync(sumFile(place));
  place.alcove(["delete", "repo::e"]);
  fs.writeFileSync(sumFile(place), sum);
  place.alcove(["info", "repo"]);
  assert.equal(lists(place).length, 3);
  assertRight(place, "the list of a deleted archive is missing");
  place.alcove(["check", "repo"]);
});

Deno.test("a kept sum that is damaged, or of another time, harms nothing", () => {
  using place = workplace();
  makeArchives(place, ["a", "b", "c"]);
  place.alcove(["info", "repo"]);
  const old = fs.readFileSync(sumFile(place));
  makeArchives(place, ["d"]);
  place.alcove(["delete", "repo::a"]);
  place.alcove(["delete", "repo::b"]);
  const good = fs.readFileSync(sumFile(place));
  const flipped = Buffer.from(Uint8Array.from(good));
  flipped[good.length - 500]! ^= 1;
  for (const [what, bytes] of [["old", old], ["damaged", flipped], ["cut", good.subarray(0, 900)]] as const) {
    fs.writeFileSync(sumFile(place), bytes);
    assertRight(place, what);
    assert.ok(!fs.readFileSync(sumFile(place)).equals(bytes), what);
    assert.equal(fs.statSync(sumFile(place)).mode & 0o777, 0o600);
  }
  fs.writeFileSync(sumFile(place), old);
  place.alcove(["delete", "repo::c"]);
  place.alcove(["check", "--verify-data", "repo"]);
  place.alcove(["extract", "--dry-run", "repo::d"]);
  // A cache that cannot be written to.
  fs.rmSync(cacheFolder(place), { recursive: true });
  fs.writeFileSync(cacheFolder(place), "");
  makeArchives(place, ["e"]);
  place.alcove(["delete", "repo::d"]);
  place.alcove(["check", "repo"]);
});
