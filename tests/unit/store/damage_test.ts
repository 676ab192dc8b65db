/** A small repository with every byte of every file cut off or changed: a typed error or a clean rebuild, never wrong data. */
import assert from "node:assert/strict";
import { AppError } from "../../../core/errors.ts";
import { createRepository, openRepository, type SegmentStore } from "../../../core/store/mod.ts";
import { MemoryFiles } from "../../fault/_memory_files.ts";
import { dataOf, idOf, testEnv } from "../../fixtures/store_env.ts";

const PATH = "/repo";
const EXCLUSIVE = { exclusive: true, lock: true, lockWaitSeconds: 0 };
const code = (...expected: string[]) => (error: unknown) =>
  error instanceof AppError && expected.includes(error.code);

async function smallRepository(): Promise<MemoryFiles> {
  const disk = new MemoryFiles();
  const store = await createRepository(testEnv(disk), PATH);
  for (let n = 0; n < 4; n++) await store.put(idOf(n), dataOf(n, 20));
  store.commit();
  await store.delete(idOf(0));
  store.commit();
  await store.close();
  return disk;
}

function fileOf(disk: MemoryFiles, pattern: RegExp): [string, Uint8Array] {
  for (const [name, bytes] of disk.everyFile()) if (pattern.test(name)) return [name, bytes.slice()];
  throw new Error(`no file ${pattern}`);
}

/** Every truncation, and one flipped bit in every byte (another one each time); of large files only some places. */
function* damages(bytes: Uint8Array): Generator<Uint8Array> {
  const step = bytes.length > 2000 ? 331 : 1;
  for (let at = 0; at < bytes.length; at += step) {
    yield bytes.subarray(0, at);
    const flipped = bytes.slice();
    flipped[at] = flipped[at]! ^ (1 << (at % 8));
    yield flipped;
  }
}

/** Reads all; every object is right or an IntegrityError. Returns how many could be read. */
async function readAll(store: SegmentStore): Promise<number> {
  let read = 0;
  for (let n = 1; n < 4; n++) {
    try {
      assert.deepEqual(await store.get(idOf(n)), dataOf(n, 20));
      read++;
    } catch (error) {
      assert.ok(code("IntegrityError")(error), String(error));
    }
  }
  return read;
}

for (const pattern of [/index\.\d+$/, /hints\.\d+$/, /integrity\.\d+$/]) {
  Deno.test(`openRepository() makes a damaged ${pattern.source} again and loses nothing`, async () => {
    const whole = await smallRepository();
    const [name, bytes] = fileOf(whole, pattern);
    for (const damaged of damages(bytes)) {
      const disk = whole.crash("everything");
      disk.writeFile(name, damaged);
      const store = await openRepository(testEnv(disk), PATH, EXCLUSIVE);
      assert.equal(await readAll(store), 3);
      assert.equal(await store.count(), 3);
      await store.put(idOf(9), dataOf(9, 5));
      store.commit();
      assert.deepEqual(await store.check({}), { ok: true });
      await store.close();
    }
  });
}

Deno.test("get() and check() see every damage to a segment, and repair keeps what is good", async () => {
  const whole = await smallRepository();
  const [name, bytes] = fileOf(whole, /data\/0\/0$/);
  for (const damaged of damages(bytes)) {
    const disk = whole.crash("everything");
    disk.writeFile(name, damaged);
    const store = await openRepository(testEnv(disk), PATH, EXCLUSIVE);
    const before = await readAll(store);
    assert.deepEqual(await store.check({}), { ok: false });
    assert.deepEqual(await store.check({ repair: true }), { ok: true });
    assert.deepEqual(await store.check({}), { ok: true });
    assert.ok(await store.count() >= before);
    await store.close();
  }
});

Deno.test("a damaged COMMIT never takes a whole transaction away: CheckNeeded, and repair commits it again", async () => {
  const whole = await smallRepository();
  const [name, bytes] = fileOf(whole, /data\/0\/3$/);
  assert.equal(bytes.length, 17);
  for (const damaged of damages(bytes)) {
    // A file of no bytes counts as removed, which is how a transaction is undone by hand.
    if (damaged.length === 0) continue;
    const disk = whole.crash("everything");
    disk.writeFile(name, damaged);
    const store = await openRepository(testEnv(disk), PATH, EXCLUSIVE);
    await assert.rejects(async () => await store.get(idOf(1)), code("Repository.CheckNeeded"));
    await assert.rejects(async () => await store.put(idOf(7), dataOf(7, 1)), code("Repository.CheckNeeded"));
    assert.deepEqual(await store.check({}), { ok: false });
    assert.deepEqual(await store.check({ repair: true }), { ok: true });
    assert.equal(await readAll(store), 3);
    assert.equal(await store.storedSize(idOf(0)), -1);
    assert.deepEqual(await store.check({}), { ok: true });
    await store.close();
  }
});

Deno.test("openRepository() without any segments but with an index says CheckNeeded", async () => {
  const disk = await smallRepository();
  for (const n of [0, 1, 2, 3]) if (disk.exists(`/repo/data/0/${n}`)) disk.unlink(`/repo/data/0/${n}`);
  const store = await openRepository(testEnv(disk), PATH, EXCLUSIVE);
  await assert.rejects(async () => await store.count(), code("Repository.CheckNeeded"));
  await store.close();
});

Deno.test("get() of an object in a removed segment says IntegrityError", async () => {
  const disk = await smallRepository();
  disk.unlink("/repo/data/0/0");
  const store = await openRepository(testEnv(disk), PATH, EXCLUSIVE);
  assert.equal(await readAll(store), 0);
  assert.deepEqual(await store.check({}), { ok: false });
  await store.close();
});

Deno.test("check() with a limited time goes on where it stopped", async () => {
  const disk = await smallRepository();
  let now = 0;
  const env = testEnv(disk, { nowMs: () => now += 10_000 });
  const store = await openRepository(env, PATH, EXCLUSIVE);
  assert.deepEqual(await store.check({ maxDurationSeconds: 1 }), { ok: true });
  assert.equal(store.configValue("last_segment_checked"), "0");
  for (let n = 0; n < 4 && store.configValue("last_segment_checked") !== undefined; n++) {
    await store.check({ maxDurationSeconds: 1 });
  }
  assert.match(disk.readFile("/repo/config").toString(), /^[\d,]+$/);
  assert.deepEqual(await store.check({}), { ok: true });
  assert.equal(store.configValue("last_segment_checked"), undefined);
  await store.close();
});
