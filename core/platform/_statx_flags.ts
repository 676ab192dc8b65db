/**
 * File flags from a filled struct statx: 8 attributes (u64), 56 which of them the file system tells of (u64); all that matter
 * lie in the lower halves (include/uapi/linux/stat.h, STATX_ATTR_…). This spares opening each file for an ioctl.
 */
import { UF_APPEND, UF_COMPRESSED, UF_IMMUTABLE, UF_NODUMP } from "./attributes.ts";

const COMPRESSED = 0x4;
const IMMUTABLE = 0x10;
const APPEND = 0x20;
const NODUMP = 0x40;
/** What a file system that has file flags tells of. Few can compress, so that one may be missing. */
const FLAGS = IMMUTABLE | APPEND | NODUMP;

/** UF_… bits, null where the file system does not tell. */
export function decodeStatxFlags(view: DataView): number | null {
  if ((view.getUint32(56, true) & FLAGS) !== FLAGS) return null;
  const attributes = view.getUint32(8, true);
  if ((attributes & (FLAGS | COMPRESSED)) === 0) return 0;
  return ((attributes & NODUMP) !== 0 ? UF_NODUMP : 0) |
    ((attributes & IMMUTABLE) !== 0 ? UF_IMMUTABLE : 0) |
    ((attributes & APPEND) !== 0 ? UF_APPEND : 0) |
    ((attributes & COMPRESSED) !== 0 ? UF_COMPRESSED : 0);
}
