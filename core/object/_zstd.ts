/**
 * zstd frames: by the runtime's own `node:zlib` where it has zstd, by WASM where not (loaded on first use). Frames are
 * written with their content size, which borg needs to read them; frames without it are refused, as borg does.
 * Frame header: RFC 8878, 3.1.1.1.
 */
import { Buffer } from "node:buffer";
import * as zlib from "node:zlib";
import { plainBytes } from "../bytes/mod.ts";
import { IntegrityError } from "../errors.ts";

interface Zstd {
  compress(plain: Uint8Array, level: number): Uint8Array;
  decompress(frame: Uint8Array, size: number): Uint8Array;
}

/** The part of node:zlib that older runtimes lack. */
interface ZlibWithZstd {
  zstdCompressSync?(
    data: Uint8Array,
    options: { pledgedSrcSize: number; params: Record<number, number> },
  ): Uint8Array;
  zstdDecompressSync?(data: Uint8Array, options: { maxOutputLength: number }): Uint8Array;
  constants: { ZSTD_c_compressionLevel?: number };
}

function nativeZstd(): Zstd | null {
  const { zstdCompressSync, zstdDecompressSync, constants } = zlib as unknown as ZlibWithZstd;
  const levelKey = constants.ZSTD_c_compressionLevel;
  if (!zstdCompressSync || !zstdDecompressSync || levelKey === undefined) return null;
  const zstd: Zstd = {
    compress: (plain, level) =>
      plainBytes(zstdCompressSync(plain, { pledgedSrcSize: plain.length, params: { [levelKey]: level } })),
    decompress: (frame, size) =>
      plainBytes(zstdDecompressSync(frame, { maxOutputLength: Math.max(size, 1) })),
  };
  // Some versions have zstd but do not take the size, without which borg cannot read the frame.
  const sample = new Uint8Array(300);
  return frameContentSize(zstd.compress(sample, 1)) === sample.length ? zstd : null;
}

/** What is used of the module's exports, which have one-letter names (see the package's own loader). */
interface ZstdModule {
  readonly memory: WebAssembly.Memory;
  malloc(size: number): number;
  free(pointer: number): void;
  compress(to: number, room: number, from: number, size: number, level: number): number;
  decompress(to: number, room: number, from: number, size: number): number;
  bound(size: number): number;
  isError(code: number): number;
}

async function loadModule(): Promise<ZstdModule> {
  const { ZSTD_WASM_GZ } = await import("./_zstd_wasm.ts");
  const wasm = new Uint8Array(zlib.gunzipSync(Buffer.from(ZSTD_WASM_GZ, "base64")));
  const stop = () => {
    throw new Error("Cannot go on: the zstd module stopped");
  };
  const grow = (wanted: number): number => {
    try {
      memory.grow(Math.ceil(((wanted >>> 0) - memory.buffer.byteLength) / 65_536));
      return 1;
    } catch {
      return 0;
    }
  };
  const imports = { a: { a: stop, b: () => {}, c: stop, d: () => 0, e: grow } };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasm), imports);
  const memory = exports["f"] as WebAssembly.Memory;
  const call = <F>(name: string): F => exports[name] as F;
  call<() => void>("g")();
  return {
    memory,
    isError: call("h"),
    bound: call("i"),
    compress: call("m"),
    decompress: call("r"),
    malloc: call("s"),
    free: call("t"),
  };
}

async function wasmZstd(): Promise<Zstd> {
  const module = await loadModule();
  const run = (input: Uint8Array, room: number, call: (to: number, from: number) => number): Uint8Array => {
    const from = module.malloc(input.length + room + 1);
    if (from === 0) throw new Error("Cannot use zstd: out of memory");
    try {
      const to = from + input.length;
      new Uint8Array(module.memory.buffer).set(input, from);
      const length = call(to, from);
      if (module.isError(length)) throw new Error("Cannot use zstd: the call failed");
      return new Uint8Array(module.memory.buffer).slice(to, to + length);
    } finally {
      module.free(from);
    }
  };
  return {
    compress(plain, level) {
      const room = module.bound(plain.length);
      return run(plain, room, (to, from) => module.compress(to, room, from, plain.length, level));
    },
    decompress: (frame, size) =>
      run(frame, size, (to, from) => module.decompress(to, size, from, frame.length)),
  };
}

let loaded: Zstd | null | undefined;

function whenLoaded<T>(use: (zstd: Zstd) => T): T | Promise<T> {
  if (loaded === undefined) loaded = nativeZstd();
  if (loaded !== null) return use(loaded);
  return wasmZstd().then((zstd) => use(loaded = zstd));
}

/** Forces the WASM build (tests). */
export async function useWasmZstd(): Promise<void> {
  loaded = await wasmZstd();
}

/** Forgets what was loaded, so that the runtime's own is looked for again (tests). */
export function resetZstd(): void {
  loaded = undefined;
}

/** The size that a frame's header promises, -1 where it does not tell, null where this is not a zstd frame. */
export function frameContentSize(frame: Uint8Array): number | null {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < 6 || view.getUint32(0, true) !== 0xfd2fb528) return null;
  const descriptor = frame[4]!;
  const singleSegment = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >> 6;
  const sizeLength = sizeFlag === 0 ? (singleSegment ? 1 : 0) : 1 << sizeFlag;
  const at = 5 + (singleSegment ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]!;
  if (at + sizeLength > frame.length) return null;
  switch (sizeLength) {
    case 0:
      return -1;
    case 1:
      return frame[at]!;
    case 2:
      return view.getUint16(at, true) + 256;
    case 4:
      return view.getUint32(at, true);
    default:
      return Number(view.getBigUint64(at, true));
  }
}

/** A frame around `plain` at `level`. */
export function zstdCompress(plain: Uint8Array, level: number): Uint8Array | Promise<Uint8Array> {
  return whenLoaded((zstd) => zstd.compress(plain, level));
}

/** What a frame can take at most (zstd.h, ZSTD_COMPRESSBOUND, and some more). */
export function zstdBound(size: number): number {
  return size + (size >> 8) + 128;
}

/** The size of the contents that `frame` promises, at most `limit`; throws IntegrityError (DecompressionError). */
export function zstdPlainSize(frame: Uint8Array, limit: number): number {
  const size = frameContentSize(frame);
  if (size === null) throw new IntegrityError("DecompressionError", ["this is not zstd data"]);
  if (size < 0) throw new IntegrityError("DecompressionError", ["the zstd data does not tell its size"]);
  if (size > limit) throw new IntegrityError("DecompressionError", ["the zstd data would become too large"]);
  return size;
}

/** The contents of `frame`, at most `limit` bytes; throws IntegrityError (DecompressionError). */
export function zstdDecompress(frame: Uint8Array, limit: number): Uint8Array | Promise<Uint8Array> {
  const size = zstdPlainSize(frame, limit);
  return whenLoaded((zstd) => {
    let plain: Uint8Array;
    try {
      plain = zstd.decompress(frame, size);
    } catch (cause) {
      throw new IntegrityError("DecompressionError", ["the zstd data is damaged"], { cause });
    }
    if (plain.length !== size) {
      throw new IntegrityError("DecompressionError", ["the zstd data does not have the size that it tells"]);
    }
    return plain;
  });
}
