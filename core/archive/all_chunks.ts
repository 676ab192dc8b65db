/**
 * Reference counts over many archives: the sum of their chunk lists. The last sum lies in the cache with the ids of the
 * archives that it is of, and is mended by what has come and gone since: the time goes with the change, not with the number
 * of archives. Where anything does not fit, the lists are added up anew.
 */
import type { CachedSum, ChunksIndex } from "../local/mod.ts";
import { hexOfId } from "../bytes/mod.ts";
import { type ChunkListContext, manyArchiveChunks } from "./archive_chunks.ts";
import type { ArchiveInfo } from "./manifest.ts";

/**
 * Reference counts over all archives of the manifest but those with the names in `except`. The caller disposes of the index.
 */
export async function allChunks(
  context: ChunkListContext,
  except: ReadonlySet<string> = new Set(),
): Promise<ChunksIndex> {
  const missing = new Map<string, ArchiveInfo>();
  for (const info of context.manifest.archives.values()) {
    if (!except.has(info.name)) missing.set(hexOfId(info.id), info);
  }
  const saved = await loadSum(context, missing);
  let sum = saved?.chunks ?? null;
  let changed = saved === null || saved.changed;
  for await (const list of manyArchiveChunks(context, [...missing.values()], { untrusted: true })) {
    if ("error" in list) throw list.error;
    if (sum) {
      sum.addAll(list.chunks);
      list.chunks.dispose();
    } else sum = list.chunks;
    changed = true;
  }
  sum ??= context.newIndex();
  // What is left after a deletion is kept when that has come true.
  if (changed && except.size === 0) keepSum(context, sum);
  return sum;
}

/** Keeps `sum`, which must be that over all archives of the manifest, and forgets the lists of archives that are gone. */
export function keepSum(context: ChunkListContext, sum: ChunksIndex): void {
  const { cache, manifest, fileTotals } = context;
  const archives = [...manifest.archives.values()].map(({ id }) => {
    return { id, files: fileTotals.get(hexOfId(id)) ?? null };
  });
  cache.saveSum({ chunks: sum, archives });
  cache.keepOnly(archives.map(({ id }) => id));
}

/**
 * The kept sum without the archives that are not `wanted`; what is in it is taken out of `wanted`, what the archives say of
 * their files is entered into the context. Null, with `wanted` as it was, where adding up anew is quicker or the only way.
 */
async function loadSum(
  context: ChunkListContext,
  wanted: Map<string, ArchiveInfo>,
): Promise<{ chunks: ChunksIndex; changed: boolean } | null> {
  const sum = context.cache.loadSum();
  if (sum === null) return null;
  const gone = sum.archives.filter(({ id }) => !wanted.has(hexOfId(id)));
  const common = sum.archives.length - gone.length;
  if (gone.length > common || !await takeOut(context, sum.chunks, gone)) {
    sum.chunks.dispose();
    return null;
  }
  for (const { id, files } of sum.archives) {
    const key = hexOfId(id);
    if (wanted.delete(key)) context.fileTotals.set(key, files);
  }
  return { chunks: sum.chunks, changed: gone.length > 0 };
}

/** False where a list is not there any more, or was never part of the sum. */
async function takeOut(
  context: ChunkListContext,
  sum: ChunksIndex,
  gone: CachedSum["archives"],
): Promise<boolean> {
  for (const { id } of gone) {
    const wait = context.breathe();
    if (wait) await wait;
    const list = context.cache.load(id);
    if (list === null) return false;
    const fits = sum.subtractAll(list.chunks);
    list.chunks.dispose();
    if (!fits) return false;
  }
  return true;
}
