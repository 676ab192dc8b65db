/**
 * Borrows the machine's own libcrypto, liblz4 and libzstd by FFI where they are present. In: nothing but the machine. Out: an
 * {@link Accel} for the crypto and object rooms, or null. A part is handed out only after it has given the known answers
 * below; whatever is missing, not permitted or wrong is left out without a word, and the portable code does the work.
 *
 * Calls pass views of the caller's memory and keep library contexts between calls, so that nothing is allocated per
 * call. libcrypto's HMAC_* and SHA256_* functions are used instead of their successors, because those look algorithms up
 * by name on each use; both libcrypto 1.1 and 3 have them.
 */
import { Buffer } from "node:buffer";
import type { Accel, AesCtr, Digest32, Lz4Block, ZstdFrame } from "../crypto/mod.ts";

type Os = typeof Deno.build.os;

/** Names to try in order. Unversioned names are left out: macOS ends a process that loads its own libcrypto by one. */
const LIBCRYPTO: Partial<Record<Os, readonly string[]>> = {
  linux: ["libcrypto.so.3", "libcrypto.so.1.1"],
  freebsd: ["libcrypto.so.35", "libcrypto.so.30", "libcrypto.so.111"],
  darwin: [
    "libcrypto.3.dylib",
    "/opt/homebrew/opt/openssl@3/lib/libcrypto.3.dylib",
    "/usr/local/opt/openssl@3/lib/libcrypto.3.dylib",
  ],
};
const LIBLZ4: Partial<Record<Os, readonly string[]>> = {
  linux: ["liblz4.so.1"],
  freebsd: ["liblz4.so.1"],
  darwin: [
    "liblz4.1.dylib",
    "/opt/homebrew/opt/lz4/lib/liblz4.1.dylib",
    "/usr/local/opt/lz4/lib/liblz4.1.dylib",
  ],
};

const LIBZSTD: Partial<Record<Os, readonly string[]>> = {
  linux: ["libzstd.so.1"],
  freebsd: ["libzstd.so.1"],
  darwin: [
    "libzstd.1.dylib",
    "/opt/homebrew/opt/zstd/lib/libzstd.1.dylib",
    "/usr/local/opt/zstd/lib/libzstd.1.dylib",
  ],
};

const CRYPTO_SYMBOLS = {
  OPENSSL_init_crypto: { parameters: ["u64", "pointer"], result: "i32" },
  EVP_CIPHER_CTX_new: { parameters: [], result: "pointer" },
  EVP_CIPHER_CTX_free: { parameters: ["pointer"], result: "void" },
  EVP_aes_256_ctr: { parameters: [], result: "pointer" },
  EVP_EncryptInit_ex: { parameters: ["pointer", "pointer", "pointer", "buffer", "buffer"], result: "i32" },
  EVP_EncryptUpdate: { parameters: ["pointer", "buffer", "buffer", "buffer", "i32"], result: "i32" },
  EVP_sha256: { parameters: [], result: "pointer" },
  HMAC_CTX_new: { parameters: [], result: "pointer" },
  HMAC_CTX_free: { parameters: ["pointer"], result: "void" },
  HMAC_Init_ex: { parameters: ["pointer", "buffer", "i32", "pointer", "pointer"], result: "i32" },
  HMAC_Update: { parameters: ["pointer", "buffer", "usize"], result: "i32" },
  HMAC_Final: { parameters: ["pointer", "buffer", "buffer"], result: "i32" },
  SHA256_Init: { parameters: ["buffer"], result: "i32" },
  SHA256_Update: { parameters: ["buffer", "buffer", "usize"], result: "i32" },
  SHA256_Final: { parameters: ["buffer", "buffer"], result: "i32" },
} as const;

const LZ4_SYMBOLS = {
  LZ4_compress_default: { parameters: ["buffer", "buffer", "i32", "i32"], result: "i32" },
  LZ4_decompress_safe: { parameters: ["buffer", "buffer", "i32", "i32"], result: "i32" },
} as const;

