/**
 * Memory in which batches of objects lie while threads work on them, shared by the owner (who reads, decides and writes)
 * and its worker threads. One slot holds one batch:
 *
 *     | count, head | record 0 | record 1 | … | record 127 |  place of object 0  |  place of object 1  | …
 *
 * A record is sixteen words of 32 bits; an object is sealed or opened where it lies, so its place is as long as the longer
 * form. Control words and the state of each slot lie in memory of their own. All words are of the machine's own byte order:
 * nothing of this leaves the process.
 */

/** Objects in one batch at most. */
export const SLOT_RECORDS = 128;
const RECORD_WORDS = 16;
const RECORD_BYTES = RECORD_WORDS * 4;
const HEADER_BYTES = 64;
const DATA_AT = HEADER_BYTES + SLOT_RECORDS * RECORD_BYTES;

/** Words of a record. */
const AT = 0;
const ROOM = 1;
const SIZE = 2;
const SKIP = 3;
const RESULT = 4;
const BLOCKS = 5;
const IV = 6;
const ID = 8;

/** Control words. */
export const CONTROL_WORK = 0;
export const CONTROL_DONE = 1;
export const CONTROL_STOP = 2;
/** The slot in which work is looked for first. */
export const CONTROL_OLDEST = 3;
export const CONTROL_STATES = 4;

/** State of a slot: the owner's, what is to be done with it, in the hands of a thread, done or failed. */
export const STATE_OWNED = 0;
export const STATE_HASH = 1;
export const STATE_SEAL = 2;
export const STATE_OPEN = 3;
export const STATE_VERIFY = 4;
export const STATE_BUSY = 5;
export const STATE_DONE = 6;
export const STATE_FAILED = 7;

/** Result of an object that did not open. */
export const RESULT_FAULT = -1;

/**
 * What an object of `size` bytes can become at worst: zlib's fastest level with fixed codes takes 9 bits a byte and some
 * headers, everything else far less; envelope and marks take less than 1024.
 */
export const worstSize = (size: number): number => size + (size >> 2) + 1024;

/** What threads share. */
export interface SlotMemory {
  readonly control: Int32Array;
  readonly slots: readonly Slot[];
}

/** Buffers of a {@link SlotMemory}, to be sent to a worker. */
export interface SlotBuffers {
  control: ArrayBufferLike;
  slots: ArrayBufferLike[];
}

export class Slot {
  readonly #header: Int32Array;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(readonly buffer: ArrayBufferLike) {
    this.#header = new Int32Array(buffer, 0, 2);
    this.#words = new Int32Array(buffer, HEADER_BYTES, SLOT_RECORDS * RECORD_WORDS);
    this.#bytes = new Uint8Array(buffer);
  }

  /** Records in use. */
  get count(): number {
    return this.#header[0]!;
  }

  set count(count: number) {
    this.#header[0] = count;
  }

  /** Bytes before each object in its place. */
  get head(): number {
    return this.#header[1]!;
  }

  /** Bytes that lie behind the records. */
  get capacity(): number {
    return this.#bytes.length - DATA_AT;
  }

  /** Gives record `i` the place of `room` bytes from `at`; the object itself has `size`, behind {@link head}. */
  place(i: number, at: number, room: number, size: number): void {
    const word = i * RECORD_WORDS;
    this.#words[word + AT] = at;
    this.#words[word + ROOM] = room;
    this.#words[word + SIZE] = size;
    this.#words[word + SKIP] = 0;
    this.#words[word + RESULT] = 0;
  }

  size(i: number): number {
    return this.#words[i * RECORD_WORDS + SIZE]!;
  }

  /** Bytes from `at` of the data, before they belong to a record. */
  bytes(at: number, length: number): Uint8Array {
    return this.#bytes.subarray(DATA_AT + at, DATA_AT + at + length);
  }

  /** The object as it was put in. */
  input(i: number): Uint8Array {
    return this.bytes(this.#words[i * RECORD_WORDS + AT]! + this.head, this.#words[i * RECORD_WORDS + SIZE]!);
  }

  /** Its whole place. */
  room(i: number): Uint8Array {
    return this.bytes(this.#words[i * RECORD_WORDS + AT]!, this.#words[i * RECORD_WORDS + ROOM]!);
  }

  /** The object after the work: {@link result} bytes of its place, from its byte `from` on. */
  output(i: number, from = 0): Uint8Array {
    return this.bytes(this.#words[i * RECORD_WORDS + AT]! + from, this.#words[i * RECORD_WORDS + RESULT]!);
  }

  result(i: number): number {
    return this.#words[i * RECORD_WORDS + RESULT]!;
  }

  setResult(i: number, length: number): void {
    this.#words[i * RECORD_WORDS + RESULT] = length;
  }

  skipped(i: number): boolean {
    return this.#words[i * RECORD_WORDS + SKIP] !== 0;
  }

  skip(i: number): void {
    this.#words[i * RECORD_WORDS + SKIP] = 1;
  }

  /** Of an object that is not here at all: only its id and its size are. */
  absent(i: number): boolean {
    return this.#words[i * RECORD_WORDS + SKIP] === 2;
  }

  setAbsent(i: number): void {
    this.#words[i * RECORD_WORDS + SKIP] = 2;
  }

  /** The 32 bytes of the id. */
  id(i: number): Uint8Array {
    const at = HEADER_BYTES + i * RECORD_BYTES + ID * 4;
    return this.#bytes.subarray(at, at + 32);
  }

  /** 53 bits of the id, as a number. */
  idBits(i: number): number {
    const word = i * RECORD_WORDS + ID;
    return (this.#words[word]! >>> 0) * 2 ** 21 + (this.#words[word + 1]! >>> 11);
  }

  /** The first counter, 8 bytes, of the `blocks` that are this object's own. */
  iv(i: number): Uint8Array {
    const at = HEADER_BYTES + i * RECORD_BYTES + IV * 4;
    return this.#bytes.subarray(at, at + 8);
  }

  blocks(i: number): number {
    return this.#words[i * RECORD_WORDS + BLOCKS]!;
  }

  setBlocks(i: number, blocks: number): void {
    this.#words[i * RECORD_WORDS + BLOCKS] = blocks;
  }
}

export interface SlotOptions {
  count: number;
  /** Bytes of data in each. */
  capacity: number;
  /** Bytes before each object in its place; default 0. */
  head?: number;
  /** With other threads; else it is this thread's own. */
  shared: boolean;
}

export function makeSlots(options: SlotOptions): SlotMemory {
  const { count, capacity, head = 0, shared } = options;
  const make = (bytes: number): ArrayBufferLike =>
    shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);
  const memory = openSlots({
    control: make((CONTROL_STATES + count) * 4),
    slots: Array.from({ length: count }, () => make(DATA_AT + capacity)),
  });
  for (const { buffer } of memory.slots) new Int32Array(buffer)[1] = head;
  return memory;
}

/** The same memory in another thread. */
export function openSlots(buffers: SlotBuffers): SlotMemory {
  return { control: new Int32Array(buffers.control), slots: buffers.slots.map((buffer) => new Slot(buffer)) };
}

export function slotBuffers(memory: SlotMemory): SlotBuffers {
  return { control: memory.control.buffer, slots: memory.slots.map((slot) => slot.buffer) };
}
