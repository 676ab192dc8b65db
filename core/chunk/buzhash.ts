/**
 * Content-defined chunking of files (borg's docs, internals/data-structures.rst, "Chunks"). In: a file through a read
 * function, straight into the kernel's memory. Out: chunks as views of that memory.
 */
import type { Chunker, ChunkerParams, ReadBlock } from "./chunker.ts";
import { Cutter } from "./_cutter.ts";

/** Bytes asked for at once: many for one system call, few enough that they are still in the cache when scanned. */
const READ_BYTES = 256 << 10;

const NOTHING_YET = new Uint8Array(0);

export class BuzhashChunker implements Chunker {
  readonly wholeBelow: number;
  readonly #cutter: Cutter;

  constructor(params: Extract<ChunkerParams, { algorithm: "buzhash" }>, seed: number) {
    // The first place for a cut is where a window fits behind the smallest chunk.
    this.wholeBelow = 2 ** params.minExp + params.windowSize;
    this.#cutter = new Cutter(params, seed);
  }

  *chunk(read: ReadBlock): Generator<Uint8Array, void, undefined> {
    const cutter = this.#cutter;
    cutter.reset();
    for (let ended = false; !ended;) {
      const room = cutter.room(READ_BYTES);
      const length = read(room);
      if (length > room.length) throw new RangeError(`Cannot use ${length} bytes: asked for ${room.length}`);
      if (length < 0) {
        yield NOTHING_YET;
        continue;
      }
      ended = length === 0;
      cutter.wrote(length);
      for (let chunk = cutter.next(ended); chunk; chunk = cutter.next(ended)) yield chunk;
    }
  }

  dispose(): void {
    this.#cutter.dispose();
  }
}