const ZSTD_SYMBOLS = {
  ZSTD_createCCtx: { parameters: [], result: "pointer" },
  ZSTD_createDCtx: { parameters: [], result: "pointer" },
  ZSTD_isError: { parameters: ["usize"], result: "u32" },
  ZSTD_compressCCtx: {
    parameters: ["pointer", "buffer", "usize", "buffer", "usize", "i32"],
    result: "usize",
  },
  ZSTD_decompressDCtx: { parameters: ["pointer", "buffer", "usize", "buffer", "usize"], result: "usize" },
} as const;

type ZstdLibrary = Deno.DynamicLibrary<typeof ZSTD_SYMBOLS>["symbols"];
type CryptoLibrary = Deno.DynamicLibrary<typeof CRYPTO_SYMBOLS>["symbols"];
type Lz4Library = Deno.DynamicLibrary<typeof LZ4_SYMBOLS>["symbols"];

/** Memory of its own, never inside V8's heap: the library writes to it through its address. */
const offHeap = (length: number): Uint8Array<ArrayBuffer> => new Uint8Array(new ArrayBuffer(length));

/** Deno takes a number for a size_t as well, and faster, but does not say so in its types. */
const usize = (length: number) => length as unknown as bigint;

function must(done: boolean): void {
  if (!done) throw new Error("Cannot go on: libcrypto reports a failure");
}

class BorrowedAesCtr implements AesCtr {
  #context: Deno.PointerValue;
  readonly #counter = offHeap(16);
  readonly #written = offHeap(8);

