/**
 * What the Unixes do differently, as one record: flag values, struct layouts, error numbers, and the few calls that exist on
 * one system only. `unix_files.ts` holds all that they share. One record each in `linux.ts`, `darwin.ts` and `freebsd.ts`.
 */
import type { Stat } from "./files.ts";
import type { DirectoryList } from "./_dirent.ts";

/** Bytes on their way through FFI, which takes no shared memory. */
export type CallBytes = Uint8Array<ArrayBuffer>;

/**
 * Functions that all of them have by the same name, with arguments that all pass alike (System V psABI, AAPCS64). Sizes that
 * come back are `i32`, because a call never moves more than 2 GiB and 64-bit results would make a BigInt per call. openat is
 * not among them: it is variadic, and Apple passes variadic arguments elsewhere.
 */
export const UNIX_SYMBOLS = {
  close: { parameters: ["i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  pread: { parameters: ["i32", "buffer", "usize", "i64"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  lseek: { parameters: ["i32", "i64", "i32"], result: "i64" },
  ftruncate: { parameters: ["i32", "i64"], result: "i32" },
  fsync: { parameters: ["i32"], result: "i32" },
  readlinkat: { parameters: ["i32", "buffer", "buffer", "usize"], result: "i32" },
  mkdirat: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  unlinkat: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  renameat: { parameters: ["i32", "buffer", "i32", "buffer"], result: "i32" },
  linkat: { parameters: ["i32", "buffer", "i32", "buffer", "i32"], result: "i32" },
  symlinkat: { parameters: ["buffer", "i32", "buffer"], result: "i32" },
  fchmodat: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  fchownat: { parameters: ["i32", "buffer", "u32", "u32", "i32"], result: "i32" },
  fchmod: { parameters: ["i32", "u32"], result: "i32" },
  fchown: { parameters: ["i32", "u32", "u32"], result: "i32" },
  futimens: { parameters: ["i32", "buffer"], result: "i32" },
  utimensat: { parameters: ["i32", "buffer", "buffer", "i32"], result: "i32" },
} as const;

export type UnixSymbols = Deno.DynamicLibrary<typeof UNIX_SYMBOLS>["symbols"];

/** Values of <fcntl.h> and <unistd.h>; 0 where the system has no such flag. O_RDONLY, O_WRONLY and O_RDWR are 0, 1, 2 everywhere. */
export interface UnixFlags {
  readonly O_APPEND: number;
  readonly O_CLOEXEC: number;
  readonly O_CREAT: number;
  readonly O_DIRECTORY: number;
  readonly O_EXCL: number;
  readonly O_NOATIME: number;
  readonly O_NOCTTY: number;
  readonly O_NOFOLLOW: number;
  readonly O_NONBLOCK: number;
  readonly O_TRUNC: number;
  /** How a folder is opened that is only passed through: needs the right to search it where possible, not to read it. */
  readonly O_PASS: number;
  readonly AT_FDCWD: number;
  readonly AT_REMOVEDIR: number;
  readonly AT_SYMLINK_NOFOLLOW: number;
  readonly SEEK_DATA: number;
  readonly SEEK_HOLE: number;
}

export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const SEEK_SET = 0;
export const SEEK_CUR = 1;
export const SEEK_END = 2;

/** Functions answer as those of C do: below zero after a failure, whose number {@link errno} tells. */
export interface UnixSystem {
  readonly c: UnixSymbols;
  readonly flags: UnixFlags;
  /** Longest path of one call, with its zero byte. */
  readonly pathMax: number;
  /** Bytes of what `statAt` and `fstat` fill. */
  readonly statSize: number;
  /** Number of the last failure of this thread. */
  errno(): number;
  /** Its symbol; ENOTSUP and EOPNOTSUPP are both ENOTSUP. */
  errnoSymbol(errno: number): string;
  openat(dir: number, path: CallBytes, flags: number, mode: number): number;
  /** `flags`: 0 or AT_SYMLINK_NOFOLLOW. */
  statAt(dir: number, path: CallBytes, flags: number, into: CallBytes): number;
  fstat(fd: number, into: CallBytes): number;
  decodeStat(view: DataView): Stat;
  /** An empty list for what {@link fillList} brings. */
  newList(): DirectoryList;
  /** Adds all names of an open folder, from its start. */
  fillList(fd: number, list: DirectoryList): number;
  /** Makes data and size of a file durable. */
  sync(fd: number): number;
  /** Makes the names in an open folder durable. */
  syncFolder(fd: number): number;
  /** Advice only. */
  dropCache(fd: number, offset: number, length: number): void;
  isCached(fd: number, size: number): boolean | null;
  mkfifo(dir: number, path: CallBytes, mode: number): number;
  mknod(dir: number, path: CallBytes, mode: number, rdev: number): number;
  /** Bytes free for an unprivileged user; `path` is relative to the current folder. */
  freeSpace(path: CallBytes): number;
}

/** A 64-bit count as a number; exact up to 2^53. */
export function u64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x100000000;
}

/** Nanoseconds of a struct timespec with 64-bit seconds, as all 64-bit Unixes have it. */
export function timeNs(view: DataView, at: number): bigint {
  return view.getBigInt64(at, true) * 1_000_000_000n + BigInt(view.getUint32(at + 8, true));
}

/** Fills a struct timespec: seconds (rounded down, so that nanoseconds are never negative), nanoseconds. */
export function setTimespec(view: DataView, at: number, ns: bigint): void {
  let seconds = ns / 1_000_000_000n;
  let rest = ns % 1_000_000_000n;
  if (rest < 0n) {
    seconds -= 1n;
    rest += 1_000_000_000n;
  }
  view.setBigInt64(at, seconds, true);
  view.setBigInt64(at + 8, rest, true);
}
