/**
 * What the crypto and object rooms may borrow from the machine's own libraries. The implementation is
 * `core/platform/accel.ts` (libcrypto and liblz4 by FFI); it arrives as a parameter, and null stands for "nothing to
 * borrow". Each part may be missing on its own. Whatever is here has given the same answers as our own code on known
 * input before it was handed out.
 */

/** One AES-256-CTR key. */
export interface AesCtr {
  /**
   * XORs the key stream that begins at the 16-byte big-endian `counter` over `input` and writes as many bytes to the
   * start of `output`. Encrypting and decrypting are the same. `input` and `output` are the same memory, or do not overlap.
   */
  process(counter: Uint8Array, input: Uint8Array, output: Uint8Array): void;
  /** Wipes and frees the key; not usable afterwards. */
  dispose(): void;
}

/** One keyed (or unkeyed) hash with a 32-byte result. */
export interface Digest32 {
  /** Writes the 32 bytes of the digest of `data` to `out` at `at`. */
  digest(data: Uint8Array, out: Uint8Array, at: number): void;
  /** Wipes and frees the key; not usable afterwards. */
  dispose(): void;
}

/** Raw LZ4 blocks (no frame, no size). */
export interface Lz4Block {
  /** Bytes written to the start of `output`, which holds at least `lz4Bound(input.length)` bytes. */
  compress(input: Uint8Array, output: Uint8Array): number;
  /** Bytes written to the start of `output`, negative when the block is malformed or `output` too small. */
  decompress(input: Uint8Array, output: Uint8Array): number;
}

/** zstd frames (RFC 8878) that tell their content's size. */
export interface ZstdFrame {
  /** Bytes written to the start of `output`, which holds at least `zstdBound(input.length)` bytes. */
  compress(input: Uint8Array, output: Uint8Array, level: number): number;
  /** Bytes written to the start of `output`, negative when the frame is damaged or `output` too small. */
  decompress(input: Uint8Array, output: Uint8Array): number;
}

export interface Accel {
  /** Which libraries, for a diagnostic. */
  readonly description: string;
  readonly aesCtr: ((key: Uint8Array) => AesCtr) | null;
  readonly sha256: (() => Digest32) | null;
  readonly hmacSha256: ((key: Uint8Array) => Digest32) | null;
  readonly lz4: Lz4Block | null;
  /** Looked for when first called. */
  readonly zstd: () => ZstdFrame | null;
}
