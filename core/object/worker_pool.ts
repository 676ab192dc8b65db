/**
 * The owner's side of sealing on worker threads. A chunk is copied once, into a slot of memory that is shared with one
 * worker; small messages say what to do with it, and the worker leaves id and stored bytes in the same slot:
 *
 *     id 32 | counter 8 | unused 24 | plain, up to 8 MiB | stored, up to what 8 MiB may grow to
 *
 * The owner alone hands out counters: each seal gets as many as the chunk could need at worst, and those that are not used
 * are lost, never given out again.
 */
import { asChunkId, type ChunkId } from "../bytes/mod.ts";
import type { ObjectCodec, SealWorkerKey } from "./codec.ts";
import type { Compression } from "./compression_spec.ts";

export const SLOT_ID = 0;
export const SLOT_NONCE = 32;
export const SLOT_PLAIN = 64;
export const SLOT_PLAIN_BYTES = 1 << 23;
/**
 * What a chunk of `size` bytes can become at worst: zlib's fastest level with fixed codes takes 9 bits a byte and some
 * headers, everything else far less; envelope and marks take less than 1024.
 */
const worstSize = (size: number): number => size + (size >> 2) + 1024;
export const SLOT_STORED = SLOT_PLAIN + SLOT_PLAIN_BYTES;
const SLOT_BYTES = SLOT_STORED + worstSize(SLOT_PLAIN_BYTES);
/** One is filled while others are hashed, sealed and stored. */
const SLOTS_PER_WORKER = 3;
const AES_BLOCK = 16;

/** What goes to a worker. The key is the reason why only own threads may ever be given one. */
export type ToWorker =
  | { kind: "init"; key: SealWorkerKey; slots: SharedArrayBuffer[] }
  | { kind: "hash"; slot: number; size: number }
  | { kind: "seal"; slot: number; size: number; blocks: number; compression: Compression };

/** What comes back. */
export type FromWorker =
  | { kind: "ready" }
  | { kind: "hashed"; slot: number }
  | { kind: "sealed"; slot: number; size: number }
  | { kind: "failed"; slot: number; message: string };

/** The part of a web worker that is used here. */
export interface SealWorker {
  postMessage(message: ToWorker): void;
  onmessage: ((event: { data: FromWorker }) => void) | null;
  onerror: ((event: { message: string; preventDefault(): void }) => void) | null;
  terminate(): void;
}

export interface SealWorkerSpawner {
  /** How many threads may be started. */
  readonly count: number;
  spawn(): SealWorker;
}

export class WorkerPool {
  readonly #threads: Thread[] = [];
  readonly #waiting: (() => void)[] = [];
  #started = false;

  constructor(private readonly codec: ObjectCodec, private readonly spawner: SealWorkerSpawner) {}

  /** A slot with a copy of `plain`; null where no worker is ready, or it does not fit: then do it without. */
  take(plain: Uint8Array): SealSlot | null {
    if (!this.#started) this.#start();
    if (plain.length > SLOT_PLAIN_BYTES) return null;
    let best: Thread | null = null;
    for (const thread of this.#threads) {
      if (thread.ready && thread.free.length > (best?.free.length ?? 0)) best = thread;
    }
    const slot = best?.free.pop() ?? null;
    slot?.plain.set(plain);
    return slot;
  }

  #start(): void {
    this.#started = true;
    for (let i = 0; i < this.spawner.count; i++) {
      this.#threads.push(new Thread(this.spawner.spawn(), this.codec, () => this.#waiting.shift()?.()));
    }
  }

  /** Waits for a free slot, if there are workers and all of them are busy. */
  room(): void | Promise<void> {
    const ready = this.#threads.filter((thread) => thread.ready);
    if (ready.length === 0 || ready.some((thread) => thread.free.length > 0)) return;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  dispose(): void {
    for (const thread of this.#threads) thread.terminate();
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

interface Pending {
  resolve(size: number): void;
  reject(error: Error): void;
}

class Thread {
  ready = false;
  readonly free: SealSlot[];
  readonly #pending = new Map<number, Pending>();

  constructor(private readonly worker: SealWorker, codec: ObjectCodec, freed: () => void) {
    const slots = Array.from({ length: SLOTS_PER_WORKER }, () => new SharedArrayBuffer(SLOT_BYTES));
    this.free = slots.map((memory, number) =>
      new SealSlot(memory, number, codec, {
        call: (message) => this.#call(message, number),
        release: (slot) => {
          this.free.push(slot);
          freed();
        },
      })
    );
    worker.onmessage = ({ data }) => this.#answer(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(event.message);
    };
    worker.postMessage({ kind: "init", key: codec.workerKey(), slots });
  }

  #call(message: ToWorker, slot: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#pending.set(slot, { resolve, reject });
      this.worker.postMessage(message);
    });
  }

  #answer(message: FromWorker): void {
    if (message.kind === "ready") {
      this.ready = true;
      return;
    }
    const pending = this.#pending.get(message.slot);
    this.#pending.delete(message.slot);
    if (message.kind === "failed") pending?.reject(new Error(`A worker failed: ${message.message}`));
    else pending?.resolve(message.kind === "sealed" ? message.size : 0);
  }

  /** The whole thread is lost: whatever waits for it fails, and it gets no more work. */
  #fail(message: string): void {
    this.ready = false;
    for (const pending of this.#pending.values()) pending.reject(new Error(`A worker failed: ${message}`));
    this.#pending.clear();
  }

  terminate(): void {
    this.worker.terminate();
    this.#fail("it was ended");
  }
}

interface SlotOwner {
  call(message: ToWorker): Promise<number>;
  release(slot: SealSlot): void;
}

/** One chunk's place. {@link release} it exactly once. */
export class SealSlot {
  readonly plain: Uint8Array;
  readonly #bytes: Uint8Array;

  constructor(
    memory: SharedArrayBuffer,
    private readonly number: number,
    private readonly codec: ObjectCodec,
    private readonly owner: SlotOwner,
  ) {
    this.#bytes = new Uint8Array(memory);
    this.plain = this.#bytes.subarray(SLOT_PLAIN, SLOT_STORED);
  }

  async hash(size: number): Promise<ChunkId> {
    await this.owner.call({ kind: "hash", slot: this.number, size });
    return asChunkId(this.#bytes.slice(SLOT_ID, SLOT_ID + 32));
  }

  /** The stored bytes, a view of the slot. */
  async seal(size: number, compression: Compression): Promise<Uint8Array> {
    const blocks = Math.ceil(worstSize(size) / AES_BLOCK);
    const wait = this.codec.takeNonce(blocks, this.#bytes, SLOT_NONCE);
    if (wait) await wait;
    const stored = await this.owner.call({ kind: "seal", slot: this.number, size, blocks, compression });
    return this.#bytes.subarray(SLOT_STORED, SLOT_STORED + stored);
  }

  release(): void {
    this.owner.release(this);
  }
}
