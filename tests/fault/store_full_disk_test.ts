/** The disk is full at every possible byte of a repository's life, and the clear refusals before it comes to that. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { AppError, OsError } from "../../core/errors.ts";
import { createRepository, openRepository } from "../../core/store/mod.ts";
import { dataOf, idOf, temporaryFolder, testEnv } from "../fixtures/store_env.ts";
import { MemoryFiles } from "./_memory_files.ts";
import { contentsOf, type Life, live, sameContents } from "./_store_scenario.ts";

const PATH = "/repo";
const EXCLUSIVE = { exclusive: true, lock: true, lockWaitSeconds: 0 };

Deno.test("put(), commit() and compact() on a full disk lose nothing that was committed", async () => {
  let full = 0;
  // Coarse where index files (41 KB each) are written, fine where segments are.
  for (let capacity = 100; capacity < 140_000; capacity += capacity % 41_300 < 9000 ? 61 : 4001) {
    const disk = new MemoryFiles();
    disk.capacity = capacity;
    const life: Life = { promised: null, next: new Map(), store: null };
    try {
      await live(testEnv(disk), PATH, life);
      break;
    } catch (error) {
      assert.ok(error instanceof OsError && error.code === "ENOSPC", `capacity ${capacity}: ${error}`);
    }
    full++;
    if (!life.store) continue;
    // The process goes on: nothing may be committed that lost data.
    life.store.rollback();
    disk.capacity = Infinity;
    await life.store.close();
    const env = testEnv(disk);
    const store = await openRepository(env, PATH, EXCLUSIVE);
    const found = await contentsOf(store);
    const fits = sameContents(found, life.promised ?? new Map()) || sameContents(found, life.next);
    assert.ok(fits, `capacity ${capacity}: found ${[...found.keys()]}`);
    if (found.size > 0) {
      assert.deepEqual(
        await store.check({}),
        { ok: true },
        `capacity ${capacity}: ${env.messages().join("; ")}`,
      );
    }
    await store.close();
  }
  assert.ok(full > 100);
});

Deno.test("commit() after a failed put() is refused, also when there is space again", async () => {
  const disk = new MemoryFiles();
  const store = await createRepository(testEnv(disk), PATH);
  await store.put(idOf(1), dataOf(1, 100));
  store.commit();
  await store.put(idOf(2), dataOf(2, 100));
  disk.capacity = 0;
  assert.throws(() => store.put(idOf(3), dataOf(3, 200_000)), OsError);
  disk.capacity = Infinity;
  assert.throws(() => store.put(idOf(4), dataOf(4, 10)), OsError);
  assert.throws(() => store.commit(), OsError);
  assert.deepEqual([...(await contentsOf(store)).keys()], [1]);
  await store.put(idOf(5), dataOf(5, 100));
  store.commit();
  assert.deepEqual(await store.check({}), { ok: true });
  await store.close();
});

Deno.test("commit() refuses with InsufficientFreeSpaceError before the disk is full, and gives the space back", async () => {
  const disk = new MemoryFiles();
  const store = await createRepository(testEnv(disk), PATH);
  await store.put(idOf(1), dataOf(1, 100));
  store.commit();
  await store.put(idOf(2), dataOf(2, 300_000));
  disk.claimedFreeSpace = 50_000;
  const refusal = (error: unknown) =>
    error instanceof AppError && error.code === "Repository.InsufficientFreeSpaceError";
  assert.throws(() => store.commit(), refusal);
  assert.deepEqual([...(await contentsOf(store)).keys()], [1]);
  assert.ok([...disk.everyFile()].every(([name, bytes]) => !name.includes("/data/") || bytes.length < 1000));
  disk.claimedFreeSpace = null;
  store.setConfigValue("additional_free_space", "2G");
  await store.close();
  const again = await openRepository(testEnv(disk), PATH, EXCLUSIVE);
  disk.claimedFreeSpace = 1e9;
  await again.put(idOf(2), dataOf(2, 300));
  assert.throws(() => again.commit(), refusal);
  await again.close();
});

Deno.test("commit() of a new repository's first transaction without space removes the repository", async () => {
  const disk = new MemoryFiles();
  const store = await createRepository(testEnv(disk), PATH);
  await store.put(idOf(1), dataOf(1, 100));
  disk.claimedFreeSpace = 1000;
  assert.throws(() => store.commit(), AppError);
  await store.close();
  assert.deepEqual([...disk.everyFile()], []);
});

Deno.test("SegmentStore keeps its commits on a real file system that is full", async () => {
  using folder = temporaryFolder();
  const mount = spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", folder.path]);
  if (mount.status !== 0) {
    console.log(`skipped, mount is not permitted here: ${String(mount.stderr).trim()}`);
    return;
  }
  try {
    const path = `${folder.path}/repo`;
    const store = await createRepository(testEnv(), path);
    await store.put(idOf(0), dataOf(0, 1000));
    store.commit();
    let stored = 0;
    const fill = async () => {
      for (let n = 1; n < 100; n++) {
        await store.put(idOf(n), dataOf(n, 150_000));
        stored++;
      }
    };
    await assert.rejects(fill, (error) => error instanceof OsError && error.code === "ENOSPC");
    assert.ok(stored > 5);
    assert.throws(() => store.commit(), OsError);
    await store.close();
    const again = await openRepository(testEnv(), path, EXCLUSIVE);
    assert.deepEqual(await again.get(idOf(0)), dataOf(0, 1000));
    assert.equal(await again.count(), 1);
    await again.put(idOf(1), dataOf(1, 150_000));
    again.commit();
    assert.deepEqual(await again.check({}), { ok: true });
    await again.close();
  } finally {
    spawnSync("umount", [folder.path]);
  }
});
