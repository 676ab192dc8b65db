/** The 32-byte name of an object in the store; borg's documents call it "id" or "key". */

import { encodeHex } from "./hex.ts";

declare const brand: unique symbol;

/** Exactly 32 bytes. Never modified after it was made. */
export type ChunkId = Uint8Array & { readonly [brand]: "ChunkId" };

export const ID_LENGTH = 32;

/** Declares 32 bytes to be an id; the buffer is not copied. Throws RangeError on another length. */
export function asChunkId(bytes: Uint8Array): ChunkId {
  if (bytes.length !== ID_LENGTH) {
    throw new RangeError(`Cannot use an id of ${bytes.length} bytes: 32 are needed`);
  }
  return bytes as ChunkId;
}

/** The manifest's fixed id: all zero (borg docs, internals/data-structures.rst, "The manifest"). */
export const MANIFEST_ID: ChunkId = asChunkId(new Uint8Array(ID_LENGTH));

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** `id` as hexadecimal text. */
export const hexOfId = (id: Uint8Array): string => encodeHex(id);
