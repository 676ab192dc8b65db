/**
 * The calls of Files on open descriptors, for every Unix. Calls that a signal interrupted are repeated, short writes are
 * continued. What differs between the systems comes from a {@link UnixSystem}.
 */
import { readlinkSync } from "node:fs";
import { EINTR, osError } from "./_errno.ts";
import {
  type CallBytes,
  SEEK_CUR,
  SEEK_END,
  SEEK_SET,
  setTimespec,
  type UnixSymbols,
  type UnixSystem,
} from "./_unix_system.ts";
import type { OsError } from "../errors.ts";
import type { FileRange, Stat } from "./files.ts";

/** The file behind a descriptor, for messages: a number says nothing to a person. Only Linux tells. */
function nameOf(fd: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return `descriptor ${fd}`;
  }
}

/** Largest count of one read or write: Linux moves no more at once (read(2)), macOS refuses more than 2^31 - 1. */
const MAX_COUNT = 0x7ffff000;

export class UnixDescriptors {
  protected readonly system: UnixSystem;
  protected readonly c: UnixSymbols;
  protected readonly statBytes: CallBytes;
  protected readonly statView: DataView;
  /** Two struct timespec: access, modification. */
  protected readonly times = new Uint8Array(32);
  readonly #timesView = new DataView(this.times.buffer);
  /** Number of the last failure that {@link interrupted} noted; the runtime's own calls do not change it. */
  protected errno = 0;

  constructor(system: UnixSystem) {
    this.system = system;
    this.c = system.c;
    this.statBytes = new Uint8Array(system.statSize);
    this.statView = new DataView(this.statBytes.buffer);
  }

  /** After a failed call: notes its number, true where the call is to be repeated. */
  protected interrupted(): boolean {
    this.errno = this.system.errno();
    // 4 on every Unix.
    return this.errno === EINTR;
  }

  /** Symbol of the failure that {@link interrupted} noted. */
  protected symbol(): string {
    return this.system.errnoSymbol(this.errno);
  }

  protected error(syscall: string, path: string): OsError {
    return osError(this.symbol(), syscall, path);
  }

  #failed(syscall: string, fd: number): never {
    this.interrupted();
    throw this.error(syscall, nameOf(fd));
  }

  protected setTimes(atimeNs: bigint, mtimeNs: bigint): void {
    setTimespec(this.#timesView, 0, atimeNs);
    setTimespec(this.#timesView, 16, mtimeNs);
  }

  fstat(fd: number): Stat {
    let result;
    do result = this.system.fstat(fd, this.statBytes); while (result < 0 && this.interrupted());
    if (result < 0) throw this.error("fstat", nameOf(fd));
    return this.system.decodeStat(this.statView);
  }

  close(fd: number): void {
    // The descriptor is free even where the system says EINTR: repeating would close somebody else's.
    if (this.c.close(fd) < 0 && !this.interrupted()) throw this.error("close", nameOf(fd));
  }

  read(fd: number, into: Uint8Array): number {
    const buffer = into as CallBytes;
    if (into.length === 0) return 0;
    let got;
    do got = this.c.read(fd, buffer, BigInt(Math.min(into.length, MAX_COUNT))); while (
      got < 0 && this.interrupted()
    );
    if (got < 0) throw this.error("read", nameOf(fd));
    return got;
  }

  pread(fd: number, into: Uint8Array, position: number): number {
    let done = 0;
    while (done < into.length) {
      const rest = (done === 0 ? into : into.subarray(done)) as CallBytes;
      const got = this.c.pread(fd, rest, BigInt(Math.min(rest.length, MAX_COUNT)), BigInt(position + done));
      if (got < 0) {
        if (this.interrupted()) continue;
        throw this.error("pread", nameOf(fd));
      }
      if (got === 0) break;
      done += got;
    }
    return done;
  }

  write(fd: number, data: Uint8Array): void {
    let done = 0;
    while (done < data.length) {
      const rest = (done === 0 ? data : data.subarray(done)) as CallBytes;
      const put = this.c.write(fd, rest, BigInt(Math.min(rest.length, MAX_COUNT)));
      if (put >= 0) done += put;
      else if (!this.interrupted()) throw this.error("write", nameOf(fd));
    }
  }

  seekEnd(fd: number): number {
    const position = Number(this.c.lseek(fd, 0n, SEEK_END));
    if (position < 0) this.#failed("lseek", fd);
    return position;
  }

  truncate(fd: number, size: number): void {
    while (this.c.ftruncate(fd, BigInt(size)) < 0) {
      if (!this.interrupted()) throw this.error("truncate", nameOf(fd));
    }
  }

  dataMap(fd: number, from: number): FileRange[] | null {
    const before = this.c.lseek(fd, 0n, SEEK_CUR);
    if (before < 0n) return null;
    try {
      return this.#dataMap(fd, from);
    } finally {
      this.c.lseek(fd, before, SEEK_SET);
    }
  }

  #dataMap(fd: number, from: number): FileRange[] | null {
    const { SEEK_DATA, SEEK_HOLE } = this.system.flags;
    const ranges: FileRange[] = [];
    let isData = true;
    for (let start = from;;) {
      let end = Number(this.c.lseek(fd, BigInt(start), isData ? SEEK_HOLE : SEEK_DATA));
      if (end < 0) {
        if (this.interrupted()) continue;
        if (this.symbol() !== "ENXIO") return null;
        // Behind the last data: either the end of the file or a hole up to there.
        end = isData ? start : this.fstat(fd).size;
        if (end > start) ranges.push({ length: end - start, isData });
        return ranges;
      }
      if (end > start) ranges.push({ length: end - start, isData });
      // Only a file that begins with a hole has no data first; devices may stay where they are for ever.
      else if (end < start || start > from || !isData) return null;
      start = end;
      isData = !isData;
    }
  }

  sync(fd: number): void {
    while (this.system.sync(fd) < 0) if (!this.interrupted()) throw this.error("sync", nameOf(fd));
  }

  dropCache(fd: number, offset: number, length: number): void {
    this.system.dropCache(fd, offset, length);
  }

  isCached(fd: number, size: number): boolean | null {
    return this.system.isCached(fd, size);
  }

  fchmod(fd: number, mode: number): void {
    if (this.c.fchmod(fd, mode & 0o7777) < 0) this.#failed("chmod", fd);
  }

  fchown(fd: number, uid: number, gid: number): void {
    if (this.c.fchown(fd, uid >>> 0, gid >>> 0) < 0) this.#failed("chown", fd);
  }

  futimes(fd: number, atimeNs: bigint, mtimeNs: bigint): void {
    this.setTimes(atimeNs, mtimeNs);
    if (this.c.futimens(fd, this.times) < 0) this.#failed("utimes", fd);
  }
}
