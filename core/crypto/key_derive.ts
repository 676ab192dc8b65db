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

export interface DeriveOptions {
  salt: Uint8Array;
  iterations: number;
  /** Bytes wanted; default 32. */
  length?: number;
}

function checkIterations(iterations: number): void {
  if (!Number.isInteger(iterations) || iterations < 1 || iterations > MAX_PBKDF2_ITERATIONS) {
    throw new RangeError(`Cannot derive a key in ${iterations} iterations`);
  }
}

/** Throws RangeError on a number of iterations that cannot be. */
export function deriveKey(passphrase: string, options: DeriveOptions): Uint8Array {
  const { salt, iterations, length = 32 } = options;
  checkIterations(iterations);
  const text = encodeText(passphrase);
  const key = new Uint8Array(pbkdf2Sync(text, salt, iterations, length, "sha256"));
  text.fill(0);
  return key;
}

/**
 * The same by Web Cryptography, on another thread: measured under Deno 2.9, 11 ms instead of 43 for 100,000 iterations,
 * and every command that opens a repository begins with this.
 */
export async function deriveKeyAside(passphrase: string, options: DeriveOptions): Promise<Uint8Array> {
  const { salt, iterations, length = 32 } = options;
  checkIterations(iterations);
  const text = encodeText(passphrase);
  const { subtle } = crypto;
  const secret = await subtle.importKey("raw", text as BufferSource, "PBKDF2", false, ["deriveBits"])
    .finally(() => text.fill(0));
  const how = { name: "PBKDF2", hash: "SHA-256", salt: salt as BufferSource, iterations };
  return new Uint8Array(await subtle.deriveBits(how, secret, 8 * length));
}
