/**
 * The C library of Linux by FFI, for x86-64 and arm64, glibc and musl. Every function is declared with the integer and
 * pointer arguments that both architectures pass alike; variadic ones (open, syscall) take them in the same registers
 * (System V psABI 3.2.3 with no vector registers used, AAPCS64 without Apple's change). Calls that not every C library has go
 * through `syscall`; the kernel looks at the lower half of their 32-bit arguments only. Sizes are `i32` where a call never
 * moves more than 2 GiB, because 64-bit results would make a BigInt per call.
 */
import { UNIX_SYMBOLS, type UnixFlags } from "./_unix_system.ts";

const SYMBOLS = {
  ...UNIX_SYMBOLS,
  __errno_location: { parameters: [], result: "pointer" },
  openat: { parameters: ["i32", "buffer", "i32", "u32"], result: "i32" },
  fdatasync: { parameters: ["i32"], result: "i32" },
  posix_fadvise: { parameters: ["i32", "i64", "i64", "i32"], result: "i32" },
  statx: { parameters: ["i32", "buffer", "i32", "u32", "buffer"], result: "i32" },
  getdents64: { name: "syscall", parameters: ["i32", "i32", "buffer", "u32"], result: "i32" },
  cachestat: { name: "syscall", parameters: ["i32", "i32", "buffer", "buffer", "u32"], result: "i32" },
  mkfifoat: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  mknodat: { parameters: ["i32", "buffer", "u32", "u64"], result: "i32" },
  statvfs: { parameters: ["buffer", "buffer"], result: "i32" },
  getpwuid: { parameters: ["u32"], result: "pointer" },
  getgrgid: { parameters: ["u32"], result: "pointer" },
  getpwnam: { parameters: ["buffer"], result: "pointer" },
  getgrnam: { parameters: ["buffer"], result: "pointer" },
  getaddrinfo: { parameters: ["buffer", "pointer", "buffer", "buffer"], result: "i32" },
  freeaddrinfo: { parameters: ["pointer"], result: "void" },
} as const;

// The same on both (asm-generic/fcntl.h, linux/fcntl.h).
export const O_RDONLY = 0;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_NOCTTY = 0o400;
export const O_TRUNC = 0o1000;
export const O_APPEND = 0o2000;
export const O_NONBLOCK = 0o4000;
export const O_NOATIME = 0o1000000;
export const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;
export const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_REMOVEDIR = 0x200;

const COMMON_FLAGS = {
  O_APPEND,
  O_CLOEXEC,
  O_CREAT,
  O_EXCL,
  O_NOATIME,
  O_NOCTTY,
  O_NONBLOCK,
  O_TRUNC,
  O_PASS: O_PATH,
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_NOFOLLOW,
  // linux/fs.h
  SEEK_DATA: 3,
  SEEK_HOLE: 4,
};

/** What differs between the architectures (asm/fcntl.h, asm/unistd.h of each). */
export interface LinuxAbi extends UnixFlags {
  readonly SYS_getdents64: number;
}

export const LINUX_ABIS: Readonly<Record<string, LinuxAbi>> = {
  x86_64: { ...COMMON_FLAGS, O_DIRECTORY: 0o200000, O_NOFOLLOW: 0o400000, SYS_getdents64: 217 },
  aarch64: { ...COMMON_FLAGS, O_DIRECTORY: 0o40000, O_NOFOLLOW: 0o100000, SYS_getdents64: 61 },
};

export const AT_EMPTY_PATH = 0x1000;
/** The same number everywhere, as all calls since 2019 (Linux 6.5). */
export const SYS_cachestat = 451;
export const POSIX_FADV_DONTNEED = 4;

export type LibcSymbols = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

export interface Libc {
  readonly symbols: LibcSymbols;
  readonly abi: LinuxAbi;
  /** The number of the last failure of this thread. */
  errno(): number;
}

let loaded: Libc | null | undefined;

/** The C library, null where there is none to borrow: other systems, Node, FFI not permitted. Loaded once per process. */
export function openLibc(): Libc | null {
  if (loaded === undefined) loaded = load();
  return loaded;
}

function load(): Libc | null {
  const deno = (globalThis as { Deno?: typeof Deno }).Deno;
  if (deno === undefined || deno.build.os !== "linux" || typeof deno.dlopen !== "function") return null;
  const abi = LINUX_ABIS[deno.build.arch];
  if (abi === undefined) return null;
  // The second names are musl's, where a program of another C library finds the libc of its own loader.
  for (const name of ["libc.so.6", `libc.musl-${deno.build.arch}.so.1`, "libc.so"]) {
    try {
      const { symbols } = deno.dlopen(name, SYMBOLS);
      return { symbols, abi, errno: errnoReader(symbols, deno) };
    } catch {
      // Not this one: absent, too old for a function above, or not permitted.
    }
  }
  return null;
}

function errnoReader(symbols: LibcSymbols, deno: typeof Deno): () => number {
  // Where errno lies depends on the thread; the address is asked for anew after each failure, which is rare.
  return () => {
    const at = symbols.__errno_location();
    return at === null ? 0 : new deno.UnsafePointerView(at).getInt32();
  };
}
