/**
 * The calls of the C library that know names and numbers of users and groups, on every Unix. macOS keeps its people in a
 * directory service and next to none in /etc/passwd, so that nothing else would name them.
 */
import { openLibc } from "./_libc.ts";

const SYMBOLS = {
  getpwuid: { parameters: ["u32"], result: "pointer" },
  getgrgid: { parameters: ["u32"], result: "pointer" },
  getpwnam: { parameters: ["buffer"], result: "pointer" },
  getgrnam: { parameters: ["buffer"], result: "pointer" },
} as const;

export type NameService = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/**
 * Offsets in struct passwd and struct group: a name, a password (both pointers), then the number, on 64-bit glibc, musl,
 * macOS and FreeBSD alike (<pwd.h>, <grp.h>).
 */
export const NAME_AT = 0;
export const NUMBER_AT = 16;

const LIBRARIES: Readonly<Record<string, string>> = { darwin: "libSystem.B.dylib", freebsd: "libc.so.7" };

let loaded: NameService | null | undefined;

/** Null where there is none to ask: Windows, Node, FFI not permitted. Loaded once per process. */
export function openNameService(): NameService | null {
  if (loaded === undefined) loaded = openLibc()?.symbols ?? load();
  return loaded;
}

function load(): NameService | null {
  const deno = (globalThis as { Deno?: typeof Deno }).Deno;
  const library = LIBRARIES[deno?.build.os ?? ""];
  if (deno === undefined || library === undefined) return null;
  try {
    return deno.dlopen(library, SYMBOLS).symbols;
  } catch {
    // Not permitted: numbers have to do.
    return null;
  }
}
