/** Whole files and chains of folders, from the single calls of any {@link Files}. */
import { posix } from "node:path";
import { OsError } from "../errors.ts";
import { type Files, S_IFDIR, S_IFMT } from "./files.ts";

export interface WriteFileOptions {
  mode?: number;
  sync?: boolean;
  exclusive?: boolean;
}

/** All bytes of a file, also of one whose stat tells no size (in /proc) or that grows meanwhile. */
export function readWhole(files: Files, path: string): Uint8Array {
  const fd = files.open(path);
  try {
    // One byte more, so that the end shows without a second buffer.
    let buffer = new Uint8Array(Math.max(4096, files.fstat(fd).size + 1));
    let length = 0;
    for (;;) {
      const got = files.read(fd, buffer.subarray(length));
      // Where the size was right no copy is made: an index of millions of entries would be in memory once more.
      if (got === 0) {
        return length + 1 === buffer.length ? buffer.subarray(0, length) : buffer.slice(0, length);
      }
      length += got;
      if (length === buffer.length) {
        const larger = new Uint8Array(buffer.length * 2);
        larger.set(buffer);
        buffer = larger;
      }
    }
  } finally {
    files.close(fd);
  }
}

export function writeWhole(files: Files, path: string, data: Uint8Array, options: WriteFileOptions): void {
  const fd = files.open(path, {
    write: true,
    create: true,
    truncate: true,
    ...(options.exclusive ? { exclusive: true } : {}),
    ...(options.mode === undefined ? {} : { mode: options.mode }),
  });
  try {
    files.write(fd, data);
    if (options.sync) files.sync(fd);
  } catch (error) {
    try {
      files.close(fd);
    } catch {
      // The first error tells more.
    }
    throw error;
  }
  // Network file systems report a full disk here.
  files.close(fd);
}

export function makeFolders(files: Files, path: string, mode: number): void {
  try {
    makeFolder(files, path, mode);
  } catch (error) {
    const parent = posix.dirname(path);
    if (!(error instanceof OsError) || error.code !== "ENOENT" || parent === path) throw error;
    makeFolders(files, parent, 0o777);
    // Once: some folders (of /proc) take nothing in, and say of the child what would be true of a missing parent.
    makeFolder(files, path, mode);
  }
}

function makeFolder(files: Files, path: string, mode: number): void {
  try {
    files.mkdir(path, mode);
  } catch (error) {
    if (!(error instanceof OsError) || error.code !== "EEXIST" || !isFolder(files, path)) throw error;
  }
}

function isFolder(files: Files, path: string): boolean {
  try {
    return (files.stat(path).mode & S_IFMT) === S_IFDIR;
  } catch (error) {
    if (error instanceof OsError) return false;
    throw error;
  }
}
