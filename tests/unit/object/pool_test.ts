import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type ChunkId, hexOfId } from "../../../core/bytes/mod.ts";
import {
  type Compression,
  ENCRYPTION_MODES,
  modeTraits,
  type ObjectCodec,
  type ObjectWorker,
  OpenPool,
  parseCompression,
  type SealedChunk,
  SealPool,
} from "../../../core/object/mod.ts";
import { testCodec, testKey } from "../../fixtures/codecs.ts";
import { compressibleBytes, seededBytes } from "../../fixtures/deterministic.ts";

const WORKER = new URL("../../../cli/object_worker.ts", import.meta.url);
const spawn = (): ObjectWorker => new Worker(WORKER, { type: "module" }) as unknown as ObjectWorker;
const spawner = (count: number) => count > 0 ? { count, spawn } : undefined;

/** A pool over a store that is a map. */
class Bench {
  readonly stored = new Map<string, Uint8Array>();
  readonly pool: SealPool;
  readonly sealed: SealedChunk[] = [];
  fail = false;

  constructor(readonly codec: ObjectCodec, compression: Compression, workers: number, later = false) {
    const answer = <T>(value: T) => later ? Promise.resolve(value) : value;
    this.pool = new SealPool(codec, {
      compression,
      storedSize: (id) => answer(this.stored.get(hexOfId(id))?.length ?? -1),
      put: (id: ChunkId, _size: number, stored: Uint8Array) => {
        if (this.fail) throw new Error("the store is full");
        this.stored.set(hexOfId(id), stored.slice());
        return answer(true);
      },
      spawner: spawner(workers),
    });
  }

  async push(chunk: Uint8Array): Promise<void> {
    await this.pool.ready(chunk.length);
    this.pool.space(chunk.length).set(chunk);
    this.pool.push(chunk.length, { receive: (sealed) => void this.sealed.push(sealed) });
  }

