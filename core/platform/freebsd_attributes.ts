/**
 * {@link Attributes} of FreeBSD: extended attributes of users, file flags, and ACLs, which are those of NFSv4 (item key
 * acl_nfs4) or of POSIX as the file system has it, as borg 1.4 keeps them (platform/freebsd.pyx). Attributes of the system's
 * own namespace are left out. Never run on FreeBSD by this project's tests: those give it a library of their own.
 */
import { getAcl, setAclText, textOfAcl } from "./_acl_calls.ts";
import { type BsdPlace, bsdPlace, cString, type FreebsdCalls, openFreebsdLibrary } from "./_bsd_library.ts";
import { osError } from "./_errno.ts";
import { type AclOptions, type Acls, type AttributeTarget, isUnreachable, targetName } from "./attributes.ts";
import { nfs4ByNumber, posixForFreebsd } from "./bsd_acl_text.ts";
import { BsdAttributes, splitByLengths } from "./bsd_attributes.ts";
import { S_IFDIR, S_IFMT, type Stat } from "./files.ts";
import { decodeFreebsdStat, FREEBSD_FLAGS, FREEBSD_STAT_SIZE } from "./freebsd.ts";

// <sys/acl.h>.
export const ACL_TYPE_ACCESS = 2;
export const ACL_TYPE_DEFAULT = 3;
export const ACL_TYPE_NFS4 = 4;
export const ACL_TEXT_NUMERIC_IDS = 0x2;
export const ACL_TEXT_APPEND_ID = 0x4;
// <sys/unistd.h>.
export const PC_ACL_EXTENDED = 59;
export const PC_ACL_NFS4 = 64;
/** <sys/extattr.h>. */
export const EXTATTR_NAMESPACE_USER = 1;
/** Items name the namespace, as Linux does; calls have it as a number. */
const USER_PREFIX = "user.";

/**
 * A name of an item as the calls take it: without its namespace, where it has one. Null for one of another namespace, or of
 * another system, which can have no place here. borg before 1.1.10 wrote none.
 */
export function nameForFreebsd(name: string): string | null {
  if (name.startsWith(USER_PREFIX)) return name.slice(USER_PREFIX.length);
  return name.includes(".") ? null : name;
}

type Bytes = Uint8Array<ArrayBuffer>;

export class FreebsdAttributes extends BsdAttributes<FreebsdCalls> {
  protected override readonly prefix = USER_PREFIX;

  /** Throws TypeError where there is no such library, or FFI is not permitted. */
  constructor(library = openFreebsdLibrary()) {
    super(library, "FreeBSD");
  }

  override acl(target: AttributeTarget, stat: Stat, options: AclOptions): Acls {
    if (this.#has(target, PC_ACL_NFS4)) {
      const nfs4 = this.#text(target, ACL_TYPE_NFS4, options);
      return nfs4 === null || nfs4.isTrivial ? {} : { nfs4: nfs4.text };
    }
    const access = this.#text(target, ACL_TYPE_ACCESS, options);
    if (access === null) return {};
    const isFolder = (stat.mode & S_IFMT) === S_IFDIR;
    const initial = isFolder ? this.#text(target, ACL_TYPE_DEFAULT, options) : null;
    // borg does not see a folder's default ACL where there is no other.
    if (access.isTrivial && (initial === null || initial.text.length === 0)) return {};
    return initial === null ? { access: access.text } : { access: access.text, default: initial.text };
  }

