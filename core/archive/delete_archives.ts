/**
 * Deleting archives by mark and sweep: what the remaining archives hold is marked, what only the deleted ones held is
 * swept. A plan first, so that a dry run is the plan, printed.
 */
import type { ChunksIndex } from "../local/mod.ts";
import type { StoreDeleter } from "../store/mod.ts";
import type { ChunkId } from "../bytes/mod.ts";
import { AppError } from "../errors.ts";
import { allChunks, archiveChunks, type ChunkListContext } from "./archive_chunks.ts";
import type { ArchiveInfo } from "./manifest.ts";

/** What deleting will do. Sizes in bytes. */
export interface DeletePlan {
  readonly archives: readonly ArchiveInfo[];
  /** Objects that nothing else refers to. */
  readonly chunks: readonly ChunkId[];
  /** Sums over the deleted archives' chunks, and what the repository gets smaller by. */
  readonly originalSize: number;
  readonly compressedSize: number;
  readonly deduplicatedSize: number;
  /** What remains, with reference counts; the caller disposes of it. */
  readonly remaining: ChunksIndex;
}

/** `archives` must be in the manifest. With `onDamaged` an unreadable archive is planned without its chunks. */
export async function planDelete(
  context: ChunkListContext,
  archives: readonly ArchiveInfo[],
  options: { onDamaged?: (info: ArchiveInfo, error: AppError) => void } = {},
): Promise<DeletePlan> {
  const remaining = await allChunks(context, new Set(archives.map((info) => info.name)));
  const doomed = context.newIndex();
  for (const info of archives) {
    try {
      const chunks = await archiveChunks(context, info);
      doomed.addAll(chunks);
      chunks.dispose();
    } catch (error) {
      if (!(error instanceof AppError) || !options.onDamaged) throw error;
      options.onDamaged(info, error);
    }
  }
  const chunks: ChunkId[] = [];
  let originalSize = 0, compressedSize = 0, deduplicatedSize = 0;
  for (const { id, refcount, size, csize } of doomed.entries()) {
    originalSize += size * refcount;
    compressedSize += csize * refcount;
    if (remaining.has(id)) continue;
    chunks.push(id);
    deduplicatedSize += csize;
  }
  doomed.dispose();
  return { archives, chunks, originalSize, compressedSize, deduplicatedSize, remaining };
}

/**
 * Carries the plan out and commits. `nowUs`: microseconds since 1970; `onChunk` is called before each deletion, and
 * waited for.
 */
export async function runDelete(
  context: ChunkListContext & { store: StoreDeleter },
  plan: DeletePlan,
  options: { nowUs: number; onChunk?: (done: number, total: number) => void | Promise<void> },
): Promise<void> {
  const { store, manifest } = context;
  for (const info of plan.archives) manifest.archives.delete(info.name);
  let done = 0;
  for (const id of plan.chunks) {
    const pause = options.onChunk?.(done++, plan.chunks.length);
    if (pause) await pause;
    try {
      const wait = store.delete(id);
      if (wait) await wait;
    } catch (error) {
      // A chunk that is lost already needs no deleting; check is what tells about it.
      if (!(error instanceof AppError && error.code === "Repository.ObjectNotFound")) throw error;
    }
  }
  await manifest.write(store, options.nowUs);
  await store.commit();
  for (const info of plan.archives) context.cache.drop(info.id);
}
