/**
 * The way by which `create` seals chunks. In: plaintext chunks, small ones gathered in batches. Out: what an archive records
 * of each, in the order of coming, once the chunk is in the store. All cores take part (`slot_ring.ts`): a batch is hashed,
 * then the owner decides which of its chunks are new, then these are sealed, then the owner stores them.
 *
 * What is known already is asked here, in the owner's thread and in order; a chunk that comes again while its first copy is
 * still under way is not sealed again.
 */
import { asChunkId, type ChunkId } from "../bytes/mod.ts";
import { type Awaitable, type ObjectCodec, SEAL_HEAD } from "./codec.ts";
import type { Compression } from "./compression_spec.ts";
import { type Slot, SLOT_RECORDS, STATE_HASH, STATE_SEAL, worstSize } from "./slots.ts";
import { SlotRing, type WorkerSpawner } from "./slot_ring.ts";

/** What an archive records of a chunk. Sizes in bytes, plain and stored. */
export interface SealedChunk {
  readonly id: ChunkId;
  readonly size: number;
  readonly csize: number;
  /** Whether this call stored it, and nothing was there before. */
  readonly isNew: boolean;
}

/** Whoever waits for chunks; is told of each, in the order in which they were pushed. */
export interface ChunkReceiver {
  receive(chunk: SealedChunk): void;
}

export interface SealPoolOptions {
  compression: Compression;
  /**
   * Stored size of a chunk that need not be sealed, -1 of one that is to be sealed and put: the repository lacks it, or cannot
   * tell its size. Asked in the owner's thread.
   */
  storedSize(id: ChunkId, size: number): Awaitable<number>;
  /** Stores a chunk; `stored` is valid until the answer is there. Answers whether it is new to the repository. */
  put(id: ChunkId, size: number, stored: Uint8Array): Awaitable<boolean>;
  /** Bytes of the largest chunk that will be pushed; default 8 MiB. */
  largestChunk?: number;
  /** Without it everything is done in the caller's thread. */
  spawner?: WorkerSpawner | undefined;
  /** See `SlotRingOptions`. */
  breathe?: (() => void | Promise<void>) | undefined;
}

const LARGEST_CHUNK = 1 << 23;
/** A batch is handed over when it has so many bytes: long enough to be worth it, short enough that all have work. */
const BATCH_BYTES = 1 << 20;
const AES_BLOCK = 16;

/** What the owner remembers of a batch. */
interface Batch {
  receivers: ChunkReceiver[];
  used: number;
  phase: "filled" | "decided";
  /** Count of chunks that went another way when the batch was decided. */
  others: number;
}

export class SealPool {
  readonly #codec: ObjectCodec;
  readonly #options: SealPoolOptions;
  readonly #ring: SlotRing;
  /** Batches under way, the oldest first; the last one is being filled. */
  readonly #batches: Batch[] = [newBatch()];
  /**
   * New chunks under way, by the first bits of their ids. Should two chunks have them in common, the second is sealed late and
   * by the owner, no more.
   */
  readonly #sealing = new Set<number>();
  /** Sealing grows without a bound, so that it is done by the owner into memory of its own. */
  readonly #padded: boolean;
  #others = 0;
  /** Nothing is tried again after it: how far it came is not known, and what lies in the slots may be half done. */
  #failure: { error: unknown } | null = null;
  /** Where the next chunk goes in the batch that is being filled, as {@link space} promised. */
  #promised = 0;

