import assert from "node:assert/strict";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ChunkListRecorder } from "../../../core/archive/mod.ts";
import { asChunkId } from "../../../core/bytes/mod.ts";
import { ChunksIndex, ChunksIndexCache } from "../../../core/local/mod.ts";
import { openFiles } from "../../../core/platform/mod.ts";

const id = (n: number) => asChunkId(new Uint8Array(32).fill(n));
const chunk = (n: number) => ({ id: id(n), size: 100 + n, csize: 50 + n });
const newIndex = () => new ChunksIndex();

Deno.test("ChunkListRecorder keeps what it was told, and gives up where that is too much", () => {
  const folder = fs.mkdtempSync(join(tmpdir(), "alcove-lists-"));
  try {
    const cache = new ChunksIndexCache(openFiles(), folder);
    const item = { path: "f", mode: 0o100644, uid: 0, gid: 0, mtime: 0n, user: null, group: null };
    for (const [maxChunks, archive] of [[3, 10], [2, 11]] as const) {
      const recorder = new ChunkListRecorder(newIndex, { maxChunks });
      recorder.addItem({ ...item, chunks: [chunk(1), chunk(2), chunk(1)], chunks_healthy: [chunk(2)] });
      recorder.addItem(item);
      recorder.addChunk(chunk(3));
      recorder.keep({ cache }, id(archive), { size: 7, csize: 5 });
      // Handed over, it keeps nothing more.
      recorder.addChunk(chunk(4));
      recorder.keep({ cache }, id(archive + 10), { size: 7, csize: 5 });
      assert.equal(cache.load(id(archive + 10)), null);
    }
    const kept = cache.load(id(10))!;
    assert.deepEqual(kept.files, { size: 7, csize: 5 });
    const counts = [1, 2, 3, 4].map((n) => kept.chunks.refcount(id(n)));
    assert.deepEqual(counts, [2, 2, 1, 0]);
    assert.deepEqual([kept.chunks.csize(id(2)), kept.chunks.count], [52, 3]);
    kept.chunks.dispose();
    assert.equal(cache.load(id(11)), null);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});
