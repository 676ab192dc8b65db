/**
 * From passphrase to key: PBKDF2-HMAC-SHA256 (borg docs, internals/security.rst, "Key files"). In: a passphrase as text,
 * salt and iterations from the key blob. Out: 32 bytes, which the caller wipes.
 */
import { pbkdf2Sync } from "node:crypto";
import { encodeText } from "../bytes/mod.ts";

/** What borg 1.x writes. */
export const PBKDF2_ITERATIONS = 100_000;

/**
 * Above this a blob is damaged or hostile: borg has never written another number than 100,000, and fifty times that
 * still ends within seconds.
 */
export const MAX_PBKDF2_ITERATIONS = 5_000_000;

/** Throws RangeError on a number of iterations that cannot be. */
export function deriveKey(
  passphrase: string,
  options: { salt: Uint8Array; iterations: number; length?: number },
): Uint8Array {
  const { salt, iterations, length = 32 } = options;
  if (!Number.isInteger(iterations) || iterations < 1 || iterations > MAX_PBKDF2_ITERATIONS) {
    throw new RangeError(`Cannot derive a key in ${iterations} iterations`);
  }
  const text = encodeText(passphrase);
  const key = new Uint8Array(pbkdf2Sync(text, salt, iterations, length, "sha256"));
  text.fill(0);
  return key;
}
