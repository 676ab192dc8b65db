import assert from "node:assert/strict";
import { type ChunkId, hexOfId } from "../../../core/bytes/mod.ts";
import {
  type Compression,
  ENCRYPTION_MODES,
  modeTraits,
  type ObjectCodec,
  parseCompression,
  type SealedChunk,
  SealPool,
  type SealWorker,
} from "../../../core/object/mod.ts";
import { testCodec, testKey } from "../../fixtures/codecs.ts";
import { compressibleBytes, seededBytes } from "../../fixtures/deterministic.ts";

const WORKER = new URL("../../../cli/seal_worker.ts", import.meta.url);
const spawn = (): SealWorker => new Worker(WORKER, { type: "module" }) as unknown as SealWorker;

/** A pool over a store that is a map. */
class Bench {
  readonly stored = new Map<string, Uint8Array>();
  readonly pool: SealPool;
  fail = false;

  constructor(readonly codec: ObjectCodec, compression: Compression, workers: number) {
    this.pool = new SealPool(codec, {
      compression,
      storedSize: (id) => this.stored.get(hexOfId(id))?.length ?? -1,
      put: (id: ChunkId, _size: number, stored: Uint8Array) => {
        if (this.fail) throw new Error("the store is full");
        this.stored.set(hexOfId(id), stored.slice());
      },
      spawner: workers > 0 ? { count: workers, spawn } : undefined,
    });
  }

  /** Submits as `create` does: one buffer for all chunks, room asked for after each. */
  async run(chunks: readonly Uint8Array[]): Promise<SealedChunk[]> {
    const answers: (SealedChunk | Promise<SealedChunk>)[] = [];
    for (const chunk of chunks) {
      const shared = chunk.slice();
      answers.push(this.pool.submit(shared, true));
      shared.fill(0);
      await this.pool.room();
    }
    return await Promise.all(answers);
  }

  /** Waits until a worker takes part: before that chunks are sealed in this thread. */
  async warmUp(): Promise<void> {
    for (let i = 0; i < 500; i++) {
      const answer = this.pool.submit(compressibleBytes(1000, 10_000 + i), true);
      if (answer instanceof Promise) {
        await answer;
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error("no worker was ready in time");
  }
}

async function assertStored(
  bench: Bench,
  chunks: readonly Uint8Array[],
  sealed: readonly SealedChunk[],
): Promise<void> {
  for (const [i, chunk] of chunks.entries()) {
    const { id, size, csize } = sealed[i]!;
    assert.deepEqual(id, bench.codec.idOf(chunk));
    assert.equal(size, chunk.length);
    const stored = bench.stored.get(hexOfId(id))!;
    assert.equal(csize, stored.length);
    assert.deepEqual(await bench.codec.open(id, stored), chunk);
  }
}

/** Random, compressible, empty, large, and some of them twice. */
function someChunks(seed: number): Uint8Array[] {
  const random = seededBytes(seed);
  const distinct = [
    random(300_000),
    compressibleBytes(500_000, seed),
    new Uint8Array(0),
    new Uint8Array(1_000_000),
    random(70_000),
    compressibleBytes(10, seed),
  ];
  return [...distinct, distinct[0]!, distinct[1]!, random(200_000), distinct[0]!];
}

// First, while the code of lzma is not loaded yet: sealing has to wait for it, and the caller uses its buffer again.
Deno.test("SealPool seals what it was given although the caller's buffer changes meanwhile", async () => {
  for (const text of ["lzma,0", "obfuscate,1,lzma,0", "auto,lzma,0"]) {
    const bench = new Bench(await testCodec(testKey("repokey")), parseCompression(text), 0);
    const chunks = someChunks(7);
    await assertStored(bench, chunks, await bench.run(chunks));
  }
});

Deno.test("SealPool without workers seals each new chunk once and answers at once", async () => {
  const bench = new Bench(await testCodec(testKey("repokey")), parseCompression("lz4"), 0);
  const chunks = someChunks(1);
  const sealed = chunks.map((chunk) => bench.pool.submit(chunk));
  assert.ok(sealed.every((answer) => !(answer instanceof Promise)));
  await assertStored(bench, chunks, sealed as SealedChunk[]);
  assert.deepEqual((sealed as SealedChunk[]).map((chunk) => chunk.isNew), [
    ...[true, true, true, true, true, true],
    ...[false, false, true, false],
  ]);
});

Deno.test("SealPool on workers stores the same chunks once each, in every mode", async () => {
  for (const mode of ENCRYPTION_MODES) {
    const bench = new Bench(await testCodec(testKey(mode)), parseCompression("lz4"), 2);
    await bench.warmUp();
    const before = bench.stored.size;
    const chunks = someChunks(2);
    const sealed = await bench.run(chunks);
    await assertStored(bench, chunks, sealed);
    assert.equal(sealed.filter((chunk) => chunk.isNew).length, 7, mode);
    assert.equal(bench.stored.size - before, 7, mode);
    bench.pool.dispose();
  }
});

Deno.test("SealPool on workers takes every compression", async () => {
  for (const text of ["none", "lz4", "zstd,3", "zlib,6", "lzma,0", "auto,zstd", "obfuscate,1,lz4"]) {
    const bench = new Bench(await testCodec(testKey("repokey-blake2")), parseCompression(text), 1);
    // Padding is done in this thread.
    if (!text.startsWith("obfuscate")) await bench.warmUp();
    const chunks = someChunks(3);
    await assertStored(bench, chunks, await bench.run(chunks));
    bench.pool.dispose();
  }
});

Deno.test("SealPool never uses a counter twice, whoever seals", async () => {
  const bench = new Bench(await testCodec(testKey("repokey")), parseCompression("zlib,1"), 2);
  await bench.warmUp();
  const random = seededBytes(4);
  await bench.run(Array.from({ length: 60 }, (_, i) => random(1 + (i * 7919) % 90_000)));
  for (let i = 0; i < 20; i++) await bench.pool.submit(random(500 + i));
  bench.pool.dispose();
  assert.ok(modeTraits("repokey").encrypted);
  const ranges = [...bench.stored.values()].map((stored) => {
    const view = new DataView(stored.buffer, stored.byteOffset);
    return { start: view.getBigUint64(33), blocks: BigInt(Math.ceil((stored.length - 41) / 16)) };
  }).sort((a, b) => a.start < b.start ? -1 : 1);
  for (let i = 1; i < ranges.length; i++) {
    assert.ok(
      ranges[i - 1]!.start + ranges[i - 1]!.blocks <= ranges[i]!.start,
      `counter ${ranges[i]!.start}`,
    );
  }
});

Deno.test("SealPool tells the store's failure to whoever asks for room, and drains", async () => {
  const bench = new Bench(await testCodec(testKey("repokey")), parseCompression("none"), 1);
  await bench.warmUp();
  bench.fail = true;
  const answer = bench.pool.submit(seededBytes(5)(100_000), true);
  await assert.rejects(async () => await answer, /the store is full/);
  assert.throws(() => bench.pool.room(), /the store is full/);
  await bench.pool.drain();
  bench.pool.dispose();
});

Deno.test("SealPool fails what a lost worker had, and does not hang", async () => {
  const bench = new Bench(await testCodec(testKey("repokey")), parseCompression("none"), 1);
  await bench.warmUp();
  const answer = bench.pool.submit(seededBytes(6)(1_000_000), true);
  bench.pool.dispose();
  await assert.rejects(async () => await answer, /A worker failed/);
  await bench.pool.drain();
});
