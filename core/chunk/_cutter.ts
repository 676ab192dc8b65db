/**
 * The buffer between bytes that arrive in any pieces and chunks that must lie in one piece. In: bytes written into
 * `room()`. Out: chunks as views of the buffer.
 *
 *     0            start                         filled          capacity
 *     | given away | the chunk that is being cut | room()         |
 *
 * When the largest possible chunk no longer fits behind `start`, what is there moves to the front. The room beyond the
 * largest chunk makes that rare.
 */
import { BuzhashScanner } from "../../wasm/mod.ts";
import type { ChunkerParams } from "./chunker.ts";

/** Moves happen once per so many bytes at most. */
const SLACK_BYTES = 1 << 20;

export class Cutter {
  readonly #scanner: BuzhashScanner;
  readonly #maxSize: number;
  #start = 0;
  #filled = 0;

  /** Throws RangeError where window and smallest chunk do not fit into the largest chunk. */
  constructor(params: Extract<ChunkerParams, { algorithm: "buzhash" }>, seed: number) {
    const { minExp, maxExp, maskBits, windowSize } = params;
    if (!(minExp >= 0 && maxExp <= 30)) {
      throw new RangeError(`Cannot chunk from 2^${minExp} to 2^${maxExp} bytes`);
    }
    const minSize = 2 ** minExp;
    this.#maxSize = 2 ** maxExp;
    if (windowSize + minSize + 1 > this.#maxSize) {
      throw new RangeError(
        `Cannot chunk with a window of ${windowSize} and chunks of ${minSize} bytes or more`,
      );
    }
    const bufferBytes = this.#maxSize + SLACK_BYTES;
    this.#scanner = new BuzhashScanner({ seed, minSize, maskBits, windowSize, bufferBytes });
  }

  /** Forgets everything; the next byte begins a new file. */
  reset(): void {
    this.#start = this.#filled = 0;
    this.#scanner.reset();
  }

  /**
   * Where the next bytes go, `limit` at most and never empty while {@link next} has answered null. Valid until any other
   * method is called; invalidates chunks given before.
   */
  room(limit: number): Uint8Array {
    const { buffer } = this.#scanner;
    if (this.#start > 0 && this.#start + this.#maxSize > buffer.length) {
      buffer.copyWithin(0, this.#start, this.#filled);
      this.#filled -= this.#start;
      this.#start = 0;
    }
    const end = Math.min(this.#filled + limit, this.#start + this.#maxSize);
    return buffer.subarray(this.#filled, Math.max(end, this.#filled));
  }

  /** Tells that the first `length` bytes of the last {@link room} were written. */
  wrote(length: number): void {
    this.#filled += length;
  }

  /** The next chunk that is certain, null when more bytes are needed (or, with `ended`, when all were given). */
  next(ended: boolean): Uint8Array | null {
    const available = Math.min(this.#filled - this.#start, this.#maxSize);
    if (available === 0) return null;
    const length = this.#scanner.scan(this.#start, available, ended || available === this.#maxSize);
    if (length === 0) return null;
    const chunk = this.#scanner.buffer.subarray(this.#start, this.#start + length);
    this.#start += length;
    return chunk;
  }

  /** Frees the memory. */
  dispose(): void {
    this.#scanner.dispose();
  }
}
