/**
 * ACLs of macOS and FreeBSD by the calls of their C libraries (`_bsd_library.ts`). An ACL is a pointer that only the library
 * can read; texts go in and out.
 */
import { type BsdCalls, type BsdLibrary, type BsdPlace, bsdPlace } from "./_bsd_library.ts";
import { osError } from "./_errno.ts";
import { type AttributeTarget, targetName } from "./attributes.ts";

/** The ACL of `type`, to be freed, or null after a failure. */
export function getAcl(c: BsdCalls, place: BsdPlace, type: number): Deno.PointerValue {
  return typeof place === "number" ? c.acl_get_fd_np(place, type) : c.acl_get_link_np(place, type);
}

/** Sets the ACL that `text` says. EINVAL where it says none. */
export function setAclText(
  library: BsdLibrary,
  target: AttributeTarget,
  type: number,
  text: Uint8Array,
): void {
  const { c } = library;
  const bytes = new Uint8Array(text.length + 1);
  bytes.set(text);
  const acl = c.acl_from_text(bytes);
  if (acl === null) throw osError("EINVAL", "setacl", targetName(target));
  const place = bsdPlace(target);
  const failed =
    (typeof place === "number" ? c.acl_set_fd_np(place, acl, type) : c.acl_set_link_np(place, type, acl)) < 0;
  // Before acl_free, which may change it.
  const code = failed ? library.error() : "";
  c.acl_free(acl);
  if (failed) throw osError(code, "setacl", targetName(target));
}

/** The text that `print` makes of an ACL, which is freed with it. */
export function textOfAcl(
  library: BsdLibrary,
  target: AttributeTarget,
  acl: Deno.PointerObject,
  print: (acl: Deno.PointerObject) => Deno.PointerValue,
): Uint8Array {
  const { c } = library;
  const printed = print(acl);
  const code = printed === null ? library.error() : "";
  const text = printed === null ? null : library.text(printed);
  if (printed !== null) c.acl_free(printed);
  c.acl_free(acl);
  if (text === null) throw osError(code, "getacl", targetName(target));
  return text;
}
