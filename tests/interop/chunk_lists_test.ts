/** The chunk list that a backup keeps of its archive is the one that reading the archive gives. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { asChunkId, decodeHex, hexOfId } from "../../core/bytes/mod.ts";
import { ChunksIndexCache } from "../../core/local/mod.ts";
import { openFiles } from "../../core/platform/mod.ts";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { pseudoRandom } from "../fixtures/tree.ts";

function listFolder(place: Workplace): string {
  const caches = join(place.path, "home/.cache/alcove");
  const [repository] = fs.readdirSync(caches).filter((name) => /^[0-9a-f]{64}$/.test(name));
  return join(caches, repository!, "archives");
}

/** What the list of the archive says, in an order that does not depend on how it came about. */
function listOf(place: Workplace, id: string): unknown {
  const cached = new ChunksIndexCache(openFiles(), listFolder(place)).load(asChunkId(decodeHex(id)!));
  if (cached === null) return null;
  const entries = [...cached.chunks.entries()]
    .map(({ id, refcount, size, csize }) => `${hexOfId(id)} ${refcount} ${size} ${csize}`);
  cached.chunks.dispose();
  return { files: cached.files, entries: entries.sort() };
}

function idOf(place: Workplace, archive: string): string {
  return place.alcove(["list", "--format", "{id}{NL}", "-a", archive, "repo"]).stdout.trim();
}

function makeSource(place: Workplace): void {
  const source = join(place.path, "src");
  fs.mkdirSync(source);
  for (let i = 0; i < 40; i++) {
    fs.writeFileSync(join(source, `${i}`), pseudoRandom(`${i % 30}`, 3000 + i % 30));
  }
  fs.writeFileSync(join(source, "large"), pseudoRandom("large", 9_000_000));
  fs.writeFileSync(join(source, "zeros"), new Uint8Array(20_000_000));
  fs.writeFileSync(join(source, "empty"), "");
  fs.linkSync(join(source, "3"), join(source, "again"));
  fs.symlinkSync("3", join(source, "link"));
}

Deno.test("create and import-tar keep the chunk list that reading the archive gives", () => {
  using place = workplace();
  makeSource(place);
  place.alcove(["init", "-e", "repokey", "repo"]);
  place.alcove(["create", "repo::first", "src"]);
  fs.appendFileSync(join(place.path, "src/7"), "more");
  place.alcove(["create", "-C", "zstd", "repo::second", "src"]);
  place.alcove(["export-tar", "repo::second", "second.tar"]);
  place.alcove(["import-tar", "repo::third", "second.tar"]);
  const archives = ["first", "second", "third"].map((name) => ({ name, id: idOf(place, name) }));
  const kept = archives.map(({ id }) => listOf(place, id));
  fs.rmSync(listFolder(place), { recursive: true });
  place.alcove(["info", "repo"]);
  for (const [i, { name, id }] of archives.entries()) {
    assert.notEqual(kept[i], null, name);
    assert.deepEqual(kept[i], listOf(place, id), name);
  }
});

Deno.test("the list of an archive with checkpoints has their parts, too", () => {
  using place = workplace();
  place.alcove(["init", "-e", "none", "repo"]);
  for (const name of ["0", "1"]) fs.writeFileSync(join(place.path, name), pseudoRandom(name, 12_000_000));
  place.alcove([
    "create",
    "--checkpoint-interval",
    "1",
    "--content-from-command",
    "repo::parts",
    "--",
    "sh",
    "-c",
    "cat 0; sleep 1.5; cat 1",
  ]);
  const listed = place.alcove(["list", "--short", "--consider-part-files", "repo::parts"]).stdout;
  assert.match(listed, /borg_part_2/);
  const id = idOf(place, "parts");
  const kept = listOf(place, id);
  fs.rmSync(listFolder(place), { recursive: true });
  place.alcove(["info", "repo"]);
  assert.notEqual(kept, null);
  assert.deepEqual(kept, listOf(place, id));
});
