/**
 * {@link Files} from node:* modules alone: for systems that have no file of their own yet, for Node on any architecture,
 * and where FFI is not permitted. What those modules cannot do is stated here once:
 * - times are set to about a microsecond; under Deno they are read to the millisecond and not set before 1970;
 * - under Deno names that are not UTF-8 cannot be reached (under Node they can);
 * - under Deno before 2.9 FIFOs cannot be opened without waiting, so that is refused;
 * - FIFOs and device files are made by the programs mkfifo and mknod;
 * - the page cache is left alone, and birth times of zero count as unknown.
 */
import { Buffer } from "node:buffer";
import { spawnSync } from "node:child_process";
// The default export: older Denos forget some functions among the others.
import fs from "node:fs";
import { osError } from "./_errno.ts";
import { makeFolders, readWhole, type WriteFileOptions, writeWhole } from "./_whole_file.ts";
import { decodeText, encodeText } from "../bytes/mod.ts";
import { OsError } from "../errors.ts";
import {
  type Files,
  type OpenOptions,
  type ReadDirOptions,
  S_IFBLK,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  type Stat,
} from "./files.ts";

export type NodePath = string | Buffer;

const { constants } = fs;
/** Flags that a system may lack count as zero. */
const flag = (name: string): number => (constants as Record<string, number>)[name] ?? 0;
const O_NOATIME = flag("O_NOATIME");

/** Older Denos drop the flags that guard against links and FIFOs in the place of files. */
const IGNORES_FLAGS = isOldDeno((globalThis as { Deno?: { version: { deno: string } } }).Deno?.version.deno);

function isOldDeno(version: string | undefined): boolean {
  const [major, minor] = (version ?? "99.0").split(".").map(Number);
  return major! < 2 || (major === 2 && minor! < 9);
}

function toOsError(error: unknown, syscall: string, path: string): unknown {
  if (error instanceof OsError) return error;
  // What older Denos say of a descriptor that is not open.
  if ((error as { name?: unknown } | null)?.name === "BadResource") return osError("EBADF", syscall, path);
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code !== "string") return error;
  // A zero character in the path is all that node refuses by itself here.
  if (code === "ERR_INVALID_ARG_VALUE") return osError("EINVAL", syscall, path.replaceAll("\0", "\\0"));
  if (!/^E[A-Z0-9]+$/.test(code)) return error;
  return osError(code === "EOPNOTSUPP" ? "ENOTSUP" : code, syscall, path);
}

function toStat(stat: fs.BigIntStats): Stat {
  return {
    mode: Number(stat.mode),
    dev: Number(stat.dev),
    ino: stat.ino,
    nlink: Number(stat.nlink),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    rdev: Number(stat.rdev),
    size: Number(stat.size),
    blocks: Number(stat.blocks),
    mtimeNs: stat.mtimeNs,
    atimeNs: stat.atimeNs,
    ctimeNs: stat.ctimeNs,
    birthtimeNs: stat.birthtimeNs > 0n ? stat.birthtimeNs : null,
  };
}

/** Bytes, where the runtime gives them. */
function readNames(path: NodePath): (string | Uint8Array)[] {
  return IGNORES_FLAGS ? fs.readdirSync(path) : fs.readdirSync(path, { encoding: "buffer" });
}

export class PortableFiles implements Files {
  // node has no lseek, so positions in files that have one are kept here and each read and write names its own.
  readonly #positions = new Map<number, number>();

  /** A string where it is one for node too, else the bytes that the surrogate escapes stand for. */
  protected nodePath(path: string): NodePath {
    // Not every runtime refuses it by itself, and some cut the path short there.
    if (path.includes("\0")) throw osError("EINVAL", "path", path.replaceAll("\0", "\\0"));
    return path.isWellFormed() ? path : Buffer.from(encodeText(path));
  }

