/**
 * macOS's record of a {@link UnixSystem}, for x86-64 and arm64. Values from Apple's xnu: bsd/sys/{fcntl,stat,dirent,mount}.h.
 * Never run on a Mac by this project's tests: those decode structs laid out by the headers.
 *
 *     stat   0 dev(i32) 4 mode(2) 6 nlink(2) 8 ino(8) 16 uid(4) 20 gid(4) 24 rdev(i32) 28 pad(4) 32 atime 48 mtime 64 ctime
 *            80 birth time, each sec(i64) nsec(8); 96 size(8) 104 blocks(8) 112 blksize(4) 116 flags(4) 120 gen(4) to 144
 *     statfs 0 bsize(u32) 4 iosize(4) 8 blocks(8) 16 bfree(8) 24 bavail(8) to 2168
 *
 * On x86-64 the calls with 64-bit inode numbers carry `$INODE64` in their names; arm64 never had others. Apple's arm64 passes
 * variadic arguments on the stack: openat's mode is declared as ninth argument there, so that it lands where it is looked for.
 */
import { DARWIN_DIRENT, DirectoryList } from "./_dirent.ts";
import { errnoSymbol, osError } from "./_errno.ts";
import {
  type CallBytes,
  timeNs,
  u64,
  UNIX_SYMBOLS,
  type UnixFlags,
  type UnixSystem,
} from "./_unix_system.ts";
import { UnixFiles } from "./unix_files.ts";
import { decodeText } from "../bytes/mod.ts";
import type { Stat } from "./files.ts";

export const DARWIN_FLAGS: UnixFlags = {
  O_NONBLOCK: 0x4,
  O_APPEND: 0x8,
  O_NOFOLLOW: 0x100,
  O_CREAT: 0x200,
  O_TRUNC: 0x400,
  O_EXCL: 0x800,
  O_NOCTTY: 0x20000,
  O_DIRECTORY: 0x100000,
  O_CLOEXEC: 0x1000000,
  O_NOATIME: 0,
  // O_SEARCH (O_EXEC | O_DIRECTORY) came with macOS 11; read only works everywhere.
  O_PASS: 0,
  AT_FDCWD: -2,
  AT_SYMLINK_NOFOLLOW: 0x20,
  AT_REMOVEDIR: 0x80,
  // bsd/sys/unistd.h: the other way round than elsewhere.
  SEEK_HOLE: 3,
  SEEK_DATA: 4,
};

const PATH_MAX = 1024;
export const DARWIN_STAT_SIZE = 144;
const STATFS_SIZE = 2168;
/** fcntl: write back and have the drive empty its own cache; fsync alone does not. */
const F_FULLFSYNC = 51;

/** Stat of a filled struct stat with 64-bit inode numbers. */
export function decodeDarwinStat(view: DataView): Stat {
  const birthtimeNs = timeNs(view, 80);
  return {
    mode: view.getUint16(4, true),
    dev: view.getInt32(0, true),
    ino: view.getBigUint64(8, true),
    nlink: view.getUint16(6, true),
    uid: view.getUint32(16, true),
    gid: view.getUint32(20, true),
    rdev: view.getInt32(24, true),
    size: u64(view, 96),
    blocks: u64(view, 104),
    mtimeNs: timeNs(view, 48),
    atimeNs: timeNs(view, 32),
    ctimeNs: timeNs(view, 64),
    birthtimeNs: birthtimeNs > 0n ? birthtimeNs : null,
    flags: view.getUint32(116, true),
  };
}

/** Free bytes of a filled struct statfs. */
export function darwinFreeSpace(view: DataView): number {
  return view.getUint32(0, true) * u64(view, 24);
}

const SYMBOLS = {
  ...UNIX_SYMBOLS,
  __error: { parameters: [], result: "pointer" },
  dup: { parameters: ["i32"], result: "i32" },
  fcntl: { parameters: ["i32", "i32"], result: "i32" },
  closedir: { parameters: ["pointer"], result: "i32" },
  // macOS 13 has mkfifoat and mknodat; these are everywhere.
  mkfifo: { parameters: ["buffer", "u32"], result: "i32" },
  mknod: { parameters: ["buffer", "u32", "i32"], result: "i32" },
} as const;

/** The names of functions whose structs hold 64-bit inode numbers. */
export function darwinNames(
  arch: string,
): Readonly<Record<"fstatat" | "fstat" | "fdopendir" | "readdir" | "statfs", string>> {
  const end = arch === "x86_64" ? "$INODE64" : "";
  return {
    fstatat: `fstatat${end}`,
    fstat: `fstat${end}`,
    fdopendir: `fdopendir${end}`,
    readdir: `readdir${end}`,
    statfs: `statfs${end}`,
  };
}

