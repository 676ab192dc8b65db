/**
 * A ring of records between two threads, one writing and one reading, in shared memory. A record is whole units of 8 bytes,
 * never split at the ring's end:
 *
 *     kind i32, units i32 | flags i32, text length i32 | 14 numbers of a stat, or none | text in UTF-16
 *
 * A long text begins in records of kind -1, which have nothing else.
 *
 * The writer makes records visible some at a time, and the reader gives room back some at a time: waking the other side costs
 * more than a record.
 */
import type { Stat } from "../platform/mod.ts";

const POSTED = 0;
const TAKEN = 1;
const STOP = 2;
const CONTROL_WORDS = 4;

const PAD = 0;
const BEGUN = -1;
const HEADER_UNITS = 2;
const STAT_UNITS = 14;
/** Records, or units, after which the other side is told. */
const BATCH_RECORDS = 32;
const PATIENCE_MS = 50;

/** Positions count units modulo 2^31 as they are stored; the ring's length divides that. */
const RING_UNITS = 1 << 17;
const POSITION_MASK = 0x7fffffff;
/** UTF-16 units in one record: far less than the ring has, so that there is always room for the next piece. */
const MAX_TEXT = 1 << 16;

export interface RingBuffers {
  control: ArrayBufferLike;
  data: ArrayBufferLike;
}

export function makeRing(): RingBuffers {
  return {
    control: new SharedArrayBuffer(CONTROL_WORDS * 4),
    data: new SharedArrayBuffer(RING_UNITS * 8),
  };
}

class Ring {
  protected readonly control: Int32Array;
  protected readonly ints: Int32Array;
  protected readonly numbers: Float64Array;
  protected readonly wide: BigInt64Array;
  protected readonly text: Uint16Array;

  constructor(buffers: RingBuffers) {
    this.control = new Int32Array(buffers.control);
    this.ints = new Int32Array(buffers.data);
    this.numbers = new Float64Array(buffers.data);
    this.wide = new BigInt64Array(buffers.data);
    this.text = new Uint16Array(buffers.data);
  }
}

/** Thrown in the writing thread when the reader has gone. */
export class RingStopped extends Error {
  override readonly name = "RingStopped";
}

export class RingWriter extends Ring {
  #position = 0;
  #taken = 0;
  #unposted = 0;

  /** Appends a record; waits for room. Throws RingStopped. */
  write(kind: number, flags: number, text: string, stat: Stat | null): void {
    let begun = 0;
    for (; text.length - begun > MAX_TEXT; begun += MAX_TEXT) {
      this.#write(BEGUN, 0, text.slice(begun, begun + MAX_TEXT), null);
    }
    this.#write(kind, flags, begun === 0 ? text : text.slice(begun), stat);
  }

  #write(kind: number, flags: number, text: string, stat: Stat | null): void {
    const units = HEADER_UNITS + (stat === null ? 0 : STAT_UNITS) + ((text.length + 3) >> 2);
    let at = this.#position & (RING_UNITS - 1);
    if (at + units > RING_UNITS) {
      this.#reserve(RING_UNITS - at);
      this.ints[2 * at] = PAD;
      this.ints[2 * at + 1] = RING_UNITS - at;
      this.#advance(RING_UNITS - at);
      at = 0;
    }
    this.#reserve(units);
    this.ints[2 * at] = kind;
    this.ints[2 * at + 1] = units;
    this.ints[2 * at + 2] = flags;
    this.ints[2 * at + 3] = text.length;
    let next = at + HEADER_UNITS;
    if (stat !== null) {
      this.#putStat(next, stat);
      next += STAT_UNITS;
    }
    for (let i = 0; i < text.length; i++) this.text[4 * next + i] = text.charCodeAt(i);
    this.#advance(units);
    if (++this.#unposted >= BATCH_RECORDS) this.post();
  }

