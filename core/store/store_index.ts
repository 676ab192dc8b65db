/**
 * Where each object lies: id -> (segment, offset), over the WASM hash index whose memory is the index file itself (borg
 * docs, data-structures.rst, "Index, hints and integrity"). In and out: ids and numbers; `encodeParts` and `load` are
 * the bytes of `index.N`.
 */
import type { ChunkId } from "../bytes/mod.ts";
import { HashIndex, type IndexFile } from "../../wasm/mod.ts";

/** Words of a value: segment, offset. */
const VALUE_WORDS = 2;
const SEGMENT = 0;
const OFFSET = 1;
/** A bucket on disk: id and value. */
const BUCKET_BYTES = 40;
/** The table is at most this full, so a file of n entries has n / 0.75 buckets or more. */
const MAX_LOAD = 0.75;
/** The smallest table. */
const MIN_BUCKETS = 1031;

export class StoreIndex {
  private constructor(private readonly index: HashIndex) {}

  /** `capacity`: so many entries fit without growth. */
  static empty(capacity = 0): StoreIndex {
    return new StoreIndex(HashIndex.create({ valueWords: VALUE_WORDS, capacity }));
  }

  /** Throws IntegrityError where `file` is not an index file. */
  static load(file: IndexFile): StoreIndex {
    return new StoreIndex(HashIndex.load(file, { valueWords: VALUE_WORDS }));
  }

  /** Header and buckets of the index file; views, valid until the next change. */
  encodeParts(): [header: Uint8Array, buckets: Uint8Array] {
    return this.index.encodeParts();
  }

  get size(): number {
    return this.index.size;
  }

  /** About the size of the index file. */
  get fileBytes(): number {
    return BUCKET_BYTES * Math.max(MIN_BUCKETS, Math.ceil(this.size / MAX_LOAD));
  }

  /** Slot of `id` for {@link StoreIndex.segment} and {@link StoreIndex.offset}, -1 if absent; valid until the next change. */
  find(id: Uint8Array): number {
    return this.index.find(id);
  }

  segment(slot: number): number {
    return this.index.value(slot, SEGMENT);
  }

  offset(slot: number): number {
    return this.index.value(slot, OFFSET);
  }

  /** Whether `id` lies exactly there. */
  isAt(id: Uint8Array, segment: number, offset: number): boolean {
    const slot = this.index.find(id);
    return slot >= 0 && this.segment(slot) === segment && this.offset(slot) === offset;
  }

  set(id: Uint8Array, segment: number, offset: number): void {
    this.index.set(id, segment, offset);
  }

  remove(id: Uint8Array): void {
    this.index.remove(id);
  }

  /** The next used slot in the order of the file; begin with -1, -1 is the end. */
  next(slot: number): number {
    return this.index.next(slot);
  }

  /** A copy of the id in `slot`. */
  id(slot: number): ChunkId {
    return this.index.id(slot);
  }

  /** Copies the id in `slot` to `into`, from `at` on. */
  copyId(slot: number, into: Uint8Array, at = 0): void {
    this.index.copyId(slot, into, at);
  }

  dispose(): void {
    this.index.dispose();
  }
}
