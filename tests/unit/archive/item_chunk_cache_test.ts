/** What archives share of their item streams is fetched once, what was asked for ahead is taken, and the memory is bounded. */
import assert from "node:assert/strict";
import {
  allChunks,
  ArchiveWriter,
  type ChunkListContext,
  ChunkSink,
  ItemChunkCache,
  Manifest,
} from "../../../core/archive/mod.ts";
import { asChunkId, type ChunkId, hexOfId } from "../../../core/bytes/mod.ts";
import { DEFAULT_CHUNKER_PARAMS } from "../../../core/chunk/mod.ts";
import { ChunksIndex, ChunksIndexCache } from "../../../core/local/mod.ts";
import { parseCompression } from "../../../core/object/mod.ts";
import { openFiles } from "../../../core/platform/mod.ts";
import { MemStore } from "../../../core/store/mod.ts";
import { testCodec, testKey } from "../../fixtures/codecs.ts";
import { seededBytes } from "../../fixtures/deterministic.ts";

/** Counts how often each object is fetched, and how often it was asked for ahead and not taken since. */
class CountingStore extends MemStore {
  readonly fetched = new Map<string, number>();
  readonly ahead = new Map<string, number>();

  preload(ids: Iterable<ChunkId>): void {
    for (const id of ids) count(this.ahead, id, 1);
  }

  override get(id: ChunkId): Uint8Array {
    count(this.fetched, id, 1);
    if (this.ahead.has(hexOfId(id))) count(this.ahead, id, -1);
    return super.get(id);
  }
}

function count(counts: Map<string, number>, id: ChunkId, by: number): void {
  const key = hexOfId(id);
  const now = (counts.get(key) ?? 0) + by;
  if (now === 0) counts.delete(key);
  else counts.set(key, now);
}

/** Archives of a tree of which one file is different in each. */
async function archives(number: number, files: number) {
  const store = new CountingStore();
  const codec = await testCodec(testKey("repokey"));
  const manifest = new Manifest(codec);
  const seen = new ChunksIndex();
  const sink = new ChunkSink(store, codec, seen, { compression: parseCompression("none") });
  const random = seededBytes(9);
  const names = Array.from({ length: files }, () => hexOfId(asChunkId(random(32))));
  for (let archive = 0; archive < number; archive++) {
    const writer = new ArchiveWriter({ store, codec, manifest, sink, nowUs: () => archive }, {
      ...{ name: `a${archive}`, comment: "", chunkerParams: DEFAULT_CHUNKER_PARAMS, cmdline: [] },
      ...{ hostname: "host", username: "user", cwd: "/" },
    });
    for (const [i, name] of names.entries()) {
      const path = i === archive ? `changed${archive}` : name;
      const contents = { id: asChunkId(new Uint8Array(32).fill(i % 200)), size: 10, csize: 20 };
      await writer.addItem({
        ...{ path, mode: 0o100644, uid: 0, gid: 0, mtime: 0n, user: null, group: null },
        chunks: [contents],
      });
    }
    await writer.save();
  }
  sink.dispose();
  seen.dispose();
  store.fetched.clear();
  return { store, codec, manifest };
}

const FILES = 1500;

Deno.test("chunk lists of archives that are alike: what they share is fetched once, and gives the same counts", async () => {
  const { store, codec, manifest } = await archives(3, FILES);
  const sum = async (itemChunks?: ItemChunkCache) => {
    store.fetched.clear();
    const context: ChunkListContext = {
      ...{ store, codec, manifest, fileTotals: new Map(), breathe: () => {} },
      cache: new ChunksIndexCache(openFiles(), null),
      newIndex: () => new ChunksIndex(),
      ...(itemChunks ? { itemChunks } : {}),
    };
    const all = await allChunks(context);
    const counts = store.list(10_000);
    const ids = Array.from(
      { length: counts.length / 32 },
      (_, i) => asChunkId(counts.slice(32 * i, 32 * i + 32)),
    );
    const answer = ids.map((id) => [all.refcount(id), all.csize(id)]);
    all.dispose();
    // A thing asked for ahead that nobody takes would be in the way of others.
    assert.equal(store.ahead.size, 0);
    return { answer, most: Math.max(...store.fetched.values()) };
  };
  const plain = await sum();
  assert.equal(plain.most, 3);
  const cached = await sum(new ItemChunkCache());
  assert.deepEqual(cached.answer, plain.answer);
  assert.equal(cached.most, 1);
  // Where hardly anything can be kept, it is fetched again, and all is right nevertheless.
  const small = await sum(new ItemChunkCache({ maxBytes: 100_000 }));
  assert.deepEqual(small.answer, plain.answer);
});

Deno.test("ItemChunkCache keeps what it has until none of the last archives has used it", () => {
  const id = (n: number) => asChunkId(new Uint8Array(32).fill(n));
  const cache = new ItemChunkCache({ maxBytes: 30 });
  const piece = new Uint8Array(10).fill(1);
  for (const n of [1, 2, 3, 4]) cache.add(id(n), piece, n);
  piece.fill(2);
  const { plain, csize } = cache.get(id(1))!;
  assert.deepEqual([plain, csize], [new Uint8Array(10).fill(1), 1]);
  assert.equal(cache.has(id(4)), false);
  for (let archive = 0; archive < 9; archive++) {
    cache.nextArchive();
    cache.get(id(2));
  }
  cache.add(id(5), piece, 5);
  assert.deepEqual([1, 2, 3, 5].map((n) => cache.has(id(n))), [false, true, false, true]);
});
