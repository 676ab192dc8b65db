/**
 * Authentication of the manifest and of archive metadata across the whole document ("TAM", borg docs,
 * internals/security.rst, "Authenticated manifest" and "Authenticated archives"): an HMAC-SHA512 over the packed
 * dictionary with its own place zeroed, under a key that HKDF-SHA512 derives per document from the repository's keys.
 */
import { concatBytes } from "../bytes/mod.ts";
import { hmac } from "./_hmac.ts";

export type TamContext = "manifest" | "archive";

/** The one suite there is. */
export const TAM_SUITE = "HKDF_HMAC_SHA512";
export const TAM_HMAC_LENGTH = 64;
export const TAM_SALT_LENGTH = 64;
const SHA512_LENGTH = 64;

/** HMAC-SHA512 of `data` (RFC 2104). */
export function hmacSha512(key: Uint8Array, data: Uint8Array): Uint8Array {
  return hmac("sha512", key, data);
}

/** HKDF over HMAC-SHA512 (RFC 5869, 2.2 and 2.3). */
export function hkdfSha512(
  ikm: Uint8Array,
  options: { salt: Uint8Array; info: Uint8Array; length: number },
): Uint8Array {
  const { salt, info, length } = options;
  if (!(length > 0 && length <= 255 * SHA512_LENGTH)) {
    throw new RangeError(`Cannot derive ${length} bytes: 1 to ${255 * SHA512_LENGTH} are possible`);
  }
  const pseudoRandomKey = hmacSha512(salt, ikm);
  const out = new Uint8Array(length);
  let block: Uint8Array = new Uint8Array(0);
  for (let at = 0, counter = 1; at < length; at += SHA512_LENGTH, counter++) {
    block = hmacSha512(pseudoRandomKey, concatBytes(block, info, Uint8Array.of(counter)));
    out.set(block.subarray(0, length - at), at);
  }
  pseudoRandomKey.fill(0);
  return out;
}

/**
 * The key that authenticates one document. `secret`: id key, encryption key and MAC key in a row; null in a repository
 * without keys, where the tag is a mere checksum.
 */
export function tamKey(secret: Uint8Array | null, salt: Uint8Array, context: TamContext): Uint8Array {
  const encoder = new TextEncoder();
  if (secret === null) return concatBytes(salt, encoder.encode(context));
  const info = encoder.encode(`borg-metadata-authentication-${context}`);
  return hkdfSha512(secret, { salt, info, length: 64 });
}
