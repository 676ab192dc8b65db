/**
 * Appends entries to the log. In: ids and data. Out: segment files, and the offset where each entry lies. Small entries
 * gather in a buffer of 1 MiB, large ones go to the file straight from the caller's memory; an entry lies either whole
 * in the buffer or whole in the file. `closeSegment` makes a segment durable: contents, then its name.
 *
 * Where segments begin, as borg places them: after the size limit, before each entry of the manifest's id, and before a
 * final commit. After a failed write the segment's end is unknown: `failed` stays set
 * until `abandon`, and no commit is possible.
 */
import { MANIFEST_ID } from "../bytes/mod.ts";
import { OsError } from "../errors.ts";
import type { StoreFiles } from "./env.ts";
import type { SegmentDir } from "./segment_dir.ts";
import { COMMIT_ENTRY, encodeHeader, SEGMENT_MAGIC, TAG_DELETE, TAG_PUT } from "./segment_format.ts";
import { ID_HEADER_BYTES, MAGIC_BYTES } from "./segment_format.ts";

const BUFFER_BYTES = 1 << 20;
/** Data of this size or more is not copied into the buffer. */
const DIRECT_FROM_BYTES = 128 * 1024;

function isManifest(id: Uint8Array): boolean {
  return MANIFEST_ID.every((byte, i) => id[i] === byte);
}

export class SegmentWriter {
  /** The segment being written, or the one that the next entry will open. */
  segment = 0;
  /** What went wrong while writing, null if nothing did. */
  failed: unknown = null;
  readonly #files: StoreFiles;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #buffered = 0;
  /** Bytes in the file. */
  #flushed = 0;
  #fd: number | null = null;

  /** `created` is told of every segment whose file is made anew. */
  constructor(
    private readonly dir: SegmentDir,
    private readonly options: { maxSegmentSize: number; created: (segment: number) => void },
  ) {
    this.#files = dir.files;
  }

  /** Whether the next entry of `id` will go into another segment than the last one. */
  isFull(id: Uint8Array): boolean {
    return isManifest(id) || (this.#fd !== null && this.#offset > this.options.maxSegmentSize);
  }

  /** Appends a PUT; returns its offset in {@link SegmentWriter.segment}. */
  put(id: Uint8Array, data: Uint8Array): number {
    return this.#append(id, TAG_PUT, data);
  }

  /** Appends a DELETE; returns its offset. */
  delete(id: Uint8Array): number {
    return this.#append(id, TAG_DELETE, undefined);
  }

  /**
   * Ends the transaction durably and returns its number. A final commit goes into a segment of its own, an intermediate
   * one (of a compaction) to the end of the current segment. All earlier data is durable before the COMMIT is written.
   */
  commit(options: { intermediate: boolean }): number {
    if (!options.intermediate) this.closeSegment();
    this.#guard(() => {
      this.#openIfNeeded();
      if (options.intermediate) this.#syncData();
      this.#room(COMMIT_ENTRY.length);
      this.#buffer.set(COMMIT_ENTRY, this.#buffered);
      this.#buffered += COMMIT_ENTRY.length;
    });
    const { segment } = this;
    this.closeSegment();
    return segment;
  }

  /** Writes out the buffer where a read of this place needs it. */
  flushFor(segment: number, offset: number): void {
    if (this.#fd !== null && segment === this.segment && offset >= this.#flushed) {
      this.#guard(() => this.#flush());
    }
  }

  /** Makes the current segment durable and ends it; the next entry opens the next. */
  closeSegment(): void {
    if (this.#fd === null) return;
    this.#guard(() => {
      this.#syncData();
      const fd = this.#fd!;
      this.#fd = null;
      this.#files.close(fd);
      this.dir.syncFolder(this.segment);
    });
    this.segment += 1;
  }

  /** Leaves the current segment as it is and begins again at `segment` with the next entry. */
  abandon(segment: number): void {
    const fd = this.#fd;
    this.#fd = null;
    this.#buffered = 0;
    this.#flushed = 0;
    this.failed = null;
    this.segment = segment;
    if (fd === null) return;
    try {
      this.#files.close(fd);
    } catch (error) {
      // close() may report a late write error of data that nobody wants any more.
      if (!(error instanceof OsError)) throw error;
    }
  }

  get #offset(): number {
    return this.#flushed + this.#buffered;
  }

  #append(id: Uint8Array, tag: number, data: Uint8Array | undefined): number {
    if (this.isFull(id)) this.closeSegment();
    return this.#guard(() => {
      this.#openIfNeeded();
      const direct = data !== undefined && data.length >= DIRECT_FROM_BYTES;
      this.#room(ID_HEADER_BYTES + (data === undefined || direct ? 0 : data.length));
      const offset = this.#offset;
      this.#buffered += encodeHeader(this.#buffer, this.#buffered, data ? { tag, id, data } : { tag, id });
      if (direct) {
        this.#flush();
        this.#files.write(this.#fd!, data);
        this.#flushed += data.length;
      } else if (data !== undefined) {
        this.#buffer.set(data, this.#buffered);
        this.#buffered += data.length;
      }
      return offset;
    });
  }

  #openIfNeeded(): void {
    if (this.#fd !== null) return;
    this.dir.ensureFolder(this.segment);
    this.#fd = this.#files.open(this.dir.path(this.segment), { write: true, create: true, exclusive: true });
    this.options.created(this.segment);
    this.#flushed = 0;
    this.#buffer.set(SEGMENT_MAGIC);
    this.#buffered = MAGIC_BYTES;
  }

  #room(bytes: number): void {
    if (this.#buffered + bytes > BUFFER_BYTES) this.#flush();
  }

  #flush(): void {
    if (this.#buffered === 0) return;
    this.#files.write(this.#fd!, this.#buffer.subarray(0, this.#buffered));
    this.#flushed += this.#buffered;
    this.#buffered = 0;
  }

  #syncData(): void {
    this.#flush();
    this.#files.sync(this.#fd!);
    // What was just written is not read again soon; the cache is left to those who have use for it.
    this.#files.dropCache(this.#fd!, 0, 0);
  }

  /** Remembers the first failure; after it nothing more is written. */
  #guard<T>(write: () => T): T {
    if (this.failed !== null) throw this.failed;
    try {
      return write();
    } catch (error) {
      this.failed = error;
      throw error;
    }
  }
}
