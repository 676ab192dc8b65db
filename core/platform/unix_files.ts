/**
 * {@link Files} for every Unix by FFI to its C library: one system call per method, nanosecond times, names of any bytes,
 * paths of any length (cut into folders that are opened one after the other where PATH_MAX does not suffice). Buffers for
 * paths, stat and times are kept and reused, so that a walk over millions of files leaves nothing behind but its results. One
 * instance per thread. What differs between the systems comes from a {@link UnixSystem}.
 */
import { EINVAL, EPERM, EROFS, osError } from "./_errno.ts";
import { openPoll, type Poll } from "./_poll.ts";
import { cutLongPath, PathBuffer } from "./_path_buffer.ts";
import { UnixDescriptors } from "./_unix_descriptors.ts";
import { type CallBytes, O_RDONLY, O_RDWR, O_WRONLY, type UnixSystem } from "./_unix_system.ts";
import { makeFolders, readWhole, type WriteFileOptions, writeWhole } from "./_whole_file.ts";
import { decodeText, encodeText } from "../bytes/mod.ts";
import { OsError } from "../errors.ts";
import type { Files, FilesAt, OpenOptions, ReadDirOptions, Stat } from "./files.ts";

export class UnixFiles extends UnixDescriptors implements Files, FilesAt {
  readonly at: FilesAt = this;
  readonly #path: PathBuffer;
  readonly #path2: PathBuffer;
  readonly #cwd: number;

  constructor(system: UnixSystem) {
    super(system);
    this.#path = new PathBuffer(system.pathMax);
    this.#path2 = new PathBuffer(system.pathMax);
    this.#cwd = system.flags.AT_FDCWD;
  }

  get poll(): Poll | undefined {
    return openPoll() ?? undefined;
  }

