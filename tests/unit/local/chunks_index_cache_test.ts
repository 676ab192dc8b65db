import assert from "node:assert/strict";
import { asChunkId, type ChunkId, hexOfId } from "../../../core/bytes/mod.ts";
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
    // With a digest that fits: a list without totals, as it was kept before; and totals that are none.
    const table = example(null).chunks.encode();
    for (const head of [[], [0x91, 1], [0x92, 0xa0, 1], [0xc3], [0xc1]]) {
      const body = Uint8Array.from([...head, ...table]);
      const digest = new TextEncoder().encode(new Xxh64().update(body).digestHex());
      Deno.writeFileSync(path, Uint8Array.from([...digest, ...body]));
      assert.equal(cache.load(id(1)), null, `head ${head}`);
    }
  });
});
