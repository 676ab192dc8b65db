/**
 * FreeBSD's record of a {@link UnixSystem}, for 12 and later (64-bit inode numbers) on x86-64 and arm64. Values from its
 * sys/sys/{fcntl,stat,dirent,statvfs}.h. Never run on FreeBSD by this project's tests: those decode structs laid out by the
 * headers.
 *
 *     stat    0 dev(8) 8 ino(8) 16 nlink(8) 24 mode(2) 26 pad(2) 28 uid(4) 32 gid(4) 36 pad(4) 40 rdev(8) 48 atime 64 mtime
 *             80 ctime 96 birth time, each sec(i64) nsec(8); 112 size(8) 120 blocks(8) 128 blksize(4) 132 flags(4) to 224
 *     statvfs 0 bavail(8) 8 bfree(8) 16 blocks(8) 24 favail(8) 32 ffree(8) 40 files(8) 48 bsize(8) 56 flag(8) 64 frsize(8) to 88
 */
import { DirectoryList, FREEBSD_DIRENT } from "./_dirent.ts";
import { EINTR, errnoSymbol } from "./_errno.ts";
import { timeNs, u64, UNIX_SYMBOLS, type UnixFlags, type UnixSystem } from "./_unix_system.ts";
import { UnixFiles } from "./unix_files.ts";
import type { Stat } from "./files.ts";

export const FREEBSD_FLAGS: UnixFlags = {
  O_NONBLOCK: 0x4,
  O_APPEND: 0x8,
  O_NOFOLLOW: 0x100,
  O_CREAT: 0x200,
  O_TRUNC: 0x400,
  O_EXCL: 0x800,
  O_NOCTTY: 0x8000,
  O_DIRECTORY: 0x20000,
  O_CLOEXEC: 0x100000,
  O_NOATIME: 0,
  // O_SEARCH
  O_PASS: 0x40000,
  AT_FDCWD: -100,
  AT_SYMLINK_NOFOLLOW: 0x200,
  AT_REMOVEDIR: 0x800,
  // sys/unistd.h
  SEEK_DATA: 3,
  SEEK_HOLE: 4,
};

const PATH_MAX = 1024;
export const FREEBSD_STAT_SIZE = 224;
const STATVFS_SIZE = 88;
const LIST_SIZE = 128 * 1024;
const POSIX_FADV_DONTNEED = 4;

/** Stat of a filled struct stat. */
export function decodeFreebsdStat(view: DataView): Stat {
  // -1 second where the file system tells none.
  const birthtimeNs = timeNs(view, 96);
  return {
    mode: view.getUint16(24, true),
    dev: u64(view, 0),
    ino: view.getBigUint64(8, true),
    nlink: u64(view, 16),
    uid: view.getUint32(28, true),
    gid: view.getUint32(32, true),
    rdev: u64(view, 40),
    size: u64(view, 112),
    blocks: u64(view, 120),
    mtimeNs: timeNs(view, 64),
    atimeNs: timeNs(view, 48),
    ctimeNs: timeNs(view, 80),
    birthtimeNs: birthtimeNs > 0n ? birthtimeNs : null,
    flags: view.getUint32(132, true),
  };
}

/** Free bytes of a filled struct statvfs. */
export function freebsdFreeSpace(view: DataView): number {
  return u64(view, 0) * u64(view, 64);
}

const SYMBOLS = {
  ...UNIX_SYMBOLS,
  __error: { parameters: [], result: "pointer" },
  openat: { parameters: ["i32", "buffer", "i32", "u32"], result: "i32" },
  fstatat: { parameters: ["i32", "buffer", "buffer", "i32"], result: "i32" },
  fstat: { parameters: ["i32", "buffer"], result: "i32" },
  fdatasync: { parameters: ["i32"], result: "i32" },
  posix_fadvise: { parameters: ["i32", "i64", "i64", "i32"], result: "i32" },
  getdirentries: { parameters: ["i32", "buffer", "usize", "buffer"], result: "i32" },
  mkfifoat: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  mknodat: { parameters: ["i32", "buffer", "u32", "u64"], result: "i32" },
  statvfs: { parameters: ["buffer", "buffer"], result: "i32" },
} as const;

function freebsdSystem(deno: typeof Deno): UnixSystem {
  const { symbols: c } = deno.dlopen("libc.so.7", SYMBOLS);
  const errno = (): number => {
    const at = c.__error();
    return at === null ? 0 : new deno.UnsafePointerView(at).getInt32();
  };
  const listBytes = new Uint8Array(LIST_SIZE);
  const position = new Uint8Array(8);
  const statvfs = new Uint8Array(STATVFS_SIZE);
  return {
    c,
    flags: FREEBSD_FLAGS,
    pathMax: PATH_MAX,
    statSize: FREEBSD_STAT_SIZE,
    errno,
    errnoSymbol: (number) => errnoSymbol(number, "freebsd"),
    openat: (dir, path, flags, mode) => c.openat(dir, path, flags, mode),
    statAt: (dir, path, flags, into) => c.fstatat(dir, path, into, flags),
    fstat: (fd, into) => c.fstat(fd, into),
    decodeStat: decodeFreebsdStat,
    newList: () => new DirectoryList(FREEBSD_DIRENT),
    fillList(fd, list) {
      for (;;) {
        const length = c.getdirentries(fd, listBytes, BigInt(LIST_SIZE), position);
        if (length > 0) list.add(listBytes, length);
        else if (length === 0 || errno() !== EINTR) return length;
      }
    },
    sync: (fd) => c.fdatasync(fd),
    syncFolder: (fd) => c.fsync(fd),
    dropCache(fd, offset, length) {
      c.posix_fadvise(fd, BigInt(offset), BigInt(length), POSIX_FADV_DONTNEED);
    },
    isCached: () => null,
    mkfifo: (dir, path, mode) => c.mkfifoat(dir, path, mode),
    mknod: (dir, path, mode, rdev) => c.mknodat(dir, path, mode, BigInt(rdev)),
    freeSpace: (path) => c.statvfs(path, statvfs) < 0 ? -1 : freebsdFreeSpace(new DataView(statvfs.buffer)),
  };
}

export class FreebsdFiles extends UnixFiles {
  /** Throws TypeError where there is no such library, or FFI is not permitted. */
  constructor() {
    const deno = (globalThis as { Deno?: typeof Deno }).Deno;
    if (deno === undefined || deno.build.os !== "freebsd") {
      throw new TypeError("Cannot use the C library: not FreeBSD");
    }
    super(freebsdSystem(deno));
  }
}
