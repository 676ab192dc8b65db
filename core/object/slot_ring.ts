/**
 * The owner's side of the slots: a ring of batches that are filled, worked on by whoever is free and taken out again in the
 * order in which they were filled. The owner never waits while there is work that it can do itself, so all cores are busy
 * and one core alone loses nothing. Threads start with the second batch: small work is done before they would be ready.
 */
import type { ObjectCodec, WorkerKey } from "./codec.ts";
import type { Compression } from "./compression_spec.ts";
import {
  CONTROL_DONE,
  CONTROL_OLDEST,
  CONTROL_STATES,
  CONTROL_STOP,
  CONTROL_WORK,
  makeSlots,
  type Slot,
  type SlotBuffers,
  slotBuffers,
  type SlotMemory,
  STATE_BUSY,
  STATE_DONE,
  STATE_FAILED,
  STATE_OWNED,
} from "./slots.ts";
import { SlotWork } from "./slot_work.ts";

/** What goes to a worker. The key is the reason why only own threads may ever be given one. */
export interface ToWorker {
  key: WorkerKey;
  memory: SlotBuffers;
  compression: Compression | null;
}

/** The part of a web worker that is used here. */
export interface ObjectWorker {
  postMessage(message: ToWorker): void;
  onerror: ((event: { message: string; preventDefault(): void }) => void) | null;
  terminate(): void;
}

export interface WorkerSpawner {
  /** How many threads may be started. */
  readonly count: number;
  spawn(): ObjectWorker;
}

export interface SlotRingOptions {
  /** Bytes of data in one slot. */
  capacity: number;
  /** Bytes before each object in its place; default 0. */
  head?: number;
  /** How to seal; null for those who only open. */
  compression: Compression | null;
  /** Without it everything is done in the caller's thread. */
  spawner?: WorkerSpawner | undefined;
  /** Called after each batch; may let the event loop turn, so that signals arrive while many batches are waited for. */
  breathe?: (() => void | Promise<void>) | undefined;
}

/** The owner looks this often whether a thread was lost, while all it waits for is in the hands of threads. */
const PATIENCE_MS = 50;
const MAX_SLOTS = 12;

export class SlotRing {
  readonly #memory: SlotMemory;
  readonly #work: SlotWork;
  readonly #workers: ObjectWorker[] = [];
  /** Batches filled, and taken out, since the beginning. */
  #filled = 0;
  #emptied = 0;
  #lost: string | null = null;

  constructor(private readonly codec: ObjectCodec, private readonly options: SlotRingOptions) {
    const { spawner, capacity, compression } = options;
    const threads = spawner?.count ?? 0;
    // One is filled, one is in each thread's hands, the others wait for them.
    const slots = threads === 0 ? 1 : Math.min(2 * threads + 3, MAX_SLOTS);
    this.#memory = makeSlots({ count: slots, capacity, head: options.head ?? 0, shared: threads > 0 });
    this.#work = new SlotWork(this.#memory, codec, compression);
  }

  /** Number of the batch that is being filled, and of the oldest that is not taken out: they count up from 0. */
  get filling(): number {
    return this.#filled;
  }

  get oldest(): number {
    return this.#emptied;
  }

  /** Whether the batch {@link filling} has a slot to be filled. */
  get hasRoom(): boolean {
    return this.#filled - this.#emptied < this.#memory.slots.length;
  }

  slot(batch: number): Slot {
    return this.#memory.slots[batch % this.#memory.slots.length]!;
  }

  /** Hands the batch over to whoever finds it, to do `task` with it. The one being filled is full thereby. */
  hand(batch: number, task: number): void {
    const { control } = this.#memory;
    if (batch === this.#filled) this.#filled++;
    Atomics.store(control, this.#stateAt(batch), task);
    Atomics.add(control, CONTROL_WORK, 1);
    Atomics.notify(control, CONTROL_WORK);
    if (batch === 1 && this.#workers.length === 0) this.#start();
  }

  /** Whether what it was handed over for is done. Throws where it failed. */
  done(batch: number): boolean {
    const state = Atomics.load(this.#memory.control, this.#stateAt(batch));
    if (state === STATE_FAILED) {
      const message = new TextDecoder().decode(this.slot(batch).output(0).slice());
      throw new Error(`A worker failed: ${message}`);
    }
    return state === STATE_DONE;
  }

  /** Gives the slot of the oldest batch free. */
  take(batch: number): void {
    if (batch !== this.#emptied) throw new RangeError(`Cannot take batch ${batch} before ${this.#emptied}`);
    const { control, slots } = this.#memory;
    Atomics.store(control, this.#stateAt(batch), STATE_OWNED);
    this.#emptied++;
    Atomics.store(control, CONTROL_OLDEST, this.#emptied % slots.length);
  }

  /**
   * Brings the work on: does a batch in this thread if one waits for it, else waits until a thread has done one. Throws where
   * a thread was lost.
   */
  help(): void | Promise<void> {
    const { control } = this.#memory;
    const bell = Atomics.load(control, CONTROL_DONE);
    const worked = this.#work.workOne();
    if (worked === true) return this.options.breathe?.();
    if (worked !== false) return worked.then(() => this.options.breathe?.());
    if (!this.#anyBusy()) return;
    if (Atomics.wait(control, CONTROL_DONE, bell, PATIENCE_MS) !== "timed-out") {
      return this.options.breathe?.();
    }
    return this.#listen();
  }

  #anyBusy(): boolean {
    const { control, slots } = this.#memory;
    return slots.some((_, i) => Atomics.load(control, CONTROL_STATES + i) === STATE_BUSY);
  }

  /** Lets the event loop bring what threads have to say. */
  async #listen(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (this.#lost !== null) throw new Error(`A worker failed: ${this.#lost}`);
  }

  #start(): void {
    const { spawner, compression } = this.options;
    for (let i = 0; i < (spawner?.count ?? 0); i++) {
      const worker = spawner!.spawn();
      worker.onerror = (event) => {
        event.preventDefault();
        this.#lost ??= event.message;
      };
      const key = this.codec.workerKey();
      worker.postMessage({ key, memory: slotBuffers(this.#memory), compression });
      // The message has copies of its own.
      for (const bytes of [key.encKey, key.encHmacKey, key.idKey]) bytes.fill(0);
      this.#workers.push(worker);
    }
  }

  #stateAt(batch: number): number {
    return CONTROL_STATES + batch % this.#memory.slots.length;
  }

  /** Ends the threads. */
  dispose(): void {
    const { control } = this.#memory;
    Atomics.store(control, CONTROL_STOP, 1);
    Atomics.add(control, CONTROL_WORK, 1);
    Atomics.notify(control, CONTROL_WORK);
    for (const worker of this.#workers) worker.terminate();
  }
}
