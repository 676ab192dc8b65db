/**
 * The calls of the C libraries of macOS and FreeBSD for ACLs by FFI: acl_get_link_np, acl_get_fd_np and their like (macOS
 * acl(3), FreeBSD posix1e(3)). An ACL is a pointer that only the library can read; texts go in and out.
 */
import { encodeText } from "../bytes/mod.ts";
import { errnoSymbol, osError } from "./_errno.ts";
import { type AttributeTarget, targetName } from "./attributes.ts";

const COMMON = {
  __error: { parameters: [], result: "pointer" },
  strlen: { parameters: ["pointer"], result: "usize" },
  acl_free: { parameters: ["pointer"], result: "i32" },
  acl_from_text: { parameters: ["buffer"], result: "pointer" },
  acl_get_link_np: { parameters: ["buffer", "i32"], result: "pointer" },
  acl_get_fd_np: { parameters: ["i32", "i32"], result: "pointer" },
  // The order of ACL and type is not the same in these two.
  acl_set_link_np: { parameters: ["buffer", "i32", "pointer"], result: "i32" },
  acl_set_fd_np: { parameters: ["i32", "pointer", "i32"], result: "i32" },
} as const;

export const DARWIN_ACL_SYMBOLS = {
  ...COMMON,
  acl_to_text: { parameters: ["pointer", "pointer"], result: "pointer" },
} as const;

export const FREEBSD_ACL_SYMBOLS = {
  ...COMMON,
  acl_to_text_np: { parameters: ["pointer", "pointer", "i32"], result: "pointer" },
  acl_is_trivial_np: { parameters: ["pointer", "buffer"], result: "i32" },
  // Answers are -1, 0 and 1, which the lower half of a long holds.
  lpathconf: { parameters: ["buffer", "i32"], result: "i32" },
  fpathconf: { parameters: ["i32", "i32"], result: "i32" },
} as const;

type Symbols<T extends Deno.ForeignLibraryInterface> = Deno.DynamicLibrary<T>["symbols"];
/** Those that the calls here make; errno and texts come by {@link AclLibrary}. */
type Callable<T extends Deno.ForeignLibraryInterface> = Omit<Symbols<T>, "__error" | "strlen">;
export type DarwinAclSymbols = Callable<typeof DARWIN_ACL_SYMBOLS>;
export type FreebsdAclSymbols = Callable<typeof FREEBSD_ACL_SYMBOLS>;

/** One system's library; tests give another one. */
export interface AclLibrary<C extends Callable<typeof COMMON>> {
  readonly c: C;
  /** Symbol of the last failure of this thread; ENOTSUP and EOPNOTSUPP are both ENOTSUP. */
  error(): string;
  /** The bytes of a C string, copied. */
  text(at: Deno.PointerObject): Uint8Array;
}

/** Null where there is none to borrow: another system, Node, FFI not permitted. */
export function openDarwinAcls(): AclLibrary<DarwinAclSymbols> | null {
  return load("darwin", "libSystem.B.dylib", DARWIN_ACL_SYMBOLS);
}

/** Null where there is none to borrow, as above. */
export function openFreebsdAcls(): AclLibrary<FreebsdAclSymbols> | null {
  return load("freebsd", "libc.so.7", FREEBSD_ACL_SYMBOLS);
}

function load<T extends typeof COMMON & Deno.ForeignLibraryInterface>(
  system: "darwin" | "freebsd",
  library: string,
  symbols: T,
): AclLibrary<Symbols<T> & Symbols<typeof COMMON>> | null {
  const deno = (globalThis as { Deno?: typeof Deno }).Deno;
  if (deno === undefined || deno.build.os !== system || typeof deno.dlopen !== "function") return null;
  try {
    const c = deno.dlopen(library, symbols).symbols as Symbols<T> & Symbols<typeof COMMON>;
    return {
      c,
      error() {
        const at = c.__error();
        return errnoSymbol(at === null ? 0 : new deno.UnsafePointerView(at).getInt32(), system);
      },
      text: (at) => new Uint8Array(deno.UnsafePointerView.getArrayBuffer(at, Number(c.strlen(at)))).slice(),
    };
  } catch {
    // Not permitted, or without a function that is needed.
    return null;
  }
}

/** Where an ACL is: an open descriptor, or a path as C takes it. */
export type AclPlace = number | Uint8Array<ArrayBuffer>;

/**
 * Neither system has calls that go by an open folder, so a name in one is found by its path. Only links, devices and their
 * like come so: files and folders are asked by their descriptors.
 */
export function aclPlace(target: AttributeTarget): AclPlace {
  if (typeof target === "number") return target;
  return encodeText(`${typeof target === "string" ? target : target.path}\0`) as Uint8Array<ArrayBuffer>;
}

/** The ACL of `type`, to be freed, or null after a failure. */
export function getAcl(c: Callable<typeof COMMON>, place: AclPlace, type: number): Deno.PointerValue {
  return typeof place === "number" ? c.acl_get_fd_np(place, type) : c.acl_get_link_np(place, type);
}

/** Sets the ACL that `text` says. EINVAL where it says none. */
export function setAclText<C extends Callable<typeof COMMON>>(
  library: AclLibrary<C>,
  target: AttributeTarget,
  type: number,
  text: Uint8Array,
): void {
  const c: Callable<typeof COMMON> = library.c;
  const bytes = new Uint8Array(text.length + 1);
  bytes.set(text);
  const acl = c.acl_from_text(bytes);
  if (acl === null) throw osError("EINVAL", "setacl", targetName(target));
  const place = aclPlace(target);
  const failed =
    (typeof place === "number" ? c.acl_set_fd_np(place, acl, type) : c.acl_set_link_np(place, type, acl)) < 0;
  // Before acl_free, which may change it.
  const code = failed ? library.error() : "";
  c.acl_free(acl);
  if (failed) throw osError(code, "setacl", targetName(target));
}

/** The text that `print` makes of an ACL, which is freed with it. */
export function textOfAcl<C extends Callable<typeof COMMON>>(
  library: AclLibrary<C>,
  target: AttributeTarget,
  acl: Deno.PointerObject,
  print: (acl: Deno.PointerObject) => Deno.PointerValue,
): Uint8Array {
  const c: Callable<typeof COMMON> = library.c;
  const printed = print(acl);
  const code = printed === null ? library.error() : "";
  const text = printed === null ? null : library.text(printed);
  if (printed !== null) c.acl_free(printed);
  c.acl_free(acl);
  if (text === null) throw osError(code, "getacl", targetName(target));
  return text;
}
