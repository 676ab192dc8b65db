/** A lock that somebody broke while its holder was away: what others have committed since then must survive its return. */
import assert from "node:assert/strict";
import { AppError } from "../../../core/errors.ts";
import { breakLock, createRepository, openRepository } from "../../../core/store/mod.ts";
import { MemoryFiles } from "../../fault/_memory_files.ts";
import { dataOf, idOf, testEnv } from "../../fixtures/store_env.ts";

const EXCLUSIVE = { exclusive: true, lock: true, lockWaitSeconds: 0 };
const code = (expected: string) => (error: unknown) => error instanceof AppError && error.code === expected;

async function repository() {
  const disk = new MemoryFiles();
  const envOf = (pid: number) => testEnv(disk, { pid, isProcessAlive: () => true });
  const store = await createRepository(envOf(9), "/repo");
  await store.put(idOf(1), dataOf(1, 100));
  store.commit();
  await store.close();
  return {
    open: (pid: number, options: Partial<typeof EXCLUSIVE> = {}) =>
      openRepository(envOf(pid), "/repo", { ...EXCLUSIVE, ...options }),
    /** Another process breaks the locks and stores an object. */
    async overtake(): Promise<void> {
      breakLock(envOf(11), "/repo");
      const other = await openRepository(envOf(11), "/repo", EXCLUSIVE);
      await other.put(idOf(2), dataOf(2, 100));
      other.commit();
      await other.close();
    },
    async verify(): Promise<void> {
      const store = await openRepository(envOf(12), "/repo", EXCLUSIVE);
      assert.deepEqual(await store.get(idOf(2)), dataOf(2, 100));
      assert.equal(await store.has(idOf(3)), false);
      assert.deepEqual(await store.check({}), { ok: true });
      await store.close();
    },
  };
}

Deno.test("a transaction under a broken lock cannot be committed, and takes nothing of others away", async () => {
  const { open, overtake, verify } = await repository();
  const store = await open(10);
  await store.put(idOf(3), dataOf(3, 100));
  await overtake();
  assert.throws(() => store.commit(), code("NotLocked"));
  await assert.rejects(async () => await store.put(idOf(3), dataOf(3, 100)), code("NotLocked"));
  await assert.rejects(store.close(), code("NotLocked"));
  await verify();
});

Deno.test("a transaction under a broken lock is thrown away without what others have committed", async () => {
  for (const end of ["rollback", "close", "compact"] as const) {
    const { open, overtake, verify } = await repository();
    const store = await open(10);
    await store.put(idOf(3), dataOf(3, 100));
    await overtake();
    if (end === "rollback") store.rollback();
    if (end === "compact") await assert.rejects(store.compact({ thresholdPercent: 0 }), code("NotLocked"));
    await assert.rejects(store.close(), code("NotLocked"));
    await verify();
  }
});

Deno.test("a transaction does not begin where the lock was broken, or where there is none", async () => {
  for (const lost of [{ exclusive: true }, { exclusive: false }, { lock: false }]) {
    const { open, overtake, verify } = await repository();
    const store = await open(10, lost);
    assert.deepEqual(await store.get(idOf(1)), dataOf(1, 100));
    await overtake();
    const refused = code(lost.lock === false ? "Error" : "NotLocked");
    await assert.rejects(async () => await store.put(idOf(3), dataOf(3, 100)), refused);
    await assert.rejects(async () => await store.delete(idOf(1)), refused);
    await assert.rejects(store.compact({ thresholdPercent: 0 }), refused);
    await assert.rejects(store.check({ repair: true }), refused);
    await store.close().catch(() => {});
    await verify();
  }
});

Deno.test("a broken lock that another process holds is not taken for ours", async () => {
  const { open, overtake } = await repository();
  const store = await open(10);
  await store.put(idOf(3), dataOf(3, 100));
  await overtake();
  const other = await open(13);
  await other.put(idOf(4), dataOf(4, 100));
  assert.throws(() => store.commit(), code("NotMyLock"));
  await assert.rejects(store.close(), code("NotMyLock"));
  other.commit();
  assert.deepEqual(await other.get(idOf(2)), dataOf(2, 100));
  await other.close();
});
