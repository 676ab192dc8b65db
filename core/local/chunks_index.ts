/**
 * Chunk ids with reference count, plain size and stored size, in one open-addressing table (`wasm/hash_index.ts`): the
 * working set of `create` (which chunks are there?) and of mark and sweep (which chunks does an archive hold?). Its file
 * form is borg's hash index with 12-byte values, kept per archive in the cache directory.
 */
import { HashIndex, type IndexFile } from "../../wasm/mod.ts";
import { type ChunkId, concatBytes, ID_LENGTH } from "../bytes/mod.ts";

const REFCOUNT = 0;
const SIZE = 1;
const CSIZE = 2;
/** An entry as the table has it: id and three words. */
const BUCKET_BYTES = ID_LENGTH + 12;
/** Counts above stay where they are (borg docs, data-structures.rst, "HashIndex"): such a chunk is never deleted. */
const MAX_REFCOUNT = 0xfffffbff;

/** Sums over an index, bytes and chunks; `unique` counts each chunk once. */
export interface IndexTotals {
  size: number;
  csize: number;
  uniqueSize: number;
  uniqueCsize: number;
  chunks: number;
  uniqueChunks: number;
}

/** Marks on the chunks of an index, a bit each. Valid as long as the index neither gains nor loses any. */
export class ChunkMarks {
  readonly #bits: Uint8Array;

  constructor(private readonly table: HashIndex) {
    this.#bits = new Uint8Array(Math.ceil(table.slots / 8));
  }

  /** False where the index has no such chunk. */
  set(id: ChunkId): boolean {
    const slot = this.table.find(id);
    if (slot < 0) return false;
    this.#bits[slot >> 3]! |= 1 << (slot & 7);
    return true;
  }

  /** Ids of the chunks without a mark. */
  *missing(): Generator<ChunkId> {
    for (let slot = this.table.next(-1); slot >= 0; slot = this.table.next(slot)) {
      if ((this.#bits[slot >> 3]! & (1 << (slot & 7))) === 0) yield this.table.id(slot);
    }
  }
}

export class ChunksIndex {
  readonly #table: HashIndex;

  constructor(table?: HashIndex) {
    this.#table = table ?? HashIndex.create({ valueWords: 3 });
  }

  /** An empty index in which so many entries fit without growth. */
  static withCapacity(capacity: number): ChunksIndex {
    return new ChunksIndex(HashIndex.create({ valueWords: 3, capacity }));
  }

  /** Throws IntegrityError where `file` is not such a file. */
  static load(file: IndexFile): ChunksIndex {
    return new ChunksIndex(HashIndex.load(file, { valueWords: 3 }));
  }

  /** Header and buckets of the file form; views, valid until the next change. */
  encodeParts(): [header: Uint8Array, buckets: Uint8Array] {
    return this.#table.encodeParts();
  }

  get count(): number {
    return this.#table.size;
  }

  has(id: ChunkId): boolean {
    return this.#table.find(id) >= 0;
  }

  /** Stored size of a chunk, -1 where it is not in the index. */
  csize(id: ChunkId): number {
    const slot = this.#table.find(id);
    return slot < 0 ? -1 : this.#table.value(slot, CSIZE);
  }

  refcount(id: ChunkId): number {
    const slot = this.#table.find(id);
    return slot < 0 ? 0 : this.#table.value(slot, REFCOUNT);
  }

  /** Adds `count` references; sizes are taken from the first that knows them. */
  add(id: ChunkId, size: number, csize: number, count = 1): void {
    const slot = this.#table.find(id);
    if (slot < 0) {
      this.#table.set(id, Math.min(count, MAX_REFCOUNT), size, csize);
      return;
    }
    const sum = this.#table.value(slot, REFCOUNT) + count;
    this.#table.setValue(slot, REFCOUNT, Math.min(sum, MAX_REFCOUNT));
    if (this.#table.value(slot, SIZE) === 0) this.#table.setValue(slot, SIZE, size);
    if (this.#table.value(slot, CSIZE) === 0) this.#table.setValue(slot, CSIZE, csize);
  }

  /** Adds a reference to a chunk that is in the index; false, and nothing done, where it is not. */
  reference(id: ChunkId): boolean {
    const slot = this.#table.find(id);
    if (slot < 0) return false;
    const sum = this.#table.value(slot, REFCOUNT) + 1;
    if (sum <= MAX_REFCOUNT) this.#table.setValue(slot, REFCOUNT, sum);
    return true;
  }

  remove(id: ChunkId): boolean {
    return this.#table.remove(id);
  }

  /** Makes room for `entries` entries in all. */
  reserve(entries: number): void {
    this.#table.reserve(entries);
  }

  /** Gives back what growth has taken and the entries do not need. */
  trim(): void {
    this.#table.trim();
  }

  /** Adds every entry of `other` with its count. */
  addAll(other: ChunksIndex): void {
    this.#table.merge(other.#table, MAX_REFCOUNT);
  }

  /** Takes away what `addAll` added; false, and this index of no use any more, where it never was added. */
  subtractAll(other: ChunksIndex): boolean {
    return this.#table.subtract(other.#table, MAX_REFCOUNT);
  }

  /** Ids of `other` that are not in this index, packed (32 bytes each), and the sum of their stored sizes. */
  absentOf(other: ChunksIndex): { ids: Uint8Array; csize: number } {
    const parts: Uint8Array[] = [];
    let csize = 0;
    for (const buckets of this.#table.absentOf(other.#table)) {
      const view = new DataView(buckets.buffer, buckets.byteOffset, buckets.length);
      const ids = new Uint8Array(buckets.length / BUCKET_BYTES * ID_LENGTH);
      for (let from = 0, to = 0; from < buckets.length; from += BUCKET_BYTES, to += ID_LENGTH) {
        for (let i = 0; i < ID_LENGTH; i++) ids[to + i] = buckets[from + i]!;
        csize += view.getUint32(from + ID_LENGTH + 4 * CSIZE, true);
      }
      parts.push(ids);
    }
    return { ids: concatBytes(...parts), csize };
  }

  /** Sum of the stored sizes of those entries that have no more references in `all` than here. */
  csizeOfSole(all: ChunksIndex): number {
    return all.#table.sumOfEqual(this.#table);
  }

  /** No chunk is marked yet. */
  marks(): ChunkMarks {
    return new ChunkMarks(this.#table);
  }

  /** Every entry; the index must not change meanwhile. */
  *entries(): Generator<{ id: ChunkId; refcount: number; size: number; csize: number }> {
    const table = this.#table;
    for (let slot = table.next(-1); slot >= 0; slot = table.next(slot)) {
      yield {
        id: table.id(slot),
        refcount: table.value(slot, REFCOUNT),
        size: table.value(slot, SIZE),
        csize: table.value(slot, CSIZE),
      };
    }
  }

  /** Ids that no reference was added to. */
  unreferenced(): ChunkId[] {
    const table = this.#table;
    const ids: ChunkId[] = [];
    for (let slot = table.next(-1); slot >= 0; slot = table.next(slot)) {
      if (table.value(slot, REFCOUNT) === 0) ids.push(table.id(slot));
    }
    return ids;
  }

  totals(): IndexTotals {
    const { count, ...sums } = this.#table.countTotals();
    return { ...sums, chunks: count, uniqueChunks: this.count };
  }

  dispose(): void {
    this.#table.dispose();
  }
}
