/**
 * The files below the log: segment N lies in `data/<N div segments_per_dir>/<N>` (borg docs, data-structures.rst,
 * "Repository"). In: segment numbers. Out: paths, sizes, listings; and the removal of segments. It never looks inside of
 * a segment. A file without bytes counts as absent, because a removal under a full disk truncates first.
 */
import { OsError } from "../errors.ts";
import type { StoreFiles } from "./env.ts";

const NUMBER = /^[0-9]+$/;

export class SegmentDir {
  readonly #data: string;

  constructor(readonly files: StoreFiles, repository: string, readonly segmentsPerDir: number) {
    this.#data = `${repository}/data`;
  }

  folder(segment: number): string {
    return `${this.#data}/${Math.floor(segment / this.segmentsPerDir)}`;
  }

  path(segment: number): string {
    return `${this.folder(segment)}/${segment}`;
  }

  /** Bytes in the segment's file; 0 where there is none. */
  size(segment: number): number {
    try {
      return this.files.stat(this.path(segment)).size;
    } catch (error) {
      if (error instanceof OsError && (error.code === "ENOENT" || error.code === "ENOTDIR")) return 0;
      throw error;
    }
  }

  /** Numbers of the segment files that are there, empty ones too, ascending from `from`. */
  *ascending(from = 0): Generator<number> {
    for (const folder of this.#numbers(this.#data)) {
      if ((folder + 1) * this.segmentsPerDir <= from) continue;
      for (const segment of this.#numbers(`${this.#data}/${folder}`)) if (segment >= from) yield segment;
    }
  }

  /** The same, descending from the last. */
  *descending(): Generator<number> {
    for (const folder of this.#numbers(this.#data).reverse()) {
      yield* this.#numbers(`${this.#data}/${folder}`).reverse();
    }
  }

  /** The highest number that a segment file is there for; null without any. */
  latest(): number | null {
    for (const segment of this.descending()) return segment;
    return null;
  }

  /** How many segment files there are, for progress. */
  count(): number {
    let count = 0;
    for (const folder of this.#numbers(this.#data)) count += this.#numbers(`${this.#data}/${folder}`).length;
    return count;
  }

  /** Makes the folder of `segment`, durably, if it is missing (also the data folder of a damaged repository). */
  ensureFolder(segment: number): void {
    const folder = this.folder(segment);
    if (this.files.exists(folder)) return;
    this.files.mkdirAll(folder);
    this.files.syncDir(this.#data);
  }

  syncFolder(segment: number): void {
    this.files.syncDir(this.folder(segment));
  }

  /** Removes the segment's file; it may be missing already. */
  remove(segment: number): void {
    const path = this.path(segment);
    try {
      this.files.unlink(path);
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      if (error.code === "ENOENT") return;
      if (error.code !== "ENOSPC") throw error;
      this.#removeWithoutSpace(path, error);
    }
  }

  /** On copy-on-write file systems a removal may need space: giving up the contents first provides it. */
  #removeWithoutSpace(path: string, cause: OsError): void {
    // Contents shared with another hard link (a copy by `cp -al`) are not ours to destroy.
    if (this.files.stat(path).nlink > 1) throw cause;
    const fd = this.files.open(path, { write: true });
    try {
      this.files.truncate(fd, 0);
    } finally {
      this.files.close(fd);
    }
    this.files.unlink(path);
  }

  /** Removes the folders that hold nothing any more. */
  removeEmptyFolders(): void {
    for (const folder of this.#numbers(this.#data)) {
      try {
        this.files.rmdir(`${this.#data}/${folder}`);
      } catch (error) {
        // Not empty is the usual case; whatever else it is, an empty folder does no harm.
        if (!(error instanceof OsError)) throw error;
      }
    }
    this.files.syncDir(this.#data);
  }

  #numbers(folder: string): number[] {
    let names;
    try {
      names = this.files.readDir(folder);
    } catch (error) {
      if (error instanceof OsError && (error.code === "ENOENT" || error.code === "ENOTDIR")) return [];
      throw error;
    }
    const numbers = names.filter((name) => NUMBER.test(name)).map(Number);
    return numbers.sort((a, b) => a - b);
  }
}
