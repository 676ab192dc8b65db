/**
 * Reads entries out of segment files: one by place (`get`, `storedSize`), or all of a segment in order (`entries`). In:
 * segment, offset and the id the index promises there. Out: checked bytes, or an IntegrityError that names the place.
 *
 * How much to read for an object of unknown size: neighbours in the log are usually asked for one after the other, so a
 * read takes in a window that grows while the reads go forward and shrinks when they jump. Small objects then
 * come from memory, large ones cost the window and one more read of the rest straight into the result.
 */
import { ID_LENGTH } from "../bytes/mod.ts";
import { OsError } from "../errors.ts";
import { SegmentCursor } from "./_segment_cursor.ts";
import { crc32 } from "./crc32.ts";
import type { StoreFiles } from "./env.ts";
import type { SegmentDir } from "./segment_dir.ts";
import {
  COMMIT_ENTRY,
  entryIntact,
  entrySize,
  entryTag,
  foreignEntry,
  getU32,
  HEADER_BYTES,
  headerFault,
  ID_HEADER_BYTES,
  MAGIC_BYTES,
  SEGMENT_MAGIC,
  segmentDamaged,
  TAG_COMMIT,
  TAG_PUT,
} from "./segment_format.ts";

const MIN_WINDOW_BYTES = 8 * 1024;
const MAX_WINDOW_BYTES = 256 * 1024;
/** Open files kept; a restore jumps between few segments at a time. */
const MAX_OPEN_FILES = 16;

/** One entry met by {@link SegmentReader.entries}. The same object every time: copy what must outlive the step. */
export interface SegmentEntry {
  tag: number;
  /** Empty for a COMMIT. A view into the reader's buffer. */
  id: Uint8Array;
  offset: number;
  /** Size of the whole entry. */
  size: number;
  /** What a PUT stores, a view; empty where `verify` is off. */
  data: Uint8Array;
}

const NOTHING = new Uint8Array(0);

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  if (bytes.length < start.length) return false;
  return start.every((byte, i) => bytes[i] === byte);
}

export class SegmentReader {
  readonly #files: StoreFiles;
  /** Insertion order is order of last use. */
  readonly #open = new Map<number, number>();
  #shared = NOTHING;
  #window = new Uint8Array(MIN_WINDOW_BYTES);
  #windowSegment = -1;
  #windowStart = 0;
  #windowLength = 0;
  #nextWindowBytes = MIN_WINDOW_BYTES;

  constructor(private readonly dir: SegmentDir) {
    this.#files = dir.files;
  }

  /**
   * The data of the PUT at this place, a copy, after its checksum, tag and id were found right. With `shared` it is a view of
   * memory that the next such call uses again.
   */
  get(segment: number, offset: number, id: Uint8Array, shared = false): Uint8Array {
    const have = this.#readWindow(segment, offset, ID_HEADER_BYTES);
    const at = offset - this.#windowStart;
    const window = this.#window;
    const size = this.#checkedPutSize(segment, offset, id, have);
    const data = shared ? this.#sharedBytes(size - ID_HEADER_BYTES) : new Uint8Array(size - ID_HEADER_BYTES);
    const inWindow = Math.min(have, size) - ID_HEADER_BYTES;
    data.set(window.subarray(at + ID_HEADER_BYTES, at + ID_HEADER_BYTES + inWindow));
    if (inWindow < data.length) {
      const rest = data.subarray(inWindow);
      const got = this.#files.pread(this.#fd(segment), rest, offset + ID_HEADER_BYTES + inWindow);
      if (got < rest.length) throw segmentDamaged(segment, offset, "the entry ends too early");
    }
    const headerCrc = crc32(window.subarray(at + 4, at + ID_HEADER_BYTES));
    if (crc32(data, headerCrc) !== getU32(window, at)) {
      throw segmentDamaged(segment, offset, "the checksum does not fit");
    }
    return data;
  }

