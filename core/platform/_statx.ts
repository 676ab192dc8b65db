/**
 * What Linux answers to statx(2) and getdents64(2): fixed layouts, the same on every little-endian architecture
 * (include/uapi/linux/stat.h, struct statx; include/linux/dirent.h, struct linux_dirent64).
 *
 *     statx  0 mask(4) 4 blksize 8 attributes(8) 16 nlink(4) 20 uid 24 gid 28 mode(2) 32 ino(8) 40 size(8) 48 blocks(8)
 *            64 atime 80 btime 96 ctime 112 mtime, each sec(i64) nsec(u32) pad(4); 128 rdev 136 dev, each major(4) minor(4)
 *     dirent 0 ino(8) 8 offset(8) 16 record length(2) 18 type(1) 19 name, ends with a zero byte
 */
import { decodeText } from "../bytes/mod.ts";
import type { Stat } from "./files.ts";

/** sizeof(struct statx). */
export const STATX_SIZE = 256;
const STATX_BTIME = 0x800;
/** Everything that {@link decodeStatx} reads: STATX_BASIC_STATS (0x7ff) and the birth time. */
export const STATX_MASK = 0x7ff | STATX_BTIME;

/** Stat of a filled struct statx. */
export function decodeStatx(view: DataView): Stat {
  return {
    mode: view.getUint16(28, true),
    dev: deviceNumber(view.getUint32(136, true), view.getUint32(140, true)),
    ino: view.getBigUint64(32, true),
    nlink: view.getUint32(16, true),
    uid: view.getUint32(20, true),
    gid: view.getUint32(24, true),
    rdev: deviceNumber(view.getUint32(128, true), view.getUint32(132, true)),
    size: u64(view, 40),
    blocks: u64(view, 48),
    mtimeNs: timeNs(view, 112),
    atimeNs: timeNs(view, 64),
    ctimeNs: timeNs(view, 96),
    birthtimeNs: (view.getUint32(0, true) & STATX_BTIME) !== 0 ? timeNs(view, 80) : null,
  };
}

/** A 64-bit count as a number; exact up to 2^53. */
function u64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x100000000;
}

function timeNs(view: DataView, at: number): bigint {
  return view.getBigInt64(at, true) * 1_000_000_000n + BigInt(view.getUint32(at + 8, true));
}

/** One number of major and minor as C libraries pack it (glibc, sys/sysmacros.h); borg stores it so as `rdev`. */
export function deviceNumber(major: number, minor: number): number {
  return (minor & 0xff) + (major & 0xfff) * 0x100 + Math.floor(minor / 0x100) * 0x100000 +
    Math.floor(major / 0x1000) * 0x100000000000;
}

/** Names of a folder with the inode numbers that it lists. */
export class DirectoryList {
  readonly names: string[] = [];
  readonly #high: number[] = [];
  readonly #low: number[] = [];

  /** Adds the records in the first `length` bytes of `buffer`, without "." and "..". */
  add(buffer: Uint8Array, length: number): void {
    const view = new DataView(buffer.buffer, buffer.byteOffset, length);
    for (let at = 0; at + 19 < length;) {
      const next = at + view.getUint16(at + 16, true);
      const end = buffer.indexOf(0, at + 19);
      const name = decodeText(buffer.subarray(at + 19, end));
      if (name !== "." && name !== "..") {
        this.names.push(name);
        this.#low.push(view.getUint32(at, true));
        this.#high.push(view.getUint32(at + 4, true));
      }
      at = next;
    }
  }

  /** Names by ascending inode number; those of one number stay in order. */
  byInode(): string[] {
    const high = this.#high, low = this.#low;
    const compare = (a: number, b: number): number => high[a]! - high[b]! || low[a]! - low[b]! || a - b;
    const order = new Uint32Array(this.names.length);
    let sorted = true;
    for (let i = 0; i < order.length; i++) {
      order[i] = i;
      if (i > 0 && sorted) sorted = compare(i - 1, i) < 0;
    }
    if (sorted) return this.names;
    order.sort(compare);
    const names: string[] = [];
    for (const i of order) names.push(this.names[i]!);
    return names;
  }
}
