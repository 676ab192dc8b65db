/** `check` finds what is lost, `check --repair` makes the best of it, and the real borg is content afterwards. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { borgTest } from "../fixtures/borg.ts";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { assertSameTree, makeTree, pseudoRandom } from "../fixtures/tree.ts";

const REPAIR = { BORG_CHECK_I_KNOW_WHAT_I_AM_DOING: "YES" };

function makeRepository(place: Workplace): void {
  makeTree(join(place.path, "tree"));
  // Enough names that the item stream has several chunks.
  fs.mkdirSync(join(place.path, "tree/many"));
  for (let i = 0; i < 6000; i++) {
    fs.writeFileSync(join(place.path, `tree/many/${pseudoRandom(`name ${i}`, 20).join("-")}`), "x");
  }
  place.alcove(["init", "-e", "repokey", "repo"]);
  place.alcove(["create", "repo::a", "tree"]);
}

/** Deletes objects behind the program's back. */
function lose(place: Workplace, ids: readonly string[]): void {
  place.borg(["debug", "delete-obj", "repo", ...ids]);
}

interface ArchiveDump {
  _meta: { items: string[] };
  _items: { path: string; chunks?: [string, number, number][] }[];
}

function dump(place: Workplace, name: string): ArchiveDump {
  const file = join(place.path, "dump.json");
  place.borg(["debug", "dump-archive", `repo::${name}`, file]);
  // borg marks bytes that it shows as hexadecimal by a DEL character.
  const parsed = JSON.parse(fs.readFileSync(file, "utf8").replaceAll("\\u007f", ""));
  fs.rmSync(file);
  return parsed;
}

/** Chunks of the file with two names, whichever of them came first. */
const chunksOf = (archive: ArchiveDump): string[] =>
  archive._items.find((item) => item.chunks && /text\.txt|hard link/.test(item.path))!.chunks!.map(([id]) =>
    id
  );

borgTest("check --repair replaces a lost file chunk by zeros, and a later backup heals the file", () => {
  using place = workplace();
  makeRepository(place);
  lose(place, chunksOf(dump(place, "a")).slice(0, 1));
  const found = place.alcove(["check", "repo"], { code: 1 });
  assert.match(found.stderr, /a chunk is missing/);
  place.alcove(["check", "--repair", "repo"], { code: 3, env: { BORG_EXIT_CODES: "modern" } });
  place.alcove(["check", "--repair", "repo"], { env: REPAIR });
  place.borg(["check", "--verify-data", "repo"]);
  place.alcove(["check", "--verify-data", "repo"]);
  const healthy = place.borg(["list", "--format", "{health} {path}{NL}", "repo::a"]).stdout;
  assert.equal(healthy, place.alcove(["list", "--format", "{health} {path}{NL}", "repo::a"]).stdout);
  assert.equal(healthy.match(/^broken /gm)?.length, 1);
  place.alcove(["create", "repo::b", "tree"]);
  const healed = place.alcove(["check", "--repair", "--info", "repo"], { env: REPAIR });
  assert.match(healed.stderr, /whole again/);
  fs.mkdirSync(join(place.path, "out"));
  place.alcove(["extract", "../repo::a"], { cwd: join(place.path, "out") });
  assertSameTree(join(place.path, "out/tree"), join(place.path, "tree"));
  place.borg(["check", "--verify-data", "repo"]);
});

borgTest("check --repair keeps what it can of an archive with lost metadata", () => {
  using place = workplace();
  makeRepository(place);
  const { _meta, _items } = dump(place, "a");
  assert.ok(_meta.items.length > 2, `only ${_meta.items.length} chunks of metadata`);
  lose(place, [_meta.items[1]!]);
  const found = place.alcove(["check", "repo"], { code: 1 });
  assert.match(found.stderr, /item metadata chunk [0-9a-f]{64} is missing/);
  const extract = place.alcove(["extract", "--dry-run", "repo::a"], { code: 2 });
  assert.equal(extract.stderr.trim().split("\n").length, 1);
  place.alcove(["check", "--repair", "repo"], { env: REPAIR });
  place.borg(["check", "--verify-data", "repo"]);
  const left = place.borg(["list", "--short", "repo::a"]).stdout.trim().split("\n").length;
  assert.ok(left > _items.length / 2 && left < _items.length, `${left} of ${_items.length} items are left`);
});

borgTest("check --repair rebuilds a lost manifest from authentic archives", () => {
  using place = workplace();
  makeRepository(place);
  fs.writeFileSync(join(place.path, "tree/more"), "more");
  place.alcove(["create", "repo::b", "tree"]);
  lose(place, ["0".repeat(64)]);
  place.alcove(["list", "repo"], { code: 26, env: { BORG_EXIT_CODES: "modern" } });
  place.alcove(["check", "repo"], { code: 1 });
  place.alcove(["check", "--repair", "repo"], { env: REPAIR });
  assert.deepEqual(place.alcove(["list", "--short", "repo"]).stdout.trim().split("\n").sort(), ["a", "b"]);
  place.borg(["check", "--verify-data", "repo"]);
});

borgTest("check --repair removes a damaged index and damaged objects, and says so", () => {
  using place = workplace();
  makeRepository(place);
  const data = join(place.path, "repo/data/0");
  const segment = fs.readdirSync(data).map((name) => join(data, name)).find((path) =>
    fs.statSync(path).size > 1_000_000
  )!;
  const bytes = fs.readFileSync(segment);
  bytes[600_000]! ^= 1;
  fs.writeFileSync(segment, bytes);
  for (const name of fs.readdirSync(join(place.path, "repo"))) {
    if (name.startsWith("index.")) fs.truncateSync(join(place.path, "repo", name), 1000);
  }
  place.alcove(["check", "repo"], { code: 1 });
  const repaired = place.alcove(["check", "--repair", "repo"], { env: REPAIR });
  assert.match(repaired.stderr, /missing|damaged/);
  place.borg(["check", "--verify-data", "repo"]);
  place.alcove(["extract", "--dry-run", "repo::a"], { code: 1 });
});

borgTest("delete of a whole repository asks, and forgets it", () => {
  using place = workplace();
  makeRepository(place);
  place.alcove(["delete", "repo"], { code: 2, input: "no\n" });
  place.alcove(["delete", "repo"], { code: 2, input: "yes\n" });
  place.alcove(["list", "repo"]);
  place.alcove(["delete", "repo"], { input: "YES\n" });
  assert.ok(!fs.existsSync(join(place.path, "repo")));
  assert.deepEqual(fs.readdirSync(join(place.path, "home/.config/borg/security")), []);
});
