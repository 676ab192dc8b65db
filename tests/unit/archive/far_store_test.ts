/**
 * The work on archives over a store that answers later, and over one that cannot tell sizes: whatever is done comes out as it
 * does over a store in memory, to the byte. `SlowStore` finds out who does not wait for its answers.
 */
import assert from "node:assert/strict";
import {
  Archive,
  ArchiveCheck,
  ArchiveDiff,
  ArchiveWriter,
  Backup,
  type ChunkEntry,
  type ChunkListContext,
  ChunkSink,
  Extraction,
  type Item,
  Manifest,
  planDelete,
  recreatedMeta,
  Recreation,
  renameArchive,
  Repacker,
  Replacement,
  runDelete,
  type Source,
  Stats,
} from "../../../core/archive/mod.ts";
import {
  asChunkId,
  type ChunkId,
  concatBytes,
  decodeHex,
  hexOfId,
  MANIFEST_ID,
} from "../../../core/bytes/mod.ts";
import { type ChunkerParams, createChunker } from "../../../core/chunk/mod.ts";
import { NonceKeeper } from "../../../core/crypto/mod.ts";
import type { FileReader, WalkEntry } from "../../../core/fs/mod.ts";
import { ChunksIndex, ChunksIndexCache } from "../../../core/local/mod.ts";
import { type ObjectCodec, type ObjectWorker, parseCompression } from "../../../core/object/mod.ts";
import { openFiles, type Stat } from "../../../core/platform/mod.ts";
import type { Reporter } from "../../../core/report.ts";
import { MemStore, type StoreDeleter } from "../../../core/store/mod.ts";
import { testCodec, testKey } from "../../fixtures/codecs.ts";
import { compressibleBytes, seededBytes } from "../../fixtures/deterministic.ts";
import { SlowStore } from "../../fixtures/slow_store.ts";
import { testEnv } from "../../fixtures/store_env.ts";

const WORKER = new URL("../../../cli/object_worker.ts", import.meta.url);
const spawn = (): ObjectWorker => new Worker(WORKER, { type: "module" }) as unknown as ObjectWorker;

const PARAMS: ChunkerParams = { algorithm: "buzhash", minExp: 10, maxExp: 16, maskBits: 12, windowSize: 255 };
const LZ4 = parseCompression("lz4");

class SourceTrouble extends Error {}

/** Files by name, in order. Reading one with "broken" in its name fails at its end. */
type Tree = ReadonlyMap<string, Uint8Array>;

function statOf(number: number, size: number): Stat {
  const timeNs = BigInt(number) * 1_000_000_000n;
  return {
    mode: 0o100644,
    dev: 1,
    ino: BigInt(number),
    nlink: 1,
    uid: 0,
    gid: 0,
    rdev: 0,
    size,
    blocks: 1,
    mtimeNs: timeNs,
    atimeNs: timeNs,
    ctimeNs: timeNs,
    birthtimeNs: null,
  };
}

function sourceOf(tree: Tree, remembered: Map<string, readonly ChunkEntry[]>): Source {
  const entries = [...tree].map(([path, data], i): WalkEntry => {
    return { path, archivePath: path, stat: statOf(i + 1, data.length) };
  });
  let data: Uint8Array = new Uint8Array(0);
  let path = "";
  let at = 0;
  const reader = {
    descriptor: 3,
    open(name: string, stat: Stat): Stat {
      [data, path, at] = [tree.get(name)!, name, 0];
      return stat;
    },
    read(into: Uint8Array): number {
      if (path.includes("broken") && at === data.length) throw new SourceTrouble("cannot be read");
      const part = data.subarray(at, at + Math.min(into.length, 30_000));
      into.set(part);
      at += part.length;
      return part.length;
    },
    changedSinceOpen: () => path.includes("changing"),
    ranges: () => null,
    skip() {},
    close() {},
  } as unknown as FileReader;
  let next = 0;
  return {
    next: () => entries[next++] ?? null,
    reader,
    meta: (path, { mode, mtimeNs }) => {
      return { path, mode, uid: 0, gid: 0, user: null, group: null, mtime: mtimeNs };
    },
    readLink: () => "",
    cache: {
      lookup: (path) => remembered.get(path)?.slice() ?? null,
      foundBare: () => true,
      remember: (path, _stat, chunks) => void remembered.set(path, chunks),
    },
    warningOf: (error) =>
      error instanceof SourceTrouble ? { code: "BackupError", message: error.message } : null,
  };
}

/** A repository, and all that is told of what is done with it. */
class Bench {
  readonly told: unknown[] = [];
  readonly #remembered = new Map<string, readonly ChunkEntry[]>();
  #now = 0;

