/**
 * The way of a chunk into the repository: id, known already?, seal, put, count. Knowing that a chunk exists is all that
 * `create` needs of the repository, so no reference counts are loaded before a backup starts (design).
 */
import type { ChunksIndex } from "../local/mod.ts";
import { type Compression, type ObjectCodec, type SealedChunk, SealPool } from "../object/mod.ts";
import type { Awaitable, StoreDeleter } from "../store/mod.ts";
import type { ChunkId } from "../bytes/mod.ts";
import type { ChunkEntry } from "./item.ts";
import type { Stats } from "./stats.ts";

export class ChunkSink {
  /** Ids put since {@link startUndo}; null when nobody wants to undo. */
  #undo: ChunkId[] | null = null;

  readonly #pool: SealPool;

  /** `seen` starts empty or prefilled; it learns of every chunk that passes. */
  constructor(
    private readonly store: StoreDeleter,
    codec: ObjectCodec,
    compression: Compression,
    private readonly seen: ChunksIndex,
  ) {
    this.#pool = new SealPool(codec, { compression, isKnown: (id, size) => this.#isKnown(id, size) });
  }

  /** Stores `plain` unless the repository has it. `plain` may be reused when the result is there. */
  add(plain: Uint8Array, stats: Stats): Awaitable<ChunkEntry> {
    const sealed = this.#pool.submit(plain);
    return sealed instanceof Promise
      ? sealed.then((chunk) => this.#keep(chunk, stats))
      : this.#keep(sealed, stats);
  }

  #isKnown(id: ChunkId, size: number): Awaitable<boolean> {
    if (this.seen.has(id)) return true;
    const learn = (storedSize: number): boolean => {
      if (storedSize >= 0) this.seen.add(id, size, storedSize);
      return storedSize >= 0;
    };
    const stored = this.store.storedSize(id);
    return typeof stored === "number" ? learn(stored) : stored.then(learn);
  }

  #keep(chunk: SealedChunk, stats: Stats): Awaitable<ChunkEntry> {
    const { id, size, stored } = chunk;
    if (stored === null) return this.#count(id, size, this.seen.csize(id), false, stats);
    const csize = stored.length;
    const wait = this.store.put(id, stored);
    this.seen.add(id, size, csize);
    this.#undo?.push(id);
    if (wait) return wait.then(() => this.#count(id, size, csize, true, stats));
    return this.#count(id, size, csize, true, stats);
  }

  #count(id: ChunkId, size: number, csize: number, isNew: boolean, stats: Stats): ChunkEntry {
    stats.addChunk(size, csize, isNew);
    return { id, size, csize };
  }

  /** Deletes a chunk that this run stored and that nothing refers to any more. */
  async forget(id: ChunkId): Promise<void> {
    this.seen.remove(id);
    await this.store.delete(id);
  }

  /** From here on new chunks are remembered, until {@link keep} or {@link undo}. */
  startUndo(): void {
    this.#undo = [];
  }

  keep(): void {
    this.#undo = null;
  }

  /**
   * Deletes the chunks that were new since {@link startUndo}: their file could not be read to its end and is not in the
   * archive, so they would be orphans that `check` complains about. Answers their stored size in bytes.
   */
  async undo(): Promise<number> {
    let bytes = 0;
    for (const id of this.#undo ?? []) {
      bytes += Math.max(0, this.seen.csize(id));
      await this.forget(id);
    }
    this.#undo = null;
    return bytes;
  }
}
