/**
 * AES-256 in counter mode and the envelope around an encrypted object: encrypt, then MAC (borg docs,
 * internals/data-structures.rst, "Encryption"; internals/security.rst, "Encryption").
 *
 *     | TYPE 1 | MAC 32 | IV 8 | ciphertext ... |
 *                       '---- authenticated ----'
 *
 * The IV is the low half of the 16-byte big-endian counter of the first block, whose high half is zero. TYPE is not
 * authenticated: who reads an object must check it.
 */
import { createCipheriv } from "node:crypto";
import type { Accel, AesCtr, Digest32 } from "./accel.ts";
import { equalInConstantTime } from "./secret.ts";

export const MAC_LENGTH = 32;
export const IV_LENGTH = 8;
/** Where the IV stands in an envelope. */
export const IV_OFFSET = 1 + MAC_LENGTH;
/** What an envelope adds to its payload. */
export const ENVELOPE_OVERHEAD = IV_OFFSET + IV_LENGTH;
const AES_BLOCK = 16;

/** How many counter values `length` bytes use up. */
export function blockCount(length: number): number {
  return Math.ceil(length / AES_BLOCK);
}

class PortableAesCtr implements AesCtr {
  readonly #key: Uint8Array;
  constructor(key: Uint8Array) {
    this.#key = key.slice();
  }
  process(counter: Uint8Array, input: Uint8Array, output: Uint8Array): void {
    output.set(createCipheriv("aes-256-ctr", this.#key, counter).update(input));
  }
  dispose(): void {
    this.#key.fill(0);
  }
}

/** AES-256-CTR under the 32-byte `key` (copied), borrowed from the machine where possible. */
export function createAesCtr(key: Uint8Array, accel: Accel | null): AesCtr {
  if (key.length !== 32) {
    throw new RangeError(`Cannot use an AES-256 key of ${key.length} bytes: 32 are needed`);
  }
  return accel?.aesCtr?.(key) ?? new PortableAesCtr(key);
}

/** `data` under AES-256-CTR from counter zero, as borg wraps the inner dictionary of a key file. */
export function aesCtrFromZero(key: Uint8Array, data: Uint8Array): Uint8Array {
  const cipher = new PortableAesCtr(key);
  const out = new Uint8Array(data.length);
  cipher.process(new Uint8Array(AES_BLOCK), data, out);
  cipher.dispose();
  return out;
}

/** What is wrong with an envelope that does not open. */
export type EnvelopeFault = "it is too short" | "its authentication failed";

/** Fills in and opens envelopes under one encryption key and one MAC key. Not for concurrent use from several threads. */
export class Envelope {
  readonly #counter = new Uint8Array(new ArrayBuffer(AES_BLOCK));
  readonly #mac = new Uint8Array(new ArrayBuffer(MAC_LENGTH));

  constructor(private readonly aes: AesCtr, private readonly mac: Digest32) {}

  /** Completes `stored`, where TYPE and IV are in place already: puts in the encrypted `payload` and the MAC. */
  fill(stored: Uint8Array, payload: Uint8Array): void {
    this.#counter.set(stored.subarray(IV_OFFSET, ENVELOPE_OVERHEAD), AES_BLOCK - IV_LENGTH);
    this.aes.process(this.#counter, payload, stored.subarray(ENVELOPE_OVERHEAD));
    this.mac.digest(stored.subarray(IV_OFFSET), stored, 1);
  }

  /** Verifies the MAC of `stored`, then decrypts to the start of `output`. Null when all is well. */
  open(stored: Uint8Array, output: Uint8Array): EnvelopeFault | null {
    if (stored.length < ENVELOPE_OVERHEAD) return "it is too short";
    this.mac.digest(stored.subarray(IV_OFFSET), this.#mac, 0);
    if (!equalInConstantTime(this.#mac, stored.subarray(1, IV_OFFSET))) return "its authentication failed";
    this.#counter.set(stored.subarray(IV_OFFSET, ENVELOPE_OVERHEAD), AES_BLOCK - IV_LENGTH);
    this.aes.process(this.#counter, stored.subarray(ENVELOPE_OVERHEAD), output);
    return null;
  }

  dispose(): void {
    this.aes.dispose();
    this.mac.dispose();
  }
}
