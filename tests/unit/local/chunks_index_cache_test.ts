import assert from "node:assert/strict";
import { asChunkId, type ChunkId, concatBytes, hexOfId } from "../../../core/bytes/mod.ts";
import { ChunksIndex, ChunksIndexCache, type FileTotals } from "../../../core/local/mod.ts";
import { openFiles } from "../../../core/platform/mod.ts";
import { Xxh64 } from "../../../wasm/mod.ts";

const files = openFiles();
const id = (n: number): ChunkId => asChunkId(new Uint8Array(32).fill(n));

function withCache(body: (cache: ChunksIndexCache, path: string) => void): void {
  const base = Deno.makeTempDirSync();
  try {
    body(new ChunksIndexCache(files, `${base}/archives`), `${base}/archives/${hexOfId(id(1))}`);
  } finally {
    Deno.removeSync(base, { recursive: true });
  }
}

function example(totals: FileTotals | null) {
  const chunks = new ChunksIndex();
  chunks.add(id(7), 100, 50, 3);
  chunks.add(id(8), 9, 9);
  return { chunks, files: totals };
}

Deno.test("ChunksIndexCache.load() gives back what save() was given", () => {
  withCache((cache) => {
    assert.equal(cache.load(id(1)), null);
    for (const totals of [null, { size: 0, csize: 0 }, { size: 2 ** 50, csize: 12_345 }]) {
      cache.save(id(1), example(totals));
      const { chunks, files: loaded } = cache.load(id(1))!;
      assert.deepEqual(loaded, totals);
      assert.deepEqual([...chunks.entries()], [...example(null).chunks.entries()]);
    }
    assert.equal(cache.load(id(2)), null);
    cache.drop(id(1));
    assert.equal(cache.load(id(1)), null);
  });
});

Deno.test("ChunksIndexCache.load() trusts no damaged file, and none of another form", () => {
  withCache((cache, path) => {
    cache.save(id(1), example({ size: 1000, csize: 500 }));
    const good = Deno.readFileSync(path);
    for (let at = 0; at < good.length; at += at < 80 ? 1 : 97) {
      const damaged = good.slice();
      damaged[at]! ^= 1 << (at % 8);
      Deno.writeFileSync(path, damaged);
      assert.equal(cache.load(id(1)), null, `byte ${at}`);
      Deno.writeFileSync(path, good.subarray(0, at));
      assert.equal(cache.load(id(1)), null, `length ${at}`);
    }
    // With a digest that fits: what was kept before, without a length of the head; and heads that are none.
    const table = concatBytes(...example(null).chunks.encodeParts());
    const length = (n: number) => [n, 0, 0, 0];
    const heads = [
      [],
      [0xc0],
      length(0),
      [...length(2), 0x91, 1],
      [...length(3), 0x92, 0xa0, 1],
      [
        ...length(1),
        0xc3,
      ],
      [...length(1), 0xc1],
      [...length(2), 0xc0, 0xc0],
      [255, 255, 255, 255, 0xc0],
    ];
    for (const head of heads) {
      writeWithDigest(path, head, table);
      assert.equal(cache.load(id(1)), null, `head ${head}`);
    }
    writeWithDigest(path, [...length(1), 0xc0], table);
    assert.equal(cache.load(id(1))!.files, null);
  });
});

function writeWithDigest(path: string, head: number[], table: Uint8Array): void {
  const body = Uint8Array.from([...head, ...table]);
  const digest = new TextEncoder().encode(new Xxh64().update(body).digestHex());
  Deno.writeFileSync(path, Uint8Array.from([...digest, ...body]));
}

Deno.test("ChunksIndexCache.loadSum() gives back what saveSum() was given, for the owner alone, and nothing damaged", () => {
  withCache((cache, path) => {
    assert.equal(cache.loadSum(), null);
    const archives = [{ id: id(1), files: { size: 2 ** 40, csize: 7 } }, { id: id(2), files: null }];
    const { chunks } = example(null);
    cache.saveSum({ chunks, archives });
    const sum = path.replace(/[0-9a-f]{64}$/, "sum");
    assert.equal(Deno.statSync(sum).mode! & 0o777, 0o600);
    const loaded = cache.loadSum()!;
    assert.deepEqual(loaded.archives, archives);
    assert.deepEqual([...loaded.chunks.entries()], [...chunks.entries()]);
    const good = Deno.readFileSync(sum);
    for (let at = 0; at < good.length; at += at < 180 ? 1 : 97) {
      const damaged = good.slice();
      damaged[at]! ^= 1 << (at % 8);
      Deno.writeFileSync(sum, damaged);
      assert.equal(cache.loadSum(), null, `byte ${at}`);
      Deno.writeFileSync(sum, good.subarray(0, at));
      assert.equal(cache.loadSum(), null, `length ${at}`);
    }
    Deno.writeFileSync(sum, good);
    for (const n of [1, 2, 3]) cache.save(id(n), example(null));
    cache.keepOnly([id(2)]);
    assert.deepEqual([1, 2, 3].map((n) => cache.load(id(n)) !== null), [false, true, false]);
    assert.notEqual(cache.loadSum(), null);
  });
});
