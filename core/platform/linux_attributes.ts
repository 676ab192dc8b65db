/**
 * {@link Attributes} for Linux by FFI to its C library: xattr(7), POSIX ACLs through the two extended attributes that hold
 * them (so that libacl is not needed), file flags by ioctl_iflags(2) where statx did not tell. Buffers are kept and reused;
 * a file without attributes costs one system call. One instance per thread.
 */
import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  type AttributeCalls,
  O_NOATIME,
  openAttributeCalls,
  SYS_listxattrat,
} from "./_attribute_calls.ts";
import { compareBytes } from "./_compare_bytes.ts";
import { EINTR, EPERM, errnoSymbol, osError } from "./_errno.ts";
import {
  flagsFromBsd,
  flagsToBsd,
  FS_COMPR_FL,
  FS_IOC_GETFLAGS,
  FS_IOC_SETFLAGS,
  REPLACED,
} from "./_inode_flags.ts";
import { cutLongPath, PATH_MAX, PathBuffer } from "./_path_buffer.ts";
import {
  ACL_ACCESS,
  ACL_DEFAULT,
  type AclEntry,
  aclOfMode,
  decodePosixAcl,
  encodePosixAcl,
  formatAcl,
  MINIMAL_ENTRIES,
  parseAcl,
} from "./posix_acl.ts";
import {
  type AclOptions,
  type AttributePlace,
  type Attributes,
  type AttributeTarget,
  type PosixAcl,
  type ReadAttributes,
  type ReadOptions,
  targetName,
  UF_COMPRESSED,
} from "./attributes.ts";
import { S_IFDIR, S_IFMT, S_IFREG, type Stat } from "./files.ts";
import { decodeText, encodeText } from "../bytes/mod.ts";
import { OsError } from "../errors.ts";

/** No list of names and no value is longer: XATTR_LIST_MAX, XATTR_SIZE_MAX (linux/limits.h). */
const LARGEST = 65536;
const LARGEST_64 = BigInt(LARGEST);
const ACL_PREFIX = "system.posix_acl_";
/** What lies in an open folder has a path by this name of the folder (proc(5)). */
const OPEN_FOLDERS = "/proc/self/fd";

export class LinuxAttributes implements Attributes {
  readonly flagsOnAll = false;
  readonly #calls: AttributeCalls;
  readonly #c: AttributeCalls["c"];
  readonly #path = new PathBuffer();
  readonly #buffer = new Uint8Array(LARGEST);
  readonly #int = new Uint32Array(1);
  /** Devices whose file system has no flags. FUSE may have them for files and not for folders. */
  readonly #flaglessFiles = new Set<number>();
  readonly #flaglessFolders = new Set<number>();
  /** Whether the system lists by open folders: false once it says that it does not. */
  #listsAt = true;
  /** Whether {@link OPEN_FOLDERS} is there; null as long as nobody asked. */
  #hasOpenFolders: boolean | null = null;
  #errno = 0;

  /** Throws TypeError where {@link openAttributeCalls} finds nothing. */
  constructor() {
    const calls = openAttributeCalls();
    if (calls === null) throw new TypeError("Cannot use the C library: not Linux, or FFI is not permitted");
    this.#calls = calls;
    this.#c = calls.c;
  }

