/**
 * Host of the hash index kernel: a table from 32-byte id to two or three 32-bit words that costs no JavaScript object per
 * entry, read from and written to borg's index files (borg's docs, internals/data-structures.rst, "HashIndex").
 *
 *     memory 0    64      96    128     144     256
 *                 | state | key | value | sums  | table ... | staging, for buckets of another table
 *
 * Each table has a WASM memory of its own: growth makes a new one and drops the old, so no more than both exist.
 */
import type { ChunkId } from "../core/bytes/mod.ts";
import {
  BUCKET_DELETED,
  INDEX_BUCKETS,
  INDEX_EMPTY,
  INDEX_ENTRIES,
  KEY_BYTES,
  SET_DONE,
  SET_GROW,
} from "../rust-free-asm/const.ts";
import { damaged, encodeHeader, INDEX_FILE_HEADER_BYTES, type IndexFile, readHeader } from "./_index_file.ts";
import { type Kernel, kernelFactory, PAGE_BYTES } from "./_module.ts";
import { capacityFor, growSize, limitsOf, shrinkSize, TABLE_SIZES } from "./_table_sizes.ts";
import { HASH_INDEX_WASM } from "./hash_index_wasm.ts";

/** The kernel's functions (rust-free-asm/hash_index.ts). */
export interface HashIndexFunctions {
  init(
    state: number,
    table: number,
    buckets: number,
    bucketBytes: number,
    upper: number,
    minEmpty: number,
  ): void;
  adopt(
    state: number,
    table: number,
    buckets: number,
    bucketBytes: number,
    upper: number,
    minEmpty: number,
  ): number;
  find(state: number, key: number): number;
  set(state: number, key: number, value: number): number;
  remove(state: number, key: number): number;
  next(state: number, slot: number): number;
  absorb(state: number, buckets: number, count: number): number;
  merge(state: number, buckets: number, count: number, maxCount: number): number;
  subtract(state: number, buckets: number, count: number, maxCount: number): number;
  sift(state: number, buckets: number, count: number): number;
  totals(state: number, out: number): void;
  sumOfEqual(state: number, buckets: number, count: number): bigint;
}

/** A bare instance with at least `bytes` of memory. */
export const instantiateHashIndex: (bytes: number) => Kernel<HashIndexFunctions> = kernelFactory(
  HASH_INDEX_WASM,
);

const STATE = 64;
const KEY = 96;
const VALUE = 128;
const SUMS = 144;
const TABLE = 256;
/** Part of an old table that is copied over at a time. */
const STAGING_BYTES = 4 * PAGE_BYTES;
/** WASM addresses have 32 bits; the last page stays free so that no end address wraps to 0. */
const MAX_TABLE_BYTES = 2 ** 32 - TABLE - STAGING_BYTES - 2 * PAGE_BYTES;

export class HashIndex {
  readonly #bucketBytes: number;
  #kernel!: Kernel<HashIndexFunctions>;
  #bytes!: Uint8Array;
  #view!: DataView;

  private constructor(readonly valueWords: number) {
    if (valueWords !== 2 && valueWords !== 3) {
      throw new RangeError(`Cannot make an index with ${valueWords} words per value`);
    }
    this.#bucketBytes = KEY_BYTES + 4 * valueWords;
  }

  /** An empty index; `capacity` entries fit without growth. */
  static create(options: { valueWords: number; capacity?: number }): HashIndex {
    const index = new HashIndex(options.valueWords);
    index.#makeTable(capacityFor(options.capacity ?? 0));
    return index;
  }

  /**
   * The index that an index file holds. Throws IntegrityError unless magic, sizes, file length and counts fit together
   * and every entry lies where a search finds it. `bytes` is copied.
   */
  static decode(bytes: Uint8Array, options: { valueWords: number }): HashIndex {
    return HashIndex.load({
      header: bytes.subarray(0, INDEX_FILE_HEADER_BYTES),
      length: bytes.length,
      fill: (buckets) => buckets.set(bytes.subarray(INDEX_FILE_HEADER_BYTES)),
    }, options);
  }