  /** Units that the reader has not given back yet. */
  get backlog(): number {
    return (this.#position - Atomics.load(this.control, TAKEN)) & POSITION_MASK;
  }

  /** Makes everything visible to the reader. */
  post(): void {
    this.#unposted = 0;
    Atomics.store(this.control, POSTED, this.#position);
    Atomics.notify(this.control, POSTED);
  }

  #advance(units: number): void {
    this.#position = (this.#position + units) & POSITION_MASK;
  }

  #reserve(units: number): void {
    const used = () => (this.#position - this.#taken) & POSITION_MASK;
    if (used() + units <= RING_UNITS) return;
    this.post();
    for (;;) {
      if (Atomics.load(this.control, STOP) !== 0) throw new RingStopped("the reader is gone");
      const seen = Atomics.load(this.control, TAKEN);
      this.#taken = seen;
      if (used() + units <= RING_UNITS) return;
      Atomics.wait(this.control, TAKEN, seen, PATIENCE_MS);
    }
  }

  #putStat(at: number, stat: Stat): void {
    const { numbers, wide } = this;
    numbers[at] = stat.mode;
    numbers[at + 1] = stat.dev;
    numbers[at + 2] = stat.nlink;
    numbers[at + 3] = stat.uid;
    numbers[at + 4] = stat.gid;
    numbers[at + 5] = stat.rdev;
    numbers[at + 6] = stat.size;
    numbers[at + 7] = stat.blocks;
    numbers[at + 8] = stat.flags ?? NaN;
    wide[at + 9] = stat.ino;
    wide[at + 10] = stat.mtimeNs;
    wide[at + 11] = stat.atimeNs;
    wide[at + 12] = stat.ctimeNs;
    wide[at + 13] = stat.birthtimeNs ?? NO_TIME;
  }
}

const NO_TIME = -(2n ** 63n);

export class RingReader extends Ring {
  #position = 0;
  #posted = 0;
  #unreturned = 0;
  /** Of the record that {@link next} found. */
  kind = 0;
  flags = 0;
  /** What came of the record's text before it. */
  #begun = "";
  #textLength = 0;
  #at = 0;

  /** Goes to the next record; false where there was none for `patience` milliseconds. */
  next(patience = PATIENCE_MS): boolean {
    for (;;) {
      while (this.#position === this.#posted) {
        const seen = Atomics.load(this.control, POSTED);
        if (seen !== this.#posted) {
          this.#posted = seen;
          break;
        }
        this.#giveBack();
        if (Atomics.wait(this.control, POSTED, seen, patience) === "timed-out") return false;
      }
      const at = this.#position & (RING_UNITS - 1);
      const units = this.ints[2 * at + 1]!;
      this.kind = this.ints[2 * at]!;
      this.flags = this.ints[2 * at + 2]!;
      this.#textLength = this.ints[2 * at + 3]!;
      this.#at = at + HEADER_UNITS;
      this.#position = (this.#position + units) & POSITION_MASK;
      if (this.kind === BEGUN) this.#begun += this.#takeText();
      else if (this.kind !== PAD) return true;
    }
  }

  /** The record's stat; before its {@link readText}. */
  readStat(): Stat {
    const { numbers, wide } = this;
    const at = this.#at;
    this.#at += STAT_UNITS;
    const flags = numbers[at + 8]!;
    const birth = wide[at + 13]!;
    return {
      mode: numbers[at]!,
      dev: numbers[at + 1]!,
      ino: BigInt.asUintN(64, wide[at + 9]!),
      nlink: numbers[at + 2]!,
      uid: numbers[at + 3]!,
      gid: numbers[at + 4]!,
      rdev: numbers[at + 5]!,
      size: numbers[at + 6]!,
      blocks: numbers[at + 7]!,
      mtimeNs: wide[at + 10]!,
      atimeNs: wide[at + 11]!,
      ctimeNs: wide[at + 12]!,
      birthtimeNs: birth === NO_TIME ? null : birth,
      flags: Number.isNaN(flags) ? null : flags,
    };
  }

  /** The record's text; ends the use of the record, whose room is given back. */
  readText(): string {
    const text = this.#takeText();
    if (this.#begun === "") return text;
    const whole = this.#begun + text;
    this.#begun = "";
    return whole;
  }

  #takeText(): string {
    const start = 4 * this.#at;
    let text = "";
    for (let i = 0; i < this.#textLength; i++) text += String.fromCharCode(this.text[start + i]!);
    if (++this.#unreturned >= BATCH_RECORDS) this.#giveBack();
    return text;
  }

  #giveBack(): void {
    if (this.#unreturned === 0) return;
    this.#unreturned = 0;
    Atomics.store(this.control, TAKEN, this.#position);
    Atomics.notify(this.control, TAKEN);
  }

  /** Tells the writer to end. */
  stop(): void {
    Atomics.store(this.control, STOP, 1);
    Atomics.notify(this.control, TAKEN);
  }
}