  override setAcl(target: AttributeTarget, acl: Acls, options: AclOptions): void {
    const { numericIds = false, names } = options;
    if (acl.nfs4?.length && this.#has(target, PC_ACL_NFS4)) {
      setAclText(this.library, target, ACL_TYPE_NFS4, numericIds ? nfs4ByNumber(acl.nfs4) : acl.nfs4);
    }
    if (!acl.access?.length && !acl.default?.length) return;
    if (!this.#has(target, PC_ACL_EXTENDED)) return;
    for (const [type, text] of [[ACL_TYPE_ACCESS, acl.access], [ACL_TYPE_DEFAULT, acl.default]] as const) {
      if (!text?.length) continue;
      const local = posixForFreebsd(text, names, numericIds);
      if (local === null) throw osError("EINVAL", "setacl", targetName(target));
      setAclText(this.library, target, type, local);
    }
  }

  /** Whether the file system has that kind of ACLs. */
  #has(target: AttributeTarget, kind: number): boolean {
    const { c } = this;
    const place = bsdPlace(target);
    const answer = typeof place === "number" ? c.fpathconf(place, kind) : c.lpathconf(place, kind);
    if (answer >= 0) return answer === 1;
    const code = this.library.error();
    // Said by file systems that do not know the question.
    if (code === "EINVAL" || code === "ENOTSUP" || isUnreachable(target, code)) return false;
    throw osError(code, "pathconf", targetName(target));
  }

  /** An ACL's text, and whether it says no more than the mode; null where the file system has none. */
  #text(
    target: AttributeTarget,
    type: number,
    options: AclOptions,
  ): { text: Uint8Array; isTrivial: boolean } | null {
    const { c } = this;
    const acl = getAcl(c, bsdPlace(target), type);
    if (acl === null) {
      const code = this.library.error();
      if (code === "ENOTSUP" || isUnreachable(target, code)) return null;
      throw osError(code, "getacl", targetName(target));
    }
    const trivial = new Int32Array(1);
    // Of a default ACL nobody asks; a failure counts as an ACL that is worth keeping.
    const isTrivial = c.acl_is_trivial_np(acl, trivial) === 0 && trivial[0] !== 0;
    const flags = ACL_TEXT_APPEND_ID | (options.numericIds ? ACL_TEXT_NUMERIC_IDS : 0);
    return {
      isTrivial,
      text: textOfAcl(this.library, target, acl, (of) => c.acl_to_text_np(of, null, flags)),
    };
  }

  protected override list(place: BsdPlace, into: Bytes, size: bigint): number {
    return typeof place === "number"
      ? this.c.extattr_list_fd(place, EXTATTR_NAMESPACE_USER, into, size)
      : this.c.extattr_list_link(place, EXTATTR_NAMESPACE_USER, into, size);
  }

  protected override split(list: Uint8Array): Uint8Array[] {
    return splitByLengths(list);
  }

  protected override get(place: BsdPlace, name: string, into: Bytes, size: bigint): number {
    const key = cString(name.slice(USER_PREFIX.length));
    return typeof place === "number"
      ? this.c.extattr_get_fd(place, EXTATTR_NAMESPACE_USER, key, into, size)
      : this.c.extattr_get_link(place, EXTATTR_NAMESPACE_USER, key, into, size);
  }

  protected override set(place: BsdPlace, name: string, value: Bytes, size: bigint): number | null {
    const local = nameForFreebsd(name);
    if (local === null) return null;
    const key = cString(local);
    return typeof place === "number"
      ? this.c.extattr_set_fd(place, EXTATTR_NAMESPACE_USER, key, value, size)
      : this.c.extattr_set_link(place, EXTATTR_NAMESPACE_USER, key, value, size);
  }

  protected override chflags(place: BsdPlace, flags: number): number {
    const long = BigInt(flags);
    return typeof place === "number" ? this.c.fchflags(place, long) : this.c.lchflags(place, long);
  }

  protected override statFlags(place: BsdPlace): number | null {
    const { AT_FDCWD, AT_SYMLINK_NOFOLLOW } = FREEBSD_FLAGS;
    const stat = new Uint8Array(FREEBSD_STAT_SIZE);
    const result = typeof place === "number"
      ? this.c.fstat(place, stat)
      : this.c.fstatat(AT_FDCWD, place, stat, AT_SYMLINK_NOFOLLOW);
    return result < 0 ? null : decodeFreebsdStat(new DataView(stat.buffer)).flags!;
  }
}
