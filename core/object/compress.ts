/**
 * Compression of one object (borg docs, internals/data-structures.rst, "Compression"). In: plaintext and a
 * {@link Compression}; or a payload as borg stores it, which names its algorithm itself. Out: the other one.
 *
 *     none 00 00 | plain        lz4 01 00 | raw block        lzma 02 00 | xz        zstd 03 00 | frame
 *     obfuscate 04 00 | u32be size of the inner payload | inner payload | zeros
 *     zlib: no mark of its own, known by the two bytes of its own header
 *
 * Data that does not shrink is stored as `none`. `auto` is never stored.
 */
import { deflateSync, inflateSync } from "node:zlib";
import { decodeLz4, encodeLz4, lz4Bound } from "../../wasm/mod.ts";
import type { Accel, Lz4Block } from "../crypto/mod.ts";
import { plainBytes } from "../bytes/mod.ts";
import { IntegrityError } from "../errors.ts";
import type { Compression } from "./compression_spec.ts";
import { lz4PlainSize } from "./_lz4_block.ts";
import { lzmaCompress, lzmaDecompress } from "./_lzma.ts";
import { paddingSize } from "./_obfuscate.ts";
import { zstdBound, zstdCompress, zstdDecompress, zstdPlainSize } from "./_zstd.ts";

type Awaitable<T> = T | Promise<T>;

/**
 * Largest plaintext of one object. Chunks are 8 MiB at most; the manifest and archive metadata can be larger when they
 * compress well, and borg itself reads them up to three times the largest stored object.
 */
export const MAX_PLAIN_SIZE = 3 * 20 * 1024 * 1024;

/** Bytes before the data in a payload. */
export const HEADER = 2;
const NONE = 0;
const LZ4 = 1;
const LZMA = 2;
const ZSTD = 3;
const OBFUSCATE = 4;
const OBFUSCATE_HEADER = HEADER + 4;
/** `auto` tries the wanted algorithm where lz4 saves more than 3 %, and keeps it where that saves another 1 %. */
const AUTO_LZ4_RATIO = 0.97;
const AUTO_GAIN_RATIO = 0.99;
/** borg's notation can nest obfuscation twice (obfuscate,1,obfuscate,1,none). */
const MAX_OBFUSCATION = 2;
/** What a chunk of the default chunker needs and a little more: allocated once. */
const USUAL_PLAIN_SIZE = Math.floor(1.1 * 2 ** 23);

const portableLz4: Lz4Block = { compress: encodeLz4, decompress: decodeLz4 };

/** Algorithms as a payload names them. */
export type PayloadKind = "none" | "lz4" | "lzma" | "zstd" | "obfuscate" | "zlib";
const MARKED: readonly PayloadKind[] = ["none", "lz4", "lzma", "zstd", "obfuscate"];

/** How `payload` is packed; null where that is not known. */
export function payloadKind(payload: Uint8Array): PayloadKind | null {
  const [first = -1, second = -1] = payload;
  if (second === 0 && MARKED[first] !== undefined) return MARKED[first]!;
  return (first & 0x0f) === 8 && (first * 256 + second) % 31 === 0 ? "zlib" : null;
}

function broken(what: string, options?: ErrorOptions): IntegrityError {
  return new IntegrityError("DecompressionError", [what], options);
}

export interface CompressorOptions {
  accel: Accel | null;
  /** Uniformly distributed from 0 up to, not including, 1; for obfuscate. */
  random: () => number;
}

/** Compresses and decompresses; holds the working memory. Answers without a promise once the algorithm's code is loaded. */
export class Compressor {
  readonly #lz4: Lz4Block;
  readonly #accel: Accel | null;
  readonly #random: () => number;
  #packed: Uint8Array = new Uint8Array(0);
  #plain: Uint8Array = new Uint8Array(0);

  constructor(options: CompressorOptions) {
    this.#accel = options.accel;
    this.#lz4 = options.accel?.lz4 ?? portableLz4;
    this.#random = options.random;
  }

