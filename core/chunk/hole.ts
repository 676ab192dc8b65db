/**
 * Files with holes, as a chunker that cuts along them sees them. A hole is never read: the chunker skips it, and yields
 * zeros that say of themselves that they are nothing else.
 */

/** A stretch of a file, in bytes: data, or a hole. */
export interface FileRange {
  readonly length: number;
  readonly isData: boolean;
}

/** The side of a file that knows of its holes. Belongs to a ReadBlock and shares its position. */
export interface SparseFile {
  /**
   * Data and holes from `from` to the end of the file, in order and without gaps; null where nothing is known of holes, and
   * all is to be read. Called once, before the first byte is read.
   */
  ranges(from: number): readonly FileRange[] | null;
  /** Goes over `length` bytes without reading them. */
  skip(length: number): void;
}

/** A chunk that is a hole, or part of one: all zeros. */
export class Hole extends Uint8Array<ArrayBuffer> {}
