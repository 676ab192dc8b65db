/**
 * Host of the buzhash kernel: one scanner with its own memory, into which callers read the data to be cut. In: bytes in
 * `buffer`. Out: chunk lengths. Buffer management for files and streams is core/chunk's.
 */
import { BUZHASH_FREE, BUZHASH_STATE_BYTES } from "../rust-free-asm/const.ts";
import { type Kernel, kernelFactory } from "./_module.ts";
import { BUZHASH_WASM } from "./buzhash_wasm.ts";

/** The kernel's functions; pointers are addresses in the instance's memory (rust-free-asm/buzhash.ts). */
export interface BuzhashFunctions {
  init(
    state: number,
    seed: number,
    mask: number,
    window: number,
    minSize: number,
    blocks: number,
  ): void;
  reset(state: number): void;
  hash(state: number, data: number, length: number): number;
  scan(state: number, data: number, filled: number, ended: number): number;
}

/** A bare instance with at least `bytes` of memory, of which a caller owns all from BUZHASH_FREE on. */
export const instantiateBuzhash: (bytes: number) => Kernel<BuzhashFunctions> = kernelFactory(BUZHASH_WASM);

/**
 * 0 on big-endian machines: the compiler of Node 20's V8 for s390x makes code of the kernel's vector loads that crashes
 * (seen under QEMU; with --liftoff-only it works). They roll the hash byte by byte, to the same cuts.
 */
const BLOCKS = new Uint8Array(new Uint16Array([1]).buffer)[0]!;

export interface BuzhashOptions {
  /** 32 bits; mixed into the table of constants. */
  seed: number;
  /** Smallest chunk in bytes, at least 1. */
  minSize: number;
  /** Bits of the hash that must be zero at a cut. */
  maskBits: number;
  windowSize: number;
  /** Size of `buffer` in bytes. */
  bufferBytes: number;
}

/** Finds the end of one chunk after another in its buffer. */
export class BuzhashScanner {
  /** For the caller's data. Lives in WASM memory that never grows, so views of it stay valid until `dispose`. */
  readonly buffer: Uint8Array;
  readonly #state = BUZHASH_FREE;
  readonly #data: number;
  #kernel: Kernel<BuzhashFunctions> | null;

  constructor(options: BuzhashOptions) {
    const { seed, minSize, maskBits, windowSize, bufferBytes } = options;
    if (!(maskBits >= 0 && maskBits < 32)) throw new RangeError(`Cannot use a mask of ${maskBits} bits`);
    if (!(minSize >= 1)) throw new RangeError(`Cannot use a smallest chunk of ${minSize} bytes`);
    if (!(windowSize >= 0)) throw new RangeError(`Cannot use a window of ${windowSize} bytes`);
    // The data begin on a cache line, after the state.
    this.#data = Math.ceil((this.#state + BUZHASH_STATE_BYTES) / 64) * 64;
    this.#kernel = instantiateBuzhash(this.#data + bufferBytes);
    this.buffer = new Uint8Array(this.#kernel.memory.buffer, this.#data, bufferBytes);
    this.#kernel.init(this.#state, seed >>> 0, 2 ** maskBits - 1, windowSize, minSize, BLOCKS);
  }

  /** Forgets a chunk that was begun. */
  reset(): void {
    this.#live().reset(this.#state);
  }

  /** The hash of the first `length` bytes of `buffer`. */
  hash(length: number): number {
    if (length > this.buffer.length) throw new RangeError("Cannot hash beyond the buffer");
    return this.#live().hash(this.#state, this.#data, length) >>> 0;
  }

  /**
   * Length of the chunk whose first `filled` bytes lie at `start` of `buffer`; 0 while more bytes are needed to tell.
   * `ended`: the chunk cannot have more than these. Calls for one chunk go on where the last one stopped.
   */
  scan(start: number, filled: number, ended: boolean): number {
    if (start + filled > this.buffer.length) throw new RangeError("Cannot scan beyond the buffer");
    return this.#live().scan(this.#state, this.#data + start, filled, ended ? 1 : 0) >>> 0;
  }

  /** Lets go of the memory; nothing can be called afterwards. */
  dispose(): void {
    this.#kernel = null;
  }

  #live(): Kernel<BuzhashFunctions> {
    if (!this.#kernel) throw new TypeError("Cannot use a disposed scanner");
    return this.#kernel;
  }
}