  /**
   * The payload for `plain`. It may be a view into this object's working memory: valid until the next call. `plain` must
   * not change until the answer is there.
   */
  compress(plain: Uint8Array, compression: Compression): Awaitable<Uint8Array> {
    if (compression.kind === "obfuscate") {
      const inner = this.compress(plain, compression.inner);
      return inner instanceof Promise
        ? inner.then((payload) => this.#obfuscate(payload, compression.spec))
        : this.#obfuscate(inner, compression.spec);
    }
    const payload = this.shrink(plain, compression);
    return payload instanceof Promise
      ? payload.then((payload) => payload ?? this.#none(plain))
      : payload ?? this.#none(plain);
  }

  /** The same; null where nothing is gained, and the payload is two zeros with `plain` behind them. Not for `obfuscate`. */
  shrink(plain: Uint8Array, compression: Compression): Awaitable<Uint8Array | null> {
    switch (compression.kind) {
      case "none":
        return null;
      case "lz4":
        return this.#compressLz4(plain);
      case "zlib":
        return plainBytes(deflateSync(plain, { level: compression.level }));
      case "zstd":
        return this.#compressZstd(plain, compression.level);
      case "lzma":
        return this.#marked(LZMA, plain, lzmaCompress(plain, compression.level));
      case "auto":
        return this.#auto(plain, compression.inner);
      case "obfuscate":
        throw new TypeError("Cannot shrink what is to be padded");
    }
  }

  #scratch(size: number): Uint8Array {
    if (this.#packed.length < size) this.#packed = new Uint8Array(Math.max(size, 64 * 1024));
    return this.#packed;
  }

  #none(plain: Uint8Array): Uint8Array {
    const scratch = this.#scratch(HEADER + plain.length);
    scratch[0] = NONE;
    scratch[1] = 0;
    scratch.set(plain, HEADER);
    return scratch.subarray(0, HEADER + plain.length);
  }

  #compressLz4(plain: Uint8Array): Uint8Array | null {
    const scratch = this.#scratch(HEADER + lz4Bound(plain.length));
    const length = this.#lz4.compress(plain, scratch.subarray(HEADER));
    if (length >= plain.length) return null;
    scratch[0] = LZ4;
    scratch[1] = 0;
    return scratch.subarray(0, HEADER + length);
  }

