/**
 * {@link Files} for Linux by FFI to its C library: one system call per method, nanosecond times, names of any bytes, paths
 * of any length (cut into folders opened with O_PATH where PATH_MAX does not suffice). Calls that a signal interrupted are
 * repeated, short writes are continued. Buffers for paths, stat and lists of names are kept and reused, so that a walk over
 * millions of files leaves nothing behind but its results. One instance per thread.
 */
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_NOFOLLOW,
  type Libc,
  type LibcSymbols,
  O_APPEND,
  O_CLOEXEC,
  O_CREAT,
  O_EXCL,
  O_NOATIME,
  O_NOCTTY,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  openLibc,
  POSIX_FADV_DONTNEED,
  SEEK_END,
  SYS_cachestat,
} from "./_libc.ts";
import { EINTR, EINVAL, EPERM, errnoSymbol, osError } from "./_errno.ts";
import { cutLongPath, PATH_MAX, PathBuffer } from "./_path_buffer.ts";
import { decodeStatx, DirectoryList, STATX_MASK, STATX_SIZE } from "./_statx.ts";
import { makeFolders, readWhole, type WriteFileOptions, writeWhole } from "./_whole_file.ts";
import { decodeText, encodeText } from "../bytes/mod.ts";
import { OsError } from "../errors.ts";
import type { Files, OpenOptions, ReadDirOptions, Stat } from "./files.ts";

/** Bytes of one getdents64 call: some thousand names. */
const LIST_SIZE = 128 * 1024;
// FFI takes 64-bit arguments as BigInt.
const PATH_MAX_64 = BigInt(PATH_MAX);
/** Largest count of one read or write: Linux moves no more at once (read(2), MAX_RW_COUNT). */
const MAX_COUNT = 0x7ffff000;
/** sizeof(struct statvfs) on 64-bit glibc and musl; f_frsize lies at 8, f_bavail at 32. */
const STATVFS_SIZE = 112;
const EMPTY = new Uint8Array(1);
/** struct cachestat_range: offset and length, where a length of 0 means up to the end (linux/mman.h). */
const WHOLE_FILE = new Uint8Array(16);
/** struct cachestat: five 64-bit counts of pages, the first those in the cache. */
const CACHESTAT_SIZE = 40;
/** Smallest page of both architectures; larger ones only make fewer files count as cached. */
const PAGE_SIZE = 4096;

export class LinuxFiles implements Files {
  readonly #libc: Libc;
  readonly #c: LibcSymbols;
  readonly #path = new PathBuffer();
  readonly #path2 = new PathBuffer();
  readonly #stat = new Uint8Array(STATX_SIZE);
  readonly #statView = new DataView(this.#stat.buffer);
  readonly #list = new Uint8Array(LIST_SIZE);
  readonly #times = new Uint8Array(32);
  readonly #timesView = new DataView(this.#times.buffer);
  readonly #cached = new Uint8Array(CACHESTAT_SIZE);
  readonly #cachedView = new DataView(this.#cached.buffer);
  #hasCachestat = true;
  #errno = 0;

  /** Throws TypeError where {@link openLibc} finds nothing. */
  constructor() {
    const libc = openLibc();
    if (libc === null) throw new TypeError("Cannot use the C library: not Linux, or FFI is not permitted");
    this.#libc = libc;
    this.#c = libc.symbols;
  }

