/** Locks among processes of this program: who waits for whom, and what becomes of the locks of the dead. */
import assert from "node:assert/strict";
import { AppError } from "../../../core/errors.ts";
import { breakLock, createRepository, Lock } from "../../../core/store/mod.ts";
import { MemoryFiles } from "../../fault/_memory_files.ts";
import { testEnv } from "../../fixtures/store_env.ts";

const code = (expected: string) => (error: unknown) => error instanceof AppError && error.code === expected;

function processes() {
  const disk = new MemoryFiles();
  disk.mkdir("/repo");
  const alive = new Set<number>();
  let now = 0;
  const envOf = (pid: number, hostId = "test.example@1") => {
    alive.add(pid);
    return testEnv(disk, {
      pid,
      hostId,
      isProcessAlive: (each) => alive.has(each),
      nowMs: () => now,
      sleep: (ms) => {
        now += ms;
        return Promise.resolve();
      },
    });
  };
  const lockOf = (pid: number, waitSeconds = 0, hostId?: string) =>
    new Lock(envOf(pid, hostId), "/repo/lock", { waitSeconds });
  return { disk, alive, envOf, lockOf, now: () => now };
}

Deno.test("Lock.acquire() lets many share, and one alone exclude", async () => {
  const { disk, lockOf } = processes();
  const [a, b, c] = [lockOf(10), lockOf(11), lockOf(12)];
  await a.acquire(false);
  await b.acquire(false);
  assert.deepEqual(JSON.parse(new TextDecoder().decode(disk.readFile("/repo/lock.roster"))), {
    shared: [["test.example@1", 10, 0], ["test.example@1", 11, 0]],
  });
  await assert.rejects(c.acquire(true), code("LockTimeout"));
  await a.release();
  await b.release();
  assert.deepEqual(disk.readDir("/repo"), []);
  await c.acquire(true);
  assert.deepEqual(disk.readDir("/repo/lock.exclusive"), ["test.example@1.12-0"]);
  await assert.rejects(a.acquire(false), code("LockTimeout"));
  await assert.rejects(a.acquire(true), code("LockTimeout"));
  await c.release();
  await a.acquire(true);
  await a.release();
  assert.deepEqual(disk.readDir("/repo"), []);
});

Deno.test("Lock.acquire() waits as long as it may, and no longer", async () => {
  const { lockOf, now } = processes();
  await lockOf(10).acquire(true);
  await assert.rejects(lockOf(11, 5).acquire(true), code("LockTimeout"));
  assert.ok(now() >= 5000 && now() < 7000);
});

Deno.test("Lock.upgrade() waits for other readers and keeps the shared lock when it fails; downgrade() lets them in", async () => {
  const { lockOf } = processes();
  const [a, b] = [lockOf(10, 1), lockOf(11)];
  await a.acquire(false);
  await b.acquire(false);
  await assert.rejects(a.upgrade(), code("LockTimeout"));
  assert.equal(a.isExclusive, false);
  await b.release();
  await assert.rejects(lockOf(12).acquire(true), code("LockTimeout"));
  await a.upgrade();
  assert.equal(a.isExclusive, true);
  await assert.rejects(b.acquire(false), code("LockTimeout"));
  a.downgrade();
  await b.acquire(false);
  await a.release();
  await b.release();
});

Deno.test("Lock.upgrade() that waits gets nothing once the lock was given back", async () => {
  const { disk, envOf, lockOf } = processes();
  const other = lockOf(10);
  await other.acquire(false);
  let wake = () => {};
  const sleep = () => new Promise<void>((resolve) => wake = resolve);
  const lock = new Lock({ ...envOf(11), sleep }, "/repo/lock", { waitSeconds: 100 });
  await lock.acquire(false);
  const upgrading = assert.rejects(lock.upgrade(), TypeError);
  await Promise.resolve();
  assert.deepEqual(disk.readDir("/repo"), ["lock.roster"]);
  await lock.release();
  await other.release();
  assert.deepEqual(disk.readDir("/repo"), []);
  wake();
  await upgrading;
  assert.deepEqual(disk.readDir("/repo"), []);
});

Deno.test("Lock.acquire() keeps nothing of an attempt on the disk while it pauses", async () => {
  const { disk, envOf, lockOf } = processes();
  await lockOf(10).acquire(true);
  let pauses = 0;
  const env = envOf(11);
  const sleep = (ms: number) => {
    pauses++;
    assert.deepEqual(disk.readDir("/repo").sort(), ["lock.exclusive", "lock.roster"]);
    return env.sleep(ms);
  };
  const lock = new Lock({ ...env, sleep }, "/repo/lock", { waitSeconds: 2 });
  await assert.rejects(lock.acquire(false), code("LockTimeout"));
  await assert.rejects(lock.acquire(true), code("LockTimeout"));
  assert.ok(pauses > 10);
});

Deno.test("Lock.acquire() removes locks of dead processes of this machine, not of others", async () => {
  const { alive, lockOf } = processes();
  await lockOf(10).acquire(true);
  alive.delete(10);
  const next = lockOf(11);
  await next.acquire(true);
  await next.release();
  await lockOf(12).acquire(false);
  alive.delete(12);
  await next.acquire(true);
  await next.release();
  await lockOf(13, 0, "other.example@2").acquire(true);
  alive.delete(13);
  await assert.rejects(next.acquire(true), code("LockTimeout"));
});

Deno.test("Lock.acquire() leaves a lock alone whose name it cannot understand", async () => {
  const { disk, envOf } = processes();
  disk.mkdirAll("/repo/lock.exclusive");
  disk.writeFile("/repo/lock.exclusive/strange", new Uint8Array(0));
  const env = envOf(10);
  await assert.rejects(new Lock(env, "/repo/lock", { waitSeconds: 0 }).acquire(true), code("LockTimeout"));
  assert.deepEqual(disk.readDir("/repo/lock.exclusive"), ["strange"]);
  assert.equal(env.messages().length, 1);
});

Deno.test("Lock.acquire() takes a damaged roster for an empty one", async () => {
  const { disk, lockOf } = processes();
  for (const text of ["", "{", "[]", '{"shared": 5}', '{"shared": [["x", 1]]}', "null"]) {
    disk.writeFile("/repo/lock.roster", new TextEncoder().encode(text));
    const lock = lockOf(10);
    await lock.acquire(true);
    await lock.release();
  }
});

Deno.test("Lock.acquire() where nothing can be written says LockFailed", async () => {
  const { envOf } = processes();
  await assert.rejects(
    new Lock(envOf(10), "/no/such/lock", { waitSeconds: 0 }).acquire(false),
    code("LockFailed"),
  );
});

Deno.test("breakLock() frees a repository, and its holder is told at release", async () => {
  const { envOf } = processes();
  const store = await createRepository(envOf(10), "/repo");
  breakLock(envOf(11), "/repo");
  breakLock(envOf(11), "/repo");
  await assert.rejects(() => store.close(), code("NotLocked"));
});
