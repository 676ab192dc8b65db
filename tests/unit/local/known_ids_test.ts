import assert from "node:assert/strict";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asChunkId, type ChunkId, encodeHex } from "../../../core/bytes/mod.ts";
import { type IdTable, KnownIds } from "../../../core/local/known_ids.ts";
import { openFiles } from "../../../core/platform/mod.ts";

const MANIFEST = new Uint8Array(32).fill(1);
const OTHER = new Uint8Array(32).fill(2);

function id(n: number): ChunkId {
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  // As evenly spread as a hash.
  for (let at = 0; at < 32; at += 4) view.setUint32(at, Math.imul(n + 1, 0x9e3779b1) ^ at * 0x85ebca6b);
  return asChunkId(bytes);
}

class Place implements Disposable {
  readonly folder = fs.mkdtempSync(join(tmpdir(), "alcove-known-ids-"));
  readonly path = join(this.folder, "cache/repository/ids");
  readonly known = new KnownIds(openFiles(), this.path);
  save(count: number, manifest = MANIFEST): void {
    using ids = this.known.create(10);
    for (let n = 0; n < count; n++) ids.add(id(n));
    this.known.save(manifest, ids);
  }
  [Symbol.dispose](): void {
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

Deno.test("KnownIds.forget() removes what was remembered, or nothing", () => {
  using place = new Place();
  place.known.forget();
  place.save(3);
  assert.notEqual(place.known.load(MANIFEST), null);
  place.known.forget();
  assert.equal(place.known.load(MANIFEST), null);
});

const all = (ids: IdTable): Set<string> => {
  const found: string[] = [];
  for (const piece of ids.pieces()) {
    assert.equal(piece.length % 32, 0);
    for (let at = 0; at < piece.length; at += 32) found.push(encodeHex(piece.subarray(at, at + 32)));
  }
  assert.equal(new Set(found).size, found.length, "no id twice");
  return new Set(found);
};

Deno.test("KnownIds gives back what it was given, of no id and of more than are written at a time", () => {
  for (const count of [0, 1, 1000, 70_000]) {
    using place = new Place();
    place.save(count);
    using ids = place.known.load(MANIFEST);
    assert.ok(ids);
    assert.equal(ids.size, count);
    assert.deepEqual(all(ids), new Set(Array.from({ length: count }, (_, n) => encodeHex(id(n)))));
    assert.equal(ids.has(id(count)), false);
    assert.equal(fs.statSync(place.path).size, 56 + 32 * count);
    assert.equal(fs.statSync(place.path).mode & 0o777, 0o600);
    assert.deepEqual(fs.readdirSync(join(place.path, "..")), ["ids"]);
  }
});

Deno.test("IdTable forgets what is removed, and takes an id twice for one", () => {
  using place = new Place();
  using ids = place.known.create(1);
  for (let n = 0; n < 100; n++) {
    ids.add(id(n));
    ids.add(id(n));
  }
  for (let n = 0; n < 100; n += 2) ids.remove(id(n));
  ids.remove(id(1000));
  assert.equal(ids.size, 50);
  assert.deepEqual([ids.has(id(1)), ids.has(id(2))], [true, false]);
  place.known.save(MANIFEST, ids);
  using again = place.known.load(MANIFEST);
  assert.deepEqual(all(again!), all(ids));
});

Deno.test("KnownIds knows nothing of another manifest", () => {
  using place = new Place();
  assert.equal(place.known.load(MANIFEST), null);
  place.save(10);
  assert.equal(place.known.load(OTHER), null);
  place.save(20, OTHER);
  assert.equal(place.known.load(MANIFEST), null);
  using ids = place.known.load(OTHER);
  assert.equal(ids!.size, 20);
});

Deno.test("KnownIds takes a file that was cut, grew, or has any bit changed for none", () => {
  using place = new Place();
  place.save(3);
  const sound = fs.readFileSync(place.path);
  const loads = (bytes: Uint8Array): boolean => {
    fs.writeFileSync(place.path, bytes);
    using ids = place.known.load(MANIFEST);
    return ids !== null;
  };
  assert.equal(loads(sound), true);
  for (let length = 0; length < sound.length; length++) assert.equal(loads(sound.subarray(0, length)), false);
  for (const extra of [1, 32]) {
    assert.equal(loads(Uint8Array.from([...sound, ...new Uint8Array(extra)])), false);
  }
  for (let bit = 0; bit < 8 * sound.length; bit++) {
    const changed = Uint8Array.from(sound);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(loads(changed), false, `bit ${bit}`);
  }
  // And the next session mends it.
  place.save(3);
  using ids = place.known.load(MANIFEST);
  assert.equal(ids!.size, 3);
});

Deno.test("KnownIds does without where nothing can be written or read, and leaves what was there", () => {
  using place = new Place();
  // Not permissions: the superuser, whom tests may run as, is not stopped by them.
  fs.writeFileSync(join(place.folder, "cache"), "a file where a folder should be");
  place.save(3);
  assert.equal(place.known.load(MANIFEST), null);
  assert.equal(fs.readFileSync(join(place.folder, "cache"), "utf8"), "a file where a folder should be");

  fs.rmSync(join(place.folder, "cache"));
  place.save(3);
  fs.mkdirSync(`${place.path}.tmp`);
  place.save(4);
  using ids = place.known.load(MANIFEST);
  assert.equal(ids!.size, 3);
  fs.rmSync(place.path);
  fs.mkdirSync(place.path);
  assert.equal(place.known.load(MANIFEST), null);
});

Deno.test("KnownIds does without in a folder that may only be read", () => {
  if (Deno.uid() === 0) {
    // The superuser writes everywhere: the file system's word is needed, which /proc gives.
    const known = new KnownIds(openFiles(), "/proc/self/alcove/ids");
    using ids = known.create(1);
    known.save(MANIFEST, ids);
    assert.equal(known.load(MANIFEST), null);
    return;
  }
  using place = new Place();
  place.save(3);
  fs.chmodSync(join(place.path, ".."), 0o500);
  place.save(4);
  fs.chmodSync(join(place.path, ".."), 0o700);
  using ids = place.known.load(MANIFEST);
  assert.equal(ids!.size, 3);
});
