/**
 * The way by which `create` seals chunks, so that it can move to worker threads without its callers noticing. In:
 * plaintext chunks in the order of the file. Out: their ids and, where the chunk is new, the bytes to store.
 *
 * Today everything happens in the caller's thread, at once. How workers slot in: `submit` copies the chunk into shared
 * memory and hands it to the worker with the shortest queue; the queues are bounded by bytes, and `submit` returns a
 * promise (and so holds the caller back) when they are full. A worker answers with the id first and seals only when
 * `isKnown` (asked here, in the owner's thread) says no. Results are delivered in the order of submission. The owner alone
 * talks to the NonceKeeper: it takes counters for a worker in ranges of some thousand blocks ahead of time, and a range
 * that is not used up is lost, never given out again.
 */
import type { ChunkId } from "../bytes/mod.ts";
import type { Awaitable, ObjectCodec } from "./codec.ts";
import type { Compression } from "./compression_spec.ts";

export interface SealedChunk {
  readonly id: ChunkId;
  /** Bytes of plaintext. */
  readonly size: number;
  /** The bytes to store; null where the chunk is known already and nothing is to be stored. */
  readonly stored: Uint8Array | null;
}

export interface SealPoolOptions {
  compression: Compression;
  /**
   * Whether the repository has this chunk, or it was submitted before. Asked once per chunk, in order; a promise only where
   * the repository is remote and has to be asked.
   */
  isKnown(id: ChunkId, size: number): Awaitable<boolean>;
}

export class SealPool {
  readonly #waiting = new Set<Promise<SealedChunk>>();

  constructor(private readonly codec: ObjectCodec, private readonly options: SealPoolOptions) {}

  /** Seals one chunk. `plain` may be reused once the answer is there. The answer keeps `stored` valid for good. */
  submit(plain: Uint8Array): Awaitable<SealedChunk> {
    const id = this.codec.idOf(plain);
    const known = this.options.isKnown(id, plain.length);
    if (typeof known === "boolean") return this.#seal(id, plain, known);
    return this.#track(known.then((known) => this.#seal(id, plain, known)));
  }

  #seal(id: ChunkId, plain: Uint8Array, known: boolean): Awaitable<SealedChunk> {
    const size = plain.length;
    if (known) return { id, size, stored: null };
    const stored = this.codec.seal(plain, this.options.compression);
    if (!(stored instanceof Promise)) return { id, size, stored };
    return this.#track(stored.then((stored) => ({ id, size, stored })));
  }

  #track(chunk: Promise<SealedChunk>): Promise<SealedChunk> {
    this.#waiting.add(chunk);
    const forget = () => void this.#waiting.delete(chunk);
    chunk.then(forget, forget);
    return chunk;
  }

  /** Resolves when everything submitted so far is sealed; rejects with the first failure. */
  drain(): Awaitable<void> {
    if (this.#waiting.size > 0) return Promise.all(this.#waiting).then(() => {});
  }
}
