/**
 * The way of a chunk into the repository: id, known already?, seal, put, count. Knowing that a chunk exists is all that
 * `create` needs of the repository, so no reference counts are loaded before a backup starts (design).
 */
import type { ChunksIndex } from "../local/mod.ts";
import type { Compression, ObjectCodec } from "../object/mod.ts";
import type { Awaitable, StoreDeleter } from "../store/store.ts";
import type { ChunkId } from "../bytes/mod.ts";
import type { ChunkEntry } from "./item.ts";
import type { Stats } from "./stats.ts";

export class ChunkSink {
  /** Ids put since {@link startUndo}; null when nobody wants to undo. */
  #undo: ChunkId[] | null = null;

  /** `seen` starts empty or prefilled; it learns of every chunk that passes. */
  constructor(
    private readonly store: StoreDeleter,
    private readonly codec: ObjectCodec,
    private readonly compression: Compression,
    private readonly seen: ChunksIndex,
  ) {}

  /** Stores `plain` unless the repository has it. `plain` may be reused when the result is there. */
  add(plain: Uint8Array, stats: Stats): Awaitable<ChunkEntry> {
    const id = this.codec.idOf(plain);
    const known = this.seen.csize(id);
    if (known >= 0) return this.#count(id, plain.length, known, false, stats);
    const stored = this.store.storedSize(id);
    if (typeof stored !== "number") return stored.then((csize) => this.#addUnseen(id, plain, csize, stats));
    return this.#addUnseen(id, plain, stored, stats);
  }

  #addUnseen(id: ChunkId, plain: Uint8Array, storedSize: number, stats: Stats): Awaitable<ChunkEntry> {
    if (storedSize >= 0) {
      this.seen.add(id, plain.length, storedSize);
      return this.#count(id, plain.length, storedSize, false, stats);
    }
    const size = plain.length;
    const sealed = this.codec.seal(plain, this.compression);
    if (sealed instanceof Promise) return sealed.then((data) => this.#put(id, size, data, stats));
    return this.#put(id, size, sealed, stats);
  }

  #put(id: ChunkId, size: number, sealed: Uint8Array, stats: Stats): Awaitable<ChunkEntry> {
    const csize = sealed.length;
    const wait = this.store.put(id, sealed);
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
