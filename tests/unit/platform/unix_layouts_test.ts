/**
 * The records of macOS, FreeBSD and Linux on arm64: structs laid out byte by byte as the headers have them, decoded; values of
 * flags and errors as the headers number them. This machine has none of these systems.
 */
import assert from "node:assert/strict";
import {
  DARWIN_DIRENT,
  DirectoryList,
  type DirentLayout,
  FREEBSD_DIRENT,
} from "../../../core/platform/_dirent.ts";
import { errnoSymbol } from "../../../core/platform/_errno.ts";
import { LINUX_ABIS } from "../../../core/platform/_libc.ts";
import {
  DARWIN_FLAGS,
  darwinFreeSpace,
  darwinNames,
  decodeDarwinStat,
} from "../../../core/platform/darwin.ts";
import { decodeFreebsdStat, FREEBSD_FLAGS, freebsdFreeSpace } from "../../../core/platform/freebsd.ts";
import type { Stat } from "../../../core/platform/files.ts";

/** Members one after the other, as in a header: [bits, value]; nothing is aligned that the list does not pad. */
function struct(members: readonly (readonly [8 | 16 | 32 | 64, number | bigint])[]): DataView {
  const size = members.reduce((sum, [bits]) => sum + bits / 8, 0);
  const view = new DataView(new ArrayBuffer(size));
  let at = 0;
  for (const [bits, value] of members) {
    const unsigned = BigInt.asUintN(bits, BigInt(value));
    if (bits === 8) view.setUint8(at, Number(unsigned));
    else if (bits === 16) view.setUint16(at, Number(unsigned), true);
    else if (bits === 32) view.setUint32(at, Number(unsigned), true);
    else view.setBigUint64(at, unsigned, true);
    at += bits / 8;
  }
  return view;
}

const EXPECTED: Stat = {
  mode: 0o100644,
  dev: 0x1000004,
  ino: 0xfedcba9876543210n,
  nlink: 3,
  uid: 501,
  gid: 4294967294,
  rdev: 0x3000002,
  size: 5_000_000_000,
  blocks: 9_765_632,
  atimeNs: 1_700_000_001_000_000_001n,
  mtimeNs: -1_000_000_001n,
  ctimeNs: 1_700_000_003_000_000_003n,
  birthtimeNs: 1_700_000_002_999_999_999n,
  flags: 0x8022,
};

/** Access, modification, change, birth, each of seconds and nanoseconds. */
const TIMES = [
  [64, 1_700_000_001],
  [64, 1],
  [64, -2],
  [64, 999_999_999],
  [64, 1_700_000_003],
  [64, 3],
  [64, 1_700_000_002],
  [64, 999_999_999],
] as const;

/** macOS <sys/stat.h>, __DARWIN_STRUCT_STAT64. */
const DARWIN_STAT = [
  [32, 0x1000004], // st_dev
  [16, 0o100644], // st_mode
  [16, 3], // st_nlink
  [64, 0xfedcba9876543210n], // st_ino
  [32, 501], // st_uid
  [32, 4294967294], // st_gid
  [32, 0x3000002], // st_rdev
  [32, 0x55555555], // to the alignment of a timespec
  ...TIMES,
  [64, 5_000_000_000], // st_size
  [64, 9_765_632], // st_blocks
  [32, 4096], // st_blksize
  [32, 0x8022], // st_flags
  [32, 77], // st_gen
  [32, -1], // st_lspare
  [64, -1], // st_qspare
  [64, -1],
] as const;

/** FreeBSD 12 <sys/stat.h>, struct stat. */
const FREEBSD_STAT = [
  [64, 0x1000004], // st_dev
  [64, 0xfedcba9876543210n], // st_ino
  [64, 3], // st_nlink
  [16, 0o100644], // st_mode
  [16, -1], // st_padding0, st_bsdflags
  [32, 501], // st_uid
  [32, 4294967294], // st_gid
  [32, -1], // st_padding1
  [64, 0x3000002], // st_rdev
  ...TIMES,
  [64, 5_000_000_000], // st_size
  [64, 9_765_632], // st_blocks
  [32, 4096], // st_blksize
  [32, 0x8022], // st_flags
  ...Array.from({ length: 11 }, () => [64, -1] as const), // st_gen, st_filerev, st_spare
] as const;

Deno.test("decodeDarwinStat() reads every member where the header has it", () => {
  const view = struct(DARWIN_STAT);
  assert.equal(view.byteLength, 144);
  assert.deepEqual(decodeDarwinStat(view), EXPECTED);
  view.setBigUint64(80, 0n, true);
  view.setBigUint64(88, 0n, true);
  assert.equal(decodeDarwinStat(view).birthtimeNs, null);
});

Deno.test("decodeFreebsdStat() reads every member where the header has it", () => {
  const view = struct(FREEBSD_STAT);
  assert.equal(view.byteLength, 224);
  assert.deepEqual(decodeFreebsdStat(view), EXPECTED);
  // A file system without birth times answers -1.
  view.setBigInt64(96, -1n, true);
  assert.equal(decodeFreebsdStat(view).birthtimeNs, null);
});

Deno.test("darwinFreeSpace() and freebsdFreeSpace() count beyond 32 bits", () => {
  const darwin = struct([[32, 4096], [32, 1048576], [64, 2n ** 40n], [64, 2n ** 39n], [64, 5_000_000_000]]);
  assert.equal(darwinFreeSpace(darwin), 5_000_000_000 * 4096);
  const bavail = 6_000_000_000;
  const freebsd = struct([[64, bavail], ...[1, 2, 3, 4, 5, 65536, 0].map((n) => [64, n] as const), [
    64,
    512,
  ]]);
  assert.equal(freebsdFreeSpace(freebsd), bavail * 512);
});

