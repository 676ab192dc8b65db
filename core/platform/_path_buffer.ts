/**
 * Paths on their way into a system call: a string becomes bytes with a zero at the end, in a buffer that is used again and
 * again. Surrogate escapes become the bytes that they stand for.
 */
import { encodeText } from "../bytes/mod.ts";
import { osError } from "./_errno.ts";

/** Longest path that Linux takes in one call, with its zero byte (limits.h, PATH_MAX); 1024 on macOS and FreeBSD. */
export const PATH_MAX = 4096;

const encoder = new TextEncoder();

export class PathBuffer {
  /** Filled by {@link set} up to a zero byte. */
  readonly bytes: Uint8Array<ArrayBuffer>;

  /** `max`: bytes of the longest path, its zero byte among them. */
  constructor(max: number = PATH_MAX) {
    this.bytes = new Uint8Array(max);
  }

  /**
   * Puts `path` in. False where it is too long for one call; throws EINVAL where it contains a zero character, which
   * would cut it short.
   */
  set(path: string): boolean {
    if (path.includes("\0")) throw osError("EINVAL", "path", path.replaceAll("\0", "\\0"));
    if (path.isWellFormed()) {
      const { read, written } = encoder.encodeInto(path, this.bytes);
      if (read < path.length || written >= this.bytes.length) return false;
      this.bytes[written] = 0;
      return true;
    }
    const bytes = encodeText(path);
    if (bytes.length >= this.bytes.length) return false;
    this.bytes.set(bytes);
    this.bytes[bytes.length] = 0;
    return true;
  }
}

/**
 * Cuts a path that is too long for one call at a slash into folders that are not, and a last part. Null where a single name
 * is too long.
 */
export function cutLongPath(
  path: string,
  max: number = PATH_MAX,
): { folders: string[]; last: string } | null {
  // A character takes up to three bytes per UTF-16 unit.
  const step = Math.floor((max - 1) / 3);
  const folders: string[] = [];
  let rest = path;
  while (rest.length > step) {
    const slash = rest.lastIndexOf("/", step);
    if (slash < 0 || (slash === 0 && folders.length > 0)) return null;
    folders.push(slash === 0 ? "/" : rest.slice(0, slash));
    rest = rest.slice(slash + 1).replace(/^\/+/, "");
  }
  return rest === "" ? null : { folders, last: rest };
}
