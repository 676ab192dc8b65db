/** Creating and opening: the files made, the refusals, append-only mode, and readers that must not write. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { AppError, OsError } from "../../../core/errors.ts";
import { createRepository, openRepository } from "../../../core/store/mod.ts";
import { MemoryFiles } from "../../fault/_memory_files.ts";
import { dataOf, idOf, temporaryFolder, testEnv } from "../../fixtures/store_env.ts";

const EXCLUSIVE = { exclusive: true, lock: true, lockWaitSeconds: 0 };
const SHARED = { ...EXCLUSIVE, exclusive: false };
const code = (expected: string) => (error: unknown) => error instanceof AppError && error.code === expected;

Deno.test("createRepository() makes borg's files", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "repo");
  const id = new Uint8Array(32).fill(0xab);
  await (await createRepository(testEnv(), path, { id, storageQuota: 5000 })).close();
  assert.deepEqual(fs.readdirSync(path).sort(), ["README", "config", "data"]);
  assert.equal(fs.readFileSync(join(path, "README")).length, 73);
  assert.equal(
    fs.readFileSync(join(path, "config"), "utf8"),
    "[repository]\nversion = 1\nsegments_per_dir = 1000\nmax_segment_size = 524288000\nappend_only = 0\n" +
      `storage_quota = 5000\nadditional_free_space = 0\nid = ${"ab".repeat(32)}\n\n`,
  );
});

Deno.test("createRepository() refuses what is there, what is inside, and what has no parent", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "repo");
  await (await createRepository(testEnv(), path)).close();
  const refused = (where: string, expected: string) =>
    assert.rejects(() => createRepository(testEnv(), where), code(expected));
  await refused(path, "Repository.AlreadyExists");
  await refused(join(path, "data", "inner"), "Repository.AlreadyExists");
  await refused(join(folder.path, "no", "such"), "Repository.ParentPathDoesNotExist");
  fs.writeFileSync(join(folder.path, "file"), "x");
  await refused(join(folder.path, "file"), "Repository.PathAlreadyExists");
  await refused(folder.path, "Repository.PathAlreadyExists");
  await (await createRepository(testEnv(), join(folder.path, "a", "b"), { makeParentDirs: true })).close();
  fs.mkdirSync(join(folder.path, "empty"));
  await (await createRepository(testEnv(), join(folder.path, "empty"))).close();
});

Deno.test("openRepository() says in borg's terms what is wrong with a place, and leaves no lock there", async () => {
  using folder = temporaryFolder();
  const refused = (where: string, expected: string) =>
    assert.rejects(() => openRepository(testEnv(), where, EXCLUSIVE), code(expected));
  await refused(join(folder.path, "none"), "Repository.DoesNotExist");
  await refused(folder.path, "Repository.InvalidRepository");
  assert.deepEqual(fs.readdirSync(folder.path), []);
  const path = join(folder.path, "repo");
  await (await createRepository(testEnv(), path)).close();
  fs.mkdirSync(join(path, "data", "0"));
  fs.writeFileSync(join(path, "data", "0", "0"), "ATTICSEG and more");
  await refused(path, "Repository.AtticRepository");
  fs.writeFileSync(join(path, "config"), "[repository]\nversion = 2\n");
  await refused(path, "Repository.InvalidRepositoryConfig");
  assert.deepEqual(fs.readdirSync(path).sort(), ["README", "config", "data"]);
});

Deno.test("commit() in append-only mode logs transactions, and compact() removes nothing", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "repo");
  const env = testEnv(undefined, { nowMs: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6) });
  const store = await createRepository(env, path, { appendOnly: true });
  await store.put(idOf(1), dataOf(1, 1000));
  store.commit();
  await store.delete(idOf(1));
  assert.deepEqual(await store.compact({ thresholdPercent: 0 }), { freedBytes: 0 });
  await assert.rejects(() => store.check({ repair: true }), AppError);
  await store.close();
  assert.equal(
    fs.readFileSync(join(path, "transactions"), "utf8"),
    "transaction 1, UTC time 2026-01-02T03:04:05.006000\ntransaction 3, UTC time 2026-01-02T03:04:05.006000\n",
  );
  assert.equal(fs.statSync(join(path, "data", "0", "0")).size, 8 + 41 + 1000);
});

Deno.test("a reader whose rebuilt index cannot be saved reads all the same", async () => {
  const disk = new MemoryFiles();
  const store = await createRepository(testEnv(disk), "/repo");
  await store.put(idOf(1), dataOf(1, 10));
  store.commit();
  await store.close();
  disk.unlink("/repo/index.1");
  const unlocked = await openRepository(testEnv(disk), "/repo", { ...SHARED, lock: false });
  assert.deepEqual(await unlocked.get(idOf(1)), dataOf(1, 10));
  assert.ok(!disk.exists("/repo/index.1"));
  await unlocked.close();
  // Another reader keeps us from the exclusive lock.
  const other = await openRepository(testEnv(disk, { pid: 1, isProcessAlive: () => true }), "/repo", SHARED);
  const reader = await openRepository(testEnv(disk, { pid: 2, isProcessAlive: () => true }), "/repo", SHARED);
  assert.deepEqual(await reader.get(idOf(1)), dataOf(1, 10));
  assert.ok(!disk.exists("/repo/index.1"));
  await other.close();
  await reader.close();
  const last = await openRepository(testEnv(disk), "/repo", SHARED);
  assert.equal(await last.count(), 1);
  assert.ok(disk.exists("/repo/index.1"));
  await last.close();
  assert.equal(disk.openFiles, 0);
});

Deno.test("saveKey() leaves no older configuration behind", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "repo");
  const store = await createRepository(testEnv(), path);
  store.saveKey(new TextEncoder().encode("one\ntwo"));
  store.saveKey(new TextEncoder().encode("three"));
  await store.close();
  assert.deepEqual(fs.readdirSync(path).sort(), ["README", "config", "data"]);
  const again = await openRepository(testEnv(), path, SHARED);
  assert.equal(new TextDecoder().decode(again.loadKey()!), "three");
  await again.close();
});

Deno.test("who came without a lock takes back nothing of what was configured since", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "repo");
  const store = await createRepository(testEnv(), path);
  await store.put(idOf(1), dataOf(1, 10));
  store.commit();
  const guest = await openRepository(testEnv(), path, { ...SHARED, lock: false });
  store.setConfigValue("append_only", "1");
  await store.close();
  guest.saveKey(new TextEncoder().encode("another"));
  await guest.check({ maxDurationSeconds: 1e-9 });
  await guest.close();
  const again = await openRepository(testEnv(), path, SHARED);
  assert.equal(again.appendOnly, true);
  await again.close();
});

Deno.test("setConfigValue() refuses a number of segments in a folder by which some would not be found", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "repo");
  const store = await createRepository(testEnv(), path, { segmentsPerDir: 10 });
  for (let n = 0; n < 6; n++) {
    await store.put(idOf(n), dataOf(n, 10));
    store.commit();
  }
  for (const value of ["4", "11"]) {
    const before = fs.readFileSync(join(path, "config"), "utf8");
    assert.throws(() => store.setConfigValue("segments_per_dir", value), code("Error"));
    assert.equal(fs.readFileSync(join(path, "config"), "utf8"), before);
  }
  store.setConfigValue("segments_per_dir", "10");
  await store.close();
  const small = join(folder.path, "small");
  const other = await createRepository(testEnv(), small, { segmentsPerDir: 10 });
  await other.put(idOf(1), dataOf(1, 10));
  other.commit();
  other.setConfigValue("segments_per_dir", "5");
  await other.close();
  const again = await openRepository(testEnv(), small, SHARED);
  assert.deepEqual(await again.get(idOf(1)), dataOf(1, 10));
  await again.close();
});

Deno.test("commitNonceReservation() writes borg's nonce file, getFreeNonce() refuses a damaged one", async () => {
  const disk = new MemoryFiles();
  const store = await createRepository(testEnv(disk), "/repo");
  store.commitNonceReservation(0x1234n, null);
  assert.equal(new TextDecoder().decode(disk.readFile("/repo/nonce")), "0000000000001234");
  for (const bad of ["", "00", "000000000000123x", "00000000000012345"]) {
    disk.writeFile("/repo/nonce", new TextEncoder().encode(bad));
    assert.throws(() => store.getFreeNonce(), AppError);
  }
  await store.close();
});

Deno.test("destroy() removes the repository, and a closed store refuses to work", async () => {
  const disk = new MemoryFiles();
  const store = await createRepository(testEnv(disk), "/repo");
  await store.put(idOf(1), dataOf(1, 10));
  store.commit();
  await store.destroy();
  assert.ok(!disk.exists("/repo"));
  await assert.rejects(async () => await store.get(idOf(1)), TypeError);
  await assert.rejects(() => openRepository(testEnv(disk), "/repo", SHARED), code("Repository.DoesNotExist"));
});

Deno.test("storageQuotaUse() counts deleted objects until compaction", async () => {
  const store = await createRepository(testEnv(new MemoryFiles()), "/repo", { storageQuota: 10_000 });
  await store.put(idOf(1), dataOf(1, 1000));
  await store.put(idOf(2), dataOf(2, 100));
  store.commit();
  await store.delete(idOf(1));
  store.commit();
  assert.equal(await store.storageQuotaUse(), 1182);
  await store.compact({ thresholdPercent: 10 });
  assert.equal(await store.storageQuotaUse(), 141);
  assert.equal(store.storageQuota, 10_000);
  await store.close();
});

Deno.test("hints() in the middle of a transaction does not separate the store from it", async () => {
  const disk = new MemoryFiles();
  const store = await createRepository(testEnv(disk), "/repo");
  for (let n = 0; n < 4; n++) {
    await store.put(idOf(n), dataOf(n, 100));
    assert.equal((await store.hints()).storageQuotaUse, 141 * (n + 1));
    store.commit();
    assert.equal(await store.count(), n + 1);
  }
  await store.close();
  const again = await openRepository(testEnv(disk), "/repo", EXCLUSIVE);
  // At the same time as what begins a transaction, and needs hints, too.
  const [hints] = await Promise.all([again.hints(), again.put(idOf(4), dataOf(4, 100)), again.hints()]);
  assert.equal(hints, await again.hints());
  again.commit();
  await again.put(idOf(5), dataOf(5, 100));
  again.commit();
  for (let n = 0; n < 6; n++) assert.deepEqual(await again.get(idOf(n)), dataOf(n, 100));
  assert.equal(await again.storageQuotaUse(), 6 * 141);
  await again.close();
});

Deno.test("put() with an operating system error keeps the error's code", async () => {
  const disk = new MemoryFiles();
  const store = await createRepository(testEnv(disk), "/repo");
  disk.capacity = 10;
  await assert.rejects(
    async () => await store.put(idOf(1), dataOf(1, 200_000)),
    (error) => error instanceof OsError && error.code === "ENOSPC",
  );
  await store.close();
});
