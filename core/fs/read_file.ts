/**
 * Reading a file that may change, vanish or be exchanged at any moment. In: a path and the stat that the walk made of it.
 * Out: its blocks, and whether it changed meanwhile. What is opened is checked to be what the walk saw (the rules are those
 * of borg 1.4's create: same type, same inode; changed means another ctime), so that nobody can slip in another file, and a
 * FIFO in the place of a file blocks nothing.
 */
import {
  type FileRange,
  type Files,
  PipeInput,
  S_IFBLK,
  S_IFIFO,
  S_IFMT,
  type Stat,
} from "../platform/mod.ts";
import { OsError } from "../errors.ts";
import { onSource, SourceError } from "./source_error.ts";
import type { WalkPlace } from "./walk.ts";

/** By which time a file counts as changed while it was read (`--files-changed`). */
export type ChangedBy = "ctime" | "mtime" | "disabled";

export interface FileReaderOptions {
  files: Files;
  /** Default "ctime". */
  changedBy?: ChangedBy;
  /** Follows a symbolic link in the last place and waits for a FIFO's writer (`--read-special`); default false. */
  special?: boolean;
  /** Tells of holes ({@link FileReader.ranges}); default false: they are read as zeros. */
  sparse?: boolean;
}

/** Forgetting goes by whole pages; the last page in part would be read again. */
const PAGE_SIZE = 4096;

export class FileReader {
  readonly #files: Files;
  readonly #options: FileReaderOptions;
  #fd = -1;
  #path = "";
  #stat: Stat | null = null;
  #position = 0;
  #dropsCache = true;
  /** Whether reading goes by {@link #position}, because holes are skipped. */
  #skips = false;
  /** Of a FIFO or device whose reads may wait. */
  #input: PipeInput | null = null;

  constructor(options: FileReaderOptions) {
    this.#files = options.files;
    this.#options = options;
  }

  /**
   * Opens the file and answers what the open file's stat is: that counts, the name may point elsewhere by now. With `at` it
   * is opened there, and `path` is only for messages. One file at a time. Throws SourceError.
   */
  open(path: string, seen: Stat, at?: WalkPlace): Stat {
    if (this.#fd >= 0) throw new TypeError("Cannot open a file: the one before is still open");
    const special = this.#options.special === true;
    // A FIFO's writer is waited for by {@link wait}, where that can be.
    const waitsLater = (seen.mode & S_IFMT) === S_IFIFO && this.#files.poll !== undefined;
    const options = { noFollow: !special, nonBlock: !special || waitsLater, noAtime: true };
    const fd = onSource("open", path, () => {
      const relative = this.#files.at;
      return at && relative ? relative.openAt(at.dir, at.name, options) : this.#files.open(path, options);
    });
    try {
      const stat = onSource("fstat", path, () => this.#files.fstat(fd));
      checkSame(path, seen, stat);
      this.#fd = fd;
      this.#path = path;
      this.#stat = stat;
      this.#position = 0;
      this.#skips = false;
      this.#input = special && (stat.mode & S_IFMT) !== S_IFBLK ? new PipeInput(this.#files, fd) : null;
      this.#dropsCache = this.#files.isCached(fd, stat.size) !== true;
      return stat;
    } catch (error) {
      this.#files.close(fd);
      throw error;
    }
  }

  /** Of the open file. */
  get descriptor(): number {
    return this.#fd;
  }

  /**
   * With {@link skip} a SparseFile (`core/chunk/hole.ts`). null without the option `sparse`, where the system does not tell,
   * and where it tells of nothing at all (some files of /proc have contents all the same).
   */
  ranges(from: number): readonly FileRange[] | null {
    if (this.#options.sparse !== true) return null;
    const ranges = onSource("lseek", this.#path, () => this.#files.dataMap(this.#fd, from));
    if (ranges === null || ranges.length === 0) return null;
    this.#skips = true;
    return ranges;
  }

  /** Only where {@link ranges} told of some. */
  skip(length: number): void {
    this.#position += length;
  }

  /** A ReadBlock (`core/chunk/chunker.ts`); negative only with the option `special`. Throws SourceError. */
  read(into: Uint8Array): number {
    let got;
    try {
      got = this.#skips
        ? this.#files.pread(this.#fd, into, this.#position)
        : this.#input !== null
        ? this.#input.read(into)
        : this.#files.read(this.#fd, into);
    } catch (error) {
      if (error instanceof OsError) throw SourceError.fromOs("read", this.#path, error);
      throw error;
    }
    if (got >= 0) this.#forget(got);
    return got;
  }

  /** After {@link read} said that nothing is there: resolves when there may be something, or some time later. */
  async wait(): Promise<void> {
    await this.#input?.wait();
  }

  /**
   * A backup reads everything once: it shall not push out of memory what other programs use. What was there before stays
   * (borg drops it too): another program uses it, and reading it from the disk again next time costs more than anything else
   * about a small file.
   */
  #forget(got: number): void {
    const start = this.#position;
    this.#position += got;
    if (!this.#dropsCache) return;
    const end = this.#position - this.#position % PAGE_SIZE;
    const from = start - start % PAGE_SIZE;
    if (got === 0 || (this.#skips && this.#position >= this.#stat!.size)) {
      // The end of the file: length 0 means up to there, with the last page in part. Who skips holes knows where the end is
      // and does not try to read on.
      if (this.#position > 0) this.#files.dropCache(this.#fd, from, 0);
    } else if (end > from) this.#files.dropCache(this.#fd, from, end - from);
  }

  /** Whether the file changed since it was opened. Throws SourceError. */
  changedSinceOpen(): boolean {
    const before = this.#stat!;
    if (this.#options.changedBy === "disabled") return false;
    const now = onSource("fstat", this.#path, () => this.#files.fstat(this.#fd));
    return this.#options.changedBy === "mtime"
      ? now.mtimeNs !== before.mtimeNs
      : now.ctimeNs !== before.ctimeNs;
  }

  /** Safe to call twice. */
  close(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    this.#files.close(fd);
  }
}

function checkSame(path: string, seen: Stat, open: Stat): void {
  if ((seen.mode & S_IFMT) !== (open.mode & S_IFMT)) {
    throw new SourceError("BackupRaceConditionError", path, "its type changed meanwhile, it is left out");
  }
  if (seen.ino !== open.ino) {
    throw new SourceError(
      "BackupRaceConditionError",
      path,
      "another file took its place meanwhile, it is left out",
    );
  }
}

/** Target of a symbolic link, read at `at` if given. Throws SourceError. */
export function readSourceLink(files: Files, path: string, at?: WalkPlace): string {
  return onSource(
    "readlink",
    path,
    () => at && files.at ? files.at.readLinkAt(at.dir, at.name) : files.readLink(path),
  );
}
