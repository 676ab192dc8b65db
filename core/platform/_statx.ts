/**
 * What Linux answers to statx(2): a fixed layout, the same on every little-endian architecture (include/uapi/linux/stat.h,
 * struct statx).
 *
 *     statx  0 mask(4) 4 blksize 8 attributes(8) 16 nlink(4) 20 uid 24 gid 28 mode(2) 32 ino(8) 40 size(8) 48 blocks(8)
 *            64 atime 80 btime 96 ctime 112 mtime, each sec(i64) nsec(u32) pad(4); 128 rdev 136 dev, each major(4) minor(4)
 */
import { timeNs, u64 } from "./_unix_system.ts";
import { decodeStatxFlags } from "./_statx_flags.ts";
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
    flags: decodeStatxFlags(view),
  };
}

/** One number of major and minor as C libraries pack it (glibc, sys/sysmacros.h); borg stores it so as `rdev`. */
export function deviceNumber(major: number, minor: number): number {
  return (minor & 0xff) + (major & 0xfff) * 0x100 + Math.floor(minor / 0x100) * 0x100000 +
    Math.floor(major / 0x1000) * 0x100000000000;
}
