/**
 * The chunker's contract. A chunker is fed a file block by block and hands out chunks; where it cuts depends on the
 * content and its parameters alone, never on how the input was split into blocks; with a SparseFile on its holes too.
 */

import type { SparseFile } from "./hole.ts";

/** Parameters as they stand in an archive's metadata. */
export type ChunkerParams =
  | { algorithm: "buzhash"; minExp: number; maxExp: number; maskBits: number; windowSize: number }
  | { algorithm: "fixed"; blockSize: number; headerSize: number };

/**
 * Fills `into` from its start with the file's next bytes and returns how many; 0 is the end of the file, a negative number
 * says that nothing is there at the moment (a pipe).
 */
export type ReadBlock = (into: Uint8Array) => number;

export interface Chunker {
  /** Files of fewer bytes are one chunk, whatever is in them; 0 where that cannot be said. */
  readonly wholeBelow: number;
  /**
   * Chunks of one file in order. A yielded chunk is a view into the chunker's own memory, valid until the next chunk is
   * asked for: whoever keeps it copies it. An empty file gives no chunk. One file at a time per chunker. Errors of
   * `read` pass through; the chunker can be used for the next file afterwards. With `sparse` holes are cut by themselves
   * and yielded as Hole without being read; only the fixed chunker does so, as in borg, others read them as zeros. Where
   * `read` says that nothing is there at the moment, an empty chunk is yielded: ask for the next when there may be something.
   */
  chunk(read: ReadBlock, sparse?: SparseFile): Iterable<Uint8Array>;
  /** Frees its memory in the WASM instance. */
  dispose(): void;
}