  /** After a failed call: notes its number, true where the call is to be repeated. */
  #interrupted(): boolean {
    this.#errno = this.#libc.errno();
    return this.#errno === EINTR;
  }

  #error(syscall: string, path: string): OsError {
    return osError(errnoSymbol(this.#errno), syscall, path);
  }

  /**
   * Puts `path` into `buffer` and answers the folder that it is relative to: AT_FDCWD, or for a path over PATH_MAX a
   * descriptor that {@link #leave} must be given.
   */
  #enter(path: string, buffer: PathBuffer): number {
    if (buffer.set(path)) return AT_FDCWD;
    const cut = cutLongPath(path);
    if (cut === null) throw osError("ENAMETOOLONG", "path", path);
    let dir = AT_FDCWD;
    for (const folder of cut.folders) {
      buffer.set(folder);
      const flags = O_PATH | O_CLOEXEC | this.#libc.abi.O_DIRECTORY;
      let next;
      do next = this.#c.openat(dir, buffer.bytes, flags, 0); while (next < 0 && this.#interrupted());
      this.#leave(dir);
      if (next < 0) throw this.#error("open", path);
      dir = next;
    }
    buffer.set(cut.last);
    return dir;
  }

  #leave(dir: number): void {
    if (dir !== AT_FDCWD) this.#c.close(dir);
  }

  /** The common frame of calls on one path. */
  #onPath(
    syscall: string,
    path: string,
    call: (dir: number, bytes: Uint8Array<ArrayBuffer>) => number,
  ): number {
    const dir = this.#enter(path, this.#path);
    let result;
    do result = call(dir, this.#path.bytes); while (result < 0 && this.#interrupted());
    this.#leave(dir);
    if (result < 0) throw this.#error(syscall, path);
    return result;
  }

  // The two calls that are made for every file avoid the closure of #onPath.
  #statx(path: string, flags: number): Stat {
    const dir = this.#enter(path, this.#path);
    let result;
    do result = this.#c.statx(dir, this.#path.bytes, flags, STATX_MASK, this.#stat); while (
      result < 0 && this.#interrupted()
    );
    if (dir !== AT_FDCWD) this.#c.close(dir);
    if (result < 0) throw this.#error("stat", path);
    return decodeStatx(this.#statView);
  }

  lstat(path: string): Stat {
    return this.#statx(path, AT_SYMLINK_NOFOLLOW);
  }

  stat(path: string): Stat {
    return this.#statx(path, 0);
  }

  fstat(fd: number): Stat {
    let result;
    do result = this.#c.statx(fd, EMPTY, AT_EMPTY_PATH, STATX_MASK, this.#stat); while (
      result < 0 && this.#interrupted()
    );
    if (result < 0) throw this.#error("fstat", `descriptor ${fd}`);
    return decodeStatx(this.#statView);
  }

  exists(path: string): boolean {
    try {
      this.stat(path);
      return true;
    } catch (error) {
      if (error instanceof OsError) return false;
      throw error;
    }
  }

  readDir(path: string, options: ReadDirOptions = {}): string[] {
    const { O_DIRECTORY, O_NOFOLLOW, SYS_getdents64 } = this.#libc.abi;
    const flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (options.noFollow ? O_NOFOLLOW : 0);
    const fd = this.#openAt(path, flags, 0, options.noAtime === true);
    try {
      const list = new DirectoryList();
      for (;;) {
        let length;
        do length = this.#c.getdents64(SYS_getdents64, fd, this.#list, LIST_SIZE); while (
          length < 0 && this.#interrupted()
        );
        if (length < 0) throw this.#error("readdir", path);
        if (length === 0) return options.byInode ? list.byInode() : list.names;
        list.add(this.#list, length);
      }
    } finally {
      this.#c.close(fd);
    }
  }

  readLink(path: string): string {
    const target = new Uint8Array(PATH_MAX);
    const length = this.#onPath(
      "readlink",
      path,
      (dir, bytes) => this.#c.readlinkat(dir, bytes, target, PATH_MAX_64),
    );
    return decodeText(target.subarray(0, length));
  }

  open(path: string, options: OpenOptions = {}): number {
    const { O_NOFOLLOW } = this.#libc.abi;
    let flags = O_CLOEXEC | O_NOCTTY;
    flags |= options.write || options.append ? (options.read ? O_RDWR : O_WRONLY) : O_RDONLY;
    if (options.create) flags |= O_CREAT;
    if (options.exclusive) flags |= O_CREAT | O_EXCL;
    if (options.truncate) flags |= O_TRUNC;
    if (options.append) flags |= O_APPEND;
    if (options.noFollow) flags |= O_NOFOLLOW;
    if (options.nonBlock) flags |= O_NONBLOCK;
    return this.#openAt(path, flags, options.mode ?? 0o666, options.noAtime === true);
  }

  #openAt(path: string, flags: number, mode: number, noAtime: boolean): number {
    const dir = this.#enter(path, this.#path);
    const bytes = this.#path.bytes;
    let fd;
    do fd = this.#c.openat(dir, bytes, noAtime ? flags | O_NOATIME : flags, mode); while (
      fd < 0 && this.#interrupted()
    );
    if (fd < 0 && noAtime && this.#errno === EPERM) {
      // Only the owner and root may leave the access time alone (open(2)).
      do fd = this.#c.openat(dir, bytes, flags, mode); while (fd < 0 && this.#interrupted());
    }
    if (dir !== AT_FDCWD) this.#c.close(dir);
    if (fd < 0) throw this.#error("open", path);
    return fd;
  }

  close(fd: number): void {
    // Linux has freed the descriptor even where it says EINTR: repeating would close somebody else's.
    if (this.#c.close(fd) < 0 && !this.#interrupted()) throw this.#error("close", `descriptor ${fd}`);
  }

  read(fd: number, into: Uint8Array): number {
    const buffer = into as Uint8Array<ArrayBuffer>;
    if (into.length === 0) return 0;
    let got;
    do got = this.#c.read(fd, buffer, BigInt(Math.min(into.length, MAX_COUNT))); while (
      got < 0 && this.#interrupted()
    );
    if (got < 0) throw this.#error("read", `descriptor ${fd}`);
    return got;
  }

  pread(fd: number, into: Uint8Array, position: number): number {
    let done = 0;
    while (done < into.length) {
      const rest = (done === 0 ? into : into.subarray(done)) as Uint8Array<ArrayBuffer>;
      const got = this.#c.pread(fd, rest, BigInt(Math.min(rest.length, MAX_COUNT)), BigInt(position + done));
      if (got < 0) {
        if (this.#interrupted()) continue;
        throw this.#error("pread", `descriptor ${fd}`);
      }
      if (got === 0) break;
      done += got;
    }
    return done;
  }

  write(fd: number, data: Uint8Array): void {
    let done = 0;
    while (done < data.length) {
      const rest = (done === 0 ? data : data.subarray(done)) as Uint8Array<ArrayBuffer>;
      const put = this.#c.write(fd, rest, BigInt(Math.min(rest.length, MAX_COUNT)));
      if (put >= 0) done += put;
      else if (!this.#interrupted()) throw this.#error("write", `descriptor ${fd}`);
    }
  }

  seekEnd(fd: number): number {
    const position = Number(this.#c.lseek(fd, 0n, SEEK_END));
    if (position < 0) this.#failed("lseek", fd);
    return position;
  }

  truncate(fd: number, size: number): void {
    while (this.#c.ftruncate(fd, BigInt(size)) < 0) {
      if (!this.#interrupted()) throw this.#error("truncate", `descriptor ${fd}`);
    }
  }

  sync(fd: number): void {
    while (this.#c.fdatasync(fd) < 0) if (!this.#interrupted()) throw this.#error("sync", `descriptor ${fd}`);
  }

  #failed(syscall: string, fd: number): never {
    this.#interrupted();
    throw this.#error(syscall, `descriptor ${fd}`);
  }

  syncDir(path: string): void {
    const fd = this.#openAt(path, O_RDONLY | O_CLOEXEC | this.#libc.abi.O_DIRECTORY, 0, false);
    try {
      while (this.#c.fsync(fd) < 0) {
        if (this.#interrupted()) continue;
        // Some network file systems have no such thing.
        if (this.#errno === EINVAL) return;
        throw this.#error("sync", path);
      }
    } finally {
      this.#c.close(fd);
    }
  }

  dropCache(fd: number, offset: number, length: number): void {
    // Only advice: a refusal changes nothing.
    this.#c.posix_fadvise(fd, BigInt(offset), BigInt(length), POSIX_FADV_DONTNEED);
  }

  isCached(fd: number, size: number): boolean | null {
    if (!this.#hasCachestat) return null;
    if (this.#c.cachestat(SYS_cachestat, fd, WHOLE_FILE, this.#cached, 0) < 0) {
      this.#interrupted();
      // Files of others are not told of (EPERM); a kernel before 6.5 need not be asked again.
      if (errnoSymbol(this.#errno) === "ENOSYS") this.#hasCachestat = false;
      return null;
    }
    return Number(this.#cachedView.getBigUint64(0, true)) * PAGE_SIZE * 2 >= size;
  }

  readFile(path: string): Uint8Array {
    return readWhole(this, path);
  }

  writeFile(path: string, data: Uint8Array, options: WriteFileOptions = {}): void {
    writeWhole(this, path, data, options);
  }

  mkdir(path: string, mode = 0o777): void {
    this.#onPath("mkdir", path, (dir, bytes) => this.#c.mkdirat(dir, bytes, mode));
  }

  mkdirAll(path: string, mode = 0o777): void {
    makeFolders(this, path, mode);
  }

  rmdir(path: string): void {
    this.#onPath("rmdir", path, (dir, bytes) => this.#c.unlinkat(dir, bytes, AT_REMOVEDIR));
  }

  unlink(path: string): void {
    this.#onPath("unlink", path, (dir, bytes) => this.#c.unlinkat(dir, bytes, 0));
  }

  rename(from: string, to: string): void {
    this.#onTwo("rename", from, to, (a, b) => this.#c.renameat(a, this.#path.bytes, b, this.#path2.bytes));
  }

  link(existing: string, path: string): void {
    this.#onTwo(
      "link",
      existing,
      path,
      (a, b) => this.#c.linkat(a, this.#path.bytes, b, this.#path2.bytes, 0),
    );
  }

  #onTwo(syscall: string, one: string, two: string, call: (a: number, b: number) => number): void {
    const a = this.#enter(one, this.#path);
    try {
      const b = this.#enter(two, this.#path2);
      let result;
      do result = call(a, b); while (result < 0 && this.#interrupted());
      this.#leave(b);
      if (result < 0) throw this.#error(syscall, two);
    } finally {
      this.#leave(a);
    }
  }

  symlink(target: string, path: string): void {
    if (target.includes("\0")) throw osError("EINVAL", "symlink", path);
    const bytes = encodeText(`${target}\0`) as Uint8Array<ArrayBuffer>;
    this.#onPath("symlink", path, (dir, name) => this.#c.symlinkat(bytes, dir, name));
  }

  mkfifo(path: string, mode: number): void {
    this.#onPath("mkfifo", path, (dir, bytes) => this.#c.mkfifoat(dir, bytes, mode));
  }

  mknod(path: string, mode: number, rdev: number): void {
    this.#onPath("mknod", path, (dir, bytes) => this.#c.mknodat(dir, bytes, mode, BigInt(rdev)));
  }

  chmod(path: string, mode: number): void {
    this.#onPath("chmod", path, (dir, bytes) => this.#c.fchmodat(dir, bytes, mode & 0o7777, 0));
  }

  lchown(path: string, uid: number, gid: number): void {
    this.#onPath(
      "chown",
      path,
      (dir, bytes) => this.#c.fchownat(dir, bytes, uid >>> 0, gid >>> 0, AT_SYMLINK_NOFOLLOW),
    );
  }

  utimes(path: string, atimeNs: bigint, mtimeNs: bigint): void {
    setTimespec(this.#timesView, 0, atimeNs);
    setTimespec(this.#timesView, 16, mtimeNs);
    this.#onPath(
      "utimes",
      path,
      (dir, bytes) => this.#c.utimensat(dir, bytes, this.#times, AT_SYMLINK_NOFOLLOW),
    );
  }

  fchmod(fd: number, mode: number): void {
    if (this.#c.fchmod(fd, mode & 0o7777) < 0) this.#failed("chmod", fd);
  }

  fchown(fd: number, uid: number, gid: number): void {
    if (this.#c.fchown(fd, uid >>> 0, gid >>> 0) < 0) this.#failed("chown", fd);
  }

  futimes(fd: number, atimeNs: bigint, mtimeNs: bigint): void {
    setTimespec(this.#timesView, 0, atimeNs);
    setTimespec(this.#timesView, 16, mtimeNs);
    if (this.#c.futimens(fd, this.#times) < 0) this.#failed("utimes", fd);
  }

  freeSpace(path: string): number {
    const answer = new Uint8Array(STATVFS_SIZE);
    this.#onPath("statvfs", path, (_dir, bytes) => this.#c.statvfs(bytes, answer));
    const view = new DataView(answer.buffer);
    return Number(view.getBigUint64(8, true) * view.getBigUint64(32, true));
  }
}

/** struct timespec of a 64-bit Linux: seconds (rounded down, so that nanoseconds are never negative), nanoseconds. */
function setTimespec(view: DataView, at: number, ns: bigint): void {
  let seconds = ns / 1_000_000_000n;
  let rest = ns % 1_000_000_000n;
  if (rest < 0n) {
    seconds -= 1n;
    rest += 1_000_000_000n;
  }
  view.setBigInt64(at, seconds, true);
  view.setBigInt64(at + 8, rest, true);
}
