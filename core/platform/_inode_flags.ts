/** File flags as Linux numbers them (linux/fs.h, ioctl_iflags(2)), and from and to BSD's numbers, which items hold. */
import { UF_APPEND, UF_COMPRESSED, UF_IMMUTABLE, UF_NODUMP } from "./attributes.ts";

// _IOR('f', 1, long) and _IOW('f', 2, long) of a 64-bit Linux, though what is passed is an int (linux/fs.h).
export const FS_IOC_GETFLAGS = 0x80086601;
export const FS_IOC_SETFLAGS = 0x40086602;
export const FS_COMPR_FL = 0x4;
const FS_IMMUTABLE_FL = 0x10;
const FS_APPEND_FL = 0x20;
const FS_NODUMP_FL = 0x40;
/**
 * Flags that are also taken away from a file. Compression is only ever added: borg 1.2 archived it and borg 1.4 does not
 * any more, so that its absence means nothing.
 */
export const REPLACED = FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL;

export function flagsToBsd(flags: number): number {
  return ((flags & FS_NODUMP_FL) !== 0 ? UF_NODUMP : 0) |
    ((flags & FS_IMMUTABLE_FL) !== 0 ? UF_IMMUTABLE : 0) |
    ((flags & FS_APPEND_FL) !== 0 ? UF_APPEND : 0) |
    ((flags & FS_COMPR_FL) !== 0 ? UF_COMPRESSED : 0);
}

/** Without compression. */
export function flagsFromBsd(flags: number): number {
  return ((flags & UF_NODUMP) !== 0 ? FS_NODUMP_FL : 0) |
    ((flags & UF_IMMUTABLE) !== 0 ? FS_IMMUTABLE_FL : 0) |
    ((flags & UF_APPEND) !== 0 ? FS_APPEND_FL : 0);
}
