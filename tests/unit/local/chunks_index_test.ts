import assert from "node:assert/strict";
import { type ChunkId, hexOfId, ID_LENGTH } from "../../../core/bytes/mod.ts";
import { ChunksIndex } from "../../../core/local/mod.ts";
import { idOf } from "../../fixtures/store_env.ts";

function indexOf(...entries: [number, number, number, number][]): ChunksIndex {
  const index = new ChunksIndex();
  for (const [n, size, csize, count] of entries) index.add(idOf(n), size, csize, count);
  return index;
}

const packed = (ids: Uint8Array): string[] =>
  Array.from(
    { length: ids.length / ID_LENGTH },
    (_, n) => hexOfId(ids.subarray(n * ID_LENGTH, (n + 1) * ID_LENGTH) as ChunkId),
  ).sort();

Deno.test("ChunksIndex.addAll() and subtractAll() are each other's opposite", () => {
  const sum = indexOf([1, 100, 50, 2], [2, 0, 0, 1]);
  const other = indexOf([2, 7, 5, 3], [3, 9, 8, 1]);
  sum.addAll(other);
  assert.deepEqual([1, 2, 3].map((n) => sum.refcount(idOf(n))), [2, 4, 1]);
  assert.equal(sum.csize(idOf(2)), 5);
  assert.deepEqual(sum.totals(), {
    size: 200 + 28 + 9,
    csize: 100 + 20 + 8,
    uniqueSize: 116,
    uniqueCsize: 63,
    chunks: 7,
    uniqueChunks: 3,
  });
  assert.equal(sum.subtractAll(other), true);
  assert.deepEqual([1, 2, 3].map((n) => sum.refcount(idOf(n))), [2, 1, 0]);
  assert.equal(sum.count, 2);
  assert.equal(sum.subtractAll(other), false);
});

Deno.test("ChunksIndex.absentOf() gives ids packed, with the sum of their stored sizes", () => {
  const index = indexOf([1, 1, 1, 1]);
  const other = indexOf([1, 10, 10, 1], [2, 20, 15, 1], [3, 30, 25, 9]);
  const { ids, csize } = index.absentOf(other);
  assert.deepEqual(packed(ids), [2, 3].map((n) => hexOfId(idOf(n))).sort());
  assert.equal(csize, 40);
  assert.equal(other.absentOf(index).ids.length, 0);
});

Deno.test("ChunksIndex.unreferenced() gives the ids without a reference", () => {
  const index = indexOf([1, 1, 1, 0], [2, 1, 1, 1], [3, 1, 1, 0]);
  assert.deepEqual(index.unreferenced().map(hexOfId).sort(), [1, 3].map((n) => hexOfId(idOf(n))).sort());
});
