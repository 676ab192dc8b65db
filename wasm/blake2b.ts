/**
 * Host of the BLAKE2b kernel. In: a prefix (borg's key) and data. Out: BLAKE2b-256 of both as one string (RFC 7693). One
 * instance serves all hashers: each keeps the state after the whole blocks of its prefix, and lends it to the kernel.
 */
import { BLAKE2B_BLOCK_BYTES, BLAKE2B_STATE_BYTES } from "../rust-free-asm/const.ts";
import { type Kernel, kernelFactory, PAGE_BYTES } from "./_module.ts";
import { BLAKE2B_WASM } from "./blake2b_wasm.ts";

const DIGEST_BYTES = 32;

/** The kernel's functions (rust-free-asm/blake2b.ts). */
interface Blake2bFunctions {
  init(state: number): void;
  blocks(state: number, data: number, count: number): void;
  last(state: number, data: number, length: number): void;
}

/** Addresses in the shared instance: the state lies in the first page, above the kernel's (absent) static data. */
const STATE = 2048;
const DATA = PAGE_BYTES;
/** Larger pieces are copied in parts of this size, which stay in the processor's caches. A multiple of the block. */
const DATA_BYTES = 2 * PAGE_BYTES;

interface Shared {
  kernel: Kernel<Blake2bFunctions>;
  state: Uint8Array;
  /** The state's beginning, which is the digest after the last block. */
  digest: Uint8Array;
  data: Uint8Array;
}

const instantiate = kernelFactory<Blake2bFunctions>(BLAKE2B_WASM);
let shared: Shared | undefined;

function sharedInstance(): Shared {
  if (!shared) {
    const kernel = instantiate(DATA + DATA_BYTES);
    const { buffer } = kernel.memory;
    shared = {
      kernel,
      state: new Uint8Array(buffer, STATE, BLAKE2B_STATE_BYTES),
      digest: new Uint8Array(buffer, STATE, DIGEST_BYTES),
      data: new Uint8Array(buffer, DATA, DATA_BYTES),
    };
  }
  return shared;
}

/** BLAKE2b-256 of a fixed prefix followed by data. */
export class Blake2b256 {
  /** The state after the prefix's whole blocks but for its last 1 to 128 bytes, which might be the last of all. */
  readonly #begun: Uint8Array;
  readonly #rest: Uint8Array;
  /** The state after all blocks of the prefix, where it consists of whole blocks. */
  readonly #whole: Uint8Array | null = null;

  /** `prefix` is copied. */
  constructor(prefix: Uint8Array) {
    const { kernel, state, data: room } = sharedInstance();
    kernel.init(STATE);
    const whole = Math.max(0, Math.ceil(prefix.length / BLAKE2B_BLOCK_BYTES) - 1) * BLAKE2B_BLOCK_BYTES;
    for (let at = 0; at < whole; at += BLAKE2B_BLOCK_BYTES) {
      room.set(prefix.subarray(at, at + BLAKE2B_BLOCK_BYTES));
      kernel.blocks(STATE, DATA, 1);
    }
    this.#begun = state.slice();
    this.#rest = prefix.slice(whole);
    if (this.#rest.length === BLAKE2B_BLOCK_BYTES) {
      room.set(this.#rest);
      kernel.blocks(STATE, DATA, 1);
      this.#whole = state.slice();
    }
    room.fill(0, 0, BLAKE2B_BLOCK_BYTES);
  }

  /** Writes the 32 bytes of the digest of prefix and `data` to `out` at `at`. */
  digest(data: Uint8Array, out: Uint8Array, at: number): void {
    const { kernel, state, digest, data: room } = sharedInstance();
    const begunWhole = data.length > 0 && this.#whole !== null;
    state.set(begunWhole ? this.#whole! : this.#begun);
    let used = begunWhole ? 0 : this.#rest.length;
    if (used > 0) room.set(this.#rest);
    // The last 1 to 128 bytes are kept back for the end.
    let from = 0;
    while (used + data.length - from > DATA_BYTES) {
      const part = DATA_BYTES - used;
      room.set(data.subarray(from, from + part), used);
      kernel.blocks(STATE, DATA, DATA_BYTES / BLAKE2B_BLOCK_BYTES);
      from += part;
      used = 0;
    }
    room.set(from === 0 ? data : data.subarray(from), used);
    used += data.length - from;
    const count = Math.max(0, Math.ceil(used / BLAKE2B_BLOCK_BYTES) - 1);
    if (count > 0) kernel.blocks(STATE, DATA, count);
    kernel.last(STATE, DATA + count * BLAKE2B_BLOCK_BYTES, used - count * BLAKE2B_BLOCK_BYTES);
    out.set(digest, at);
  }

  /** Wipes what came of the prefix; digests are wrong afterwards. */
  dispose(): void {
    this.#begun.fill(0);
    this.#rest.fill(0);
    this.#whole?.fill(0);
    const { state, data } = sharedInstance();
    state.fill(0);
    data.fill(0, 0, BLAKE2B_BLOCK_BYTES);
  }
}