  #compressZstd(plain: Uint8Array, level: number): Awaitable<Uint8Array | null> {
    const zstd = this.#accel?.zstd();
    if (!zstd) return this.#marked(ZSTD, plain, zstdCompress(plain, level));
    const scratch = this.#scratch(HEADER + zstdBound(plain.length));
    const length = zstd.compress(plain, scratch.subarray(HEADER), level);
    if (length >= plain.length) return null;
    scratch[0] = ZSTD;
    scratch[1] = 0;
    return scratch.subarray(0, HEADER + length);
  }

  #decompressZstd(frame: Uint8Array, view: boolean): Awaitable<Uint8Array> {
    const zstd = this.#accel?.zstd();
    const size = zstdPlainSize(frame, MAX_PLAIN_SIZE);
    if (!zstd) return zstdDecompress(frame, MAX_PLAIN_SIZE);
    if (size > this.#plain.length) this.#plain = new Uint8Array(Math.max(size, USUAL_PLAIN_SIZE));
    const plain = this.#plain.subarray(0, size);
    if (zstd.decompress(frame, plain) !== size) throw broken("the zstd data is damaged");
    return view ? plain : plain.slice();
  }

  #marked(mark: number, plain: Uint8Array, packed: Awaitable<Uint8Array>): Awaitable<Uint8Array | null> {
    if (packed instanceof Promise) return packed.then((bytes) => markPacked(mark, plain, bytes));
    return markPacked(mark, plain, packed);
  }

  #auto(plain: Uint8Array, inner: Compression): Awaitable<Uint8Array | null> {
    const cheap = this.#compressLz4(plain);
    if (cheap === null || !(cheap.length / (plain.length + HEADER) < AUTO_LZ4_RATIO)) return cheap;
    const kept = cheap.slice();
    const choose = (thorough: Uint8Array | null) =>
      (thorough?.length ?? plain.length + HEADER) / kept.length < AUTO_GAIN_RATIO ? thorough : kept;
    const thorough = this.shrink(plain, inner);
    return thorough instanceof Promise ? thorough.then(choose) : choose(thorough);
  }

  #obfuscate(payload: Uint8Array, spec: number): Uint8Array {
    const padded = new Uint8Array(
      OBFUSCATE_HEADER + payload.length + paddingSize(payload.length, spec, this.#random),
    );
    padded[0] = OBFUSCATE;
    new DataView(padded.buffer).setUint32(HEADER, payload.length, false);
    padded.set(payload, OBFUSCATE_HEADER);
    return padded;
  }

  /**
   * The plaintext of `payload`, in a buffer of its own or, with `view`, perhaps in `payload` itself or in working memory that
   * the next call uses again. Throws IntegrityError (DecompressionError) when the payload is
   * damaged, of an unknown algorithm, or would become larger than {@link MAX_PLAIN_SIZE}.
   */
  decompress(payload: Uint8Array, view = false): Awaitable<Uint8Array> {
    return this.#decompress(payload, 0, view);
  }

  #decompress(payload: Uint8Array, depth: number, view: boolean): Awaitable<Uint8Array> {
    if (payload.length < HEADER) throw broken("it is too short");
    const first = payload[0]!;
    if (payload[1] === 0 && first <= OBFUSCATE) {
      const data = payload.subarray(HEADER);
      switch (first) {
        case NONE:
          if (data.length > MAX_PLAIN_SIZE) throw broken("it would become too large");
          return view ? data : data.slice();
        case LZ4:
          return this.#decompressLz4(data, view);
        case LZMA:
          return lzmaDecompress(data, MAX_PLAIN_SIZE);
        case ZSTD:
          return this.#decompressZstd(data, view);
        default:
          return this.#unwrap(payload, depth + 1, view);
      }
    }
    // RFC 1950, 2.2: method 8 (deflate), and the two bytes as one number are a multiple of 31.
    if ((first & 0x0f) === 8 && (first * 256 + payload[1]!) % 31 === 0) return inflate(payload);
    throw broken("its compression is not known");
  }

  #unwrap(payload: Uint8Array, depth: number, view: boolean): Awaitable<Uint8Array> {
    if (depth > MAX_OBFUSCATION) throw broken("it is nested too deeply");
    if (payload.length < OBFUSCATE_HEADER) throw broken("it is too short");
    const size = new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getUint32(
      HEADER,
      false,
    );
    if (size > payload.length - OBFUSCATE_HEADER) throw broken("a size inside of it is wrong");
    return this.#decompress(payload.subarray(OBFUSCATE_HEADER, OBFUSCATE_HEADER + size), depth, view);
  }

  #decompressLz4(block: Uint8Array, view: boolean): Uint8Array {
    if (this.#plain.length === 0) this.#plain = new Uint8Array(USUAL_PLAIN_SIZE);
    let length = this.#lz4.decompress(block, this.#plain);
    if (length >= 0) return view ? this.#plain.subarray(0, length) : this.#plain.slice(0, length);
    const size = lz4PlainSize(block);
    if (size > MAX_PLAIN_SIZE) throw broken("it would become too large");
    if (size <= this.#plain.length) throw broken("the lz4 data is damaged");
    const large = new Uint8Array(size);
    length = this.#lz4.decompress(block, large);
    if (length !== size) throw broken("the lz4 data is damaged");
    return large;
  }
}

/** Memory of its own: after a wait, working memory may be in use by another call before the answer is looked at. */
function markPacked(mark: number, plain: Uint8Array, packed: Uint8Array): Uint8Array | null {
  if (packed.length >= plain.length) return null;
  const payload = new Uint8Array(HEADER + packed.length);
  payload[0] = mark;
  payload.set(packed, HEADER);
  return payload;
}

function inflate(payload: Uint8Array): Uint8Array {
  try {
    return plainBytes(inflateSync(payload, { maxOutputLength: MAX_PLAIN_SIZE }));
  } catch (cause) {
    const tooLarge = (cause as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE";
    throw broken(tooLarge ? "it would become too large" : "the zlib data is damaged", { cause });
  }
}