/** A record with a length of a multiple of eight, as the systems make them. */
function record(
  layout: DirentLayout,
  head: readonly (readonly [8 | 16 | 32 | 64, number | bigint])[],
  name: string,
) {
  const bytes = new TextEncoder().encode(name);
  const whole = new Uint8Array(Math.ceil((layout.name + bytes.length + 1) / 8) * 8);
  whole.set(new Uint8Array(struct(head).buffer));
  new DataView(whole.buffer).setUint16(16, whole.length, true);
  whole.set(bytes, layout.name);
  return [...whole];
}

Deno.test("DirectoryList reads the records of macOS and FreeBSD, without those that were removed", () => {
  const files = [[0xf000000000000001n, "zoë"], [2n, "."], [3n, ".."], [0n, "gone"], [5n, "a"]] as const;
  const heads = {
    // d_ino, d_seekoff, d_reclen, d_namlen, d_type
    darwin: (ino: bigint, name: string) =>
      record(DARWIN_DIRENT, [[64, ino], [64, -1], [16, 0], [16, name.length], [8, 8]], name),
    // d_fileno, d_off, d_reclen, d_type, d_pad0, d_namlen, d_pad1
    freebsd: (ino: bigint, name: string) =>
      record(
        FREEBSD_DIRENT,
        [[64, ino], [64, -1], [16, 0], [8, 8], [8, 0], [16, name.length], [16, 0]],
        name,
      ),
  };
  for (const [layout, make] of [[DARWIN_DIRENT, heads.darwin], [FREEBSD_DIRENT, heads.freebsd]] as const) {
    const list = new DirectoryList(layout);
    const bytes = Uint8Array.from(files.flatMap(([ino, name]) => make(ino, name)));
    list.add(bytes, bytes.length);
    assert.deepEqual(list.names, ["zoë", "a"]);
    assert.deepEqual(list.byInode(), ["a", "zoë"]);
  }
});

Deno.test("DirectoryList ends at a record without a length", () => {
  const list = new DirectoryList(FREEBSD_DIRENT);
  list.add(new Uint8Array(100), 100);
  assert.deepEqual(list.names, []);
});

Deno.test("errnoSymbol() names the numbers of macOS and FreeBSD", () => {
  const both: [number, string][] = [
    [1, "EPERM"],
    [11, "EDEADLK"],
    [22, "EINVAL"],
    [35, "EAGAIN"],
    [45, "ENOTSUP"],
    [62, "ELOOP"],
    [63, "ENAMETOOLONG"],
    [66, "ENOTEMPTY"],
    [69, "EDQUOT"],
    [70, "ESTALE"],
    [78, "ENOSYS"],
    [81, "ENEEDAUTH"],
    [300, "E300"],
  ];
  for (const [number, symbol] of both) {
    assert.equal(errnoSymbol(number, "darwin"), symbol);
    assert.equal(errnoSymbol(number, "freebsd"), symbol);
  }
  const darwin: [number, string][] = [[84, "EOVERFLOW"], [92, "EILSEQ"], [93, "ENOATTR"], [102, "ENOTSUP"], [
    106,
    "EQFULL",
  ], [107, "E107"]];
  for (const [number, symbol] of darwin) assert.equal(errnoSymbol(number, "darwin"), symbol);
  const freebsd: [number, string][] = [[84, "EOVERFLOW"], [86, "EILSEQ"], [87, "ENOATTR"], [
    97,
    "EINTEGRITY",
  ], [98, "E98"]];
  for (const [number, symbol] of freebsd) assert.equal(errnoSymbol(number, "freebsd"), symbol);
});

Deno.test("DARWIN_FLAGS, FREEBSD_FLAGS and LINUX_ABIS are the numbers of the headers", () => {
  const { O_NOFOLLOW: follow, O_DIRECTORY: directory, SYS_getdents64: list } = LINUX_ABIS.aarch64!;
  // arm64 kept ARM's own values (arch/arm64/include/uapi/asm/fcntl.h); O_DIRECT stands where x86-64 has O_DIRECTORY.
  assert.deepEqual([follow, directory, list], [0x8000, 0x4000, 61]);
  const { O_NOFOLLOW, O_DIRECTORY, SYS_getdents64 } = LINUX_ABIS.x86_64!;
  assert.deepEqual([O_NOFOLLOW, O_DIRECTORY, SYS_getdents64], [0x20000, 0x10000, 217]);
  for (
    const { O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_NONBLOCK, O_NOFOLLOW } of [DARWIN_FLAGS, FREEBSD_FLAGS]
  ) {
    assert.deepEqual([O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_NONBLOCK, O_NOFOLLOW], [
      0x200,
      0x800,
      0x400,
      8,
      4,
      0x100,
    ]);
  }
  const system = (flags: typeof DARWIN_FLAGS): number[] => [
    flags.O_DIRECTORY,
    flags.O_CLOEXEC,
    flags.O_NOCTTY,
    flags.AT_FDCWD,
    flags.AT_SYMLINK_NOFOLLOW,
    flags.AT_REMOVEDIR,
    flags.SEEK_DATA,
    flags.SEEK_HOLE,
  ];
  assert.deepEqual(system(DARWIN_FLAGS), [0x100000, 0x1000000, 0x20000, -2, 0x20, 0x80, 4, 3]);
  assert.deepEqual(system(FREEBSD_FLAGS), [0x20000, 0x100000, 0x8000, -100, 0x200, 0x800, 3, 4]);
});

Deno.test("darwinNames() asks for 64-bit inode numbers where there are others", () => {
  assert.equal(darwinNames("x86_64").fstatat, "fstatat$INODE64");
  assert.equal(darwinNames("x86_64").readdir, "readdir$INODE64");
  assert.equal(darwinNames("aarch64").fstatat, "fstatat");
});