  /** Everything, and what came of it. */
  async run(chunks: readonly Uint8Array[]): Promise<SealedChunk[]> {
    const before = this.sealed.length;
    for (const chunk of chunks) await this.push(chunk);
    await this.pool.drain();
    return this.sealed.slice(before);
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

// First, while the code of lzma is not loaded yet: sealing has to wait for it.
Deno.test("SealPool seals what it was given although code has to be loaded first", async () => {
  for (const text of ["lzma,0", "obfuscate,1,lzma,0", "auto,lzma,0"]) {
    const bench = new Bench(await testCodec(testKey("repokey")), parseCompression(text), 0);
    const chunks = someChunks(7);
    await assertStored(bench, chunks, await bench.run(chunks));
  }
});

const NEW = [...[true, true, true, true, true, true], ...[false, false, true, false]];

Deno.test("SealPool stores each new chunk once, in every mode, with and without workers", async () => {
  for (const mode of ENCRYPTION_MODES) {
    for (const workers of [0, 1, 3]) {
      const bench = new Bench(await testCodec(testKey(mode)), parseCompression("lz4"), workers);
      const chunks = someChunks(2);
      const sealed = await bench.run(chunks);
      await assertStored(bench, chunks, sealed);
      assert.deepEqual(sealed.map((chunk) => chunk.isNew), NEW, `${mode}, ${workers} workers`);
      assert.equal(bench.stored.size, 7);
      bench.pool.dispose();
    }
  }
});

Deno.test("SealPool takes every compression, from a store that answers later too", async () => {
  for (const text of ["none", "lz4", "zstd,3", "zlib,6", "lzma,0", "auto,zstd", "obfuscate,1,lz4"]) {
    for (const later of [false, true]) {
      const codec = await testCodec(testKey("repokey-blake2"));
      const bench = new Bench(codec, parseCompression(text), 1, later);
      const chunks = someChunks(3);
      const sealed = await bench.run(chunks);
      await assertStored(bench, chunks, sealed);
      assert.deepEqual(sealed.map((chunk) => chunk.isNew), NEW, text);
      bench.pool.dispose();
    }
  }
});

/** Enough for many batches: large and small, every fifth one a repetition. */
function manyChunks(seed: number): Uint8Array[] {
  const random = seededBytes(seed);
  const chunks: Uint8Array[] = [];
  for (let i = 0; i < 600; i++) {
    chunks.push(
      i % 5 === 4 ? chunks[i - 1 - i % 3]! : random(1 + (i * 7919) % (i % 50 === 0 ? 900_000 : 9_000)),
    );
  }
  return chunks;
}

Deno.test("SealPool on workers gives the order of coming, and what is sealed past it is not stored twice", async () => {
  const bench = new Bench(await testCodec(testKey("repokey")), parseCompression("lz4"), 2);
  const chunks = manyChunks(8);
  for (const [i, chunk] of chunks.entries()) {
    await bench.push(chunk);
    if (i % 7 === 0) await bench.pool.add(chunk);
    if (i % 10 === 0) await bench.pool.pump();
  }
  await bench.pool.drain();
  await assertStored(bench, chunks, bench.sealed);
  const distinct = new Set(chunks.map((chunk) => hexOfId(bench.codec.idOf(chunk))));
  assert.equal(bench.stored.size, distinct.size);
  bench.pool.dispose();
});

Deno.test("SealPool never uses a counter twice, whoever seals", async () => {
  const bench = new Bench(await testCodec(testKey("repokey")), parseCompression("zlib,1"), 2);
  await bench.run(manyChunks(4));
  const random = seededBytes(40);
  for (let i = 0; i < 20; i++) await bench.pool.add(random(500 + i));
  bench.pool.dispose();
  assert.ok(modeTraits("repokey").encrypted);
  const ranges = [...bench.stored.values()].map((stored) => {
    const view = new DataView(stored.buffer, stored.byteOffset);
    return { start: view.getBigUint64(33), blocks: BigInt(Math.ceil((stored.length - 41) / 16)) };
  }).sort((a, b) => a.start < b.start ? -1 : 1);
  assert.ok(ranges.length > 400);
  for (let i = 1; i < ranges.length; i++) {
    assert.ok(
      ranges[i - 1]!.start + ranges[i - 1]!.blocks <= ranges[i]!.start,
      `counter ${ranges[i]!.start}`,
    );
  }
});

Deno.test("SealPool tells the store's failure to whoever waits", async () => {
  const bench = new Bench(await testCodec(testKey("repokey")), parseCompression("none"), 1);
  await bench.push(seededBytes(5)(100_000));
  bench.fail = true;
  await assert.rejects(async () => await bench.pool.drain(), /the store is full/);
  bench.pool.dispose();
});

Deno.test("SealPool does without a worker that does not start", async () => {
  const codec = await testCodec(testKey("repokey"));
  const silent: ObjectWorker = { postMessage() {}, onerror: null, terminate() {} };
  const stored = new Map<string, Uint8Array>();
  const pool = new SealPool(codec, {
    compression: parseCompression("lz4"),
    storedSize: (id) => stored.get(hexOfId(id))?.length ?? -1,
    put: (id, _size, bytes) => stored.set(hexOfId(id), bytes.slice()).size > 0,
    spawner: { count: 1, spawn: () => silent },
  });
  const chunks = manyChunks(6);
  for (const chunk of chunks) {
    await pool.ready(chunk.length);
    pool.space(chunk.length).set(chunk);
    pool.push(chunk.length, { receive() {} });
  }
  await pool.drain();
  assert.equal(stored.size, new Set(chunks.map((chunk) => hexOfId(codec.idOf(chunk)))).size);
});

/** Seals `chunks`, opens them through a pool, and gives what came out. */
async function openAll(
  chunks: readonly Uint8Array[],
  options: { workers: number; verifyOnly?: boolean; damage?: number; text?: string },
): Promise<(Uint8Array | string)[]> {
  const codec = await testCodec(testKey("repokey"));
  const pool = new OpenPool(codec, {
    spawner: spawner(options.workers),
    ...(options.verifyOnly ? { verifyOnly: true } : {}),
  });
  const out: (Uint8Array | string)[] = [];
  const receiver = {
    receive: (plain: Uint8Array) => void out.push(plain.slice()),
    fail: (error: unknown) => void out.push(String(error)),
  };
  for (const [i, chunk] of chunks.entries()) {
    const stored = (await codec.seal(chunk, parseCompression(options.text ?? "lz4"))).slice();
    if (i === options.damage) stored[stored.length - 1]! ^= 1;
    await pool.push(codec.idOf(chunk), stored, chunk.length, receiver);
    stored.fill(0);
  }
  await pool.drain();
  pool.dispose();
  return out;
}

Deno.test("OpenPool gives back what was sealed, in order, and names what is damaged", async () => {
  const large = new Uint8Array(12 << 20);
  for (const workers of [0, 2]) {
    const chunks = [...manyChunks(9), large, new Uint8Array(0)];
    const opened = await openAll(chunks, { workers, damage: 300 });
    assert.equal(opened.length, chunks.length);
    for (const [i, chunk] of chunks.entries()) {
      if (i === 300) assert.match(opened[i] as string, /authentication failed/);
      else assert.ok(Buffer.compare(opened[i] as Uint8Array, chunk) === 0, `object ${i}, ${workers} workers`);
    }
    const verified = await openAll(chunks, { workers, damage: 7, verifyOnly: true });
    assert.equal(verified.filter((answer) => typeof answer !== "string").length, chunks.length - 1);
    assert.match(verified[7] as string, /authentication failed/);
  }
});

Deno.test("OpenPool opens every compression on workers", async () => {
  for (const text of ["none", "zstd,3", "zlib,6", "lzma,0", "obfuscate,1,lz4"]) {
    const chunks = someChunks(10);
    const opened = await openAll(chunks, { workers: 1, text });
    assert.deepEqual(opened, chunks, text);
  }
});

Deno.test("SealPool stores nothing wrong after a failure, whoever goes on using it", async () => {
  for (const what of ["storedSize", "put", "takeNonce"] as const) {
    for (const later of [false, true]) {
      const codec = await testCodec(testKey("repokey"));
      let failing = false;
      const answer = <T>(value: T, call: string): T | Promise<T> => {
        if (failing && call === what) {
          const error = new Error("the store is away");
          if (later) return Promise.reject(error);
          throw error;
        }
        return later ? Promise.resolve(value) : value;
      };
      const nonce: Pick<ObjectCodec, "takeNonce"> = {
        takeNonce: (blocks, into, at) => {
          const wait = answer(undefined, "takeNonce");
          return wait
            ? wait.then(() => codec.takeNonce(blocks, into, at))
            : codec.takeNonce(blocks, into, at);
        },
      };
      const failable = new Proxy(codec, {
        get(real, name) {
          const value = name === "takeNonce" ? nonce.takeNonce : Reflect.get(real, name, real);
          return typeof value === "function" ? value.bind(real) : value;
        },
      });
      const stored = new Map<string, Uint8Array>();
      let received = 0;
      const pool = new SealPool(failable, {
        compression: parseCompression("lz4"),
        storedSize: (id) => answer(stored.get(hexOfId(id))?.length ?? -1, "storedSize"),
        put: (id, _size, bytes) => {
          const isNew = answer(true, "put");
          stored.set(hexOfId(id), bytes.slice());
          return isNew;
        },
      });
      const random = seededBytes(11);
      const chunks = [random(5000), random(70_000), random(0), random(300)];
      const ids = new Map(chunks.map((chunk) => [hexOfId(codec.idOf(chunk)), chunk]));
      const push = async (chunk: Uint8Array): Promise<void> => {
        await pool.ready(chunk.length);
        pool.space(chunk.length).set(chunk);
        pool.push(chunk.length, { receive: () => void received++ });
      };
      for (const chunk of chunks) await push(chunk);
      failing = true;
      await assert.rejects(async () => await pool.drain(), /the store is away/);
      failing = false;
      const before = received;
      await assert.rejects(async () => await pool.drain(), /the store is away/, `${what}, later: ${later}`);
      await assert.rejects(async () => {
        for (let i = 0; i < 300; i++) await push(random(9000));
      }, /the store is away/);
      assert.equal(received, before);
      for (const [id, bytes] of stored) {
        assert.deepEqual(await codec.open(codec.idOf(ids.get(id)!), bytes), ids.get(id));
      }
      pool.dispose();
    }
  }
});

/** A thread that takes a batch as a real one does, and dies with it in its hands. */
const DYING = `
  import { openSlots, CONTROL_STATES, STATE_BUSY } from ${
  JSON.stringify(new URL("../../../core/object/slots.ts", import.meta.url).href)
};
  globalThis.onmessage = ({ data }) => {
    const { control, slots } = openSlots(data.memory);
    for (;;) {
      for (let i = 0; i < slots.length; i++) {
        const state = Atomics.load(control, CONTROL_STATES + i);
        if (state < 1 || state > 4) continue;
        if (Atomics.compareExchange(control, CONTROL_STATES + i, state, STATE_BUSY) === state) {
          throw new Error("out of luck");
        }
      }
    }
  };`;

Deno.test("a pool whose thread dies with a batch in its hands ends in an error and does not wait for ever", async () => {
  const spawner = {
    count: 1,
    spawn: (): ObjectWorker =>
      new Worker(`data:application/javascript,${encodeURIComponent(DYING)}`, {
        type: "module",
      }) as unknown as ObjectWorker,
  };
  const codec = await testCodec(testKey("repokey"));
  const pool = new SealPool(codec, {
    compression: parseCompression("lz4"),
    storedSize: () => -1,
    put: () => true,
    spawner,
  });
  const random = seededBytes(12);
  const chunk = random(200_000);
  await assert.rejects(async () => {
    // Until the thread has started, however long that takes: the pool does without it until then.
    for (let i = 0, start = performance.now(); performance.now() - start < 300_000; i++) {
      await pool.ready(200_000);
      pool.space(200_000).set(chunk);
      pool.push(200_000, { receive() {} });
      if (i % 40 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await pool.drain();
  }, /A worker failed: .*out of luck/);
  pool.dispose();
});

Deno.test("OpenPool calls no receiver twice, whoever goes on using it after one of them threw", async () => {
  const codec = await testCodec(testKey("repokey"));
  const pool = new OpenPool(codec);
  const got: number[] = [];
  for (let i = 0; i < 5; i++) {
    const plain = seededBytes(i)(1000);
    const stored = (await codec.seal(plain, parseCompression("lz4"))).slice();
    await pool.push(codec.idOf(plain), stored, plain.length, {
      receive: () => {
        got.push(i);
        if (i === 2) throw new Error("the disk is full");
      },
      fail() {},
    });
  }
  for (let i = 0; i < 2; i++) await assert.rejects(async () => await pool.drain(), /the disk is full/);
  assert.deepEqual(got, [0, 1, 2]);
  pool.dispose();
});

Deno.test("the owner's copies of the keys are wiped when a thread has its own", async () => {
  const codec = await testCodec(testKey("repokey"));
  const keys: Uint8Array[] = [];
  const keeping = new Proxy(codec, {
    get(real, name) {
      if (name === "workerKey") {
        return () => {
          const key = real.workerKey();
          keys.push(key.encKey, key.encHmacKey, key.idKey);
          assert.ok(keys.every((bytes) => bytes.some((byte) => byte !== 0)));
          return key;
        };
      }
      const value = Reflect.get(real, name, real);
      return typeof value === "function" ? value.bind(real) : value;
    },
  });
  const bench = new Bench(keeping, parseCompression("lz4"), 1);
  const chunks = manyChunks(13);
  await assertStored(bench, chunks, await bench.run(chunks));
  assert.equal(keys.length, 3);
  assert.ok(keys.every((bytes) => bytes.every((byte) => byte === 0)));
  bench.pool.dispose();
});

Deno.test("the pools let their owner breathe after each batch that it waits for", async () => {
  const codec = await testCodec(testKey("repokey"));
  let breaths = 0;
  const breathe = async (): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, 0));
    breaths++;
  };
  const sealed: { id: ChunkId; stored: Uint8Array; size: number }[] = [];
  const sealing = new SealPool(codec, {
    compression: parseCompression("lz4"),
    storedSize: () => -1,
    put: (id, size, stored) => sealed.push({ id, stored: stored.slice(), size }) > 0,
    breathe,
  });
  // Each is a batch of its own.
  for (let i = 0; i < 4; i++) {
    const chunk = compressibleBytes(1_500_000, i + 1);
    await sealing.ready(chunk.length);
    sealing.space(chunk.length).set(chunk);
    sealing.push(chunk.length, { receive() {} });
  }
  await sealing.drain();
  sealing.dispose();
  assert.equal(sealed.length, 4);
  assert.ok(breaths >= 4, `sealing: ${breaths}`);
  breaths = 0;
  let opened = 0;
  const opening = new OpenPool(codec, { breathe });
  const receiver = {
    receive: () => void opened++,
    fail: (error: unknown): never => {
      throw error;
    },
  };
  for (const { id, stored, size } of sealed) await opening.push(id, stored, size, receiver);
  await opening.drain();
  opening.dispose();
  assert.equal(opened, 4);
  assert.ok(breaths >= 4, `opening: ${breaths}`);
});
