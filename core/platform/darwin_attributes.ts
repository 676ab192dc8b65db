/**
 * {@link Attributes} of macOS: its ACLs, item key acl_extended, as borg 1.4 keeps them (platform/darwin.pyx), and the flags
 * that stat tells. Never run on a Mac by this project's tests: those give it a library of their own.
 */
import {
  type AclLibrary,
  aclPlace,
  type DarwinAclSymbols,
  getAcl,
  openDarwinAcls,
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
import { extendedByName, extendedWithoutNames } from "./bsd_acl_text.ts";
import type { Stat } from "./files.ts";

/** <sys/acl.h>. */
export const ACL_TYPE_EXTENDED = 0x100;

export class DarwinAttributes extends NoAttributes implements Attributes {
  readonly #library: AclLibrary<DarwinAclSymbols>;

  /** Throws TypeError where there is no such library, or FFI is not permitted. */
  constructor(library = openDarwinAcls()) {
    super();
    if (library === null) throw new TypeError("Cannot use the C library: not macOS, or FFI is not permitted");
    this.#library = library;
  }

  override read(target: AttributeTarget, stat: Stat, options: ReadOptions): ReadAttributes | null {
    const acl = options.acls === undefined ? {} : this.acl(target, stat, options.acls);
    return acl.extended === undefined ? null : { xattrs: new Map(), acl };
  }

  override acl(target: AttributeTarget, _stat: Stat, options: AclOptions): Acls {
    const { c } = this.#library;
    const acl = getAcl(c, aclPlace(target), ACL_TYPE_EXTENDED);
    if (acl === null) {
      const code = this.#library.error();
      // The first is its way to say that there is none.
      if (code === "ENOENT" || code === "ENOTSUP" || isUnreachable(target, code)) return {};
      throw osError(code, "getacl", targetName(target));
    }
    const text = textOfAcl(this.#library, target, acl, (of) => c.acl_to_text(of, null));
    return { extended: options.numericIds ? extendedWithoutNames(text) : text };
  }

  override setAcl(target: AttributeTarget, acl: Acls, options: AclOptions): void {
    if (acl.extended === undefined) return;
    const text = options.numericIds ? acl.extended : extendedByName(acl.extended, options.names);
    setAclText(this.#library, target, ACL_TYPE_EXTENDED, text);
  }
}
