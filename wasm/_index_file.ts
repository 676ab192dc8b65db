/**
 * The header of borg's index files (borg's docs, internals/data-structures.rst, "HashIndex"):
 *
 *     0          8         12        16         17           18
 *     | BORG_IDX | entries | buckets | key size | value size | buckets ...
 *       8 bytes    i32       i32       i8 (32)    i8 (4 * words of a value)
 */
import { IntegrityError } from "../core/errors.ts";
import { KEY_BYTES } from "../rust-free-asm/const.ts";

/** Bytes of an index file before its buckets. */
export const INDEX_FILE_HEADER_BYTES = 18;
const MAGIC = new TextEncoder().encode("BORG_IDX");

/** An index file that is about to be read. */
export interface IndexFile {
  /** Its first 18 bytes, fewer if it is shorter. */
  header: Uint8Array;
  /** Bytes of the whole file. */
  length: number;
  /** Reads all that follows the header into `buckets`, the memory of the index itself; throws what it likes. */
  fill(buckets: Uint8Array): void;
}

export function encodeHeader(
  { entries, buckets, bucketBytes }: { entries: number; buckets: number; bucketBytes: number },
): Uint8Array {
  const header = new Uint8Array(INDEX_FILE_HEADER_BYTES);
  header.set(MAGIC);
  const view = new DataView(header.buffer);
  view.setInt32(8, entries, true);
  view.setInt32(12, buckets, true);
  view.setInt8(16, KEY_BYTES);
  view.setInt8(17, bucketBytes - KEY_BYTES);
  return header;
}

/** Entries and buckets of the header, held against the file's length. Throws IntegrityError. */
export function readHeader(
  { header, length }: IndexFile,
  bucketBytes: number,
): { entries: number; buckets: number } {
  if (header.length < INDEX_FILE_HEADER_BYTES) throw damaged("its header is cut off");
  if (MAGIC.some((byte, i) => header[i] !== byte)) throw damaged("it does not begin as one");
  const view = new DataView(header.buffer, header.byteOffset, INDEX_FILE_HEADER_BYTES);
  const entries = view.getInt32(8, true);
  const buckets = view.getInt32(12, true);
  if (view.getInt8(16) !== KEY_BYTES) throw damaged(`its keys have ${view.getInt8(16)} bytes`);
  if (view.getInt8(17) !== bucketBytes - KEY_BYTES) {
    throw damaged(`its values have ${view.getInt8(17)} bytes`);
  }
  if (buckets < 1 || entries < 0 || entries > buckets) {
    throw damaged(`it tells of ${entries} entries in ${buckets} buckets`);
  }
  if (length !== INDEX_FILE_HEADER_BYTES + buckets * bucketBytes) {
    throw damaged(`it is ${length} bytes long, which does not fit ${buckets} buckets`);
  }
  return { entries, buckets };
}

export function damaged(state: string): IntegrityError {
  return new IntegrityError("IntegrityError", [`Cannot read an index file: ${state}`]);
}
