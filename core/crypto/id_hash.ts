/**
 * The hashes that name and authenticate objects: SHA-256 (no encryption), HMAC-SHA256, and BLAKE2b-256 of key and data
 * one after the other. In: bytes. Out: 32 bytes. borg docs, internals/security.rst, "Offline key security" and
 * internals/data-structures.rst, "Encryption".
 *
 * BLAKE2b here is not BLAKE2's own keyed mode: the key is 128 bytes, 64 random and 64 zero, hence one whole block in
 * front of the data.
 */
import { createHash } from "node:crypto";
import { Blake2b256 } from "../../wasm/mod.ts";
import type { Accel, Digest32 } from "./accel.ts";
import { hmac } from "./_hmac.ts";

/** SHA-256 of `data`. */
export function sha256(data: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(data).digest());
}

/** HMAC-SHA256 of `data` (RFC 2104). */
export function hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array {
  return hmac("sha256", key, data);
}

class PortableSha256 implements Digest32 {
  digest(data: Uint8Array, out: Uint8Array, at: number): void {
    out.set(createHash("sha256").update(data).digest(), at);
  }
  dispose(): void {}
}

class PortableHmacSha256 implements Digest32 {
  readonly #key: Uint8Array;
  constructor(key: Uint8Array) {
    this.#key = key.slice();
  }
  digest(data: Uint8Array, out: Uint8Array, at: number): void {
    out.set(hmac("sha256", this.#key, data), at);
  }
  dispose(): void {
    this.#key.fill(0);
  }
}

/** SHA-256 as a reusable hasher, borrowed from the machine where possible. */
export function createSha256(accel: Accel | null): Digest32 {
  return accel?.sha256?.() ?? new PortableSha256();
}

/** HMAC-SHA256 under `key` (copied) as a reusable hasher. */
export function createHmacSha256(key: Uint8Array, accel: Accel | null): Digest32 {
  return accel?.hmacSha256?.(key) ?? new PortableHmacSha256(key);
}

/** BLAKE2b-256 of `key` (copied) followed by the data: the program's own kernel. */
export function createBlake2b256(key: Uint8Array): Digest32 {
  return new Blake2b256(key);
}