  /** The same without a second copy of a large file: it is read to where it stays. */
  static load(file: IndexFile, options: { valueWords: number }): HashIndex {
    const index = new HashIndex(options.valueWords);
    const { entries, buckets } = readHeader(file, index.#bucketBytes);
    index.#instantiate(buckets, 0);
    const [upper, minEmpty] = limitsOf(buckets);
    file.fill(index.#bytes.subarray(TABLE, TABLE + buckets * index.#bucketBytes));
    const sound = index.#kernel.adopt(STATE, TABLE, buckets, index.#bucketBytes, upper, minEmpty) !== 0;
    if (!sound) throw damaged("an entry is out of its place");
    if (index.size !== entries) {
      throw damaged(`it has ${index.size} entries where its header tells ${entries}`);
    }
    // Borg's compacted files have no empty bucket at all, and many tombstones make searches long: make it anew.
    if (index.#word(INDEX_EMPTY) < minEmpty) index.#remake(Math.max(buckets, capacityFor(entries)));
    if (index.size !== entries) throw damaged("it has an entry twice");
    return index;
  }

  /** How many entries there are. */
  get size(): number {
    return this.#word(INDEX_ENTRIES);
  }

  /** Slots are numbers below this. */
  get slots(): number {
    return this.#word(INDEX_BUCKETS);
  }

  /** Bytes of WASM memory in use. */
  get memoryBytes(): number {
    return this.#bytes.length;
  }

  /** The slot of `id`, -1 if it is not there. A slot is valid until the next `set` or `remove`. */
  find(id: Uint8Array): number {
    this.#putKey(id);
    return this.#kernel.find(STATE, KEY);
  }

  /** Word number `word` of the value in `slot`, unsigned. */
  value(slot: number, word: number): number {
    return this.#view.getUint32(this.#valueAddress(slot, word), true);
  }

  /** Replaces one word of the value in `slot`. Throws RangeError on the marks 0xfffffffe and up in word 0. */
  setValue(slot: number, word: number, value: number): void {
    if (word === 0) refuseMark(value);
    this.#view.setUint32(this.#valueAddress(slot, word), value, true);
  }

  /** Inserts or replaces. Throws RangeError on the marks 0xfffffffe and up in `v0`, and when memory cannot hold more. */
  set(id: Uint8Array, v0: number, v1: number, v2 = 0): void {
    refuseMark(v0);
    for (;;) {
      this.#putKey(id);
      this.#view.setUint32(VALUE, v0, true);
      this.#view.setUint32(VALUE + 4, v1, true);
      this.#view.setUint32(VALUE + 8, v2, true);
      const outcome = this.#kernel.set(STATE, KEY, VALUE);
      if (outcome === SET_DONE) return;
      this.#makeRoom(outcome === SET_GROW);
    }
  }

  /** Removes `id`; false if it was not there. */
  remove(id: Uint8Array): boolean {
    this.#putKey(id);
    if (this.#kernel.remove(STATE, KEY) === 0) return false;
    const buckets = this.#word(INDEX_BUCKETS);
    const lower = limitsOf(buckets)[2];
    if (this.size < lower) this.#remake(shrinkSize(buckets));
    return true;
  }

  /** Makes room for `entries` entries in all, so that the table does not grow in steps. */
  reserve(entries: number): void {
    const buckets = capacityFor(entries);
    if (buckets > this.#word(INDEX_BUCKETS)) this.#remake(buckets);
  }

  /** Gives back the room that growth in steps has made and that the entries do not need. */
  trim(): void {
    const buckets = capacityFor(this.size);
    if (buckets < this.#word(INDEX_BUCKETS)) this.#remake(buckets);
  }

  /** Adds the counts of `other`, both with the words count, size, stored size, up to `maxCount`; a size of 0 is filled in. */
  merge(other: HashIndex, maxCount: number): void {
    this.#requireCounts(other);
    this.reserve(Math.max(this.size, other.size));
    for (const part of other.#parts()) {
      for (let done = 0; done < part.length;) {
        const rest = part.subarray(done);
        const count = this.#kernel.merge(STATE, this.#stage(rest), rest.length / this.#bucketBytes, maxCount);
        done += count * this.#bucketBytes;
        if (done < part.length) this.#makeRoom();
      }
    }
  }

  /** Takes away what {@link HashIndex.merge} added. False where that was never added: then this index is good for nothing. */
  subtract(other: HashIndex, maxCount: number): boolean {
    this.#requireCounts(other);
    for (const part of other.#parts()) {
      const count = part.length / this.#bucketBytes;
      if (this.#kernel.subtract(STATE, this.#stage(part), count, maxCount) === 0) return false;
    }
    const buckets = capacityFor(this.size);
    if (this.size < limitsOf(this.#word(INDEX_BUCKETS))[2]) this.#remake(buckets);
    return true;
  }

  /**
   * The buckets of `other`, key then value words, whose key is not in this index: views of many at a time, valid until the
   * next step. Neither may change meanwhile.
   */
  *absentOf(other: HashIndex): Generator<Uint8Array> {
    if (other.valueWords !== this.valueWords) throw new RangeError("Cannot compare indexes of other words");
    for (const part of other.#parts()) {
      const staging = this.#stage(part);
      const count = this.#kernel.sift(STATE, staging, part.length / this.#bucketBytes);
      if (count > 0) yield this.#bytes.subarray(staging, staging + count * this.#bucketBytes);
    }
  }

  /** Sum of the third word of those entries of `other` whose first word is the same in both. */
  sumOfEqual(other: HashIndex): number {
    this.#requireCounts(other);
    let sum = 0n;
    for (const part of other.#parts()) {
      sum += this.#kernel.sumOfEqual(STATE, this.#stage(part), part.length / this.#bucketBytes);
    }
    return Number(sum);
  }

  /** Sums over all entries, which have the words count, size, stored size; the first two times the count. */
  countTotals(): { size: number; csize: number; uniqueSize: number; uniqueCsize: number; count: number } {
    this.#requireCounts(this);
    this.#kernel.totals(STATE, SUMS);
    const [size, csize, uniqueSize, uniqueCsize, count] = [0, 8, 16, 24, 32].map((at) =>
      Number(this.#view.getBigUint64(SUMS + at, true))
    );
    return { size: size!, csize: csize!, uniqueSize: uniqueSize!, uniqueCsize: uniqueCsize!, count: count! };
  }

  /** The next used slot after `slot` in the order of buckets; begin with -1, -1 is the end. */
  next(slot: number): number {
    return this.#kernel.next(STATE, slot);
  }

  /** A copy of the id in `slot`. */
  id(slot: number): ChunkId {
    const at = this.#slotAddress(slot);
    return this.#bytes.slice(at, at + KEY_BYTES) as ChunkId;
  }

  /** Copies the id in `slot` to `into`, from `at` on: makes no object for each of millions. */
  copyId(slot: number, into: Uint8Array, at = 0): void {
    const from = this.#slotAddress(slot);
    const bytes = this.#bytes;
    for (let i = 0; i < KEY_BYTES; i++) into[at + i] = bytes[from + i]!;
  }

  /** The index as an index file. */
  encode(): Uint8Array {
    const [header, table] = this.encodeParts();
    const bytes = new Uint8Array(header.length + table.length);
    bytes.set(header);
    bytes.set(table, header.length);
    return bytes;
  }

  /** The file's header, and its buckets as a view into the index, valid until the next change: no copy of a large table. */
  encodeParts(): [header: Uint8Array, buckets: Uint8Array] {
    const buckets = this.#word(INDEX_BUCKETS);
    const header = encodeHeader({ entries: this.size, buckets, bucketBytes: this.#bucketBytes });
    return [header, this.#bytes.subarray(TABLE, TABLE + buckets * this.#bucketBytes)];
  }

  /** Lets go of the memory; nothing can be called afterwards. */
  dispose(): void {
    const gone = new Uint8Array(0);
    this.#bytes = gone;
    this.#view = new DataView(gone.buffer);
    this.#kernel = DISPOSED;
  }

  /** A new instance with memory for a table of `buckets` and `staging` bytes after it. */
  #instantiate(buckets: number, staging: number): void {
    const tableBytes = buckets * this.#bucketBytes;
    if (tableBytes > MAX_TABLE_BYTES) throw new RangeError(`Cannot make an index of ${buckets} buckets`);
    this.#kernel = instantiateHashIndex(TABLE + tableBytes + staging);
    this.#bytes = new Uint8Array(this.#kernel.memory.buffer);
    this.#view = new DataView(this.#kernel.memory.buffer);
  }

  #makeTable(buckets: number, staging = 0): void {
    this.#instantiate(buckets, staging);
    const [upper, minEmpty] = limitsOf(buckets);
    this.#kernel.init(STATE, TABLE, buckets, this.#bucketBytes, upper, minEmpty);
  }

  /** Moves all entries, in the order of their buckets, into a new table of at least `buckets` without tombstones. */
  #remake(buckets: number): void {
    const old = this.#bytes;
    const oldKernel = this.#kernel;
    const oldBuckets = this.#word(INDEX_BUCKETS);
    const perPart = Math.floor(STAGING_BYTES / this.#bucketBytes);
    const size = TABLE_SIZES.find((size) => size >= buckets) ?? buckets;
    const staging = TABLE + size * this.#bucketBytes;
    try {
      this.#makeTable(size, Math.min(perPart, oldBuckets) * this.#bucketBytes);
      for (let first = 0; first < oldBuckets; first += perPart) {
        const count = Math.min(perPart, oldBuckets - first);
        const from = TABLE + first * this.#bucketBytes;
        this.#bytes.set(old.subarray(from, from + count * this.#bucketBytes), staging);
        if (this.#kernel.absorb(STATE, staging, count) === 0) throw new Error("A remade index is too small");
      }
    } catch (error) {
      this.#kernel = oldKernel;
      this.#bytes = old;
      this.#view = new DataView(old.buffer);
      throw error;
    }
  }

  /** A larger table, or where tombstones fill this one, one of the same size without them. */
  #makeRoom(grow = this.size > limitsOf(this.#word(INDEX_BUCKETS))[0]): void {
    const buckets = this.#word(INDEX_BUCKETS);
    this.#remake(grow ? growSize(buckets) : buckets);
  }

  /** The table in parts that fit into another's staging memory. */
  *#parts(): Generator<Uint8Array> {
    const perPart = Math.floor(STAGING_BYTES / this.#bucketBytes) * this.#bucketBytes;
    const end = TABLE + this.#word(INDEX_BUCKETS) * this.#bucketBytes;
    for (let at = TABLE; at < end; at += perPart) yield this.#bytes.subarray(at, Math.min(end, at + perPart));
  }

  /** Copies buckets of another table behind this one; returns their address. */
  #stage(buckets: Uint8Array): number {
    const staging = TABLE + this.#word(INDEX_BUCKETS) * this.#bucketBytes;
    const missing = staging + buckets.length - this.#bytes.length;
    if (missing > 0) {
      this.#kernel.memory.grow(Math.ceil(missing / PAGE_BYTES));
      this.#bytes = new Uint8Array(this.#kernel.memory.buffer);
      this.#view = new DataView(this.#kernel.memory.buffer);
    }
    this.#bytes.set(buckets, staging);
    return staging;
  }

  #requireCounts(other: HashIndex): void {
    if (this.valueWords !== 3 || other.valueWords !== 3) {
      throw new RangeError("Cannot count without three words");
    }
  }

  #word(offset: number): number {
    return this.#view.getUint32(STATE + offset, true);
  }

  #putKey(id: Uint8Array): void {
    if (id.length !== KEY_BYTES) throw new RangeError(`Cannot look up an id of ${id.length} bytes`);
    this.#bytes.set(id, KEY);
  }

  #slotAddress(slot: number): number {
    if (!(slot >= 0 && slot < this.#word(INDEX_BUCKETS))) throw new RangeError(`Cannot use slot ${slot}`);
    return TABLE + slot * this.#bucketBytes;
  }

  #valueAddress(slot: number, word: number): number {
    if (!(word >= 0 && word < this.valueWords)) throw new RangeError(`Cannot use word ${word} of a value`);
    return this.#slotAddress(slot) + KEY_BYTES + 4 * word;
  }
}

/** Stands for the kernel of a disposed index: every call says so. */
const DISPOSED = new Proxy({} as Kernel<HashIndexFunctions>, {
  get() {
    throw new TypeError("Cannot use a disposed index");
  },
});

function refuseMark(value: number): void {
  if (!(value >= 0 && value < BUCKET_DELETED)) {
    throw new RangeError(`Cannot store ${value} as the first word of a value`);
  }
}
