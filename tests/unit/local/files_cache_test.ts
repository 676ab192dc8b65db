import assert from "node:assert/strict";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asChunkId } from "../../../core/bytes/mod.ts";
import { FilesCache, type FilesCacheMode } from "../../../core/local/files_cache.ts";
import { openFiles, randomBytes, type Stat } from "../../../core/platform/mod.ts";

const STAT: Stat = {
  mode: 0o100644,
  dev: 1,
  ino: 77n,
  nlink: 1,
  uid: 0,
  gid: 0,
  rdev: 0,
  size: 1234,
  blocks: 8,
  mtimeNs: 1000n,
  atimeNs: 0n,
  ctimeNs: 2000n,
  birthtimeNs: null,
};
const MODE: FilesCacheMode = { time: "ctime", size: true, inode: true };
const chunk = (n: number) => ({ id: asChunkId(new Uint8Array(32).fill(n)), size: n * 1000, csize: n * 10 });

class Place implements Disposable {
  readonly directory = fs.mkdtempSync(join(tmpdir(), "alcove-files-cache-"));
  load(mode: Partial<FilesCacheMode> = {}, ttl = 20): FilesCache {
    return FilesCache.load({
      files: openFiles(),
      directory: this.directory,
      name: "files",
      mode: { ...MODE, ...mode },
      ttl,
      randomBytes,
    });
  }
  [Symbol.dispose](): void {
    fs.rmSync(this.directory, { recursive: true });
  }
}

/** A cache that has seen `/old` and, so that it is not the newest, `/newest`. */
function filled(place: Place): void {
  const cache = place.load();
  cache.remember("/old", STAT, [chunk(1), chunk(2)]);
  cache.remember("/newest", { ...STAT, ctimeNs: 9000n }, [chunk(3)]);
  cache.save();
}

Deno.test("FilesCache gives back the chunks of an unchanged file in the next backup", () => {
  using place = new Place();
  filled(place);
  const cache = place.load();
  assert.deepEqual(cache.lookup("/old", STAT), [chunk(1), chunk(2)]);
  assert.equal(cache.lookup("/other", STAT), null);
});

Deno.test("FilesCache does not keep a file as new as the newest: a change in the same tick would not show", () => {
  using place = new Place();
  const cache = place.load();
  cache.remember("/a", { ...STAT, ctimeNs: 9000n }, []);
  cache.remember("/b", { ...STAT, ctimeNs: 9000n }, []);
  cache.remember("/c", { ...STAT, ctimeNs: 8999n }, []);
  cache.save();
  const next = place.load();
  assert.equal(next.lookup("/a", { ...STAT, ctimeNs: 9000n }), null);
  assert.equal(next.lookup("/b", { ...STAT, ctimeNs: 9000n }), null);
  assert.deepEqual(next.lookup("/c", { ...STAT, ctimeNs: 8999n }), []);
});

Deno.test("FilesCache tells a changed file by each property that the mode names, and by no other", () => {
  using place = new Place();
  filled(place);
  const changes: [Partial<Stat>, Partial<FilesCacheMode>, boolean][] = [
    [{ ctimeNs: 2001n }, {}, true],
    [{ size: 1235 }, {}, true],
    [{ ino: 78n }, {}, true],
    [{ mtimeNs: 1001n }, {}, false],
    [{ size: 1235 }, { size: false }, false],
    [{ ino: 78n }, { inode: false }, false],
  ];
  for (const [stat, mode, changed] of changes) {
    const answer = place.load(mode).lookup("/old", { ...STAT, ...stat });
    assert.equal(answer === "changed", changed, JSON.stringify(mode));
  }
});

Deno.test("FilesCache forgets files that were not seen for as many backups as it is told", () => {
  using place = new Place();
  filled(place);
  for (let backup = 1; backup < 3; backup++) place.load({}, 3).save();
  assert.equal(place.load({}, 3).size, 1);
  place.load({}, 3).save();
  assert.equal(place.load({}, 3).size, 0);
});

Deno.test("FilesCache replaces what it knew, and grows", () => {
  using place = new Place();
  const cache = place.load();
  const count = 20_000;
  for (let i = 0; i < count; i++) {
    cache.remember(`/folder/file ${i}`, { ...STAT, ino: BigInt(i) }, [chunk(i % 200)]);
  }
  for (let i = 0; i < count; i += 2) {
    cache.remember(`/folder/file ${i}`, { ...STAT, ino: BigInt(i), size: 9 }, []);
  }
  assert.equal(cache.size, count);
  cache.remember("/newest", { ...STAT, ctimeNs: 9000n }, []);
  cache.save();
  const next = place.load();
  for (let i = 0; i < count; i++) {
    const expected = i % 2 === 0 ? [] : [chunk(i % 200)];
    const stat = { ...STAT, ino: BigInt(i), size: i % 2 === 0 ? 9 : STAT.size };
    assert.deepEqual(next.lookup(`/folder/file ${i}`, stat), expected);
  }
});

Deno.test("FilesCache never believes a damaged file", () => {
  using place = new Place();
  filled(place);
  const path = join(place.directory, "files");
  const bytes = fs.readFileSync(path);
  for (let offset = 0; offset < bytes.length; offset++) {
    const damaged = Uint8Array.from(bytes);
    damaged[offset]! ^= 1 << offset % 8;
    fs.writeFileSync(path, damaged);
    assert.equal(place.load().size, 0, `bit flipped at ${offset}`);
    fs.writeFileSync(path, bytes.subarray(0, offset));
    assert.equal(place.load().size, 0, `cut at ${offset}`);
  }
  fs.rmSync(path);
  assert.equal(place.load().size, 0);
  fs.writeFileSync(path, bytes);
  assert.equal(place.load().size, 1);
});
