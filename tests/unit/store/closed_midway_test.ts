/** A signal closes the store in a pause of whatever is under way: nothing may be lost by it, and nothing go on after it. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { createRepository, openRepository, type SegmentStore } from "../../../core/store/mod.ts";
import { concatBytes } from "../../../core/bytes/mod.ts";
import { dataOf, idOf, temporaryFolder, testEnv } from "../../fixtures/store_env.ts";

const OBJECTS = 60;
const isGone = (n: number) => n % 3 === 1;

/** Segments of about seven objects, of which some are gone, then segments with DELETEs and COMMITs alone. */
async function makeRepository(path: string, objectBytes: number): Promise<void> {
  const store = await createRepository(testEnv(), path, { maxSegmentSize: 7 * objectBytes });
  for (let n = 0; n < OBJECTS; n++) await store.put(idOf(n), dataOf(n, objectBytes));
  await store.commit();
  for (let n = 0; n < OBJECTS; n++) if (isGone(n)) await store.delete(idOf(n));
  await store.commit();
  await store.close();
}

/** An environment in which every pause comes, and the store is closed in the one of this number. */
function closingIn(pause: number): { env: ReturnType<typeof testEnv>; use(store: SegmentStore): void } {
  let store: SegmentStore | null = null;
  let closed: Promise<void> | null = null;
  let now = 0;
  const env = testEnv(undefined, {
    nowMs: () => now += 1000,
    sleep: async () => {
      if (store && pause-- === 0) closed = store.close();
      await closed;
    },
  });
  return { env, use: (opened) => store = opened };
}

const WORK: Record<string, (store: SegmentStore) => Promise<unknown>> = {
  "compact()": (store) => store.compact({ thresholdPercent: 0 }),
  "compact() of commits": (store) => store.compact({ thresholdPercent: 0, cleanupCommits: true }),
  "check()": (store) => store.check({}),
  "check() with repair": (store) => store.check({ repair: true }),
  "deleteMany()": async (store) => {
    await store.deleteMany(concatBytes(...Array.from({ length: OBJECTS }, (_, n) => idOf(n))));
    await store.rollback();
  },
};

const CASES = Object.entries(WORK).flatMap(([name, work]) => {
  const large = name === "compact()" || name === "check()";
  return [
    { name, work, bytes: 300, pauses: name === "deleteMany()" ? 1 : 10 },
    // Within a segment, too.
    ...(large ? [{ name: `${name} of large segments`, work, bytes: 1_200_000, pauses: 20 }] : []),
  ];
});

for (const { name, work, bytes, pauses } of CASES) {
  Deno.test(`${name} that is closed in any pause loses nothing and does nothing more`, async () => {
    using folder = temporaryFolder();
    const original = `${folder.path}/original`;
    await makeRepository(original, bytes);
    let pause = 0;
    for (let done = false; !done; pause++) {
      const path = `${folder.path}/repository`;
      fs.cpSync(original, path, { recursive: true });
      const { env, use } = closingIn(pause);
      const store = await openRepository(env, path, { exclusive: true, lock: true, lockWaitSeconds: 1 });
      use(store);
      try {
        await work(store);
        done = true;
      } catch (error) {
        assert.match(String(error), /closed/, `pause ${pause}`);
      }
      await store.close();
      const again = await openRepository(testEnv(), path, {
        exclusive: true,
        lock: true,
        lockWaitSeconds: 1,
      });
      for (let n = 0; n < OBJECTS; n++) {
        if (isGone(n)) assert.equal(await again.has(idOf(n)), false);
        else assert.deepEqual(await again.get(idOf(n)), dataOf(n, bytes), `object ${n} after pause ${pause}`);
      }
      assert.equal((await again.check({})).ok, true, `pause ${pause}`);
      await again.close();
      fs.rmSync(path, { recursive: true });
    }
    // Otherwise nothing was tested.
    assert.ok(pause > pauses, `${pause} pauses`);
  });
}
