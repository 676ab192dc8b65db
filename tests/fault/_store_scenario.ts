/**
 * A life of a small repository for the fault tests: commits with new, replaced and deleted objects, compactions between.
 * It tells at every moment which state was last promised to be durable and which one is being made.
 */
import assert from "node:assert/strict";
import { asChunkId, MANIFEST_ID } from "../../core/bytes/mod.ts";
import { createRepository, type SegmentStore, type StoreEnv } from "../../core/store/mod.ts";
import { dataOf, idOf } from "../fixtures/store_env.ts";

/** Object number -> data. */
export type Contents = ReadonlyMap<number, Uint8Array>;

export interface Life {
  /** What the last commit that returned has stored; null before there was one. */
  promised: Contents | null;
  /** What the commit under way would store. */
  next: Contents;
  store: SegmentStore | null;
}

const MANIFEST = -1;
const id = (n: number) => n === MANIFEST ? MANIFEST_ID : idOf(n);

/** Lives it; `life` is up to date whenever this throws. Tiny segments make for many of them. */
export async function live(env: StoreEnv, path: string, life: Life): Promise<void> {
  const store = await createRepository(env, path, { maxSegmentSize: 700, segmentsPerDir: 4 });
  life.store = store;
  const round = async (changes: Record<number, number | null>, commit: () => Promise<unknown>) => {
    const next = new Map(life.next);
    for (const [key, length] of Object.entries(changes)) {
      const n = Number(key);
      if (length === null) next.delete(n);
      else next.set(n, dataOf(n + 1000 * length, length));
    }
    life.next = next;
    for (const [key, length] of Object.entries(changes)) {
      const n = Number(key);
      if (length === null) await store.delete(id(n));
      else await store.put(id(n), next.get(n)!);
    }
    await commit();
    life.promised = next;
  };
  const commit = () => Promise.resolve(store.commit());
  const compact = () => store.compact({ thresholdPercent: 10 });
  await round({ [MANIFEST]: 50 }, commit);
  await round({ 1: 300, 2: 300, 3: 300, 4: 300, 5: 20, [MANIFEST]: 60 }, commit);
  await round({ 1: null, 3: 310, 6: 200, [MANIFEST]: 61 }, commit);
  await round({ [MANIFEST]: 62 }, compact);
  await round({ 1: 290, 4: null, 2: null, [MANIFEST]: 63 }, commit);
  await round({ 7: 500, 1: null, [MANIFEST]: 64 }, compact);
  await round({ 8: 2000, 5: null, 3: null }, compact);
  await store.close();
}

/** Everything in the store. */
export async function contentsOf(store: SegmentStore): Promise<Contents> {
  const ids = await store.list(1000);
  const found = new Map<number, Uint8Array>();
  for (let at = 0; at < ids.length; at += 32) {
    const each = asChunkId(ids.slice(at, at + 32));
    const isManifest = each.every((byte) => byte === 0);
    found.set(isManifest ? MANIFEST : each[31]!, await store.get(each));
  }
  return found;
}

export function sameContents(a: Contents, b: Contents): boolean {
  try {
    assert.deepEqual(new Map([...a].sort()), new Map([...b].sort()));
    return true;
  } catch {
    return false;
  }
}