  constructor(private readonly library: CryptoLibrary, key: Uint8Array) {
    this.#context = library.EVP_CIPHER_CTX_new();
    must(this.#context !== null);
    const init = library.EVP_EncryptInit_ex;
    must(init(this.#context, library.EVP_aes_256_ctr(), null, offHeapCopy(key), this.#counter) === 1);
  }

  process(counter: Uint8Array, input: Uint8Array, output: Uint8Array): void {
    if (this.#context === null) throw new TypeError("Cannot use a key: it was disposed of");
    if (output.length < input.length) throw new RangeError("Cannot encrypt: the output is too small");
    if (input.length === 0) return;
    this.#counter.set(counter);
    // Without a cipher and a key the context keeps its own and starts over from this counter.
    must(
      this.library.EVP_EncryptInit_ex(this.#context, null, null, null, this.#counter as BufferSource) === 1,
    );
    const done = this.library.EVP_EncryptUpdate(
      this.#context,
      output as BufferSource,
      this.#written,
      input as BufferSource,
      input.length,
    );
    must(done === 1);
  }

  dispose(): void {
    if (this.#context !== null) this.library.EVP_CIPHER_CTX_free(this.#context);
    this.#context = null;
  }
}

class BorrowedHmac implements Digest32 {
  #context: Deno.PointerValue;
  readonly #out = offHeap(32);

  constructor(private readonly library: CryptoLibrary, key: Uint8Array) {
    this.#context = library.HMAC_CTX_new();
    must(this.#context !== null);
    must(library.HMAC_Init_ex(this.#context, offHeapCopy(key), key.length, library.EVP_sha256(), null) === 1);
  }

  digest(data: Uint8Array, out: Uint8Array, at: number): void {
    if (this.#context === null) throw new TypeError("Cannot use a key: it was disposed of");
    must(this.library.HMAC_Init_ex(this.#context, null, 0, null, null) === 1);
    must(this.library.HMAC_Update(this.#context, data as BufferSource, usize(data.length)) === 1);
    must(this.library.HMAC_Final(this.#context, this.#out, null) === 1);
    out.set(this.#out, at);
  }

  dispose(): void {
    if (this.#context !== null) this.library.HMAC_CTX_free(this.#context);
    this.#context = null;
  }
}

class BorrowedSha256 implements Digest32 {
  // SHA256_CTX: eight words of state, two of length, a block, two numbers: 112 bytes.
  readonly #state = offHeap(128);
  readonly #out = offHeap(32);

  constructor(private readonly library: CryptoLibrary) {}

  digest(data: Uint8Array, out: Uint8Array, at: number): void {
    must(this.library.SHA256_Init(this.#state) === 1);
    must(this.library.SHA256_Update(this.#state, data as BufferSource, usize(data.length)) === 1);
    must(this.library.SHA256_Final(this.#out, this.#state) === 1);
    out.set(this.#out, at);
  }

  dispose(): void {}
}

class BorrowedLz4 implements Lz4Block {
  constructor(private readonly library: Lz4Library) {}

  compress(input: Uint8Array, output: Uint8Array): number {
    const [from, to] = [input as BufferSource, output as BufferSource];
    const length = this.library.LZ4_compress_default(from, to, input.length, output.length);
    if (length <= 0) throw new RangeError("Cannot compress: the output is too small");
    return length;
  }

  decompress(input: Uint8Array, output: Uint8Array): number {
    const [from, to] = [input as BufferSource, output as BufferSource];
    return this.library.LZ4_decompress_safe(from, to, input.length, output.length);
  }
}

/** One context each way, made when first used and kept: making one costs more than a small chunk. */
class BorrowedZstd implements ZstdFrame {
  #compressing: Deno.PointerValue = null;
  #decompressing: Deno.PointerValue = null;

  constructor(private readonly library: ZstdLibrary) {}

  compress(input: Uint8Array, output: Uint8Array, level: number): number {
    this.#compressing ??= this.library.ZSTD_createCCtx();
    const length = this.library.ZSTD_compressCCtx(
      this.#compressing,
      output as BufferSource,
      usize(output.length),
      memoryOf(input),
      usize(input.length),
      level,
    );
    if (this.#failed(length)) throw new RangeError("Cannot compress: the output is too small, or memory");
    return Number(length);
  }

  decompress(input: Uint8Array, output: Uint8Array): number {
    this.#decompressing ??= this.library.ZSTD_createDCtx();
    const length = this.library.ZSTD_decompressDCtx(
      this.#decompressing,
      memoryOf(output),
      usize(output.length),
      input as BufferSource,
      usize(input.length),
    );
    return this.#failed(length) ? -1 : Number(length);
  }

  #failed(result: bigint): boolean {
    return this.library.ZSTD_isError(result) !== 0;
  }
}

/** Deno gives an empty array no address. */
const memoryOf = (bytes: Uint8Array): BufferSource => bytes.length > 0 ? bytes as BufferSource : offHeap(1);

/** A copy for the library to read, in case `bytes` lies in V8's heap. The library keeps its own; this one is garbage. */
function offHeapCopy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = offHeap(Math.max(bytes.length, 1));
  copy.set(bytes);
  return copy;
}

function load<S extends Deno.ForeignLibraryInterface>(
  names: readonly string[] | undefined,
  symbols: S,
): { library: Deno.DynamicLibrary<S>["symbols"]; name: string } | null {
  for (const name of names ?? []) {
    try {
      return { library: Deno.dlopen(name, symbols).symbols, name };
    } catch {
      // Not here under this name, or lacking a function: try the next name.
    }
  }
  return null;
}

/** Runs `make` and `proven`; null where either fails in whatever way. */
function proven<T>(make: () => T, isRight: (part: T) => boolean): T | null {
  try {
    const part = make();
    return isRight(part) ? part : null;
  } catch {
    return null;
  }
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const ascii = (text: string) => new TextEncoder().encode(text);

function digestHex(digest: Digest32, text: string): string {
  const out = new Uint8Array(32);
  digest.digest(ascii(text), out, 0);
  digest.dispose();
  return hex(out);
}

/** NIST SP 800-38A, F.5.5; then once more, to see that a context starts over. */
function aesIsRight(create: (key: Uint8Array) => AesCtr): boolean {
  const bytes = (text: string) => new Uint8Array(Buffer.from(text, "hex"));
  const aes = create(bytes("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"));
  const counter = bytes("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
  const plain = bytes("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
  const wanted = "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5";
  const out = offHeap(32);
  let right = true;
  for (let round = 0; round < 2; round++) {
    aes.process(counter, plain, out.fill(0));
    right &&= hex(out) === wanted;
  }
  aes.dispose();
  return right;
}

/** RFC 4231, 4.3, twice over with one context. */
function hmacIsRight(create: (key: Uint8Array) => Digest32): boolean {
  const wanted = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
  const hmac = create(ascii("Jefe"));
  const out = new Uint8Array(32);
  hmac.digest(ascii("something else"), out, 0);
  return digestHex(hmac, "what do ya want for nothing?") === wanted;
}

/** FIPS 180-2, B.1. */
function sha256IsRight(create: () => Digest32): boolean {
  return digestHex(create(), "abc") === "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
}

/** A hand-made block (95 times "a", then "AAAAA"), whole, cut short and with too little room; a round trip. */
function lz4IsRight(lz4: Lz4Block): boolean {
  const known = new Uint8Array(Buffer.from("1f6101004b504141414141", "hex"));
  const plain = ascii("a".repeat(95) + "AAAAA");
  const out = offHeap(256);
  if (lz4.decompress(known, out) !== 100 || hex(out.subarray(0, 100)) !== hex(plain)) return false;
  if (lz4.decompress(known.subarray(0, 4), out) >= 0) return false;
  if (lz4.decompress(known, out.subarray(0, 99)) >= 0) return false;
  const packed = offHeap(256);
  const length = lz4.compress(plain, packed);
  return length < plain.length && lz4.decompress(packed.subarray(0, length), out) === 100;
}

/** A hand-made frame (RFC 8878: one raw block, "hello"), damaged, with too little room; a round trip. */
function zstdIsRight(zstd: ZstdFrame): boolean {
  const known = new Uint8Array(Buffer.from("28b52ffd200529000068656c6c6f", "hex"));
  const out = offHeap(256);
  if (zstd.decompress(known, out) !== 5 || hex(out.subarray(0, 5)) !== hex(ascii("hello"))) return false;
  if (zstd.decompress(known.subarray(0, 9), out) >= 0) return false;
  if (zstd.decompress(known, out.subarray(0, 4)) >= 0) return false;
  const plain = ascii("a".repeat(95) + "AAAAA");
  const packed = offHeap(256);
  const length = zstd.compress(plain, packed, 3);
  return length < plain.length && zstd.decompress(packed.subarray(0, length), out) === 100 &&
    hex(out.subarray(0, 100)) === hex(plain);
}

/** OPENSSL_INIT_NO_ATEXIT (OPENSSL_init_crypto(3)). */
const NO_ATEXIT = 0x80000n;

function probe(): Accel | null {
  const { os } = Deno.build;
  const crypto = load(LIBCRYPTO[os], CRYPTO_SYMBOLS);
  // The first call of all. Otherwise libcrypto frees its locks when the process exits, and a thread that is just at work
  // in it crashes the process that had done everything well.
  crypto?.library.OPENSSL_init_crypto(NO_ATEXIT, null);
  const lz4 = load(LIBLZ4[os], LZ4_SYMBOLS);
  const aesCtr = crypto &&
    proven(() => (key: Uint8Array) => new BorrowedAesCtr(crypto.library, key), aesIsRight);
  const hmacSha256 = crypto &&
    proven(() => (key: Uint8Array) => new BorrowedHmac(crypto.library, key), hmacIsRight);
  const sha256 = crypto && proven(() => () => new BorrowedSha256(crypto.library), sha256IsRight);
  const block = lz4 && proven(() => new BorrowedLz4(lz4.library), lz4IsRight);
  if (!aesCtr && !hmacSha256 && !sha256 && !block) return null;
  const description = [crypto?.name, lz4?.name].filter((name) => name !== undefined).join(", ");
  return { description, aesCtr, hmacSha256, sha256, lz4: block, zstd: borrowZstd };
}

/** Few use it, so it is looked for when it is asked for. */
let zstd: ZstdFrame | null | undefined;
function borrowZstd(): ZstdFrame | null {
  if (zstd === undefined) {
    const found = load(LIBZSTD[Deno.build.os], ZSTD_SYMBOLS);
    zstd = found && proven(() => new BorrowedZstd(found.library), zstdIsRight);
  }
  return zstd;
}

let cached: Accel | null | undefined;

/**
 * What this machine lends, found out once per process; null for nothing. `enabled: false` (the caller's reading of
 * ALCOVE_ACCEL=0) gives null. Never asks for a permission: without the right to use FFI it gives null.
 */
export function borrowAccel(options: { enabled?: boolean } = {}): Accel | null {
  if (options.enabled === false) return null;
  if (cached === undefined) {
    const permitted = typeof Deno !== "undefined" && typeof Deno.dlopen === "function" &&
      Deno.permissions.querySync({ name: "ffi" }).state === "granted";
    cached = permitted ? probe() : null;
  }
  return cached;
}
