/**
 * The power goes at every single writing operation of a repository's life. Whatever part of the unsynced writes has
 * reached the disk, afterwards either the last promised commit or the one under way is there, whole, and life goes on.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { dirname } from "node:path";
import { AppError } from "../../core/errors.ts";
import { openRepository } from "../../core/store/mod.ts";
import { borgTest, run } from "../fixtures/borg.ts";
import { idOf, temporaryFolder, testEnv } from "../fixtures/store_env.ts";
import { type CrashKind, MemoryFiles, PowerLoss } from "./_memory_files.ts";
import { contentsOf, type Life, live, sameContents } from "./_store_scenario.ts";

const PATH = "/repo";
const EXCLUSIVE = { exclusive: true, lock: true, lockWaitSeconds: 0 };

function random(seed: number): () => number {
  let state = seed * 2654435761 >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state ^ (state >>> 15)) / 2 ** 32 % 1;
  };
}

/** Lives until operation `failAt`; null if that is after the end. */
async function liveUntil(failAt: number): Promise<{ disk: MemoryFiles; life: Life } | null> {
  const disk = new MemoryFiles();
  disk.failAt = failAt;
  const life: Life = { promised: null, next: new Map(), store: null };
  try {
    await live(testEnv(disk, { pid: 1000 }), PATH, life);
  } catch (error) {
    if (!(error instanceof PowerLoss)) throw error;
    return { disk, life };
  }
  return null;
}

async function checkSurvivors(disk: MemoryFiles, life: Life, message: string): Promise<void> {
  const env = testEnv(disk, { pid: 2000, isProcessAlive: (pid) => pid === 2000 });
  let store;
  try {
    store = await openRepository(env, PATH, EXCLUSIVE);
  } catch (error) {
    // Before the first commit returned there need not be a repository.
    assert.ok(error instanceof AppError && life.promised === null, `${message}: ${error}`);
    return;
  }
  const found = await contentsOf(store);
  const promised = life.promised ?? new Map();
  assert.ok(
    sameContents(found, promised) || sameContents(found, life.next),
    `${message}: found ${[...found.keys()]}`,
  );
  if (found.size > 0) {
    assert.deepEqual(await store.check({}), { ok: true }, `${message}: ${env.messages().join("; ")}`);
    await store.put(idOf(99), new Uint8Array(99));
    await store.delete(idOf(99));
    await store.put(idOf(98), new Uint8Array(98));
    await store.compact({ thresholdPercent: 0 });
    await store.close();
    store = await openRepository(env, PATH, EXCLUSIVE);
    assert.ok(sameContents(await contentsOf(store), new Map([...found, [98, new Uint8Array(98)]])), message);
    assert.deepEqual(await store.check({}), { ok: true }, `${message}: ${env.messages().join("; ")}`);
  }
  await store.close();
}

Deno.test("openRepository() finds the old or the new commit whole after a power loss at every operation", async () => {
  let crashes = 0;
  for (let failAt = 0;; failAt++) {
    const crashed = await liveUntil(failAt);
    if (!crashed) break;
    const { disk, life } = crashed;
    const kinds: CrashKind[] = [failAt % 2 ? "durable" : "everything", random(failAt)];
    for (const [n, kind] of kinds.entries()) {
      await checkSurvivors(disk.crash(kind), life, `operation ${failAt}, kind ${n}`);
    }
    crashes++;
  }
  assert.ok(crashes > 150, `only ${crashes} operations`);
});

Deno.test("openRepository() survives a second power loss at every operation of its recovery", async () => {
  const total = 400;
  for (let failAt = 40; failAt < total; failAt += 29) {
    const crashed = await liveUntil(failAt);
    if (!crashed) break;
    for (let second = 0;; second += 7) {
      const disk = crashed.disk.crash("everything");
      disk.failAt = second;
      try {
        const env = testEnv(disk, { pid: 1500, isProcessAlive: (pid) => pid === 1500 });
        const store = await openRepository(env, PATH, EXCLUSIVE);
        await contentsOf(store);
        await store.check({ repair: true });
        await store.close();
        break;
      } catch (error) {
        if (!(error instanceof PowerLoss)) throw error;
      }
      await checkSurvivors(disk.crash(random(second)), crashed.life, `operations ${failAt}, ${second}`);
    }
  }
});

borgTest("borg check finds nothing wrong after a power loss at some operations", async () => {
  using folder = temporaryFolder();
  let checked = 0;
  for (let failAt = 55; checked < 6; failAt += 31) {
    const crashed = await liveUntil(failAt);
    if (!crashed) break;
    const path = `${folder.path}/${failAt}`;
    for (const [name, bytes] of crashed.disk.crash("everything").everyFile()) {
      if (name.includes("lock.")) continue;
      fs.mkdirSync(dirname(path + name), { recursive: true });
      fs.writeFileSync(path + name, bytes);
    }
    const { code, stderr } = run("borg", ["check", "--repository-only", `${path}${PATH}`], {
      env: { BORG_BASE_DIR: folder.path, BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "yes" },
    });
    assert.equal(code, 0, `operation ${failAt}: ${stderr}`);
    checked++;
  }
  assert.ok(checked >= 5);
});
