/** verifyData() over the log and in memory: it finds what is damaged, wherever the damage lies and whoever looks. */
import assert from "node:assert/strict";
import { verifyData } from "../../../core/archive/verify_data.ts";
import { type ChunkId, hexOfId, MANIFEST_ID } from "../../../core/bytes/mod.ts";
import { ChunksIndex } from "../../../core/local/mod.ts";
import { type ObjectCodec, type ObjectWorker, parseCompression } from "../../../core/object/mod.ts";
import { createRepository, MemStore, openRepository, type StoreDeleter } from "../../../core/store/mod.ts";
import { MemoryFiles } from "../../fault/_memory_files.ts";
import { testCodec, testKey } from "../../fixtures/codecs.ts";
import { seededBytes } from "../../fixtures/deterministic.ts";
import { testEnv } from "../../fixtures/store_env.ts";

const WORKER = new URL("../../../cli/object_worker.ts", import.meta.url);
const spawn = (): ObjectWorker => new Worker(WORKER, { type: "module" }) as unknown as ObjectWorker;

/** Objects of many sizes, and a manifest, whose id is not that of its contents. */
async function fill(store: StoreDeleter, codec: ObjectCodec, count: number): Promise<ChunkId[]> {
  const random = seededBytes(3);
  const ids: ChunkId[] = [];
  for (let i = 0; i < count; i++) {
    const plain = random(1 + (i * 7919) % 50_000);
    ids.push(codec.idOf(plain));
    await store.put(ids[i]!, await codec.seal(plain, parseCompression("lz4")));
  }
  await store.put(MANIFEST_ID, await codec.seal(random(500), parseCompression("none")));
  await store.commit();
  return ids;
}

async function verify(
  store: StoreDeleter,
  codec: ObjectCodec,
  options: { workers?: number; repair?: boolean } = {},
): Promise<{ errors: number; messages: string[]; left: number }> {
  const env = testEnv();
  const chunks = new ChunksIndex();
  const packed = await store.list(10_000);
  for (let at = 0; at < packed.length; at += 32) {
    chunks.add(packed.slice(at, at + 32) as ChunkId, 0, 0, 0);
  }
  const { workers = 0, repair = false } = options;
  const spawner = workers > 0 ? { count: workers, spawn } : undefined;
  const errors = await verifyData(store, codec, env.reporter, { chunks, repair, spawner });
  return { errors, messages: env.messages().filter((text) => text.startsWith("chunk ")), left: chunks.count };
}

Deno.test("verifyData() finds objects that are not what their ids say, and repair deletes them", async () => {
  for (const workers of [0, 1]) {
    const codec = await testCodec(testKey("repokey"));
    const store = new MemStore();
    const ids = await fill(store, codec, 300);
    assert.deepEqual(await verify(store, codec, { workers }), { errors: 0, messages: [], left: 301 });
    // Authentic, but another object.
    store.put(ids[10]!, store.get(ids[11]!));
    store.put(ids[250]!, store.get(ids[250]!).fill(0, 45));
    store.put(MANIFEST_ID, store.get(MANIFEST_ID).fill(0, 45));
    const damaged = [ids[10]!, ids[250]!, MANIFEST_ID].map(hexOfId).sort();
    const named = (messages: string[]) => messages.map((text) => text.slice(6, 70)).sort();
    const found = await verify(store, codec, { workers });
    assert.equal(found.errors, 3);
    assert.deepEqual(named(found.messages), damaged);
    assert.equal(found.left, 301);
    const repaired = await verify(store, codec, { workers, repair: true });
    assert.deepEqual(named(repaired.messages), damaged);
    assert.equal(repaired.left, 298);
    assert.equal(store.has(ids[10]!), false);
    assert.equal((await verify(store, codec, { workers })).errors, 0);
  }
});

Deno.test("verifyData() finds what lies behind a damaged place of a segment, and the damaged one alone is at fault", async () => {
  const codec = await testCodec(testKey("repokey"));
  const files = new MemoryFiles();
  const env = testEnv(files);
  const store = await createRepository(env, "/repo", { maxSegmentSize: 500_000 });
  const ids = await fill(store, codec, 100);
  await store.close();
  const segment = files.readFile("/repo/data/0/2");
  for (const at of [segment.length >> 1, 20, segment.length - 3]) {
    const bytes = segment.slice();
    bytes[at]! ^= 0x10;
    files.writeFile("/repo/data/0/2", bytes);
    const again = await openRepository(env, "/repo", { exclusive: true, lock: true, lockWaitSeconds: 0 });
    const scanned = new Set<string>();
    for await (const { id } of again.scan!()) scanned.add(hexOfId(id));
    const { errors, messages } = await verify(again, codec);
    assert.equal(errors, 1, messages.join("\n"));
    assert.ok(!scanned.has(messages[0]!.slice(6, 70)));
    assert.ok(scanned.size > 50 && scanned.size < ids.length + 1);
    await again.close();
  }
});

Deno.test("ChunksIndex.marks() tells what was not marked", () => {
  const index = new ChunksIndex();
  const random = seededBytes(5);
  const ids = Array.from({ length: 5000 }, () => random(32) as ChunkId);
  for (const id of ids) index.add(id, 0, 0, 0);
  const marks = index.marks();
  for (const [i, id] of ids.entries()) if (i % 3 !== 0) assert.equal(marks.set(id), true);
  assert.equal(marks.set(random(32) as ChunkId), false);
  const missing = new Set([...marks.missing()].map(hexOfId));
  assert.deepEqual(missing, new Set(ids.filter((_, i) => i % 3 === 0).map(hexOfId)));
});
