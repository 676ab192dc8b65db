/**
 * The work on batches in slots: hashing, sealing, opening and verifying what lies there. The owner of the slots and each
 * worker thread have a {@link SlotWork} of their own and take batches as they find them, the oldest first.
 */
import type { Awaitable, ObjectCodec } from "./codec.ts";
import type { Compression } from "./compression_spec.ts";
import { asChunkId } from "../bytes/mod.ts";
import { IntegrityError } from "../errors.ts";
import {
  CONTROL_DONE,
  CONTROL_OLDEST,
  CONTROL_STATES,
  CONTROL_STOP,
  CONTROL_WORK,
  RESULT_FAULT,
  type Slot,
  type SlotMemory,
  STATE_BUSY,
  STATE_DONE,
  STATE_FAILED,
  STATE_HASH,
  STATE_OPEN,
  STATE_SEAL,
  STATE_VERIFY,
} from "./slots.ts";

/** A worker looks up this often whether it was told to stop, should it miss the bell. */
const PATIENCE_MS = 1000;

export class SlotWork {
  constructor(
    private readonly memory: SlotMemory,
    private readonly codec: ObjectCodec,
    /** How to seal; null for those who only open. */
    private readonly compression: Compression | null,
  ) {}

  /** For a worker thread: works until told to stop. Blocks the thread while there is nothing to do. */
  async serve(): Promise<void> {
    const { control } = this.memory;
    for (;;) {
      // Read before looking for work: whatever arrives later changes it, and the wait ends at once.
      const bell = Atomics.load(control, CONTROL_WORK);
      if (Atomics.load(control, CONTROL_STOP) !== 0) return;
      const worked = this.workOne();
      if (worked === false) Atomics.wait(control, CONTROL_WORK, bell, PATIENCE_MS);
      else if (worked !== true) await worked;
    }
  }

  /** Takes the oldest batch that waits for work and does it; false where none waits. */
  workOne(): boolean | Promise<boolean> {
    const { control, slots } = this.memory;
    const oldest = Atomics.load(control, CONTROL_OLDEST);
    for (let i = 0; i < slots.length; i++) {
      const number = (oldest + i) % slots.length;
      const state = Atomics.load(control, CONTROL_STATES + number);
      if (state < STATE_HASH || state > STATE_VERIFY) continue;
      if (Atomics.compareExchange(control, CONTROL_STATES + number, state, STATE_BUSY) !== state) continue;
      return this.#work(number, state);
    }
    return false;
  }

  #work(number: number, task: number): boolean | Promise<boolean> {
    const slot = this.memory.slots[number]!;
    try {
      const wait = this.#run(slot, task, 0);
      if (wait) {
        return wait.then(() => this.#finish(number, STATE_DONE), (error) => this.#fail(number, error));
      }
    } catch (error) {
      return this.#fail(number, error);
    }
    return this.#finish(number, STATE_DONE);
  }

  #fail(number: number, error: unknown): boolean {
    const slot = this.memory.slots[number]!;
    // What went wrong, for the owner, in place of the first object.
    const message = new TextEncoder().encode(String(error).slice(0, 500));
    slot.place(0, 0, message.length, message.length);
    slot.setResult(0, message.length);
    slot.output(0).set(message);
    return this.#finish(number, STATE_FAILED);
  }

  #finish(number: number, state: number): true {
    const { control } = this.memory;
    Atomics.store(control, CONTROL_STATES + number, state);
    Atomics.add(control, CONTROL_DONE, 1);
    Atomics.notify(control, CONTROL_DONE);
    return true;
  }

  /** Works from record `from` on. A promise only where code of a compression has to be loaded first. */
  #run(slot: Slot, task: number, from: number): void | Promise<void> {
    for (let i = from; i < slot.count; i++) {
      if (slot.skipped(i)) continue;
      const wait = this.#one(slot, task, i);
      if (wait) return wait.then(() => this.#run(slot, task, i + 1));
    }
  }

  #one(slot: Slot, task: number, i: number): void | Promise<void> {
    switch (task) {
      case STATE_HASH:
        this.codec.idInto(slot.input(i), slot.id(i), 0);
        return;
      case STATE_SEAL:
        return this.#seal(slot, i);
      case STATE_OPEN:
      case STATE_VERIFY:
        return this.#open(slot, i, task === STATE_OPEN);
    }
  }

  #seal(slot: Slot, i: number): void | Promise<void> {
    const counters = { iv: slot.iv(i), blocks: slot.blocks(i) };
    const length = this.codec.sealWith(counters, slot.room(i), slot.size(i), this.compression!);
    if (length instanceof Promise) return length.then((length) => slot.setResult(i, length));
    slot.setResult(i, length);
  }

  #open(slot: Slot, i: number, keep: boolean): void | Promise<void> {
    const opened = (plain: Uint8Array): void => {
      const room = slot.room(i);
      if (keep && plain.length > room.length) slot.setResult(i, RESULT_FAULT);
      else {
        if (keep) room.set(plain);
        slot.setResult(i, plain.length);
      }
    };
    // The owner opens it again and gets the error with its words; stored bytes are left as they were.
    const failed = (error: unknown): void => {
      if (!(error instanceof IntegrityError)) throw error;
      slot.setResult(i, RESULT_FAULT);
    };
    try {
      const plain: Awaitable<Uint8Array> = this.codec.openView(asChunkId(slot.id(i)), slot.input(i));
      if (plain instanceof Promise) return plain.then(opened).catch(failed);
      opened(plain);
    } catch (error) {
      failed(error);
    }
  }
}
