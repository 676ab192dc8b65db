/**
 * Chunks of one size, for disk images and the like (borg's docs, internals/data-structures.rst, "Fixed chunker"). In: a
 * file through a read function. Out: the header, which may have a size of its own, then block after block; the last one
 * takes what is left. A header larger than a block is cut like the rest, but its last piece ends where the header ends.
 */
import type { Chunker, ChunkerParams, ReadBlock } from "./chunker.ts";

export class FixedChunker implements Chunker {
  /** The header may have a size of its own, and holes are cut out: no file is simple. */
  readonly wholeBelow = 0;
  readonly #blockSize: number;
  readonly #headerSize: number;
  #buffer: Uint8Array | null;

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

  *chunk(read: ReadBlock): Generator<Uint8Array, void, undefined> {
    const buffer = this.#buffer;
    if (!buffer) throw new TypeError("Cannot use a disposed chunker");
    let header = this.#headerSize;
    for (;;) {
      const wanted = header > 0 ? Math.min(header, this.#blockSize) : this.#blockSize;
      const got = fill(buffer.subarray(0, wanted), read);
      if (got > 0) yield buffer.subarray(0, got);
      if (got < wanted) return;
      header -= Math.min(header, wanted);
    }
  }

  dispose(): void {
    this.#buffer = null;
  }
}

/** Reads until `block` is full or the file ends; returns how much there is. */
function fill(block: Uint8Array, read: ReadBlock): number {
  let filled = 0;
  while (filled < block.length) {
    const room = block.subarray(filled);
    const length = read(room);
    if (length > room.length) throw new RangeError(`Cannot use ${length} bytes: asked for ${room.length}`);
    if (length === 0) break;
    filled += length;
  }
  return filled;
}
