/**
 * {@link Attributes} of macOS: its extended attributes, its ACLs, item key acl_extended, and its file flags, as borg 1.4
 * keeps them (platform/darwin.pyx). Never run on a Mac by this project's tests: those give it a library of their own.
 */
import { getAcl, setAclText, textOfAcl } from "./_acl_calls.ts";
import { type BsdPlace, bsdPlace, cString, type DarwinCalls, openDarwinLibrary } from "./_bsd_library.ts";
import { osError } from "./_errno.ts";
import { type AclOptions, type Acls, type AttributeTarget, isUnreachable, targetName } from "./attributes.ts";
import { extendedByName, extendedWithoutNames } from "./bsd_acl_text.ts";
import { BsdAttributes, splitByZeros } from "./bsd_attributes.ts";
import { DARWIN_FLAGS, DARWIN_STAT_SIZE, decodeDarwinStat } from "./darwin.ts";
import type { Stat } from "./files.ts";

/** <sys/acl.h>. */
export const ACL_TYPE_EXTENDED = 0x100;
/** <sys/xattr.h>; for calls by path alone. */
export const XATTR_NOFOLLOW = 0x1;
/** Only resource forks can be read and written in parts. */
const FROM_THE_START = 0;

type Bytes = Uint8Array<ArrayBuffer>;

export class DarwinAttributes extends BsdAttributes<DarwinCalls> {
  /** Throws TypeError where there is no such library, or FFI is not permitted. */
  constructor(library = openDarwinLibrary()) {
    super(library, "macOS");
  }

  override acl(target: AttributeTarget, _stat: Stat, options: AclOptions): Acls {
    const { c } = this;
    const acl = getAcl(c, bsdPlace(target), ACL_TYPE_EXTENDED);
    if (acl === null) {
      const code = this.library.error();
      // The first is its way to say that there is none.
      if (code === "ENOENT" || code === "ENOTSUP" || isUnreachable(target, code)) return {};
      throw osError(code, "getacl", targetName(target));
    }
    const text = textOfAcl(this.library, target, acl, (of) => c.acl_to_text(of, null));
    return { extended: options.numericIds ? extendedWithoutNames(text) : text };
  }

  override setAcl(target: AttributeTarget, acl: Acls, options: AclOptions): void {
    if (acl.extended === undefined) return;
    const text = options.numericIds ? acl.extended : extendedByName(acl.extended, options.names);
    setAclText(this.library, target, ACL_TYPE_EXTENDED, text);
  }

  protected override list(place: BsdPlace, into: Bytes, size: bigint): number {
    return typeof place === "number"
      ? this.c.flistxattr(place, into, size, 0)
      : this.c.listxattr(place, into, size, XATTR_NOFOLLOW);
  }

  protected override split(list: Uint8Array): Uint8Array[] {
    return splitByZeros(list);
  }

  protected override get(place: BsdPlace, name: string, into: Bytes, size: bigint): number {
    const key = cString(name);
    return typeof place === "number"
      ? this.c.fgetxattr(place, key, into, size, FROM_THE_START, 0)
      : this.c.getxattr(place, key, into, size, FROM_THE_START, XATTR_NOFOLLOW);
  }

  protected override set(place: BsdPlace, name: string, value: Bytes, size: bigint): number {
    const key = cString(name);
    return typeof place === "number"
      ? this.c.fsetxattr(place, key, value, size, FROM_THE_START, 0)
      : this.c.setxattr(place, key, value, size, FROM_THE_START, XATTR_NOFOLLOW);
  }

  protected override chflags(place: BsdPlace, flags: number): number {
    return typeof place === "number" ? this.c.fchflags(place, flags) : this.c.lchflags(place, flags);
  }

  protected override statFlags(place: BsdPlace): number | null {
    const { AT_FDCWD, AT_SYMLINK_NOFOLLOW } = DARWIN_FLAGS;
    const stat = new Uint8Array(DARWIN_STAT_SIZE);
    const result = typeof place === "number"
      ? this.c.fstat(place, stat)
      : this.c.fstatat(AT_FDCWD, place, stat, AT_SYMLINK_NOFOLLOW);
    return result < 0 ? null : decodeDarwinStat(new DataView(stat.buffer)).flags!;
  }
}