  /**
   * Puts `path` into `buffer` and answers the folder that it is relative to: `base`, or for a path over PATH_MAX a
   * descriptor of its own, that {@link #leave} must be given.
   */
  #enter(path: string, buffer: PathBuffer, base: number): number {
    if (buffer.set(path)) return base;
    const cut = cutLongPath(path, this.system.pathMax);
    if (cut === null) throw osError("ENAMETOOLONG", "path", path);
    const { O_PASS, O_CLOEXEC, O_DIRECTORY } = this.system.flags;
    let dir = base;
    for (const folder of cut.folders) {
      buffer.set(folder);
      let next;
      do next = this.system.openat(dir, buffer.bytes, O_PASS | O_CLOEXEC | O_DIRECTORY, 0); while (
        next < 0 && this.interrupted()
      );
      this.#leave(dir, base);
      if (next < 0) throw this.error("open", path);
      dir = next;
    }
    buffer.set(cut.last);
    return dir;
  }

  #leave(dir: number, base: number): void {
    if (dir !== base) this.c.close(dir);
  }

  /** The common frame of calls on one path. */
  #onPath(syscall: string, path: string, call: (dir: number, bytes: CallBytes) => number): number {
    const dir = this.#enter(path, this.#path, this.#cwd);
    let result;
    do result = call(dir, this.#path.bytes); while (result < 0 && this.interrupted());
    this.#leave(dir, this.#cwd);
    if (result < 0) throw this.error(syscall, path);
    return result;
  }

  // The calls that are made for every file avoid the closure of #onPath.
  #stat(base: number, path: string, flags: number): Stat {
    const dir = this.#enter(path, this.#path, base);
    let result;
    do result = this.system.statAt(dir, this.#path.bytes, flags, this.statBytes); while (
      result < 0 && this.interrupted()
    );
    if (dir !== base) this.c.close(dir);
    if (result < 0) throw this.error("stat", path);
    return this.system.decodeStat(this.statView);
  }

  lstat(path: string): Stat {
    return this.#stat(this.#cwd, path, this.system.flags.AT_SYMLINK_NOFOLLOW);
  }

  lstatAt(dir: number, name: string): Stat {
    return this.#stat(dir, name, this.system.flags.AT_SYMLINK_NOFOLLOW);
  }

  stat(path: string): Stat {
    return this.#stat(this.#cwd, path, 0);
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
    const { O_DIRECTORY, O_NOFOLLOW, O_CLOEXEC } = this.system.flags;
    const flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (options.noFollow ? O_NOFOLLOW : 0);
    const fd = this.#open(this.#cwd, path, flags, 0, options.noAtime === true);
    try {
      return this.#list(fd, path, options.byInode === true);
    } finally {
      this.c.close(fd);
    }
  }

  openFolder(dir: number | null, name: string): number {
    const { O_DIRECTORY, O_NOFOLLOW, O_CLOEXEC } = this.system.flags;
    return this.#open(dir ?? this.#cwd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0, true);
  }

  listFolder(fd: number): string[] {
    return this.#list(fd, `descriptor ${fd}`, true);
  }

  #list(fd: number, path: string, byInode: boolean): string[] {
    const list = this.system.newList();
    if (this.system.fillList(fd, list) < 0) {
      this.interrupted();
      throw this.error("readdir", path);
    }
    return byInode ? list.byInode() : list.names;
  }

  readLink(path: string): string {
    return this.#readLink(this.#cwd, path);
  }

  readLinkAt(dir: number, name: string): string {
    return this.#readLink(dir, name);
  }

  #readLink(base: number, path: string): string {
    const target = new Uint8Array(this.system.pathMax);
    const dir = this.#enter(path, this.#path, base);
    let length;
    do length = this.c.readlinkat(dir, this.#path.bytes, target, BigInt(target.length)); while (
      length < 0 && this.interrupted()
    );
    this.#leave(dir, base);
    if (length < 0) throw this.error("readlink", path);
    return decodeText(target.subarray(0, length));
  }

  open(path: string, options: OpenOptions = {}): number {
    return this.#open(this.#cwd, path, this.#flags(options), options.mode ?? 0o666, options.noAtime === true);
  }

  openAt(dir: number, name: string, options: OpenOptions = {}): number {
    return this.#open(dir, name, this.#flags(options), options.mode ?? 0o666, options.noAtime === true);
  }

  #flags(options: OpenOptions): number {
    const f = this.system.flags;
    let flags = f.O_CLOEXEC | f.O_NOCTTY;
    flags |= options.write || options.append ? (options.read ? O_RDWR : O_WRONLY) : O_RDONLY;
    if (options.create) flags |= f.O_CREAT;
    if (options.exclusive) flags |= f.O_CREAT | f.O_EXCL;
    if (options.truncate) flags |= f.O_TRUNC;
    if (options.append) flags |= f.O_APPEND;
    if (options.noFollow) flags |= f.O_NOFOLLOW;
    if (options.nonBlock) flags |= f.O_NONBLOCK;
    return flags;
  }

  #open(base: number, path: string, flags: number, mode: number, noAtime: boolean): number {
    const { O_NOATIME, O_NOFOLLOW } = this.system.flags;
    const dir = this.#enter(path, this.#path, base);
    const bytes = this.#path.bytes;
    let fd;
    do fd = this.system.openat(dir, bytes, noAtime ? flags | O_NOATIME : flags, mode); while (
      fd < 0 && this.interrupted()
    );
    if (fd < 0 && noAtime && (this.errno === EPERM || this.errno === EROFS)) {
      // Only the owner and root may leave the access time alone (open(2)); snapshots under WSL 1 say EROFS to it.
      do fd = this.system.openat(dir, bytes, flags, mode); while (fd < 0 && this.interrupted());
    }
    if (fd >= 0) {
      if (dir !== base) this.c.close(dir);
      return fd;
    }
    const symbol = this.symbol();
    if (dir !== base) this.c.close(dir);
    // FreeBSD's word for a symbolic link that is not to be followed.
    throw osError(symbol === "EMLINK" && (flags & O_NOFOLLOW) !== 0 ? "ELOOP" : symbol, "open", path);
  }

  syncDir(path: string): void {
    const { O_DIRECTORY, O_CLOEXEC } = this.system.flags;
    const fd = this.#open(this.#cwd, path, O_RDONLY | O_CLOEXEC | O_DIRECTORY, 0, false);
    try {
      while (this.system.syncFolder(fd) < 0) {
        if (this.interrupted()) continue;
        // Some network file systems have no such thing. EINVAL is 22 on every Unix.
        if (this.errno === EINVAL) return;
        throw this.error("sync", path);
      }
    } finally {
      this.c.close(fd);
    }
  }

  readFile(path: string): Uint8Array {
    return readWhole(this, path);
  }

  writeFile(path: string, data: Uint8Array, options: WriteFileOptions = {}): void {
    writeWhole(this, path, data, options);
  }

  mkdir(path: string, mode = 0o777): void {
    this.#onPath("mkdir", path, (dir, bytes) => this.c.mkdirat(dir, bytes, mode));
  }

  mkdirAll(path: string, mode = 0o777): void {
    makeFolders(this, path, mode);
  }

  rmdir(path: string): void {
    const { AT_REMOVEDIR } = this.system.flags;
    this.#onPath("rmdir", path, (dir, bytes) => this.c.unlinkat(dir, bytes, AT_REMOVEDIR));
  }

  unlink(path: string): void {
    this.#onPath("unlink", path, (dir, bytes) => this.c.unlinkat(dir, bytes, 0));
  }

  rename(from: string, to: string): void {
    this.#onTwo("rename", from, to, (a, b) => this.c.renameat(a, this.#path.bytes, b, this.#path2.bytes));
  }

  link(existing: string, path: string): void {
    const call = (a: number, b: number): number =>
      this.c.linkat(a, this.#path.bytes, b, this.#path2.bytes, 0);
    this.#onTwo("link", existing, path, call);
  }

  #onTwo(syscall: string, one: string, two: string, call: (a: number, b: number) => number): void {
    const a = this.#enter(one, this.#path, this.#cwd);
    try {
      const b = this.#enter(two, this.#path2, this.#cwd);
      let result;
      do result = call(a, b); while (result < 0 && this.interrupted());
      this.#leave(b, this.#cwd);
      if (result < 0) throw this.error(syscall, two);
    } finally {
      this.#leave(a, this.#cwd);
    }
  }

  symlink(target: string, path: string): void {
    if (target.includes("\0")) throw osError("EINVAL", "symlink", path);
    const bytes = encodeText(`${target}\0`) as CallBytes;
    this.#onPath("symlink", path, (dir, name) => this.c.symlinkat(bytes, dir, name));
  }

  mkfifo(path: string, mode: number): void {
    this.#onPath("mkfifo", path, (dir, bytes) => this.system.mkfifo(dir, bytes, mode));
  }

  mknod(path: string, mode: number, rdev: number): void {
    this.#onPath("mknod", path, (dir, bytes) => this.system.mknod(dir, bytes, mode, rdev));
  }

  chmod(path: string, mode: number): void {
    this.#onPath("chmod", path, (dir, bytes) => this.c.fchmodat(dir, bytes, mode & 0o7777, 0));
  }

  lchown(path: string, uid: number, gid: number): void {
    const { AT_SYMLINK_NOFOLLOW } = this.system.flags;
    this.#onPath(
      "chown",
      path,
      (dir, bytes) => this.c.fchownat(dir, bytes, uid >>> 0, gid >>> 0, AT_SYMLINK_NOFOLLOW),
    );
  }

  utimes(path: string, atimeNs: bigint, mtimeNs: bigint): void {
    const { AT_SYMLINK_NOFOLLOW } = this.system.flags;
    this.setTimes(atimeNs, mtimeNs);
    this.#onPath(
      "utimes",
      path,
      (dir, bytes) => this.c.utimensat(dir, bytes, this.times, AT_SYMLINK_NOFOLLOW),
    );
  }

  freeSpace(path: string): number {
    let free = 0;
    this.#onPath("statvfs", path, (dir, bytes) => {
      // The call has no form for a path below an open folder.
      if (dir !== this.#cwd) throw osError("ENAMETOOLONG", "statvfs", path);
      free = this.system.freeSpace(bytes);
      return free;
    });
    return free;
  }
}
