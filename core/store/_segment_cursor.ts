/**
 * Reads one segment file from front to back in large pieces, for everything that walks entries. In: an open file. Out: a
 * window of bytes at the current offset. The buffer is at most 1 MiB and grows to the largest entry (20 MiB) when one is met.
 */
import type { StoreFiles } from "./env.ts";

const START_BYTES = 1 << 20;
/** Where only headers are wanted: what lies between them is better not read. */
const HEADERS_START_BYTES = 64 << 10;
/** Enough for any header. */
const MIN_BYTES = 64;

export class SegmentCursor {
  readonly fileSize: number;
  /** Offset in the file of the first byte of {@link SegmentCursor.window}. */
  offset = 0;
  readonly #fd: number;
  #buffer: Uint8Array;
  #start = 0;
  #end = 0;

  constructor(private readonly files: StoreFiles, path: string, options: { headersOnly?: boolean } = {}) {
    this.#fd = files.open(path);
    this.fileSize = files.fstat(this.#fd).size;
    const start = options.headersOnly ? HEADERS_START_BYTES : START_BYTES;
    // Most segments are small (each manifest and each commit has its own).
    this.#buffer = new Uint8Array(Math.max(MIN_BYTES, Math.min(start, this.fileSize)));
  }

  /** Makes `length` bytes readable where the file has them; returns how many are readable, maybe more than asked. */
  ensure(length: number): number {
    const have = this.#end - this.#start;
    if (have >= length) return have;
    if (length > this.#buffer.length) this.#grow(length);
    else this.#buffer.copyWithin(0, this.#start, this.#end);
    this.#start = 0;
    this.#end = have;
    while (this.#end < length) {
      const got = this.files.pread(this.#fd, this.#buffer.subarray(this.#end), this.offset + this.#end);
      if (got === 0) break;
      this.#end += got;
    }
    return this.#end;
  }

  /** The readable bytes; valid until the next call of another method. */
  window(length: number): Uint8Array {
    return this.#buffer.subarray(this.#start, Math.min(this.#end, this.#start + length));
  }

  /** Goes on by `length` bytes, past the readable ones too, which are then never read. */
  skip(length: number): void {
    this.offset += length;
    this.#start = Math.min(this.#start + length, this.#end);
  }

  close(): void {
    this.files.dropCache(this.#fd, 0, 0);
    this.files.close(this.#fd);
  }

  #grow(length: number): void {
    const larger = new Uint8Array(length);
    larger.set(this.#buffer.subarray(this.#start, this.#end));
    this.#buffer = larger;
  }
}
