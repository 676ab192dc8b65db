/**
 * Host of the CRC-32 kernel. In: bytes, and the CRC of those before them. Out: the CRC. One instance serves all callers of
 * a thread: nothing stays in it between two calls but the tables.
 */
import { CRC32_FREE } from "../rust-free-asm/const.ts";
import { type Kernel, kernelFactory, PAGE_BYTES } from "./_module.ts";
import { CRC32_WASM } from "./crc32_wasm.ts";

/** The kernel's functions (rust-free-asm/crc32.ts). */
interface Crc32Functions {
  init(): void;
  update(value: number, data: number, length: number): number;
}

/** All memory of the instance: tables first, then room for data. Larger data are copied in parts of that size. */
const MEMORY_BYTES = 3 * PAGE_BYTES;
const DATA_BYTES = MEMORY_BYTES - CRC32_FREE;

interface Shared {
  kernel: Kernel<Crc32Functions>;
  data: Uint8Array;
}

const instantiate = kernelFactory<Crc32Functions>(CRC32_WASM);
let shared: Shared | undefined;

function sharedInstance(): Shared {
  const kernel = instantiate(MEMORY_BYTES);
  kernel.init();
  return { kernel, data: new Uint8Array(kernel.memory.buffer, CRC32_FREE, DATA_BYTES) };
}

/** The CRC of `data` as an unsigned number, continued from `value` (the CRC of what came before it; 0 at the start). */
export function crc32ByKernel(data: Uint8Array, value = 0): number {
  const { kernel, data: room } = shared ??= sharedInstance();
  if (data.length <= DATA_BYTES) {
    room.set(data);
    return kernel.update(value, CRC32_FREE, data.length) >>> 0;
  }
  let crc = value;
  for (let at = 0; at < data.length; at += DATA_BYTES) {
    const part = data.subarray(at, at + DATA_BYTES);
    room.set(part);
    crc = kernel.update(crc, CRC32_FREE, part.length);
  }
  return crc >>> 0;
}
