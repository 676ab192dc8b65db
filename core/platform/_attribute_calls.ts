/**
 * The calls of Linux's C library for extended attributes and file flags by FFI, for x86-64 and arm64, glibc and musl. All
 * sizes fit 32 bits, as the kernel allows no attribute over 64 KiB. ioctl is variadic and takes its arguments in the same
 * registers as others on both architectures; its request is an unsigned int to the kernel.
 */

const SYMBOLS = {
  __errno_location: { parameters: [], result: "pointer" },
  openat: { parameters: ["i32", "buffer", "i32", "u32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  ioctl: { parameters: ["i32", "u32", "buffer"], result: "i32" },
  llistxattr: { parameters: ["buffer", "buffer", "usize"], result: "i32" },
  listxattrat: {
    name: "syscall",
    parameters: ["i32", "i32", "buffer", "u32", "buffer", "usize"],
    result: "i32",
  },
  flistxattr: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  lgetxattr: { parameters: ["buffer", "buffer", "buffer", "usize"], result: "i32" },
  fgetxattr: { parameters: ["i32", "buffer", "buffer", "usize"], result: "i32" },
  lsetxattr: { parameters: ["buffer", "buffer", "buffer", "usize", "i32"], result: "i32" },
  fsetxattr: { parameters: ["i32", "buffer", "buffer", "usize", "i32"], result: "i32" },
} as const;

// O_RDONLY is 0. The rest is the same on both (asm-generic/fcntl.h, linux/fcntl.h).
const O_NOCTTY = 0o400;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const O_PATH = 0o10000000;
export const O_NOATIME = 0o1000000;
export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
/** The same number everywhere, as all calls since 2019 (Linux 6.13). */
export const SYS_listxattrat = 465;

/** What differs between the architectures (asm/fcntl.h of each). */
const ABIS: Readonly<Record<string, { O_DIRECTORY: number; O_NOFOLLOW: number }>> = {
  x86_64: { O_DIRECTORY: 0o200000, O_NOFOLLOW: 0o400000 },
  aarch64: { O_DIRECTORY: 0o40000, O_NOFOLLOW: 0o100000 },
};

export interface AttributeCalls {
  readonly c: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];
  /** Flags to open something for its attributes alone: never waits, never follows a link. */
  readonly toExamine: number;
  /** Flags to open a folder on the way. */
  readonly toPass: number;
  /** The number of the last failure of this thread. */
  errno(): number;
}

let loaded: AttributeCalls | null | undefined;

/** Null where there is none to borrow: other systems, Node, FFI not permitted. Loaded once per process. */
export function openAttributeCalls(): AttributeCalls | null {
  if (loaded === undefined) loaded = load();
  return loaded;
}

function load(): AttributeCalls | null {
  const deno = (globalThis as { Deno?: typeof Deno }).Deno;
  if (deno === undefined || deno.build.os !== "linux" || typeof deno.dlopen !== "function") return null;
  const abi = ABIS[deno.build.arch];
  if (abi === undefined) return null;
  // The second names are musl's.
  for (const name of ["libc.so.6", `libc.musl-${deno.build.arch}.so.1`, "libc.so"]) {
    try {
      const { symbols: c } = deno.dlopen(name, SYMBOLS);
      return {
        c,
        toExamine: O_NOCTTY | O_NONBLOCK | O_CLOEXEC | abi.O_NOFOLLOW,
        toPass: O_PATH | O_CLOEXEC | abi.O_DIRECTORY,
        errno: () => {
          const at = c.__errno_location();
          return at === null ? 0 : new deno.UnsafePointerView(at).getInt32();
        },
      };
    } catch {
      // Not this one: absent, or not permitted.
    }
  }
  return null;
}
