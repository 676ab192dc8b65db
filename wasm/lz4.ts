/**
 * Host of the LZ4 kernel. In: bytes. Out: a raw block, and back. One instance serves all callers of a thread; after very
 * large data it is let go, because WASM memory never shrinks.
 */
import { LZ4_FREE, LZ4_SLACK } from "../rust-free-asm/const.ts";
import { type Kernel, kernelFactory, PAGE_BYTES } from "./_module.ts";
import { LZ4_WASM } from "./lz4_wasm.ts";

/** The kernel's functions (rust-free-asm/lz4.ts). */
interface Lz4Functions {
  encode(input: number, length: number, output: number): number;
  decode(input: number, length: number, output: number, room: number): number;
}

/** An instance that grew beyond this is not kept: the largest usual chunk, packed and unpacked, and some more. */
const KEPT_BYTES = 20 << 20;

const instantiate = kernelFactory<Lz4Functions>(LZ4_WASM);
let kept: Kernel<Lz4Functions> | undefined;

/** Most bytes that {@link encodeLz4} can write. */
export function lz4Bound(length: number): number {
  return length + Math.floor(length / 255) + 16;
}

/** Lends `work` an instance with `input` in memory at `from` and room for `room` bytes at `to`. */
function withRoom<T>(
  input: Uint8Array,
  room: number,
  work: (place: { kernel: Kernel<Lz4Functions>; from: number; to: number }) => T,
): T {
  const from = LZ4_FREE;
  const to = from + Math.ceil((input.length + LZ4_SLACK) / 64) * 64;
  const bytes = to + room + LZ4_SLACK;
  const kernel = kept ?? instantiate(bytes);
  const missing = bytes - kernel.memory.buffer.byteLength;
  if (missing > 0) kernel.memory.grow(Math.ceil(missing / PAGE_BYTES));
  kept = kernel.memory.buffer.byteLength <= KEPT_BYTES ? kernel : undefined;
  new Uint8Array(kernel.memory.buffer, from, input.length).set(input);
  return work({ kernel, from, to });
}

/** Packs `input` to the start of `output` (at least {@link lz4Bound} bytes); answers how many bytes were written. */
export function encodeLz4(input: Uint8Array, output: Uint8Array): number {
  return withRoom(input, lz4Bound(input.length), ({ kernel, from, to }) => {
    const length = kernel.encode(from, input.length, to);
    output.set(new Uint8Array(kernel.memory.buffer, to, length));
    return length;
  });
}

/** Unpacks to the start of `output`; bytes written, or -1 when the block is malformed or `output` too small. */
export function decodeLz4(input: Uint8Array, output: Uint8Array): number {
  return withRoom(input, output.length, ({ kernel, from, to }) => {
    const length = kernel.decode(from, input.length, to, output.length);
    if (length > 0) output.set(new Uint8Array(kernel.memory.buffer, to, length));
    return length;
  });
}