/** Loads what {@link darwinSystem} needs. Throws where a function is missing or FFI is not permitted. */
function load(deno: typeof Deno) {
  const library = "libSystem.B.dylib";
  const names = darwinNames(deno.build.arch);
  const { symbols } = deno.dlopen(library, {
    ...SYMBOLS,
    fstatat: { name: names.fstatat, parameters: ["i32", "buffer", "buffer", "i32"], result: "i32" },
    fstat: { name: names.fstat, parameters: ["i32", "buffer"], result: "i32" },
    fdopendir: { name: names.fdopendir, parameters: ["i32"], result: "pointer" },
    readdir: { name: names.readdir, parameters: ["pointer"], result: "pointer" },
    statfs: { name: names.statfs, parameters: ["buffer", "buffer"], result: "i32" },
  });
  return { symbols, openat: loadOpenat(deno, library) };
}

function loadOpenat(deno: typeof Deno, library: string): UnixSystem["openat"] {
  if (deno.build.arch !== "aarch64") {
    const { symbols } = deno.dlopen(library, {
      openat: { parameters: ["i32", "buffer", "i32", "u32"], result: "i32" },
    });
    return (dir, path, flags, mode) => symbols.openat(dir, path, flags, mode);
  }
  // Eight registers hold arguments: three are used, five are filled.
  const { symbols } = deno.dlopen(library, {
    openat: {
      parameters: ["i32", "buffer", "i32", "i32", "i32", "i32", "i32", "i32", "u64"],
      result: "i32",
    },
  });
  return (dir, path, flags, mode) => symbols.openat(dir, path, flags, 0, 0, 0, 0, 0, BigInt(mode));
}

function darwinSystem(deno: typeof Deno): UnixSystem {
  const { symbols: c, openat } = load(deno);
  const errno = (): number => {
    const at = c.__error();
    return at === null ? 0 : new deno.UnsafePointerView(at).getInt32();
  };
  const statfs = new Uint8Array(STATFS_SIZE);
  const sync = (fd: number): number => {
    if (c.fcntl(fd, F_FULLFSYNC) >= 0) return 0;
    // Network file systems know no such command.
    return ["ENOTSUP", "ENOTTY", "EINVAL"].includes(errnoSymbol(errno(), "darwin")) ? c.fsync(fd) : -1;
  };
  return {
    c,
    flags: DARWIN_FLAGS,
    pathMax: PATH_MAX,
    statSize: DARWIN_STAT_SIZE,
    errno,
    errnoSymbol: (number) => errnoSymbol(number, "darwin"),
    openat,
    statAt: (dir, path, flags, into) => c.fstatat(dir, path, into, flags),
    fstat: (fd, into) => c.fstat(fd, into),
    decodeStat: decodeDarwinStat,
    newList: () => new DirectoryList(DARWIN_DIRENT),
    fillList(fd, list) {
      // closedir closes what fdopendir took.
      const copy = c.dup(fd);
      const dir = copy < 0 ? null : c.fdopendir(copy);
      if (dir === null) {
        if (copy >= 0) c.close(copy);
        return -1;
      }
      // The end of the list and a failure look alike, but for errno.
      const failure = new Int32Array(deno.UnsafePointerView.getArrayBuffer(c.__error()!, 4));
      for (;;) {
        failure[0] = 0;
        const entry = c.readdir(dir);
        if (entry === null) break;
        const length = new deno.UnsafePointerView(entry).getUint16(DARWIN_DIRENT.recordLength);
        list.add(new Uint8Array(deno.UnsafePointerView.getArrayBuffer(entry, length)), length);
      }
      const failed = failure[0]!;
      c.closedir(dir);
      failure[0] = failed;
      return failed === 0 ? 0 : -1;
    },
    sync,
    syncFolder: sync,
    // No call forgets what was read; F_NOCACHE would keep it out of the cache, but takes a variadic argument.
    dropCache() {},
    isCached: () => null,
    mkfifo: (dir, path, mode) => c.mkfifo(onlyHere(dir, path), mode),
    mknod: (dir, path, mode, rdev) => c.mknod(onlyHere(dir, path), mode, rdev),
    freeSpace: (path) => c.statfs(path, statfs) < 0 ? -1 : darwinFreeSpace(new DataView(statfs.buffer)),
  };
}

/** `path`, unless it is one below an open folder: two calls have no form for that. */
function onlyHere(dir: number, path: CallBytes): CallBytes {
  if (dir === DARWIN_FLAGS.AT_FDCWD) return path;
  throw osError("ENAMETOOLONG", "mknod", decodeText(path.subarray(0, path.indexOf(0))));
}

export class DarwinFiles extends UnixFiles {
  /** Throws TypeError where there is no such library, or FFI is not permitted. */
  constructor() {
    const deno = (globalThis as { Deno?: typeof Deno }).Deno;
    if (deno === undefined || deno.build.os !== "darwin") {
      throw new TypeError("Cannot use the C library: not macOS");
    }
    super(darwinSystem(deno));
  }
}
