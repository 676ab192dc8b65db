/**
 * The calls of the C libraries of macOS and FreeBSD for ACLs, extended attributes and file flags by FFI. macOS: acl(3),
 * getxattr(2), chflags(2); FreeBSD: posix1e(3), extattr_get_file(2), chflags(2). Lengths are ssize_t in C; the lower half
 * holds them, as no buffer is larger than 16 MiB.
 */
import { encodeText } from "../bytes/mod.ts";
import { errnoSymbol } from "./_errno.ts";
import type { AttributeTarget } from "./attributes.ts";
import { darwinNames } from "./darwin.ts";

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
  // Directory, path, struct stat, flags; descriptor, struct stat.
  fstatat: { parameters: ["i32", "buffer", "buffer", "i32"], result: "i32" },
  fstat: { parameters: ["i32", "buffer"], result: "i32" },
} as const;

const DARWIN_SYMBOLS = {
  ...COMMON,
  acl_to_text: { parameters: ["pointer", "pointer"], result: "pointer" },
  // Path or descriptor, buffer, size, options.
  listxattr: { parameters: ["buffer", "buffer", "usize", "i32"], result: "i32" },
  flistxattr: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  // Path or descriptor, name, value, size, position, options.
  getxattr: { parameters: ["buffer", "buffer", "buffer", "usize", "u32", "i32"], result: "i32" },
  fgetxattr: { parameters: ["i32", "buffer", "buffer", "usize", "u32", "i32"], result: "i32" },
  setxattr: { parameters: ["buffer", "buffer", "buffer", "usize", "u32", "i32"], result: "i32" },
  fsetxattr: { parameters: ["i32", "buffer", "buffer", "usize", "u32", "i32"], result: "i32" },
  lchflags: { parameters: ["buffer", "u32"], result: "i32" },
  fchflags: { parameters: ["i32", "u32"], result: "i32" },
} as const;

/** macOS's by the names that they have on that architecture. */
export function darwinSymbols(arch: string) {
  const { fstatat, fstat } = darwinNames(arch);
  return {
    ...DARWIN_SYMBOLS,
    fstatat: { ...COMMON.fstatat, name: fstatat },
    fstat: { ...COMMON.fstat, name: fstat },
  } as const;
}

export const FREEBSD_SYMBOLS = {
  ...COMMON,
  acl_to_text_np: { parameters: ["pointer", "pointer", "i32"], result: "pointer" },
  acl_is_trivial_np: { parameters: ["pointer", "buffer"], result: "i32" },
  // Answers are -1, 0 and 1, which the lower half of a long holds.
  lpathconf: { parameters: ["buffer", "i32"], result: "i32" },
  fpathconf: { parameters: ["i32", "i32"], result: "i32" },
  // Path or descriptor, namespace, buffer, size.
  extattr_list_link: { parameters: ["buffer", "i32", "buffer", "usize"], result: "i32" },
  extattr_list_fd: { parameters: ["i32", "i32", "buffer", "usize"], result: "i32" },
  // Path or descriptor, namespace, name, value, size.
  extattr_get_link: { parameters: ["buffer", "i32", "buffer", "buffer", "usize"], result: "i32" },
  extattr_get_fd: { parameters: ["i32", "i32", "buffer", "buffer", "usize"], result: "i32" },
  extattr_set_link: { parameters: ["buffer", "i32", "buffer", "buffer", "usize"], result: "i32" },
  extattr_set_fd: { parameters: ["i32", "i32", "buffer", "buffer", "usize"], result: "i32" },
  // unsigned long
  lchflags: { parameters: ["buffer", "u64"], result: "i32" },
  fchflags: { parameters: ["i32", "u64"], result: "i32" },
} as const;

type Symbols<T extends Deno.ForeignLibraryInterface> = Deno.DynamicLibrary<T>["symbols"];
/** Those that rooms' code calls; errno and texts come by {@link BsdLibrary}. */
type Callable<T extends Deno.ForeignLibraryInterface> = Omit<Symbols<T>, "__error" | "strlen">;
/** What both systems have with the same arguments. */
export type BsdCalls = Callable<typeof COMMON>;
export type DarwinCalls = Callable<ReturnType<typeof darwinSymbols>>;
export type FreebsdCalls = Callable<typeof FREEBSD_SYMBOLS>;

/** One system's library; tests give another one. */
export interface BsdLibrary<C extends BsdCalls = BsdCalls> {
  readonly c: C;
  /** Symbol of the last failure of this thread; ENOTSUP and EOPNOTSUPP are both ENOTSUP. */
  error(): string;
  /** The bytes of a C string, copied. */
  text(at: Deno.PointerObject): Uint8Array;
}

/** Null where there is none to borrow: another system, Node, FFI not permitted. */
export function openDarwinLibrary(): BsdLibrary<DarwinCalls> | null {
  return load("darwin", "libSystem.B.dylib", darwinSymbols);
}

/** Null where there is none to borrow, as above. */
export function openFreebsdLibrary(): BsdLibrary<FreebsdCalls> | null {
  return load("freebsd", "libc.so.7", () => FREEBSD_SYMBOLS);
}

function load<T extends typeof COMMON & Deno.ForeignLibraryInterface>(
  system: "darwin" | "freebsd",
  library: string,
  symbolsOf: (arch: string) => T,
): BsdLibrary<Symbols<T> & Symbols<typeof COMMON>> | null {
  const deno = (globalThis as { Deno?: typeof Deno }).Deno;
  if (deno === undefined || deno.build.os !== system || typeof deno.dlopen !== "function") return null;
  try {
    const c = deno.dlopen(library, symbolsOf(deno.build.arch)).symbols as
      & Symbols<T>
      & Symbols<typeof COMMON>;
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

/** Whose attributes are meant: an open descriptor, or a path as C takes it. */
export type BsdPlace = number | Uint8Array<ArrayBuffer>;

/**
 * Neither system has calls that go by an open folder, so a name in one is found by its path. Only links, devices and their
 * like come so: files and folders are asked by their descriptors.
 */
export function bsdPlace(target: AttributeTarget): BsdPlace {
  return typeof target === "number" ? target : cString(typeof target === "string" ? target : target.path);
}

export function cString(text: string): Uint8Array<ArrayBuffer> {
  return encodeText(`${text}\0`) as Uint8Array<ArrayBuffer>;
}
