/**
 * The way by which readers open many objects. In: stored bytes, in any number. Out: their plaintext in the same order, each
 * proven to be the object that was asked for. All cores take part (`slot_ring.ts`). With `verifyOnly` nothing comes out but
 * that they are right.
 */
import { asChunkId, type ChunkId } from "../bytes/mod.ts";
import type { ObjectCodec } from "./codec.ts";
import { SLOT_RECORDS, STATE_OPEN, STATE_VERIFY, worstSize } from "./slots.ts";
import { SlotRing, type WorkerSpawner } from "./slot_ring.ts";

/** Whoever waits for objects; is told of each in the order in which they were pushed. */
export interface PlainReceiver {
  /** `plain` is valid until the answer is there; empty with `verifyOnly`. */
  receive(plain: Uint8Array): void | Promise<void>;
  /** The object `id` is damaged. What this throws ends the work. */
  fail(error: unknown, id: ChunkId): void | Promise<void>;
}

export interface OpenPoolOptions {
  verifyOnly?: boolean;
  /** Without it everything is done in the caller's thread. */
  spawner?: WorkerSpawner | undefined;
  /** See `SlotRingOptions`. */
  breathe?: (() => void | Promise<void>) | undefined;
}

/** Largest object that goes through a slot; larger ones are opened by the owner. */
const SLOT_BYTES = worstSize(1 << 23);
const BATCH_BYTES = 1 << 20;

interface Batch {
  receivers: PlainReceiver[];
  used: number;
}

export class OpenPool {
  readonly #ring: SlotRing;
  readonly #batches: Batch[] = [newBatch()];
  readonly #task: number;
  /** Nothing goes on after it: receivers are called once and in order. */
  #failure: { error: unknown } | null = null;

  constructor(private readonly codec: ObjectCodec, options: OpenPoolOptions = {}) {
    this.#task = options.verifyOnly ? STATE_VERIFY : STATE_OPEN;
    this.#ring = new SlotRing(codec, {
      capacity: SLOT_BYTES,
      compression: null,
      spawner: options.spawner,
      breathe: options.breathe,
    });
  }

  /**
   * Opens `stored` as the object `id`; both may be reused when the answer is there. `size` is what its plaintext should have
   * in bytes, as far as that is known: place is made for it. Receivers of earlier objects may be called meanwhile; what they
   * throw comes out here.
   */
  push(id: ChunkId, stored: Uint8Array, size: number, receiver: PlainReceiver): void | Promise<void> {
    const room = (Math.max(stored.length, this.#task === STATE_OPEN ? size : 0) + 7) & ~7;
    if (room > SLOT_BYTES) return this.#pushLarge(id, stored, receiver);
    const wait = this.#ready(room);
    if (wait) {
      const keptId = asChunkId(id.slice());
      const kept = stored.slice();
      return wait.then(() => this.#place(keptId, kept, room, receiver));
    }
    this.#place(id, stored, room, receiver);
  }

  /** Resolves when every receiver was called. */
  drain(): void | Promise<void> {
    if (this.#batches.at(-1)!.receivers.length > 0) this.#send();
    return this.#until(() => this.#ring.oldest === this.#ring.filling);
  }

  /** Ends the workers. */
  dispose(): void {
    this.#ring.dispose();
  }

  #ready(room: number): void | Promise<void> {
    const { used, receivers } = this.#batches.at(-1)!;
    if (this.#ring.hasRoom) {
      if (used === 0) return;
      if (used + room <= SLOT_BYTES && receivers.length < SLOT_RECORDS && used < BATCH_BYTES) return;
      this.#send();
    }
    return this.#until(() => this.#ring.hasRoom);
  }

  #place(id: ChunkId, stored: Uint8Array, room: number, receiver: PlainReceiver): void {
    const batch = this.#batches.at(-1)!;
    const slot = this.#ring.slot(this.#ring.filling);
    const i = batch.receivers.length;
    slot.place(i, batch.used, room, stored.length);
    slot.count = i + 1;
    slot.id(i).set(id);
    slot.input(i).set(stored);
    batch.receivers.push(receiver);
    // A place is never empty, so that a batch with something in it is never taken for an empty one.
    batch.used += Math.max(room, 8);
  }

  async #pushLarge(id: ChunkId, stored: Uint8Array, receiver: PlainReceiver): Promise<void> {
    const keptId = asChunkId(id.slice());
    const kept = stored.slice();
    await this.drain();
    await this.#openHere(keptId, kept, receiver);
  }

  #send(): void {
    this.#ring.hand(this.#ring.filling, this.#task);
    this.#batches.push(newBatch());
  }

  #until(reached: () => boolean): void | Promise<void> {
    if (this.#failure !== null) throw this.#failure.error;
    try {
      for (;;) {
        while (this.#batches.length > 1 && this.#ring.done(this.#ring.oldest)) {
          const wait = this.#complete(this.#batches[0]!, 0);
          if (wait) {
            return wait.then(() => this.#taken(), (error) => this.#fail(error)).then(() =>
              this.#until(reached)
            );
          }
          this.#taken();
        }
        if (reached()) return;
        const helped = this.#ring.help();
        if (helped) return helped.then(() => this.#until(reached));
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): never {
    this.#failure ??= { error };
    throw error;
  }

  #taken(): void {
    this.#batches.shift();
    this.#ring.take(this.#ring.oldest);
  }

  #complete(batch: Batch, from: number): void | Promise<void> {
    const slot = this.#ring.slot(this.#ring.oldest);
    for (let i = from; i < batch.receivers.length; i++) {
      const receiver = batch.receivers[i]!;
      const wait = slot.result(i) < 0
        ? this.#openHere(asChunkId(slot.id(i).slice()), slot.input(i), receiver)
        : receiver.receive(this.#task === STATE_OPEN ? slot.output(i) : NOTHING);
      if (wait) return wait.then(() => this.#complete(batch, i + 1));
    }
  }

  /** For what is too large or damaged: this way the receiver gets the error that belongs to it. */
  async #openHere(id: ChunkId, stored: Uint8Array, receiver: PlainReceiver): Promise<void> {
    let plain: Uint8Array;
    try {
      plain = await this.codec.openView(id, stored);
    } catch (error) {
      await receiver.fail(error, id);
      return;
    }
    await receiver.receive(this.#task === STATE_OPEN ? plain : NOTHING);
  }
}

const NOTHING = new Uint8Array(0);
const newBatch = (): Batch => ({ receivers: [], used: 0 });
