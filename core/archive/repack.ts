/**
 * The way of chunks that are to be compressed in another way: all of them are sealed anew, on all cores, and what the
 * repository has under the same id is replaced where the algorithm is another one, or always.
 */
import type { ChunksIndex } from "../local/mod.ts";
import {
  type ChunkReceiver,
  type Compression,
  type ObjectCodec,
  SealPool,
  type WorkerSpawner,
} from "../object/mod.ts";
import type { Awaitable, StoreDeleter } from "../store/mod.ts";
import type { ChunkId } from "../bytes/mod.ts";

export interface RepackOptions {
  compression: Compression;
  /** Replace what is packed by the same algorithm, too. */
  always: boolean;
  largestChunk?: number;
  spawner?: WorkerSpawner | undefined;
  /** Called now and then while chunks are waited for; may let the event loop turn. */
  breathe?: () => void | Promise<void>;
}

export class Repacker {
  readonly #pool: SealPool;
  readonly #done: ChunksIndex;

  /** `done` learns of every chunk that passes, with its stored size: none is looked at twice. */
  constructor(
    private readonly store: StoreDeleter,
    private readonly codec: ObjectCodec,
    done: ChunksIndex,
    private readonly options: RepackOptions,
  ) {
    this.#done = done;
    this.#pool = new SealPool(codec, {
      ...options,
      storedSize: (id) => this.#done.csize(id),
      put: (id, size, stored) => this.#put(id, size, stored),
    });
  }

  /** Sends a chunk on its way; `receiver` learns of its stored size. */
  send(chunk: Uint8Array, receiver: ChunkReceiver): void | Promise<void> {
    const ready = this.#pool.ready(chunk.length);
    if (ready) return ready.then(() => this.#send(chunk, receiver));
    return this.#send(chunk, receiver);
  }

  #send(chunk: Uint8Array, receiver: ChunkReceiver): void | Promise<void> {
    this.#pool.space(chunk.length).set(chunk);
    this.#pool.push(chunk.length, {
      // The pool knows what it made, but perhaps what was there stays.
      receive: (sealed) => receiver.receive({ ...sealed, csize: this.#done.csize(sealed.id) }),
    });
    return this.#pool.pump();
  }

  /** Stored size of a chunk that is packed as it is to be; -1 where that is not known. */
  done(id: ChunkId): number {
    return this.#done.csize(id);
  }

  drain(): void | Promise<void> {
    return this.#pool.drain();
  }

  #put(id: ChunkId, size: number, stored: Uint8Array): Awaitable<boolean> {
    const has = this.store.has(id);
    if (has instanceof Promise) return has.then((has) => this.#decide(id, size, stored, has));
    return this.#decide(id, size, stored, has);
  }

  #decide(id: ChunkId, size: number, stored: Uint8Array, has: boolean): Awaitable<boolean> {
    if (has && !this.options.always) return this.#compare(id, size, stored);
    const wait = this.#store(id, size, stored);
    return wait ? wait.then(() => !has) : !has;
  }

  async #compare(id: ChunkId, size: number, stored: Uint8Array): Promise<false> {
    const old = await this.store.get(id);
    if (this.codec.kindOf(id, old) === this.codec.kindOf(id, stored)) this.#done.add(id, size, old.length);
    else await this.#store(id, size, stored);
    return false;
  }

  #store(id: ChunkId, size: number, stored: Uint8Array): Awaitable<void> {
    this.#done.add(id, size, stored.length);
    return this.store.put(id, stored);
  }

  dispose(): void {
    this.#pool.dispose();
  }
}