  private constructor(
    readonly store: StoreDeleter,
    readonly codec: ObjectCodec,
    public manifest: Manifest,
    private readonly workers: number,
  ) {}

  static async make(store: StoreDeleter, workers: number): Promise<Bench> {
    let local: bigint | null = null;
    const nonce = new NonceKeeper({
      repository: store,
      local: { readNonce: () => local, writeNonce: (end) => void (local = end) },
      floor: 0n,
    });
    const codec = await testCodec(testKey("repokey"), { nonce });
    const manifest = new Manifest(codec);
    const bench = new Bench(store, codec, manifest, workers);
    await manifest.write(store, bench.#us());
    await store.commit();
    return bench;
  }

  get #spawner() {
    return this.workers > 0 ? { count: this.workers, spawn } : undefined;
  }

  get #reporter(): Reporter {
    return {
      progress: false,
      fileStatus: false,
      emit() {},
      warn: (code, path, message) => void this.told.push(`${code} ${path}: ${message}`),
    };
  }

  #us = (): number => 1_700_000_000_000_000 + 1000 * this.#now++;
  /** Goes on by itself, so that there are checkpoints, always at the same places. */
  #ms = (): number => this.#now++;

  #lists(): ChunkListContext & { store: StoreDeleter } {
    return {
      store: this.store,
      codec: this.codec,
      manifest: this.manifest,
      cache: new ChunksIndexCache(openFiles(), null),
      fileTotals: new Map(),
      newIndex: () => new ChunksIndex(),
      breathe: () => {},
    };
  }

  #sink(seen: ChunksIndex, text = "lz4"): ChunkSink {
    const options = { compression: parseCompression(text), largestChunk: 1 << 16, spawner: this.#spawner };
    return new ChunkSink(this.store, this.codec, seen, options);
  }

  #writer(name: string, sink: ChunkSink, old?: Archive): ArchiveWriter {
    const { store, codec, manifest } = this;
    return new ArchiveWriter({ store, codec, manifest, sink, nowUs: this.#us }, {
      name,
      comment: "",
      chunkerParams: PARAMS,
      cmdline: ["test"],
      hostname: "host",
      username: "user",
      cwd: "/",
      ...(old
        ? {
          replacesAs: `${name}.recreate`,
          adjust: (meta) => recreatedMeta(meta, old.meta, { keepTimes: true, cmdline: [] }),
        }
        : {}),
    });
  }

  #tellStats(writer: ArchiveWriter): void {
    this.told.push({ ...writer.stats.totals(), deduplicated: writer.stats.deduplicatedSize });
  }

  async backup(name: string, tree: Tree, checkpointIntervalMs = 0): Promise<void> {
    const seen = new ChunksIndex();
    const sink = this.#sink(seen);
    const writer = this.#writer(name, sink);
    const chunker = createChunker(PARAMS, this.codec.chunkSeed);
    const source = sourceOf(tree, this.#remembered);
    await new Backup(source, writer, sink, chunker, this.#reporter, {
      checkpointIntervalMs,
      nowMs: this.#ms,
      interrupted: () => false,
      breathe: () => {},
    }).run();
    await writer.save();
    sink.dispose();
    chunker.dispose();
    seen.dispose();
    this.#tellStats(writer);
  }

  open(name: string): Promise<Archive> {
    return Archive.open(this.store, this.codec, this.manifest, { name });
  }

  async contents(name: string): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    await new Extraction(await this.open(name), null, this.#reporter, {
      stdout: async (data) => {
        const own = data.slice();
        await Promise.resolve();
        pieces.push(own);
      },
      spawner: this.#spawner,
    }).run();
    return concatBytes(...pieces);
  }

  async rename(from: string, to: string): Promise<void> {
    await renameArchive(this, { from, to }, this.#us());
  }

  async diff(from: string, to: string): Promise<void> {
    const work = new ArchiveDiff(
      await this.open(from),
      await this.open(to),
      {
        contentOnly: false,
        sameChunks: true,
        parts: false,
        onLostLink() {},
        breathe: () => {},
      } as ConstructorParameters<typeof ArchiveDiff>[2],
    );
    for await (const { path, changes } of work.run()) {
      this.told.push(
        `${path} ${JSON.stringify(changes, (_, value) => typeof value === "bigint" ? `${value}` : value)}`,
      );
    }
  }

  async recreate(name: string, how: {
    select?: (path: string) => boolean;
    recompress?: "always" | "if-different";
    rechunk?: ChunkerParams;
  }): Promise<void> {
    const { store, codec, manifest } = this;
    const seen = new ChunksIndex();
    const done = new ChunksIndex();
    using replacement = new Replacement(this.#lists());
    const archive = await this.open(name);
    const compression = how.recompress ? "zlib,6" : "lz4";
    const sink = this.#sink(seen, compression);
    const repacker = how.recompress
      ? new Repacker(store, codec, done, {
        compression: parseCompression(compression),
        always: how.recompress === "always",
        largestChunk: 1 << 16,
        spawner: this.#spawner,
      })
      : null;
    const writer = this.#writer(name, sink, archive);
    await replacement.prepare();
    const contents = repacker ?? (how.rechunk ? sink : null);
    await new Recreation(archive, writer, { metadata: sink, contents }, this.#reporter, {
      select: how.select ?? (() => true),
      isSubset: how.select !== undefined,
      rechunk: how.rechunk ?? null,
      checkpointIntervalMs: 40,
      nowMs: this.#ms,
      interrupted: () => false,
      breathe: () => {},
    }).run();
    const old = manifest.archives.get(name)!;
    await writer.complete();
    await replacement.replace(old, { nowUs: this.#us() });
    this.#tellStats(writer);
    sink.dispose();
    repacker?.dispose();
    seen.dispose();
    done.dispose();
  }

  async delete(...names: string[]): Promise<void> {
    const plan = await planDelete(this.#lists(), names.map((name) => this.manifest.archives.get(name)!));
    this.told.push([plan.originalSize, plan.compressedSize, plan.deduplicatedSize]);
    await runDelete(this.#lists(), plan, { nowUs: this.#us() });
    plan.remaining.dispose();
  }

  /** What check says, and whether all is well; with repair the manifest is loaded again. */
  async check(repair = false): Promise<boolean> {
    const env = testEnv();
    const ok = await new ArchiveCheck({
      store: this.store,
      codec: this.codec,
      reporter: env.reporter,
      newIndex: (capacity) => ChunksIndex.withCapacity(capacity),
      nowUs: this.#us,
      breathe: () => {},
      spawner: this.#spawner,
    }, { repair, verifyData: true, select: null }).run();
    // Stores list their objects in different orders.
    this.told.push(env.messages().sort());
    if (repair) {
      this.manifest = await Manifest.load(this.store, this.codec, {
        operations: ["read"],
        tamRequired: true,
      });
    }
    return ok;
  }

  async ids(): Promise<ChunkId[]> {
    const packed = await this.store.list(100_000);
    return Array.from({ length: packed.length / 32 }, (_, i) => asChunkId(packed.slice(32 * i, 32 * i + 32)));
  }

  /** Ids and sizes of all objects. */
  async tellObjects(): Promise<void> {
    const found: string[] = [];
    for (const id of await this.ids()) found.push(`${hexOfId(id)} ${(await this.store.get(id)).length}`);
    this.told.push(found.sort());
  }

  async chunksOf(name: string, path: string): Promise<readonly ChunkEntry[]> {
    for await (const batch of (await this.open(name)).items()) {
      const found = batch.find((item: Item) => item.path === path);
      if (found) return found.chunks!;
    }
    throw new Error(`no ${path}`);
  }
}

function treeOf(seed: number): Map<string, Uint8Array> {
  const random = seededBytes(seed);
  const large = random(400_000);
  const tree = new Map<string, Uint8Array>([["large", large], ["empty", new Uint8Array(0)]]);
  for (let i = 0; i < 60; i++) {
    tree.set(`small ${i}`, i % 3 === 0 ? random(50 + i) : compressibleBytes(200 + i));
  }
  tree.set("large again", concatBytes(random(10_000), large));
  tree.set("broken", random(150_000));
  tree.set("changing", random(5_000));
  for (let i = 0; i < 30; i++) tree.set(`late ${i}`, compressibleBytes(200 + i));
  return tree;
}

const contentsOf = (tree: Tree): Uint8Array =>
  concatBytes(...[...tree].filter(([path]) => !path.includes("broken")).map(([, data]) => data));

/** Everything that is done with archives; what is told of it, and what the store holds in the end. */
async function everything(store: StoreDeleter, workers: number): Promise<unknown[]> {
  const bench = await Bench.make(store, workers);
  const one = treeOf(1);
  await bench.backup("one", one, 60);
  const two = new Map([...one, ["new", seededBytes(9)(70_000)], ["small 3", seededBytes(8)(53)]]);
  await bench.backup("two", two);
  assert.deepEqual(await bench.contents("one"), contentsOf(one));
  assert.equal(await bench.check(), true);
  await bench.rename("two", "second");
  await bench.diff("one", "second");
  await bench.tellObjects();

  await bench.recreate("one", { select: (path) => !path.startsWith("late") });
  const some = new Map([...one].filter(([path]) => !path.startsWith("late")));
  assert.deepEqual(await bench.contents("one"), contentsOf(some));
  // Not the other way round: of what is compressed in another way, no sealing tells the size.
  await bench.recreate("one", { rechunk: { algorithm: "fixed", blockSize: 4096, headerSize: 0 } });
  await bench.recreate("one", { recompress: "if-different" });
  await bench.recreate("one", { recompress: "always" });
  assert.deepEqual(await bench.contents("one"), contentsOf(some));
  assert.equal(await bench.check(), true);
  await bench.tellObjects();

  await bench.delete("one");
  assert.equal(await bench.check(), true);
  // Two files have it: its replacement is new for the first, and there already for the second.
  const lost = (await bench.chunksOf("second", "large"))[5]!;
  assert.ok(
    (await bench.chunksOf("second", "large again")).some(({ id }) => hexOfId(id) === hexOfId(lost.id)),
  );
  await store.delete(lost.id);
  await store.delete(MANIFEST_ID);
  await store.put(MANIFEST_ID, new Uint8Array([1, 2, 3]));
  await store.commit();
  assert.equal(await bench.check(), false);
  assert.equal(await bench.check(true), true);
  assert.equal(await bench.check(), true);
  await bench.tellObjects();
  return bench.told;
}

const atOnce = await everything(new MemStore(), 0);

for (const workers of [0, 2]) {
  for (const knowsSizes of [true, false]) {
    const sizes = knowsSizes ? "knows sizes" : "does not";
    Deno.test(`everything comes out the same over a store far away that ${sizes}, ${workers} workers`, async () => {
      const inner = new MemStore();
      const store = new SlowStore(inner, { knowsSizes });
      assert.deepEqual(await everything(store, workers), atOnce);
    });
  }
}

Deno.test("ChunkSink stores nothing again where the store cannot tell sizes, and asks for each chunk once", async () => {
  const codec = await testCodec(testKey("repokey"));
  const inner = new MemStore();
  const random = seededBytes(4);
  const chunks = [random(5000), compressibleBytes(9000), random(10)];
  const old = new Map<string, Uint8Array>();
  for (const chunk of chunks) {
    const stored = await codec.seal(chunk, LZ4);
    old.set(hexOfId(codec.idOf(chunk)), stored);
    inner.put(codec.idOf(chunk), stored);
  }
  const store = new SlowStore(inner, { knowsSizes: false });
  const seen = new ChunksIndex();
  const sink = new ChunkSink(store, codec, seen, { compression: LZ4 });
  const stats = new Stats();
  const fresh = random(3000);
  const found: { csize: number; isNew: boolean }[] = [];
  for (const chunk of [...chunks, fresh, ...chunks, fresh]) {
    await sink.send(chunk, { receive: ({ csize, isNew }) => void found.push({ csize, isNew }) });
  }
  await sink.drain();
  // Metadata goes another way.
  for (const chunk of [...chunks, fresh]) {
    const { id, csize } = await sink.add(chunk, stats);
    assert.equal(csize, inner.storedSize(id));
  }
  assert.equal(stats.deduplicatedSize, 0);
  sink.dispose();
  seen.dispose();
  const sizes = [...chunks, fresh].map((chunk) => inner.storedSize(codec.idOf(chunk)));
  assert.deepEqual(found.map(({ csize }) => csize), [...sizes, ...sizes]);
  assert.deepEqual(found.map(({ isNew }) => isNew), [false, false, false, true, false, false, false, false]);
  for (const [id, stored] of old) {
    assert.deepEqual(inner.get(asChunkId(decodeHex(id)!)), stored, "a chunk was stored again");
  }
  assert.equal(store.calls.get("has"), 4);
  assert.equal(store.calls.get("put"), 1);
});

Deno.test("ChunkSink never asks a store that knows sizes whether it has a new chunk", async () => {
  const codec = await testCodec(testKey("repokey"));
  const store = new SlowStore(new MemStore());
  const seen = new ChunksIndex();
  const sink = new ChunkSink(store, codec, seen, { compression: LZ4 });
  await sink.send(seededBytes(5)(1000), { receive() {} });
  await sink.drain();
  sink.dispose();
  seen.dispose();
  assert.deepEqual([...store.calls.keys()].sort(), ["put", "storedSize"]);
});