  #sharedBytes(length: number): Uint8Array {
    if (this.#shared.length < length) {
      this.#shared = new Uint8Array(Math.max(length, 2 * this.#shared.length));
    }
    return this.#shared.subarray(0, length);
  }

  /** Size of the PUT entry at this place; its checksum is not looked at, its tag and id are. */
  entrySize(segment: number, offset: number, id: Uint8Array): number {
    const have = this.#readWindow(segment, offset, ID_HEADER_BYTES);
    return this.#checkedPutSize(segment, offset, id, have);
  }

  /**
   * Walks all entries of a segment. With `verify` every checksum is checked and PUTs carry their data, without only
   * headers are read. Throws IntegrityError at the first damaged place. With `from` it begins at the entry at that offset.
   */
  *entries(segment: number, options: { verify: boolean; from?: number }): Generator<SegmentEntry> {
    const cursor = this.#cursor(segment, !options.verify);
    try {
      if (
        cursor.ensure(MAGIC_BYTES) < MAGIC_BYTES || !startsWith(cursor.window(MAGIC_BYTES), SEGMENT_MAGIC)
      ) {
        throw segmentDamaged(segment, 0, "the file does not begin as a segment does");
      }
      cursor.skip(Math.max(MAGIC_BYTES, options.from ?? 0));
      const entry: SegmentEntry = { tag: 0, id: NOTHING, offset: 0, size: 0, data: NOTHING };
      while (cursor.offset < cursor.fileSize) {
        this.#readEntry(cursor, segment, entry, options.verify);
        yield entry;
        cursor.skip(entry.size);
      }
    } finally {
      cursor.close();
    }
  }

  #readEntry(cursor: SegmentCursor, segment: number, entry: SegmentEntry, verify: boolean): void {
    const { offset } = cursor;
    if (cursor.ensure(HEADER_BYTES) < HEADER_BYTES) {
      throw segmentDamaged(segment, offset, "the header ends too early");
    }
    const header = cursor.window(HEADER_BYTES);
    const fault = headerFault(header, 0);
    if (fault !== null) throw segmentDamaged(segment, offset, fault);
    entry.offset = offset;
    entry.tag = entryTag(header, 0);
    entry.size = entrySize(header, 0);
    if (offset + entry.size > cursor.fileSize) {
      throw segmentDamaged(segment, offset, "the entry ends too early");
    }
    const wanted = verify ? entry.size : Math.min(entry.size, ID_HEADER_BYTES);
    if (cursor.ensure(wanted) < wanted) throw segmentDamaged(segment, offset, "the entry ends too early");
    const bytes = cursor.window(wanted);
    if (verify && !entryIntact(bytes)) throw segmentDamaged(segment, offset, "the checksum does not fit");
    entry.id = entry.tag === TAG_COMMIT ? NOTHING : bytes.subarray(HEADER_BYTES, ID_HEADER_BYTES);
    entry.data = verify && entry.tag === TAG_PUT ? bytes.subarray(ID_HEADER_BYTES) : NOTHING;
  }

  /** Whether the segment is whole and its last entry, and no data after it, is a COMMIT. */
  isCommitted(segment: number): boolean {
    const size = this.dir.size(segment);
    if (size < MAGIC_BYTES + HEADER_BYTES) return false;
    // The cheap question first: most uncommitted segments are told by their last bytes.
    const tail = new Uint8Array(HEADER_BYTES);
    this.#files.pread(this.#fd(segment), tail, size - HEADER_BYTES);
    if (!startsWith(tail, COMMIT_ENTRY)) return false;
    let committed = false;
    try {
      for (const { tag } of this.entries(segment, { verify: true })) {
        if (committed && tag !== TAG_COMMIT) return false;
        committed = tag === TAG_COMMIT;
      }
    } catch (error) {
      if (error instanceof OsError) throw error;
      return false;
    }
    return committed;
  }

  /** The last committed segment: the number of the last transaction. */
  lastCommitted(): number | null {
    for (const segment of this.dir.descending()) if (this.isCommitted(segment)) return segment;
    return null;
  }

  /** First eight bytes of the segment, fewer if it is shorter. */
  magic(segment: number): Uint8Array {
    const magic = new Uint8Array(MAGIC_BYTES);
    return magic.subarray(0, this.#files.pread(this.#fd(segment), magic, 0));
  }

  /** Lets go of what is known of a segment; to be called when its file is removed or made anew. */
  forget(segment: number): void {
    if (this.#windowSegment === segment) this.#windowSegment = -1;
    const fd = this.#open.get(segment);
    if (fd === undefined) return;
    this.#open.delete(segment);
    this.#closeFile(fd);
  }

  close(): void {
    for (const segment of [...this.#open.keys()]) this.forget(segment);
    this.#windowSegment = -1;
  }

  /** Size field of the header at `offset`, which lies in the window with `have` bytes readable. */
  #checkedPutSize(segment: number, offset: number, id: Uint8Array, have: number): number {
    if (have < ID_HEADER_BYTES) throw segmentDamaged(segment, offset, "the header ends too early");
    const window = this.#window;
    const at = offset - this.#windowStart;
    const fault = headerFault(window, at);
    if (fault !== null) throw segmentDamaged(segment, offset, fault);
    if (entryTag(window, at) !== TAG_PUT) throw segmentDamaged(segment, offset, "the entry is not a PUT");
    for (let i = 0; i < ID_LENGTH; i++) {
      if (window[at + HEADER_BYTES + i] !== id[i]) throw foreignEntry({ segment, offset }, id);
    }
    return entrySize(window, at);
  }

  /** Makes `wanted` bytes at the place readable in the window if the file has them; returns how many are. */
  #readWindow(segment: number, offset: number, wanted: number): number {
    const have = this.#windowStart + this.#windowLength - offset;
    const same = segment === this.#windowSegment && offset >= this.#windowStart;
    if (same && have >= wanted) return have;
    // Forward and near counts as reading on; what lies further is a jump.
    const forward = same && -have <= MAX_WINDOW_BYTES;
    this.#nextWindowBytes = forward
      ? Math.min(2 * this.#nextWindowBytes, MAX_WINDOW_BYTES)
      : MIN_WINDOW_BYTES;
    if (this.#window.length < this.#nextWindowBytes) this.#window = new Uint8Array(this.#nextWindowBytes);
    this.#windowSegment = -1;
    const into = this.#window.subarray(0, this.#nextWindowBytes);
    this.#windowLength = this.#files.pread(this.#fd(segment), into, offset);
    this.#windowStart = offset;
    this.#windowSegment = segment;
    return this.#windowLength;
  }

  #fd(segment: number): number {
    let fd = this.#open.get(segment);
    if (fd !== undefined) {
      this.#open.delete(segment);
    } else {
      if (this.#open.size >= MAX_OPEN_FILES) {
        for (const [oldest] of this.#open) {
          this.forget(oldest);
          break;
        }
      }
      fd = this.#openSegment(segment, () => this.#files.open(this.dir.path(segment)));
    }
    this.#open.set(segment, fd);
    return fd;
  }

  #cursor(segment: number, headersOnly: boolean): SegmentCursor {
    const path = this.dir.path(segment);
    return this.#openSegment(segment, () => new SegmentCursor(this.#files, path, { headersOnly }));
  }

  #openSegment<T>(segment: number, open: () => T): T {
    try {
      return open();
    } catch (error) {
      if (error instanceof OsError && error.code === "ENOENT") {
        throw segmentDamaged(segment, 0, "the segment's file is missing; check the whole repository");
      }
      throw error;
    }
  }

  #closeFile(fd: number): void {
    this.#files.dropCache(fd, 0, 0);
    this.#files.close(fd);
  }
}
