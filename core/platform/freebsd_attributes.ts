/**
 * {@link Attributes} of FreeBSD: its ACLs, which are those of NFSv4 (item key acl_nfs4) or of POSIX as the file system has
 * it, as borg 1.4 keeps them (platform/freebsd.pyx), and the flags that stat tells. Never run on FreeBSD by this project's
 * tests: those give it a library of their own.
 */
import {
  type AclLibrary,
  type AclPlace,
  aclPlace,
  type FreebsdAclSymbols,
  getAcl,
  openFreebsdAcls,
  setAclText,
  textOfAcl,
} from "./_acl_calls.ts";
import { osError } from "./_errno.ts";
import {
  type AclOptions,
  type Acls,
  type Attributes,
  type AttributeTarget,
  isUnreachable,
  NoAttributes,
  type ReadAttributes,
  type ReadOptions,
  targetName,
} from "./attributes.ts";
import { nfs4ByNumber, posixForFreebsd } from "./bsd_acl_text.ts";
import { S_IFDIR, S_IFMT, type Stat } from "./files.ts";

// <sys/acl.h>.
export const ACL_TYPE_ACCESS = 2;
export const ACL_TYPE_DEFAULT = 3;
export const ACL_TYPE_NFS4 = 4;
export const ACL_TEXT_NUMERIC_IDS = 0x2;
export const ACL_TEXT_APPEND_ID = 0x4;
// <sys/unistd.h>.
export const PC_ACL_EXTENDED = 59;
export const PC_ACL_NFS4 = 64;

export class FreebsdAttributes extends NoAttributes implements Attributes {
  readonly #library: AclLibrary<FreebsdAclSymbols>;

  /** Throws TypeError where there is no such library, or FFI is not permitted. */
  constructor(library = openFreebsdAcls()) {
    super();
    if (library === null) {
      throw new TypeError("Cannot use the C library: not FreeBSD, or FFI is not permitted");
    }
    this.#library = library;
  }

  override read(target: AttributeTarget, stat: Stat, options: ReadOptions): ReadAttributes | null {
    const acl = options.acls === undefined ? {} : this.acl(target, stat, options.acls);
    return Object.keys(acl).length === 0 ? null : { xattrs: new Map(), acl };
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
      setAclText(this.#library, target, ACL_TYPE_NFS4, numericIds ? nfs4ByNumber(acl.nfs4) : acl.nfs4);
    }
    if (!acl.access?.length && !acl.default?.length) return;
    if (!this.#has(target, PC_ACL_EXTENDED)) return;
    for (const [type, text] of [[ACL_TYPE_ACCESS, acl.access], [ACL_TYPE_DEFAULT, acl.default]] as const) {
      if (!text?.length) continue;
      const local = posixForFreebsd(text, names, numericIds);
      if (local === null) throw osError("EINVAL", "setacl", targetName(target));
      setAclText(this.#library, target, type, local);
    }
  }

  /** Whether the file system has that kind of ACLs. */
  #has(target: AttributeTarget, kind: number): boolean {
    const { c } = this.#library;
    const place: AclPlace = aclPlace(target);
    const answer = typeof place === "number" ? c.fpathconf(place, kind) : c.lpathconf(place, kind);
    if (answer >= 0) return answer === 1;
    const code = this.#library.error();
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
    const { c } = this.#library;
    const acl = getAcl(c, aclPlace(target), type);
    if (acl === null) {
      const code = this.#library.error();
      if (code === "ENOTSUP" || isUnreachable(target, code)) return null;
      throw osError(code, "getacl", targetName(target));
    }
    const trivial = new Int32Array(1);
    // Of a default ACL nobody asks; a failure counts as an ACL that is worth keeping.
    const isTrivial = c.acl_is_trivial_np(acl, trivial) === 0 && trivial[0] !== 0;
    const flags = ACL_TEXT_APPEND_ID | (options.numericIds ? ACL_TEXT_NUMERIC_IDS : 0);
    return {
      isTrivial,
      text: textOfAcl(this.#library, target, acl, (of) => c.acl_to_text_np(of, null, flags)),
    };
  }
}