  constructor(codec: ObjectCodec, options: SealPoolOptions) {
    this.#codec = codec;
    this.#options = options;
    this.#padded = options.compression.kind === "obfuscate";
    this.#ring = new SlotRing(codec, {
      capacity: worstSize(options.largestChunk ?? LARGEST_CHUNK),
      head: SEAL_HEAD,
      compression: options.compression,
      spawner: options.spawner,
      breathe: options.breathe,
    });
  }

  /** Makes sure that {@link space} has room for a chunk of up to `size` bytes. Throws the first failure of an earlier one. */
  ready(size: number): void | Promise<void> {
    const { used, receivers } = this.#batches.at(-1)!;
    if (this.#ring.hasRoom) {
      if (used === 0) return;
      const room = this.#ring.slot(0).capacity - used;
      if (worstSize(size) <= room && receivers.length < SLOT_RECORDS && used < BATCH_BYTES) return;
      this.#send();
    }
    return this.#until(() => this.#ring.hasRoom);
  }

  /** Memory for the next chunk, `size` bytes; what was written there counts with {@link push}. */
  space(size: number): Uint8Array {
    const { used } = this.#batches.at(-1)!;
    this.#promised = size;
    return this.#ring.slot(this.#ring.filling).bytes(used + SEAL_HEAD, size);
  }

  /** The first `size` bytes of {@link space} are a chunk, and `receiver` waits for it. */
  push(size: number, receiver: ChunkReceiver): void {
    if (size > this.#promised) throw new RangeError(`Cannot push ${size} bytes: there are ${this.#promised}`);
    const batch = this.#batches.at(-1)!;
    const slot = this.#ring.slot(this.#ring.filling);
    const i = batch.receivers.length;
    const room = (worstSize(size) + 7) & ~7;
    slot.place(i, batch.used, Math.min(room, slot.capacity - batch.used), size);
    slot.count = i + 1;
    batch.receivers.push(receiver);
    batch.used += room;
  }

  /** The same of a chunk that is surely in the store when those before it are; after `ready(0)`. */
  pushKnown(id: ChunkId, size: number, receiver: ChunkReceiver): void {
    const batch = this.#batches.at(-1)!;
    const slot = this.#ring.slot(this.#ring.filling);
    const i = batch.receivers.length;
    slot.place(i, batch.used, 0, size);
    slot.id(i).set(id);
    slot.setAbsent(i);
    slot.count = i + 1;
    batch.receivers.push(receiver);
    batch.used += 8;
  }

  /** Takes out what is done. To be called now and then; cheap. Throws the first failure, each time. */
  pump(): void | Promise<void> {
    if (this.#failure !== null) throw this.#failure.error;
    try {
      for (;;) {
        const progress = this.#step();
        if (progress === false) return;
        if (progress !== true) return progress.then(() => this.pump(), (error) => this.#fail(error));
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): never {
    this.#failure ??= { error };
    throw error;
  }

  /** Resolves when everything pushed so far is stored and received. */
  drain(): void | Promise<void> {
    if (this.#batches.at(-1)!.receivers.length > 0) this.#send();
    return this.#until(() => this.#ring.oldest === this.#ring.filling);
  }

  /** Seals and stores one chunk unless it is known, at once and in the caller's thread; past those under way. */
  add(plain: Uint8Array): Awaitable<SealedChunk> {
    this.#others++;
    const id = this.#codec.idOf(plain);
    const size = plain.length;
    const known = this.#options.storedSize(id, size);
    const go = (csize: number): Awaitable<SealedChunk> =>
      csize >= 0 ? { id, size, csize, isNew: false } : this.#sealHere(id, plain);
    return typeof known === "number" ? go(known) : known.then(go);
  }

  /** Ends the workers. */
  dispose(): void {
    this.#ring.dispose();
  }

  #sealHere(id: ChunkId, plain: Uint8Array): Awaitable<SealedChunk> {
    const size = plain.length;
    const stored = this.#codec.seal(plain, this.#options.compression);
    const put = (stored: Uint8Array): Awaitable<SealedChunk> => {
      const csize = stored.length;
      const isNew = this.#options.put(id, size, stored);
      if (isNew instanceof Promise) return isNew.then((isNew) => ({ id, size, csize, isNew }));
      return { id, size, csize, isNew };
    };
    return stored instanceof Promise ? stored.then(put) : put(stored);
  }

  #send(): void {
    this.#ring.hand(this.#ring.filling, STATE_HASH);
    this.#batches.push(newBatch());
  }

  #until(reached: () => boolean): void | Promise<void> {
    for (;;) {
      const pumped = this.pump();
      if (pumped) return pumped.then(() => this.#until(reached));
      if (reached()) return;
      const helped = this.#ring.help();
      if (helped) return helped.then(() => this.#until(reached));
    }
  }

  /** Decides on a batch, or takes one out; false where none is as far. */
  #step(): boolean | Promise<boolean> {
    const oldest = this.#ring.oldest;
    for (let i = 0; i + 1 < this.#batches.length; i++) {
      const batch = this.#batches[i]!;
      if (batch.phase === "decided") continue;
      if (!this.#ring.done(oldest + i)) break;
      batch.phase = "decided";
      batch.others = this.#others;
      return then(this.#decide(this.#ring.slot(oldest + i), 0), () => {
        if (!this.#padded) this.#ring.hand(oldest + i, STATE_SEAL);
      });
    }
    if (this.#batches.length === 1 || this.#batches[0]!.phase !== "decided" || !this.#ring.done(oldest)) {
      return false;
    }
    const batch = this.#batches[0]!;
    const slot = this.#ring.slot(oldest);
    return then(this.#complete(batch, slot, ids(slot), 0), () => {
      this.#batches.shift();
      this.#ring.take(oldest);
    });
  }

  /** Skips what need not be sealed; gives counters to the rest. */
  #decide(slot: Slot, from: number): void | Promise<void> {
    for (let i = from; i < slot.count; i++) {
      const id = asChunkId(slot.id(i));
      if (slot.absent(i)) continue;
      if (this.#sealing.has(slot.idBits(i))) {
        slot.skip(i);
        continue;
      }
      const known = this.#options.storedSize(id, slot.size(i));
      const wait = typeof known === "number"
        ? this.#decideOne(slot, i, known)
        : known.then((csize) => this.#decideOne(slot, i, csize));
      if (wait) return wait.then(() => this.#decide(slot, i + 1));
    }
  }

  #decideOne(slot: Slot, i: number, known: number): void | Promise<void> {
    if (known >= 0) {
      slot.skip(i);
      return;
    }
    this.#sealing.add(slot.idBits(i));
    if (this.#padded) return;
    const blocks = Math.ceil(worstSize(slot.size(i)) / AES_BLOCK);
    slot.setBlocks(i, blocks);
    return this.#codec.takeNonce(blocks, slot.iv(i), 0);
  }

  /** Stores what was sealed and tells the receivers. */
  #complete(batch: Batch, slot: Slot, ids: readonly ChunkId[], from: number): void | Promise<void> {
    const othersCame = batch.others !== this.#others;
    for (let i = from; i < slot.count; i++) {
      const id = ids[i]!;
      const skipped = slot.skipped(i);
      const size = slot.size(i);
      let wait: void | Promise<void>;
      if (skipped || othersCame) {
        const known = this.#options.storedSize(id, size);
        wait = typeof known === "number"
          ? this.#completeOne(batch, slot, i, id, known)
          : known.then((csize) => this.#completeOne(batch, slot, i, id, csize));
      } else {
        wait = this.#completeOne(batch, slot, i, id, -1);
      }
      if (wait) return wait.then(() => this.#complete(batch, slot, ids, i + 1));
    }
  }

  #completeOne(batch: Batch, slot: Slot, i: number, id: ChunkId, known: number): void | Promise<void> {
    const size = slot.size(i);
    const receiver = batch.receivers[i]!;
    if (!slot.skipped(i)) this.#sealing.delete(slot.idBits(i));
    if (known >= 0) {
      receiver.receive({ id, size, csize: known, isNew: false });
      return;
    }
    if (slot.absent(i)) throw new Error("Cannot store a chunk again: its content is gone");
    if (this.#padded || slot.skipped(i)) {
      // Skipped and yet unknown: its first copy was taken back meanwhile.
      const sealed = this.#sealHere(id, slot.input(i));
      if (sealed instanceof Promise) return sealed.then((chunk) => receiver.receive(chunk));
      receiver.receive(sealed);
      return;
    }
    const csize = slot.result(i);
    const isNew = this.#options.put(id, size, slot.output(i, this.#codec.sealedAt));
    if (isNew instanceof Promise) return isNew.then((isNew) => receiver.receive({ id, size, csize, isNew }));
    receiver.receive({ id, size, csize, isNew });
  }
}

const newBatch = (): Batch => ({ receivers: [], used: 0, phase: "filled", others: 0 });

/** Copies of the ids: the slot is going to be used again. */
function ids(slot: Slot): ChunkId[] {
  const all = new Uint8Array(32 * slot.count);
  return Array.from({ length: slot.count }, (_, i) => {
    const id = all.subarray(32 * i, 32 * i + 32);
    id.set(slot.id(i));
    return asChunkId(id);
  });
}

function then(wait: void | Promise<void>, next: () => void): true | Promise<true> {
  if (!wait) {
    next();
    return true;
  }
  return wait.then(() => {
    next();
    return true as const;
  });
}
