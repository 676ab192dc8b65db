/**
 * HMAC (RFC 2104) over the hashes of node:crypto. In: key and data. Out: the digest. Not by createHmac, because Deno 2.4
 * prints a deprecation warning into the user's terminal at its first use.
 */
import { createHash } from "node:crypto";

const BLOCK = { sha256: 64, sha512: 128 } as const;

export function hmac(algorithm: keyof typeof BLOCK, key: Uint8Array, data: Uint8Array): Uint8Array {
  const block = BLOCK[algorithm];
  const pad = new Uint8Array(block);
  pad.set(key.length > block ? createHash(algorithm).update(key).digest() : key);
  for (let i = 0; i < block; i++) pad[i]! ^= 0x36;
  const inner = createHash(algorithm).update(pad).update(data).digest();
  for (let i = 0; i < block; i++) pad[i]! ^= 0x36 ^ 0x5c;
  const digest = createHash(algorithm).update(pad).update(inner).digest();
  pad.fill(0);
  return new Uint8Array(digest);
}
