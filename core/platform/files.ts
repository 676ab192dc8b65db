/**
 * The files of this machine as the rest of Alcove sees them: synchronous, one system call each, paths as strings with
 * surrogate escapes (`core/bytes/text.ts`), times in nanoseconds. Implementations: `portable.ts` (node:* only, runs under
 * Node too), `windows.ts` over it, and by FFI `linux.ts`, `darwin.ts`, `freebsd.ts`. All failures are {@link OsError} with
 * the symbolic errno in `code`.
 */
import type { Poll } from "./_poll.ts";

/** What lstat/stat/fstat tell. Times are nanoseconds since 1970. */
export interface Stat {
  mode: number;
  dev: number;
  ino: bigint;
  nlink: number;
  uid: number;
  gid: number;
  rdev: number;
  size: number;
  blocks: number;
  mtimeNs: bigint;
  atimeNs: bigint;
  ctimeNs: bigint;
  /** null where the system or file system does not tell. */
  birthtimeNs: bigint | null;
  /** File flags as BSD numbers them (`attributes.ts`); null or absent where stat does not tell. */
  flags?: number | null;
}

/** A stretch of a file, in bytes: data, or a hole that takes no space and reads as zeros. */
export interface FileRange {
  readonly length: number;
  readonly isData: boolean;
}

/** File type bits of `Stat.mode` (POSIX <sys/stat.h>; the values are the same on every Unix). */
export const S_IFMT = 0o170000;
export const S_IFSOCK = 0o140000;
export const S_IFLNK = 0o120000;
export const S_IFREG = 0o100000;
export const S_IFBLK = 0o060000;
export const S_IFDIR = 0o040000;
export const S_IFCHR = 0o020000;
export const S_IFIFO = 0o010000;

export interface OpenOptions {
  /** Default: read only. */
  write?: boolean;
  read?: boolean;
  create?: boolean;
  /** Fails with EEXIST where the file exists. */
  exclusive?: boolean;
  truncate?: boolean;
  append?: boolean;
  /** Does not follow a symbolic link in the last place (ELOOP). */
  noFollow?: boolean;
  /** Does not change the access time, where permitted; silently without where not. */
  noAtime?: boolean;
  /** Never blocks in open (a FIFO instead of a file). */
  nonBlock?: boolean;
  /** Permission bits of a created file, before umask. Default 0o666. */
  mode?: number;
}

export interface ReadDirOptions {
  /**
   * In the order of the inode numbers that the folder itself lists, names of one number in the order of the file system:
   * the order in which borg walks (so item streams deduplicate), and quick on spinning disks.
   */
  byInode?: boolean;
  /** Fails with ELOOP or ENOTDIR where the last place is a symbolic link. */
  noFollow?: boolean;
  /** Does not change the access time, where permitted. */
  noAtime?: boolean;
}

/**
 * Calls on a name in an open folder. Whatever happens to the folders above it meanwhile, it is the same folder; and it may
 * lie as deep as it likes. `dir` is a descriptor of {@link openFolder}, `name` a single name.
 */
export interface FilesAt {
  /**
   * Opens a folder to be listed and for the calls below; `close` it. Never follows a symbolic link in the last place (ELOOP
   * or ENOTDIR) and leaves the access time alone, where permitted. Without a `dir`, `name` is a path.
   */
  openFolder(dir: number | null, name: string): number;
  /** Names in an open folder as `readDir` with `byInode` gives them. Once for each descriptor. */
  listFolder(fd: number): string[];
  lstatAt(dir: number, name: string): Stat;
  openAt(dir: number, name: string, options?: OpenOptions): number;
  readLinkAt(dir: number, name: string): string;
}

export interface Files {
  /** Absent where the system has no such calls or may not be asked for them. */
  readonly at?: FilesAt;
  /** Of open descriptors. Absent where the system cannot be asked. */
  readonly poll?: Poll | undefined;

  lstat(path: string): Stat;
  stat(path: string): Stat;
  fstat(fd: number): Stat;
  /** Whether `stat` succeeds: a symbolic link to nothing does not exist. */
  exists(path: string): boolean;
  /** Names in a folder, without "." and "..", in the order of the file system unless asked otherwise. */
  readDir(path: string, options?: ReadDirOptions): string[];
  readLink(path: string): string;

  open(path: string, options?: OpenOptions): number;
  close(fd: number): void;
  /** Reads at the file position; 0 at the end. */
  read(fd: number, into: Uint8Array): number;
  /** Reads at `position` without moving the file position; may return less than asked for only at the end of the file. */
  pread(fd: number, into: Uint8Array, position: number): number;
  /** Writes all of `data` at the file position. */
  write(fd: number, data: Uint8Array): void;
  seekEnd(fd: number): number;
  truncate(fd: number, size: number): void;
  /**
   * Data and holes from `from` to the end of the file, in order and without gaps, none of them empty; nothing from the end
   * on. The file position stays. null where system or file system does not tell.
   */
  dataMap(fd: number, from: number): FileRange[] | null;
  /** fdatasync or fsync, whichever makes data and size durable. */
  sync(fd: number): void;
  /** Makes the names in a folder durable; does nothing where the system has no such thing. */
  syncDir(path: string): void;
  /** Tells the system that this range will not be needed again (posix_fadvise DONTNEED), where possible. */
  dropCache(fd: number, offset: number, length: number): void;
  /** Whether at least half of a file of `size` bytes is in the page cache; null where the system does not tell. */
  isCached(fd: number, size: number): boolean | null;

  readFile(path: string): Uint8Array;
  /** Creates or replaces; with `sync` the contents are durable afterwards (not the name: syncDir). */
  writeFile(
    path: string,
    data: Uint8Array,
    options?: { mode?: number; sync?: boolean; exclusive?: boolean },
  ): void;

  mkdir(path: string, mode?: number): void;
  /** Creates missing parents too (with the default mode); no error where it exists. */
  mkdirAll(path: string, mode?: number): void;
  rmdir(path: string): void;
  unlink(path: string): void;
  rename(from: string, to: string): void;
  link(existing: string, path: string): void;
  symlink(target: string, path: string): void;
  mkfifo(path: string, mode: number): void;
  mknod(path: string, mode: number, rdev: number): void;
  chmod(path: string, mode: number): void;
  /** Does not follow a symbolic link in the last place. An id of -1 stays as it is. */
  lchown(path: string, uid: number, gid: number): void;
  /** The three for an open file: whatever has its name by now is not touched. */
  fchmod(fd: number, mode: number): void;
  fchown(fd: number, uid: number, gid: number): void;
  futimes(fd: number, atimeNs: bigint, mtimeNs: bigint): void;
  /** Sets times in nanoseconds; does not follow a symbolic link in the last place. */
  utimes(path: string, atimeNs: bigint, mtimeNs: bigint): void;
  /** Free bytes for an unprivileged user in the file system of `path`. */
  freeSpace(path: string): number;
}
