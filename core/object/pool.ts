/**
 * The way by which `create` seals chunks. In: plaintext chunks. Out: what an archive records of each, once the chunk is in
 * the store. Small chunks are done in the caller's thread, at once. Chunks of large files go to worker threads
 * (`worker_pool.ts`), so that reading, cutting and writing here overlap with hashing, compressing and encrypting there;
 * {@link SealPool.room} holds the caller back while the workers have enough to do. Workers start with the first chunk that
 * is meant for them, and until they run everything is done here.
 *
 * What is known already is asked here, in the owner's thread; a chunk that comes again while its first copy is still under
 * way waits for that one.
 */
import { type ChunkId, hexOfId } from "../bytes/mod.ts";
import type { Awaitable, ObjectCodec } from "./codec.ts";
import type { Compression } from "./compression_spec.ts";
import { type SealSlot, type SealWorkerSpawner, WorkerPool } from "./worker_pool.ts";

/** What an archive records of a chunk. Sizes in bytes, plain and stored. */
export interface SealedChunk {
  readonly id: ChunkId;
  readonly size: number;
  readonly csize: number;
  /** Whether this call stored it. */
  readonly isNew: boolean;
}

export interface SealPoolOptions {
  compression: Compression;
  /** Stored size of a chunk that the repository has, -1 of one that it lacks. Asked in the owner's thread. */
  storedSize(id: ChunkId, size: number): Awaitable<number>;
  /** Stores a new chunk; `stored` is valid until the answer is there. */
  put(id: ChunkId, size: number, stored: Uint8Array): Awaitable<void>;
  /** Without it everything is done in the caller's thread. */
  spawner?: SealWorkerSpawner | undefined;
}

export class SealPool {
  readonly #codec: ObjectCodec;
  readonly #options: SealPoolOptions;
  readonly #workers: WorkerPool | null;
  /** New chunks under way, by id in hexadecimal. */
  readonly #sealing = new Map<string, Promise<SealedChunk>>();
  readonly #running = new Set<Promise<SealedChunk>>();
  #failure: { error: unknown } | null = null;
  /** Whether sealing may have to wait for code to be loaded, and so must not use memory that the caller uses again. */
  readonly #mayWait: boolean;

  constructor(codec: ObjectCodec, options: SealPoolOptions) {
    this.#codec = codec;
    this.#options = options;
    this.#mayWait = !["none", "lz4", "zlib"].includes(options.compression.kind);
    // Padding is unbounded, and workers have room for what a chunk can become without it.
    const padded = options.compression.kind === "obfuscate";
    this.#workers = options.spawner && !padded ? new WorkerPool(codec, options.spawner) : null;
  }

  /**
   * Seals and stores one chunk unless it is known. `plain` may be reused when the call returns if `parallel` is set (call
   * {@link room} before), else when the answer is there.
   */
  submit(plain: Uint8Array, parallel = false): Awaitable<SealedChunk> {
    const slot = parallel ? this.#workers?.take(plain) ?? null : null;
    return this.#track(slot === null ? this.#inline(plain, parallel) : this.#onWorker(slot, plain.length));
  }

  /** Resolves when another parallel chunk is welcome. Throws the first failure of an earlier one. */
  room(): void | Promise<void> {
    if (this.#failure) throw this.#failure.error;
    return this.#workers?.room()?.then(() => {
      if (this.#failure) throw this.#failure.error;
    });
  }

  /** Resolves when everything submitted so far has ended, well or not. */
  async drain(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  /** Ends the workers. */
  dispose(): void {
    this.#workers?.dispose();
  }

  #track(chunk: Awaitable<SealedChunk>): Awaitable<SealedChunk> {
    if (!(chunk instanceof Promise)) return chunk;
    this.#running.add(chunk);
    chunk.then(() => this.#running.delete(chunk), (error) => {
      this.#failure ??= { error };
      this.#running.delete(chunk);
    });
    return chunk;
  }

  #inline(plain: Uint8Array, mayBeReused: boolean): Awaitable<SealedChunk> {
    const id = this.#codec.idOf(plain);
    const size = plain.length;
    const first = this.#sealing.size > 0 ? this.#sealing.get(hexOfId(id)) : undefined;
    if (first) return again(first);
    const known = this.#options.storedSize(id, size);
    if (typeof known === "number") {
      if (known >= 0) return { id, size, csize: known, isNew: false };
      return this.#seal(id, mayBeReused && this.#mayWait ? plain.slice() : plain);
    }
    const kept = mayBeReused ? plain.slice() : plain;
    return known.then((csize) => csize >= 0 ? { id, size, csize, isNew: false } : this.#seal(id, kept));
  }

  #seal(id: ChunkId, plain: Uint8Array): Awaitable<SealedChunk> {
    const size = plain.length;
    const stored = this.#codec.seal(plain, this.#options.compression);
    const put = (stored: Uint8Array): Awaitable<SealedChunk> => {
      const chunk = { id, size, csize: stored.length, isNew: true };
      const wait = this.#options.put(id, size, stored);
      return wait instanceof Promise ? wait.then(() => chunk) : chunk;
    };
    if (!(stored instanceof Promise)) return put(stored);
    return this.#announce(id, stored.then(put));
  }

  /** Lets the same chunk, when it comes again, find this one. */
  #announce(id: ChunkId, chunk: Promise<SealedChunk>): Promise<SealedChunk> {
    const key = hexOfId(id);
    const announced = chunk.finally(() => this.#sealing.delete(key));
    this.#sealing.set(key, announced);
    return announced;
  }

  async #onWorker(slot: SealSlot, size: number): Promise<SealedChunk> {
    let handedOn = false;
    try {
      const id = await slot.hash(size);
      const first = this.#sealing.get(hexOfId(id));
      if (first) return await again(first);
      const known = this.#options.storedSize(id, size);
      const csize = typeof known === "number" ? known : await known;
      if (csize >= 0) return { id, size, csize, isNew: false };
      handedOn = true;
      return await this.#announce(id, this.#sealOnWorker(slot, id, size));
    } finally {
      if (!handedOn) slot.release();
    }
  }

  async #sealOnWorker(slot: SealSlot, id: ChunkId, size: number): Promise<SealedChunk> {
    try {
      const stored = await slot.seal(size, this.#options.compression);
      const wait = this.#options.put(id, size, stored);
      if (wait instanceof Promise) await wait;
      return { id, size, csize: stored.length, isNew: true };
    } finally {
      slot.release();
    }
  }
}

function again(first: Promise<SealedChunk>): Promise<SealedChunk> {
  return first.then((chunk) => ({ ...chunk, isNew: false }));
}
