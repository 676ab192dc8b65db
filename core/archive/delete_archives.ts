/**
 * Deleting archives by mark and sweep: what the remaining archives hold is marked, what only the deleted ones held is
 * swept. A plan first, so that a dry run is the plan, printed.
 */
import type { ChunksIndex } from "../local/mod.ts";
import type { StoreDeleter } from "../store/mod.ts";
import { asChunkId, ID_LENGTH } from "../bytes/mod.ts";
import { AppError } from "../errors.ts";
import { allChunks, keepSum } from "./all_chunks.ts";
import { type ChunkListContext, manyArchiveChunks } from "./archive_chunks.ts";
import type { ArchiveInfo } from "./manifest.ts";

/** What deleting will do. Sizes in bytes. */
export interface DeletePlan {
  readonly archives: readonly ArchiveInfo[];
  /** Ids of the objects that nothing else refers to, packed: 32 bytes each. */
  readonly chunks: Uint8Array;
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
  let doomed: ChunksIndex | null = null;
  for await (const list of manyArchiveChunks(context, archives)) {
    if ("error" in list) {
      if (!(list.error instanceof AppError) || !options.onDamaged) throw list.error;
      options.onDamaged(list.info, list.error);
    } else if (doomed) {
      doomed.addAll(list.chunks);
      list.chunks.dispose();
    } else doomed = list.chunks;
  }
  doomed ??= context.newIndex();
  const { size, csize } = doomed.totals();
  const { ids, csize: deduplicatedSize } = remaining.absentOf(doomed);
  doomed.dispose();
  return { archives, chunks: ids, originalSize: size, compressedSize: csize, deduplicatedSize, remaining };
}

/** Carries the plan out and commits. `nowUs`: microseconds since 1970; `onProgress` is called now and then. */
export async function runDelete(
  context: ChunkListContext & { store: StoreDeleter },
  plan: DeletePlan,
  options: { nowUs: number; onProgress?: (done: number, total: number) => void },
): Promise<void> {
  const { store, manifest } = context;
  for (const info of plan.archives) manifest.archives.delete(info.name);
  const total = plan.chunks.length / ID_LENGTH;
  const onProgress = (done: number) => options.onProgress?.(done, total);
  if (store.deleteMany) await store.deleteMany(plan.chunks, onProgress);
  else await deleteEach(context, plan.chunks, onProgress);
  await manifest.write(store, options.nowUs);
  await store.commit();
  keepSum(context, plan.remaining);
}

/** For a store that cannot do it at once. */
async function deleteEach(
  { store, breathe }: { store: StoreDeleter; breathe(): void | Promise<void> },
  ids: Uint8Array,
  onProgress: (done: number) => void,
): Promise<void> {
  for (let at = 0; at < ids.length; at += ID_LENGTH) {
    const breath = breathe();
    if (breath) {
      await breath;
      onProgress(at / ID_LENGTH);
    }
    try {
      const wait = store.delete(asChunkId(ids.subarray(at, at + ID_LENGTH)));
      if (wait) await wait;
    } catch (error) {
      // A chunk that is lost already needs no deleting; check is what tells about it.
      if (!(error instanceof AppError && error.code === "Repository.ObjectNotFound")) throw error;
    }
  }
}
