/**
 * The entries of a segment file as bytes, and back: pure, no I/O (borg docs, internals/data-structures.rst, "Segments").
 * All integers are little-endian.
 *
 *     file    BORG_SEG entry entry …
 *     entry   crc32 u32 | size u32 | tag u8 | id 32 bytes (PUT, DELETE) | data (PUT)
 *             `crc32` covers all that follows it, `size` counts the whole entry
 */
import { encodeHex, ID_LENGTH } from "../bytes/mod.ts";
import { IntegrityError } from "../errors.ts";
import { crc32 } from "./crc32.ts";
import { MAX_DATA_SIZE } from "./store.ts";

export const TAG_PUT = 0;
export const TAG_DELETE = 1;
export const TAG_COMMIT = 2;

/** crc32 + size + tag. A COMMIT is nothing else. */
export const HEADER_BYTES = 9;
/** A header with the id: what a DELETE is, and what a PUT adds to its data. */
export const ID_HEADER_BYTES = HEADER_BYTES + ID_LENGTH;
/** Largest entry: 20 MiB. */
export const MAX_ENTRY_BYTES = MAX_DATA_SIZE + ID_HEADER_BYTES;

const ascii = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));
/** First eight bytes of a segment. */
export const SEGMENT_MAGIC = ascii("BORG_SEG");
/** The same of borg's ancestor, whose repositories need an upgrade first. */
export const ATTIC_MAGIC = ascii("ATTICSEG");
export const MAGIC_BYTES = 8;
/** A segment with a final commit and nothing else. */
export const COMMIT_ONLY_BYTES = MAGIC_BYTES + HEADER_BYTES;

/**
 * Writes the header of an entry to `into` at `at` and returns the number of bytes: 41 with an id, 9 for a COMMIT. `data`
 * is covered by the checksum but not written.
 */
export function encodeHeader(
  into: Uint8Array,
  at: number,
  entry: { tag: number; id?: Uint8Array; data?: Uint8Array },
): number {
  const bytes = entry.id ? ID_HEADER_BYTES : HEADER_BYTES;
  putU32(into, at + 4, bytes + (entry.data?.length ?? 0));
  into[at + 8] = entry.tag;
  if (entry.id) into.set(entry.id, at + HEADER_BYTES);
  let crc = crc32(into.subarray(at + 4, at + bytes));
  if (entry.data) crc = crc32(entry.data, crc);
  putU32(into, at, crc);
  return bytes;
}

/** The one possible COMMIT entry. */
export const COMMIT_ENTRY: Uint8Array = (() => {
  const bytes = new Uint8Array(HEADER_BYTES);
  encodeHeader(bytes, 0, { tag: TAG_COMMIT });
  return bytes;
})();

/** Size field of the entry whose header begins at `at`. */
export const entrySize = (bytes: Uint8Array, at: number): number => getU32(bytes, at + 4);
/** Tag field of the entry whose header begins at `at`. */
export const entryTag = (bytes: Uint8Array, at: number): number => bytes[at + 8]!;

/**
 * Why the header at `at` (9 readable bytes) cannot be that of an entry, null if it can. Without this no size is to be
 * believed.
 */
export function headerFault(bytes: Uint8Array, at: number): string | null {
  const size = entrySize(bytes, at);
  const tag = entryTag(bytes, at);
  if (tag > TAG_COMMIT) return `unknown tag ${tag}`;
  if (size > MAX_ENTRY_BYTES) return `size ${size} is over the limit`;
  if (
    tag === TAG_PUT ? size < ID_HEADER_BYTES : size !== (tag === TAG_DELETE ? ID_HEADER_BYTES : HEADER_BYTES)
  ) {
    return `size ${size} does not fit tag ${tag}`;
  }
  return null;
}

/** Whether the checksum of the entry that fills `bytes` is right. */
export const entryIntact = (bytes: Uint8Array): boolean => getU32(bytes, 0) === crc32(bytes.subarray(4));

/** What to throw for a damaged place in the log. */
export function segmentDamaged(segment: number, offset: number, what: string): IntegrityError {
  return new IntegrityError("IntegrityError", [`segment ${segment}, offset ${offset}: ${what}`]);
}

/** What to throw for an entry that belongs to another id than the index says. */
export function foreignEntry(place: { segment: number; offset: number }, id: Uint8Array): IntegrityError {
  return segmentDamaged(place.segment, place.offset, `the entry is not that of object ${encodeHex(id)}`);
}

function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

export function getU32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}
