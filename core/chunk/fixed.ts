/**
 * Chunks of one size, for disk images and the like (borg's docs, internals/data-structures.rst, "Fixed chunker"). In: a
 * file through a read function. Out: the header, which may have a size of its own, then block after block; the last one
 * takes what is left. A header larger than a block is cut like the rest, but its last piece ends where the header ends.
 *
 * With holes that are known, each stretch of data or hole behind the header is cut by itself, from its own start, and its
 * last chunk takes what is left of it. The header is read even if it is a hole (facts from borg 1.4's chunker.pyx).
 */
import type { Chunker, ChunkerParams, ReadBlock } from "./chunker.ts";
import { Hole, type SparseFile } from "./hole.ts";

export class FixedChunker implements Chunker {
  /** The header may have a size of its own, and holes are cut out: no file is simple. */
  readonly wholeBelow = 0;
  readonly #blockSize: number;
  readonly #headerSize: number;
  #buffer: Uint8Array | null;
  /** One block of zeros, from the first hole on. */
  #zeros: Hole | null = null;

  /** Throws RangeError on sizes that are no sizes. */
  constructor(params: Extract<ChunkerParams, { algorithm: "fixed" }>) {
    const { blockSize, headerSize } = params;
    if (!(Number.isSafeInteger(blockSize) && blockSize >= 1)) {
      throw new RangeError(`Cannot chunk by ${blockSize} bytes`);
    }
    if (!(Number.isSafeInteger(headerSize) && headerSize >= 0)) {
      throw new RangeError(`Cannot chunk with a header of ${headerSize} bytes`);
    }
    this.#blockSize = blockSize;
    this.#headerSize = headerSize;
    this.#buffer = new Uint8Array(blockSize);
  }

  *chunk(read: ReadBlock, sparse?: SparseFile): Generator<Uint8Array, void, undefined> {
    if (!this.#buffer) throw new TypeError("Cannot use a disposed chunker");
    const ranges = sparse?.ranges(this.#headerSize);
    if (!(yield* this.#data(read, this.#headerSize))) return;
    if (!sparse || !ranges) {
      yield* this.#data(read, Infinity);
      return;
    }
    for (const { length, isData } of ranges) {
      if (!isData) yield* this.#hole(sparse, length);
      else if (!(yield* this.#data(read, length))) return;
    }
  }

  /** Chunks of the next `length` bytes; false where the file ended before. */
  *#data(read: ReadBlock, length: number): Generator<Uint8Array, boolean, undefined> {
    const buffer = this.#buffer!;
    for (let left = length; left > 0;) {
      const wanted = Math.min(left, this.#blockSize);
      const got = yield* fill(buffer.subarray(0, wanted), read);
      if (got > 0) yield buffer.subarray(0, got);
      if (got < wanted) return false;
      left -= wanted;
    }
    return true;
  }

  *#hole(file: SparseFile, length: number): Generator<Uint8Array, void, undefined> {
    const zeros = this.#zeros ??= new Hole(new ArrayBuffer(this.#blockSize));
    for (let left = length; left > 0;) {
      const size = Math.min(left, this.#blockSize);
      file.skip(size);
      yield size === this.#blockSize ? zeros : new Hole(zeros.buffer, 0, size);
      left -= size;
    }
  }

  dispose(): void {
    this.#buffer = this.#zeros = null;
  }
}

const NOTHING_YET = new Uint8Array(0);

/** Reads until `block` is full or the file ends; returns how much there is. */
function* fill(block: Uint8Array, read: ReadBlock): Generator<Uint8Array, number, undefined> {
  let filled = 0;
  while (filled < block.length) {
    const room = block.subarray(filled);
    const length = read(room);
    if (length > room.length) throw new RangeError(`Cannot use ${length} bytes: asked for ${room.length}`);
    if (length === 0) break;
    if (length < 0) yield NOTHING_YET;
    else filled += length;
  }
  return filled;
}
