/**
 * CRC-32 (IEEE 802.3, reflected polynomial 0xedb88320) over the entries of segments: bytes in, unsigned number out. The
 * runtime's own zlib does it with carry-less multiplication where `node:zlib` exports it (Deno, Node 20.15); older runtimes
 * and very short inputs, for which the call alone costs more, take the kernel.
 */
import * as zlib from "node:zlib";
import { crc32ByKernel } from "../../wasm/mod.ts";

export type Crc32 = (data: Uint8Array, value?: number) => number;

/** Below this many bytes the kernel is quicker than a call into the runtime (measured: equal at about 80). */
const NATIVE_FROM_BYTES = 96;
/** Largest start value that every runtime's zlib gets right. */
const NATIVE_VALUE_MAX = 0x7fffffff;

/**
 * A CRC by `native`, of which only start values below 2^31 are asked. Deno 2.4.2 takes a larger one for 0x7fffffff as soon as
 * its V8 (13.7) has optimised the caller and calls zlib directly, so sound repositories seem damaged and bad entries are
 * written; --no-turboshaft hides it, Deno 2.9 is free of it.
 */
export function crc32By(native: Crc32): Crc32 {
  return (data, value = 0) => {
    if (data.length < NATIVE_FROM_BYTES) return crc32ByKernel(data, value);
    let crc = value;
    let at = 0;
    // Half of all values are small enough: this takes one byte on average.
    while (crc > NATIVE_VALUE_MAX && at < data.length) crc = crc32ByKernel(data.subarray(at, ++at), crc);
    if (at === data.length) return crc;
    return native(at === 0 ? data : data.subarray(at), crc);
  };
}

const native = (zlib as { crc32?: Crc32 }).crc32;

/** The CRC of `data`, continued from `value` (the CRC of what came before it; 0 at the start). */
export const crc32: Crc32 = native === undefined ? crc32ByKernel : crc32By(native);
