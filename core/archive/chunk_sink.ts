/**
 * The way of a chunk into the repository: id, known already?, seal, put, count. Knowing that a chunk exists is all that
 * `create` needs of the repository, so no reference counts are loaded before a backup starts (design). Contents of files go
 * through the pool, in batches and on all cores; metadata past it, one by one.
 */
import type { ChunksIndex } from "../local/mod.ts";
import {
  type ChunkReceiver,
  type Compression,
  type ObjectCodec,
  type SealedChunk,
  SealPool,
  type WorkerSpawner,
} from "../object/mod.ts";
import type { Awaitable, StoreDeleter } from "../store/mod.ts";
import type { ChunkId } from "../bytes/mod.ts";
import { Hole } from "../chunk/mod.ts";
import type { ChunkEntry } from "./item.ts";
import type { Stats } from "./stats.ts";

export interface ChunkSinkOptions {
  compression: Compression;
  /** Bytes of the largest chunk of a file. */
  largestChunk?: number;
  spawner?: WorkerSpawner | undefined;
  /** Called now and then while chunks are waited for; may let the event loop turn. */
  breathe?: () => void | Promise<void>;
}

export class ChunkSink {
  /** Ids of the chunks that holes are, by size: each is hashed once only. */
  readonly #holes = new Map<number, ChunkId>();
  readonly #pool: SealPool;

  /** `seen` starts empty or prefilled; it learns of every chunk that passes. */
  constructor(
    private readonly store: StoreDeleter,
    codec: ObjectCodec,
    private readonly seen: ChunksIndex,
    options: ChunkSinkOptions,
  ) {
    this.#pool = new SealPool(codec, {
      ...options,
      storedSize: (id, size) => this.#storedSize(id, size),
      put: (id, size, stored) => this.#put(id, size, stored),
    });
  }

  /** Stores `plain` unless the repository has it, at once: metadata. */
  add(plain: Uint8Array, stats: Stats): Awaitable<ChunkEntry> {
    const sealed = this.#pool.add(plain);
    return sealed instanceof Promise ? sealed.then((chunk) => count(chunk, stats)) : count(sealed, stats);
  }

  /** Sends a chunk of a file on its way; `receiver` learns when it is in the repository. */
  send(chunk: Uint8Array, receiver: ChunkReceiver): void | Promise<void> {
    const id = chunk instanceof Hole ? this.#holes.get(chunk.length) : undefined;
    const ready = this.#pool.ready(id === undefined ? chunk.length : 0);
    if (ready) return ready.then(() => this.#send(chunk, id, receiver));
    return this.#send(chunk, id, receiver);
  }

  #send(chunk: Uint8Array, id: ChunkId | undefined, receiver: ChunkReceiver): void | Promise<void> {
    if (id === undefined) {
      this.#pool.space(chunk.length).set(chunk);
      this.#pool.push(chunk.length, chunk instanceof Hole ? this.#learning(receiver) : receiver);
    } else this.#pool.pushKnown(id, chunk.length, receiver);
    return this.#pool.pump();
  }

  #learning(receiver: ChunkReceiver): ChunkReceiver {
    return {
      receive: (chunk) => {
        this.#holes.set(chunk.size, chunk.id);
        receiver.receive(chunk);
      },
    };
  }

  /** Makes room for a chunk of up to `size` bytes; then {@link space}, then {@link push}. Throws what failed before. */
  ready(size: number): void | Promise<void> {
    return this.#pool.ready(size);
  }

  /** Where the chunk's bytes are to be written. */
  space(size: number): Uint8Array {
    return this.#pool.space(size);
  }

  /** The first `size` bytes of {@link space} are a chunk; `receiver` learns when it is in the repository. */
  push(size: number, receiver: ChunkReceiver): void {
    this.#pool.push(size, receiver);
  }

  /** Brings on what is under way. Cheap. */
  pump(): void | Promise<void> {
    return this.#pool.pump();
  }

  /** Waits until everything pushed is in the repository. */
  drain(): void | Promise<void> {
    return this.#pool.drain();
  }

  /** Counts chunks that an unchanged file had before; false, and nothing counted, where the repository lacks one. */
  reuse(chunks: readonly ChunkEntry[], stats: Stats): Awaitable<boolean> {
    for (let i = 0; i < chunks.length; i++) {
      const has = this.#has(chunks[i]!.id);
      if (has === false) return false;
      if (has !== true) return this.#reuseRemote(has, chunks.slice(i + 1), { chunks, stats });
    }
    for (const { size, csize } of chunks) stats.addChunk(size, csize, false);
    return true;
  }

  async #reuseRemote(
    first: Promise<boolean>,
    others: readonly ChunkEntry[],
    { chunks, stats }: { chunks: readonly ChunkEntry[]; stats: Stats },
  ): Promise<boolean> {
    if (!await first) return false;
    for (const { id } of others) if (!await this.#has(id)) return false;
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

  #put(id: ChunkId, size: number, stored: Uint8Array): Awaitable<boolean> {
    if (this.store.knowsSizes === false) return this.#putUnlessThere(id, size, stored);
    const wait = this.store.put(id, stored);
    this.seen.add(id, size, stored.length);
    return wait ? wait.then(() => true) : true;
  }

  /** Of what is there already, the sealed chunk tells the size: exactly, where it was compressed in the same way. */
  async #putUnlessThere(id: ChunkId, size: number, stored: Uint8Array): Promise<boolean> {
    const isNew = !await this.store.has(id);
    if (isNew) await this.store.put(id, stored);
    this.seen.add(id, size, stored.length);
    return isNew;
  }

  /** Deletes a chunk that this run stored and that nothing refers to any more. */
  async forget(id: ChunkId): Promise<void> {
    this.seen.remove(id);
    this.#holes.clear();
    await this.store.delete(id);
  }

  /** Ends the worker threads. */
  dispose(): void {
    this.#pool.dispose();
  }
}

function count(chunk: SealedChunk, stats: Stats): ChunkEntry {
  stats.addChunk(chunk.size, chunk.csize, chunk.isNew);
  return chunk;
}