  read(target: AttributeTarget, stat: Stat, options: ReadOptions): ReadAttributes | null {
    const { xattrs = true, acls } = options;
    if (!xattrs && acls === undefined) return null;
    // The usual answer, by the quickest way.
    if (typeof target === "object" && this.#listsAt && this.#isBareAt(target)) return null;
    const folder = this.#enter(target);
    try {
      const names = this.#names(target);
      if (names.length === 0) return null;
      const values = new Map<string, Uint8Array>();
      for (const name of names) {
        if (!xattrs || name.startsWith(ACL_PREFIX)) continue;
        const value = this.#valueOrWarn(target, name, options);
        if (value !== null) values.set(name, value);
      }
      const acl = acls === undefined ? {} : this.#acl(target, stat, names, acls);
      return { xattrs: values, acl };
    } finally {
      this.#leave(folder);
    }
  }

  xattrs(target: AttributeTarget): Map<string, Uint8Array> {
    const values = new Map<string, Uint8Array>();
    const folder = this.#enter(target);
    try {
      for (const name of this.#names(target)) {
        const value = name.startsWith(ACL_PREFIX) ? null : this.#value(target, name);
        if (value !== null) values.set(name, value);
      }
    } finally {
      this.#leave(folder);
    }
    return values;
  }

  setXattr(target: AttributeTarget, name: string, value: Uint8Array): void {
    if (name.includes("\0")) throw osError("EINVAL", "setxattr", targetName(target));
    this.#set(target, name, value, "setxattr");
  }

  acl(target: AttributeTarget, stat: Stat, options: AclOptions): PosixAcl {
    const folder = this.#enter(target);
    try {
      return this.#acl(target, stat, this.#names(target), options);
    } finally {
      this.#leave(folder);
    }
  }

  setAcl(target: AttributeTarget, acl: PosixAcl, options: AclOptions): void {
    const set = (name: string, text: Uint8Array | undefined): void => {
      if (text === undefined || text.length === 0) return;
      const entries = parseAcl(text, options.numericIds ? null : options.names);
      if (entries === null) throw osError("EINVAL", "setacl", targetName(target));
      this.#set(target, name, encodePosixAcl(entries), "setacl");
    };
    set(ACL_ACCESS, acl.access);
    set(ACL_DEFAULT, acl.default);
  }

  flags(target: AttributeTarget, stat: Stat): number {
    const type = stat.mode & S_IFMT;
    // Opening devices may be slow or do something, links cannot be opened, and FIFOs have no flags.
    if (type !== S_IFREG && type !== S_IFDIR) return 0;
    if (stat.flags !== null && stat.flags !== undefined) return stat.flags;
    const flagless = type === S_IFDIR ? this.#flaglessFolders : this.#flaglessFiles;
    if (flagless.has(stat.dev)) return 0;
    let fd: number;
    if (typeof target === "number") fd = target;
    else {
      try {
        fd = this.#open(target, true);
      } catch (error) {
        // Contents that cannot be read are somebody else's trouble.
        if (error instanceof OsError) return 0;
        throw error;
      }
    }
    try {
      const flags = this.#getFlags(fd);
      if (flags === null && errnoSymbol(this.#errno) === "ENOTTY") flagless.add(stat.dev);
      return flags === null ? 0 : flagsToBsd(flags);
    } finally {
      if (fd !== target) this.#c.close(fd);
    }
  }

  setFlags(target: AttributeTarget, flags: number): void {
    const fd = typeof target === "number" ? target : this.#open(target, false);
    try {
      const old = this.#getFlags(fd);
      // Without the old ones the others, which nobody archives, would be lost (borg #9039).
      if (old === null) return;
      const replaced = (old & ~REPLACED) | (flagsFromBsd(flags) & REPLACED);
      const wanted = (flags & UF_COMPRESSED) !== 0 ? replaced | FS_COMPR_FL : replaced;
      if (wanted === old) return;
      if (this.#trySetFlags(fd, wanted)) return;
      // A file system that cannot compress shall at least take the others.
      if (wanted !== replaced && (replaced === old || this.#trySetFlags(fd, replaced))) return;
      const code = errnoSymbol(this.#errno);
      // The second is what Linux 6.17 says for the first.
      if (code !== "ENOTSUP" && code !== "ENOTTY") throw osError(code, "setflags", targetName(target));
    } finally {
      if (fd !== target) this.#c.close(fd);
    }
  }

  #getFlags(fd: number): number | null {
    let result;
    do result = this.#c.ioctl(fd, FS_IOC_GETFLAGS, this.#int); while (result < 0 && this.#interrupted());
    return result < 0 ? null : this.#int[0]!;
  }

  #trySetFlags(fd: number, flags: number): boolean {
    this.#int[0] = flags;
    let result;
    do result = this.#c.ioctl(fd, FS_IOC_SETFLAGS, this.#int); while (result < 0 && this.#interrupted());
    return result >= 0;
  }

  /** For {@link #getFlags}: never waits, never follows a link. */
  #open(target: AttributeTarget, noAtime: boolean): number {
    const folder = this.#enter(target);
    const flags = this.#calls.toExamine;
    const open = (more: number): number => {
      let fd;
      do fd = this.#c.openat(AT_FDCWD, this.#path.bytes, flags | more, 0); while (
        fd < 0 && this.#interrupted()
      );
      return fd;
    };
    let fd = open(noAtime ? O_NOATIME : 0);
    // Only the owner and root may leave the access time alone (open(2)).
    if (fd < 0 && noAtime && this.#errno === EPERM) fd = open(0);
    this.#leave(folder);
    if (fd < 0) throw osError(errnoSymbol(this.#errno), "open", targetName(target));
    return fd;
  }

  isBare(target: AttributeTarget): boolean {
    if (typeof target === "object") return this.#listsAt && this.#isBareAt(target);
    return typeof target === "number" && this.#c.flistxattr(target, this.#buffer, LARGEST_64) === 0;
  }

  /** True where there surely is nothing; false also where this is not the way to know. */
  #isBareAt({ dir, name }: AttributePlace): boolean {
    if (!this.#path.set(name)) return false;
    const bytes = this.#path.bytes;
    const length = this.#c.listxattrat(
      SYS_listxattrat,
      dir,
      bytes,
      AT_SYMLINK_NOFOLLOW,
      this.#buffer,
      LARGEST_64,
    );
    if (length >= 0) return length === 0;
    if (this.#interrupted()) return false;
    const code = errnoSymbol(this.#errno);
    // Containers say EPERM of calls that they do not know.
    if (code === "ENOSYS" || code === "EPERM") this.#listsAt = false;
    return false;
  }

  /** Names in the order of their bytes, in which borg packs them. */
  #names(target: AttributeTarget): string[] {
    const { llistxattr, flistxattr } = this.#c;
    let length;
    do {
      length = typeof target === "number"
        ? flistxattr(target, this.#buffer, LARGEST_64)
        : llistxattr(this.#path.bytes, this.#buffer, LARGEST_64);
    } while (length < 0 && this.#interrupted());
    if (length === 0) return NO_NAMES;
    if (length < 0) {
      const code = errnoSymbol(this.#errno);
      // Not supported, or no attributes for the likes of us.
      if (code === "ENOTSUP" || code === "ENOSYS" || code === "EPERM") return NO_NAMES;
      throw osError(code, "listxattr", targetName(target));
    }
    const names: Uint8Array[] = [];
    for (let start = 0; start < length;) {
      const end = this.#buffer.indexOf(0, start);
      if (end < 0 || end >= length) break;
      if (end > start) names.push(this.#buffer.slice(start, end));
      start = end + 1;
    }
    return names.sort(compareBytes).map(decodeText);
  }

  #valueOrWarn(target: AttributeTarget, name: string, options: ReadOptions): Uint8Array | null {
    try {
      return this.#value(target, name);
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      options.onUnreadable?.(name, error);
      return null;
    }
  }

  /** Null where it vanished meanwhile. */
  #value(target: AttributeTarget, name: string): Uint8Array | null {
    const key = cString(name);
    let length;
    do {
      length = typeof target === "number"
        ? this.#c.fgetxattr(target, key, this.#buffer, LARGEST_64)
        : this.#c.lgetxattr(this.#path.bytes, key, this.#buffer, LARGEST_64);
    } while (length < 0 && this.#interrupted());
    if (length >= 0) return this.#buffer.slice(0, length);
    const code = errnoSymbol(this.#errno);
    if (code === "ENODATA") return null;
    throw osError(code, "getxattr", targetName(target));
  }

  #set(target: AttributeTarget, name: string, value: Uint8Array, syscall: string): void {
    const key = cString(name);
    const size = BigInt(value.length);
    // An empty array may have no address.
    const bytes = (value.length === 0 ? NOTHING : value) as Uint8Array<ArrayBuffer>;
    const folder = this.#enter(target);
    let result;
    do {
      result = typeof target === "number"
        ? this.#c.fsetxattr(target, key, bytes, size, 0)
        : this.#c.lsetxattr(this.#path.bytes, key, bytes, size, 0);
    } while (result < 0 && this.#interrupted());
    this.#leave(folder);
    if (result < 0) throw osError(errnoSymbol(this.#errno), syscall, targetName(target));
  }

  /** As acl_extended_file_nofollow(3) decides: what the mode says already is no ACL. */
  #acl(target: AttributeTarget, stat: Stat, names: readonly string[], options: AclOptions): PosixAcl {
    const access = this.#entries(target, names, ACL_ACCESS);
    const fallback = this.#entries(target, names, ACL_DEFAULT);
    if ((access?.length ?? 0) <= MINIMAL_ENTRIES && (fallback?.length ?? 0) < MINIMAL_ENTRIES) return {};
    const who = options.numericIds ? null : options.names;
    const acl: PosixAcl = { access: formatAcl(access ?? aclOfMode(stat.mode), who) };
    if ((stat.mode & S_IFMT) === S_IFDIR) acl.default = formatAcl(fallback ?? [], who);
    return acl;
  }

  #entries(target: AttributeTarget, names: readonly string[], name: string): AclEntry[] | null {
    if (!names.includes(name)) return null;
    try {
      const value = this.#value(target, name);
      return value === null ? null : decodePosixAcl(value);
    } catch (error) {
      if (error instanceof OsError && error.code === "ENOTSUP") return null;
      throw error;
    }
  }

  /**
   * Puts a path into its buffer. For one over PATH_MAX: by way of its last folder but one, opened, which {@link #leave}
   * closes; -1 else.
   */
  #enter(target: AttributeTarget): number {
    if (typeof target === "number") return -1;
    const path = typeof target === "string" ? target : this.#pathOf(target);
    if (this.#path.set(path)) return -1;
    const cut = cutLongPath(path);
    if (cut === null) throw osError("ENAMETOOLONG", "path", path);
    let dir = AT_FDCWD;
    for (const folder of cut.folders) {
      this.#path.set(folder);
      const { toPass } = this.#calls;
      let next;
      do next = this.#c.openat(dir, this.#path.bytes, toPass, 0); while (next < 0 && this.#interrupted());
      if (dir !== AT_FDCWD) this.#c.close(dir);
      if (next < 0) throw osError(errnoSymbol(this.#errno), "open", path);
      dir = next;
    }
    if (!this.#path.set(`${OPEN_FOLDERS}/${dir}/${cut.last}`)) {
      this.#c.close(dir);
      throw osError("ENAMETOOLONG", "path", `${path.slice(0, PATH_MAX)}…`);
    }
    return dir;
  }

  #pathOf({ dir, name, path }: AttributePlace): string {
    if (this.#hasOpenFolders === null) {
      this.#path.set(OPEN_FOLDERS);
      const fd = this.#c.openat(AT_FDCWD, this.#path.bytes, this.#calls.toPass, 0);
      this.#hasOpenFolders = fd >= 0;
      if (fd >= 0) this.#c.close(fd);
    }
    return this.#hasOpenFolders ? `${OPEN_FOLDERS}/${dir}/${name}` : path;
  }

  #leave(folder: number): void {
    if (folder >= 0) this.#c.close(folder);
  }

  /** After a failed call: notes its number, true where the call is to be repeated. */
  #interrupted(): boolean {
    this.#errno = this.#calls.errno();
    return this.#errno === EINTR;
  }
}

const NO_NAMES: string[] = [];
const NOTHING = new Uint8Array(1);

function cString(text: string): Uint8Array<ArrayBuffer> {
  return encodeText(`${text}\0`) as Uint8Array<ArrayBuffer>;
}
