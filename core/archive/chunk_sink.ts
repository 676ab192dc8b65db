/**
 * The way of a chunk into the repository: id, known already?, seal, put, count. Knowing that a chunk exists is all that
 * `create` needs of the repository, so no reference counts are loaded before a backup starts (design).
 */
import type { ChunksIndex } from "../local/mod.ts";
import {
  type Compression,
  type ObjectCodec,
  type SealedChunk,
  SealPool,
  type SealWorkerSpawner,
} from "../object/mod.ts";
import type { Awaitable, StoreDeleter } from "../store/mod.ts";
import type { ChunkId } from "../bytes/mod.ts";
import { Hole } from "../chunk/mod.ts";
import type { ChunkEntry } from "./item.ts";
import type { Stats } from "./stats.ts";

export class ChunkSink {
  /** Ids put since {@link startUndo}; null when nobody wants to undo. */
  #undo: ChunkId[] | null = null;

  /** The chunks that holes are, by size: each is hashed once only. */
  readonly #holes = new Map<number, Awaitable<ChunkEntry>>();

  readonly #pool: SealPool;

  /** `seen` starts empty or prefilled; it learns of every chunk that passes. */
  constructor(
    private readonly store: StoreDeleter,
    codec: ObjectCodec,
    private readonly seen: ChunksIndex,
    options: { compression: Compression; spawner?: SealWorkerSpawner | undefined },
  ) {
    this.#pool = new SealPool(codec, {
      ...options,
      storedSize: (id, size) => this.#storedSize(id, size),
      put: (id, size, stored) => this.#put(id, size, stored),
    });
  }

  /**
   * Stores `plain` unless the repository has it. With `parallel` it may be reused when the call returns, but {@link room} must
   * be asked before; else when the result is there.
   */
  add(plain: Uint8Array, stats: Stats, parallel = false): Awaitable<ChunkEntry> {
    return plain instanceof Hole ? this.#addHole(plain, stats, parallel) : this.#add(plain, stats, parallel);
  }

  #addHole(hole: Hole, stats: Stats, parallel: boolean): Awaitable<ChunkEntry> {
    const known = this.#holes.get(hole.length);
    if (known === undefined) {
      const entry = this.#add(hole, stats, parallel);
      this.#holes.set(hole.length, entry);
      if (entry instanceof Promise) {
        const learn = (chunk: ChunkEntry): void => {
          if (this.#holes.get(chunk.size) === entry) this.#holes.set(chunk.size, chunk);
        };
        entry.then(learn, () => {});
      }
      return entry;
    }
    const again = (entry: ChunkEntry): ChunkEntry => {
      stats.addChunk(entry.size, entry.csize, false);
      return entry;
    };
    if (!(known instanceof Promise)) return again(known);
    const entry = known.then(again);
    entry.catch(() => {});
    return entry;
  }

  #add(plain: Uint8Array, stats: Stats, parallel: boolean): Awaitable<ChunkEntry> {
    const sealed = this.#pool.submit(plain, parallel);
    if (!(sealed instanceof Promise)) return count(sealed, stats);
    const entry = sealed.then((chunk) => count(chunk, stats));
    // Whoever asks for room, or for this entry, learns of a failure; nobody may be asking just now.
    entry.catch(() => {});
    return entry;
  }

  /** Waits until another parallel chunk is welcome. Throws the first failure of an earlier one. */
  room(): void | Promise<void> {
    return this.#pool.room();
  }

  /** Counts chunks that an unchanged file had before; false, and nothing counted, where the repository lacks one. */
  reuse(chunks: readonly ChunkEntry[], stats: Stats): Awaitable<boolean> {
    for (let i = 0; i < chunks.length; i++) {
      const has = this.#has(chunks[i]!.id);
      if (has === false) return false;
      if (has !== true) return this.#reuseRemote(chunks, stats);
    }
    for (const { size, csize } of chunks) stats.addChunk(size, csize, false);
    return true;
  }

  async #reuseRemote(chunks: readonly ChunkEntry[], stats: Stats): Promise<boolean> {
    for (const { id } of chunks) if (!await this.#has(id)) return false;
    for (const { size, csize } of chunks) stats.addChunk(size, csize, false);
    return true;
  }

  #has(id: ChunkId): Awaitable<boolean> {
    return this.seen.has(id) || this.store.has(id);
  }

  #storedSize(id: ChunkId, size: number): Awaitable<number> {
    const seen = this.seen.csize(id);
    if (seen >= 0) return seen;
    const learn = (stored: number): number => {
      if (stored >= 0) this.seen.add(id, size, stored);
      return stored;
    };
    const stored = this.store.storedSize(id);
    return typeof stored === "number" ? learn(stored) : stored.then(learn);
  }

  #put(id: ChunkId, size: number, stored: Uint8Array): Awaitable<void> {
    const wait = this.store.put(id, stored);
    this.seen.add(id, size, stored.length);
    this.#undo?.push(id);
    return wait;
  }

  /** Deletes a chunk that this run stored and that nothing refers to any more. */
  async forget(id: ChunkId): Promise<void> {
    this.seen.remove(id);
    this.#holes.clear();
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
    await this.#pool.drain();
    let bytes = 0;
    for (const id of this.#undo ?? []) {
      bytes += Math.max(0, this.seen.csize(id));
      await this.forget(id);
    }
    this.#undo = null;
    return bytes;
  }

  /** Ends the worker threads. */
  dispose(): void {
    this.#pool.dispose();
  }
}

function count(chunk: SealedChunk, stats: Stats): ChunkEntry {
  const { id, size, csize } = chunk;
  stats.addChunk(size, csize, chunk.isNew);
  return { id, size, csize };
}
