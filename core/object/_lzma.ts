/**
 * xz containers by liblzma compiled to WASM (`_liblzma_wasm.ts`), loaded on first use. Written as borg writes them: a stream without check
 * (objects are authenticated already), at a preset of 0 to 9. Drives liblzma's own streaming interface, because only
 * that gives bounded output and the bytes that borg's encoder gives.
 */
import { Buffer } from "node:buffer";
import { gunzipSync } from "node:zlib";
import { IntegrityError } from "../errors.ts";

/** What is used of the module; its exports have one-letter names (see the package's own loader). */
interface Liblzma {
  readonly memory: WebAssembly.Memory;
  malloc(size: number): number;
  free(pointer: number): void;
  easyEncoder(stream: number, preset: number, check: number): number;
  streamDecoder(stream: number, memoryLimit: bigint, flags: number): number;
  code(stream: number, action: number): number;
  end(stream: number): void;
}

// struct lzma_stream on wasm32 (liblzma's base.h): pointers and sizes of 4 bytes, totals of 8.
const STREAM_SIZE = 96;
const NEXT_IN = 0;
const AVAILABLE_IN = 4;
const NEXT_OUT = 16;
const AVAILABLE_OUT = 20;

const LZMA_OK = 0;
const LZMA_STREAM_END = 1;
const LZMA_MEM_ERROR = 5;
const LZMA_FINISH = 3;
const CHECK_NONE = 0;
/** A preset of 9 makes streams that need 65 MiB; this module's memory ends at 256 MiB. */
const DECODER_MEMORY = 200n * 1024n * 1024n;
const OUT_BLOCK = 256 * 1024;

const PAGE = 65_536;
/** The most that the module says it can have. */
const MAX_MEMORY = 256 * 1024 * 1024;

let loaded: Liblzma | null = null;

async function load(): Promise<Liblzma> {
  const { LIBLZMA_WASM_GZ } = await import("./_liblzma_wasm.ts");
  const wasm = new Uint8Array(gunzipSync(Buffer.from(LIBLZMA_WASM_GZ, "base64")));
  const module = new WebAssembly.Module(wasm);
  const grow = (wanted: number): number => {
    const missing = (wanted >>> 0) - memory.buffer.byteLength;
    if (memory.buffer.byteLength + missing > MAX_MEMORY) return 0;
    try {
      memory.grow(Math.ceil(missing / PAGE));
      return 1;
    } catch {
      return 0;
    }
  };
  const { exports } = new WebAssembly.Instance(module, { a: { a: grow } });
  const memory = exports["b"] as WebAssembly.Memory;
  const call = <F>(name: string): F => exports[name] as F;
  call<() => void>("c")();
  return {
    memory,
    malloc: call("s"),
    free: call("t"),
    easyEncoder: call("m"),
    streamDecoder: call("r"),
    code: call("f"),
    end: call("g"),
  };
}

function whenLoaded<T>(use: (lzma: Liblzma) => T): T | Promise<T> {
  if (loaded !== null) return use(loaded);
  return load().then((lzma) => use(loaded = lzma));
}

/** Forgets what was loaded (tests). */
export function resetLzma(): void {
  loaded = null;
}

/** A liblzma error code on the way out of this file's own loop. */
class LzmaFault extends Error {
  constructor(readonly code: number) {
    super(`liblzma: ${code}`);
  }
}

/** Runs `input` through a stream that `begin` starts; throws LzmaFault, or RangeError past `limit` bytes of output. */
function run(
  lzma: Liblzma,
  input: Uint8Array,
  options: { begin: (stream: number) => number; limit: number },
): Uint8Array {
  const stream = lzma.malloc(STREAM_SIZE + OUT_BLOCK + input.length);
  if (stream === 0) throw new LzmaFault(LZMA_MEM_ERROR);
  const out = stream + STREAM_SIZE;
  // Memory may grow with every call, which makes new buffers of it.
  const bytes = () => new Uint8Array(lzma.memory.buffer);
  const view = () => new DataView(lzma.memory.buffer, stream, STREAM_SIZE);
  bytes().fill(0, stream, out);
  bytes().set(input, out + OUT_BLOCK);
  try {
    let code = options.begin(stream);
    view().setUint32(NEXT_IN, out + OUT_BLOCK, true);
    view().setUint32(AVAILABLE_IN, input.length, true);
    const blocks: Uint8Array[] = [];
    let total = 0;
    while (code === LZMA_OK) {
      view().setUint32(NEXT_OUT, out, true);
      view().setUint32(AVAILABLE_OUT, OUT_BLOCK, true);
      code = lzma.code(stream, LZMA_FINISH);
      const produced = OUT_BLOCK - view().getUint32(AVAILABLE_OUT, true);
      total += produced;
      if (total > options.limit) throw new RangeError("Cannot decompress: too large");
      blocks.push(bytes().slice(out, out + produced));
    }
    if (code !== LZMA_STREAM_END) throw new LzmaFault(code);
    return join(blocks, total);
  } finally {
    lzma.end(stream);
    lzma.free(stream);
  }
}

function join(blocks: readonly Uint8Array[], total: number): Uint8Array {
  if (blocks.length === 1) return blocks[0]!;
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const block of blocks) {
    bytes.set(block, at);
    at += block.length;
  }
  return bytes;
}

function encode(lzma: Liblzma, plain: Uint8Array, preset: number): Uint8Array {
  try {
    return run(lzma, plain, {
      begin: (stream) => lzma.easyEncoder(stream, preset, CHECK_NONE),
      limit: Infinity,
    });
  } catch (error) {
    // Presets 7 to 9 differ from 6 by a larger dictionary alone, of which no chunk (8 MiB at most) makes use; where
    // the WASM memory cannot hold it, the next smaller one does.
    if (!(error instanceof LzmaFault && error.code === LZMA_MEM_ERROR) || preset <= 6) throw error;
    return encode(lzma, plain, preset - 1);
  }
}

/** An xz stream around `plain` at `preset` 0 to 9. */
export function lzmaCompress(plain: Uint8Array, preset: number): Uint8Array | Promise<Uint8Array> {
  return whenLoaded((lzma) => encode(lzma, plain, preset));
}

/** The contents of an xz stream, at most `limit` bytes; throws IntegrityError (DecompressionError). */
export function lzmaDecompress(packed: Uint8Array, limit: number): Uint8Array | Promise<Uint8Array> {
  return whenLoaded((lzma) => {
    try {
      return run(lzma, packed, {
        begin: (stream) => lzma.streamDecoder(stream, DECODER_MEMORY, 0),
        limit,
      });
    } catch (cause) {
      if (!(cause instanceof LzmaFault || cause instanceof RangeError)) throw cause;
      const what = cause instanceof RangeError
        ? "the lzma data would become too large"
        : "the lzma data is damaged";
      throw new IntegrityError("DecompressionError", [what], { cause });
    }
  });
}