  #call<T>(syscall: string, path: string, call: () => T): T {
    for (;;) {
      try {
        return call();
      } catch (error) {
        const mapped = toOsError(error, syscall, path);
        if (!(mapped instanceof OsError && mapped.code === "EINTR")) throw mapped;
      }
    }
  }

  #onFd<T>(syscall: string, fd: number, call: () => T): T {
    return this.#call(syscall, `descriptor ${fd}`, call);
  }

  lstat(path: string): Stat {
    return toStat(this.#call("stat", path, () => fs.lstatSync(this.nodePath(path), { bigint: true })));
  }

  stat(path: string): Stat {
    return toStat(this.#call("stat", path, () => fs.statSync(this.nodePath(path), { bigint: true })));
  }

  fstat(fd: number): Stat {
    return toStat(this.#onFd("fstat", fd, () => fs.fstatSync(fd, { bigint: true })));
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
    if (options.noFollow && (this.lstat(path).mode & S_IFMT) === S_IFLNK) {
      throw osError("ENOTDIR", "open", path);
    }
    const raw = this.#call("readdir", path, () => readNames(this.nodePath(path)));
    const names = raw.map((name) => typeof name === "string" ? name : decodeText(name));
    return options.byInode ? this.#byInode(path, names) : names;
  }

  /** node does not tell the inode numbers that a folder lists: each name costs an lstat. */
  #byInode(path: string, names: string[]): string[] {
    const inodes = new Map<string, bigint>();
    const unreadable: string[] = [];
    for (const name of names) {
      try {
        inodes.set(name, this.lstat(path.endsWith("/") ? path + name : `${path}/${name}`).ino);
      } catch (error) {
        if (!(error instanceof OsError)) throw error;
        unreadable.push(name);
      }
    }
    const sorted = [...inodes].sort(([, a], [, b]) => (a < b ? -1 : a > b ? 1 : 0));
    return [...sorted.map(([name]) => name), ...unreadable.sort()];
  }

  readLink(path: string): string {
    return decodeText(
      this.#call("readlink", path, () => fs.readlinkSync(this.nodePath(path), { encoding: "buffer" })),
    );
  }

  open(path: string, options: OpenOptions = {}): number {
    let flags = options.write || options.append
      ? (options.read ? constants.O_RDWR : constants.O_WRONLY)
      : constants.O_RDONLY;
    if (options.create || options.exclusive) flags |= constants.O_CREAT;
    if (options.exclusive) flags |= constants.O_EXCL;
    if (options.truncate) flags |= constants.O_TRUNC;
    if (options.append) flags |= constants.O_APPEND;
    if (options.noFollow) flags |= flag("O_NOFOLLOW");
    if (options.nonBlock) flags |= flag("O_NONBLOCK");
    if (IGNORES_FLAGS) this.#refuseByStat(path, options);
    const fd = this.#openFlags(path, flags, options);
    const type = this.fstat(fd).mode & S_IFMT;
    if (type === S_IFREG || type === S_IFBLK) this.#positions.set(fd, 0);
    return fd;
  }

  /** What O_NOFOLLOW and O_NONBLOCK would do, short of what happens between this look and the open. */
  #refuseByStat(path: string, options: OpenOptions): void {
    if (!options.noFollow && !options.nonBlock) return;
    let type: number;
    try {
      type = (options.noFollow ? this.lstat(path) : this.stat(path)).mode & S_IFMT;
    } catch (error) {
      if (error instanceof OsError && error.code === "ENOENT") return;
      throw error;
    }
    if (options.noFollow && type === S_IFLNK) throw osError("ELOOP", "open", path);
    if (options.nonBlock && type === S_IFIFO) throw osError("ENXIO", "open", path);
  }

  #openFlags(path: string, flags: number, options: OpenOptions): number {
    const open = (extra: number) => fs.openSync(this.nodePath(path), flags | extra, options.mode ?? 0o666);
    if (options.noAtime && O_NOATIME !== 0) {
      try {
        return this.#call("open", path, () => open(O_NOATIME));
      } catch (error) {
        if (!(error instanceof OsError && (error.code === "EPERM" || error.code === "EROFS"))) throw error;
      }
    }
    return this.#call("open", path, () => open(0));
  }

  close(fd: number): void {
    this.#positions.delete(fd);
    this.#onFd("close", fd, () => fs.closeSync(fd));
  }

  read(fd: number, into: Uint8Array): number {
    if (into.length === 0) return 0;
    const position = this.#positions.get(fd) ?? null;
    const got = this.#onFd("read", fd, () => fs.readSync(fd, into, 0, into.length, position));
    if (position !== null) this.#positions.set(fd, position + got);
    return got;
  }

  pread(fd: number, into: Uint8Array, position: number): number {
    let done = 0;
    while (done < into.length) {
      const at = done;
      const got = this.#onFd(
        "pread",
        fd,
        () => fs.readSync(fd, into, at, into.length - at, position + at),
      );
      if (got === 0) break;
      done += got;
    }
    return done;
  }

  write(fd: number, data: Uint8Array): void {
    let done = 0;
    while (done < data.length) {
      const at = done;
      const position = this.#positions.get(fd) ?? null;
      const put = this.#onFd("write", fd, () => fs.writeSync(fd, data, at, data.length - at, position));
      if (position !== null) this.#positions.set(fd, position + put);
      done += put;
    }
  }

  seekEnd(fd: number): number {
    const size = this.fstat(fd).size;
    if (this.#positions.has(fd)) this.#positions.set(fd, size);
    return size;
  }

  truncate(fd: number, size: number): void {
    this.#onFd("truncate", fd, () => fs.ftruncateSync(fd, size));
  }

  /** node has no lseek. */
  dataMap(): null {
    return null;
  }

  sync(fd: number): void {
    this.#onFd("sync", fd, () => fs.fdatasyncSync(fd));
  }

  syncDir(path: string): void {
    let fd: number;
    try {
      fd = this.open(path);
    } catch (error) {
      // Windows cannot open folders.
      if (error instanceof OsError && (error.code === "EISDIR" || error.code === "EPERM")) return;
      throw error;
    }
    try {
      this.#call("sync", path, () => fs.fsyncSync(fd));
    } catch (error) {
      if (!(error instanceof OsError && (error.code === "EINVAL" || error.code === "EPERM"))) throw error;
    } finally {
      this.close(fd);
    }
  }

  dropCache(): void {}

  isCached(): null {
    return null;
  }

  readFile(path: string): Uint8Array {
    return readWhole(this, path);
  }

  writeFile(path: string, data: Uint8Array, options: WriteFileOptions = {}): void {
    writeWhole(this, path, data, options);
  }

  mkdir(path: string, mode = 0o777): void {
    this.#call("mkdir", path, () => fs.mkdirSync(this.nodePath(path), { mode }));
  }

  mkdirAll(path: string, mode = 0o777): void {
    makeFolders(this, path, mode);
  }

  rmdir(path: string): void {
    this.#call("rmdir", path, () => fs.rmdirSync(this.nodePath(path)));
  }

  unlink(path: string): void {
    this.#call("unlink", path, () => fs.unlinkSync(this.nodePath(path)));
  }

  rename(from: string, to: string): void {
    this.#call("rename", to, () => fs.renameSync(this.nodePath(from), this.nodePath(to)));
  }

  link(existing: string, path: string): void {
    this.#call("link", path, () => fs.linkSync(this.nodePath(existing), this.nodePath(path)));
  }

  symlink(target: string, path: string): void {
    this.#call("symlink", path, () => fs.symlinkSync(this.nodePath(target), this.nodePath(path)));
  }

  mkfifo(path: string, mode: number): void {
    this.#special("mkfifo", path, mode, []);
  }

  mknod(path: string, mode: number, rdev: number): void {
    const type = mode & S_IFMT;
    if (type === S_IFIFO) return this.mkfifo(path, mode);
    // The inverse of deviceNumber in _statx.ts.
    const major = Math.floor(rdev / 0x100) % 0x1000 + Math.floor(rdev / 0x100000000000) * 0x1000;
    const minor = rdev % 0x100 + Math.floor(rdev / 0x100000) % 0x1000000 * 0x100;
    this.#special("mknod", path, mode, [type === S_IFBLK ? "b" : "c", String(major), String(minor)]);
  }

  #special(program: string, path: string, mode: number, extra: string[]): void {
    let there = true;
    try {
      this.lstat(path);
    } catch (error) {
      if (!(error instanceof OsError && error.code === "ENOENT")) throw error;
      there = false;
    }
    if (there) throw osError("EEXIST", program, path);
    // An argument cannot carry bytes that are not UTF-8.
    if (!path.isWellFormed()) throw osError("ENOTSUP", program, path);
    const permissions = (mode & 0o7777).toString(8);
    const result = spawnSync(program, ["-m", permissions, "--", path, ...extra], { stdio: "ignore" });
    if (result.error) throw osError("ENOTSUP", program, path);
    if (result.status === 0) return;
    const parent = path.replace(/[^/]*\/*$/, "") || ".";
    throw osError(this.exists(parent) ? "EPERM" : "ENOENT", program, path);
  }

  chmod(path: string, mode: number): void {
    this.#call("chmod", path, () => fs.chmodSync(this.nodePath(path), mode & 0o7777));
  }

  lchown(path: string, uid: number, gid: number): void {
    this.#call("chown", path, () => fs.lchownSync(this.nodePath(path), uid, gid));
  }

  utimes(path: string, atimeNs: bigint, mtimeNs: bigint): void {
    this.#call(
      "utimes",
      path,
      () => fs.lutimesSync(this.nodePath(path), nodeTime(atimeNs), nodeTime(mtimeNs)),
    );
  }

  fchmod(fd: number, mode: number): void {
    this.#onFd("chmod", fd, () => fs.fchmodSync(fd, mode & 0o7777));
  }

  fchown(fd: number, uid: number, gid: number): void {
    this.#onFd("chown", fd, () => fs.fchownSync(fd, uid, gid));
  }

  futimes(fd: number, atimeNs: bigint, mtimeNs: bigint): void {
    this.#onFd("utimes", fd, () => fs.futimesSync(fd, nodeTime(atimeNs), nodeTime(mtimeNs)));
  }

  freeSpace(path: string): number {
    const answer = this.#call("statfs", path, () => fs.statfsSync(this.nodePath(path)));
    return answer.bavail * answer.bsize;
  }
}

/** Seconds for node, which takes a negative number for the present, but not a Date before 1970. */
function nodeTime(ns: bigint): number | Date {
  return ns < 0n ? new Date(Number(ns / 1_000_000n)) : Number(ns) / 1e9;
}
