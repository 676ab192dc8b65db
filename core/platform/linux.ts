/**
 * Linux's record of a {@link UnixSystem}, for x86-64 and arm64, glibc and musl: statx and getdents64, posix_fadvise and
 * cachestat for the page cache.
 */
import { DirectoryList, LINUX_DIRENT } from "./_dirent.ts";
import { EINTR, errnoSymbol } from "./_errno.ts";
import { AT_EMPTY_PATH, type Libc, openLibc, POSIX_FADV_DONTNEED, SYS_cachestat } from "./_libc.ts";
import { PATH_MAX } from "./_path_buffer.ts";
import { decodeStatx, STATX_MASK, STATX_SIZE } from "./_statx.ts";
import { u64, type UnixSystem } from "./_unix_system.ts";
import { UnixFiles } from "./unix_files.ts";

/** Bytes of one getdents64 call: some thousand names. */
const LIST_SIZE = 128 * 1024;
/** sizeof(struct statvfs) on 64-bit glibc and musl; f_frsize lies at 8, f_bavail at 32. */
const STATVFS_SIZE = 112;
const EMPTY = new Uint8Array(1);
/** struct cachestat_range: offset and length, where a length of 0 means up to the end (linux/mman.h). */
const WHOLE_FILE = new Uint8Array(16);
/** struct cachestat: five 64-bit counts of pages, the first those in the cache. */
const CACHESTAT_SIZE = 40;
/** Smallest page of both architectures; larger ones only make fewer files count as cached. */
const PAGE_SIZE = 4096;

export class LinuxFiles extends UnixFiles {
  /** Throws TypeError where {@link openLibc} finds nothing. */
  constructor() {
    const libc = openLibc();
    if (libc === null) throw new TypeError("Cannot use the C library: not Linux, or FFI is not permitted");
    super(linuxSystem(libc));
  }
}

/** Each has buffers of its own: one per thread. */
export function linuxSystem(libc: Libc): UnixSystem {
  const { symbols: c, abi } = libc;
  const listBytes = new Uint8Array(LIST_SIZE);
  const statvfs = new Uint8Array(STATVFS_SIZE);
  const statvfsView = new DataView(statvfs.buffer);
  return {
    c,
    flags: abi,
    pathMax: PATH_MAX,
    statSize: STATX_SIZE,
    errno: libc.errno,
    errnoSymbol: (errno) => errnoSymbol(errno, "linux"),
    openat: (dir, path, flags, mode) => c.openat(dir, path, flags, mode),
    statAt: (dir, path, flags, into) => c.statx(dir, path, flags, STATX_MASK, into),
    fstat: (fd, into) => c.statx(fd, EMPTY, AT_EMPTY_PATH, STATX_MASK, into),
    decodeStat: decodeStatx,
    newList: () => new DirectoryList(LINUX_DIRENT),
    fillList(fd, list) {
      for (;;) {
        const length = c.getdents64(abi.SYS_getdents64, fd, listBytes, LIST_SIZE);
        if (length > 0) list.add(listBytes, length);
        else if (length === 0 || libc.errno() !== EINTR) return length;
      }
    },
    sync: (fd) => c.fdatasync(fd),
    syncFolder: (fd) => c.fsync(fd),
    dropCache(fd, offset, length) {
      c.posix_fadvise(fd, BigInt(offset), BigInt(length), POSIX_FADV_DONTNEED);
    },
    isCached: cacheAsker(libc),
    mkfifo: (dir, path, mode) => c.mkfifoat(dir, path, mode),
    mknod: (dir, path, mode, rdev) => c.mknodat(dir, path, mode, BigInt(rdev)),
    freeSpace: (path) => c.statvfs(path, statvfs) < 0 ? -1 : u64(statvfsView, 8) * u64(statvfsView, 32),
  };
}

function cacheAsker(libc: Libc): (fd: number, size: number) => boolean | null {
  const { symbols: c } = libc;
  const answer = new Uint8Array(CACHESTAT_SIZE);
  const view = new DataView(answer.buffer);
  let known = true;
  return (fd, size) => {
    if (!known) return null;
    if (c.cachestat(SYS_cachestat, fd, WHOLE_FILE, answer, 0) < 0) {
      // Files of others are not told of (EPERM); a kernel before 6.5 need not be asked again.
      if (errnoSymbol(libc.errno()) === "ENOSYS") known = false;
      return null;
    }
    return u64(view, 0) * PAGE_SIZE * 2 >= size;
  };
}
