/**
 * Host of the xxh64 kernel. In: bytes in any pieces. Out: the digest as borg's files write it. One instance serves all
 * streams: each keeps its state on its own side and lends it to the kernel for the length of one call.
 */
import { XXH64_STATE_BYTES } from "../rust-free-asm/const.ts";
import { type Kernel, kernelFactory, PAGE_BYTES } from "./_module.ts";
import { XXH64_WASM } from "./xxh64_wasm.ts";

/** The kernel's functions (rust-free-asm/xxh64.ts). */
interface Xxh64Functions {
  init(state: number, seed: bigint): void;
  update(state: number, data: number, length: number): void;
  digest(state: number): bigint;
}

/** Addresses in the shared instance: the state lies in the first page, above the kernel's (absent) static data. */
const STATE = 2048;
const DATA = PAGE_BYTES;
/** Larger pieces are copied in parts of this size, which stay in the processor's caches. */
const DATA_BYTES = 4 * PAGE_BYTES;

interface Shared {
  kernel: Kernel<Xxh64Functions>;
  state: Uint8Array;
  data: Uint8Array;
}

const instantiate = kernelFactory<Xxh64Functions>(XXH64_WASM);
let shared: Shared | undefined;

function sharedInstance(): Shared {
  if (!shared) {
    const kernel = instantiate(DATA + DATA_BYTES);
    const { buffer } = kernel.memory;
    shared = {
      kernel,
      state: new Uint8Array(buffer, STATE, XXH64_STATE_BYTES),
      data: new Uint8Array(buffer, DATA, DATA_BYTES),
    };
  }
  return shared;
}

/** A running XXH64. `digestHex` does not end it. */
export class Xxh64 {
  readonly #state: Uint8Array;

  constructor(seed = 0n) {
    const { kernel, state } = sharedInstance();
    kernel.init(STATE, BigInt.asIntN(64, seed));
    this.#state = state.slice();
  }

  /** Adds `data`, which is not kept. */
  update(data: Uint8Array): this {
    const { kernel, state, data: room } = sharedInstance();
    state.set(this.#state);
    for (let at = 0; at < data.length; at += DATA_BYTES) {
      const part = data.subarray(at, at + DATA_BYTES);
      room.set(part);
      kernel.update(STATE, DATA, part.length);
    }
    this.#state.set(state);
    return this;
  }

  /** 16 lower-case hexadecimal digits, the most significant first, of all bytes added so far. */
  digestHex(): string {
    const { kernel, state } = sharedInstance();
    state.set(this.#state);
    return BigInt.asUintN(64, kernel.digest(STATE)).toString(16).padStart(16, "0");
  }
}
