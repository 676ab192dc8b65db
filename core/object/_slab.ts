/**
 * Memory for many small results that are never written again: pieces of larger allocations, because a typed array with
 * its own memory costs more than sealing the small chunk that goes into it. A piece keeps its whole slab alive, which is
 * small; large results get memory of their own.
 */

const SLAB_SIZE = 256 * 1024;
/** From here on the cost of an allocation is small beside the work. */
const LARGE = SLAB_SIZE / 8;

export class Slab {
  #slab: Uint8Array = new Uint8Array(0);
  #used = 0;

  /** `length` bytes that nobody else uses; zero at first. */
  take(length: number): Uint8Array {
    if (length > LARGE) return new Uint8Array(length);
    if (this.#used + length > this.#slab.length) {
      this.#slab = new Uint8Array(SLAB_SIZE);
      this.#used = 0;
    }
    const piece = this.#slab.subarray(this.#used, this.#used + length);
    this.#used += length;
    return piece;
  }
}
