/**
 * The records of macOS, FreeBSD and Linux against a second source: what compilers on those systems made of the headers, as
 * the Go project recorded it by cgo -godefs (golang.org/x/sys at e8c1c327, 2026-08-20: unix/ztypes_* and unix/zerrors_* of
 * darwin, freebsd and linux; amd64 and arm64 say the same of all that is used here, but where noted), and the libc crate of
 * Rust (2eda1e52f, 2026-08-20), whose tests compare it with the headers. Offsets follow from the members by C's alignment.
 */
import assert from "node:assert/strict";
import { DARWIN_DIRENT, FREEBSD_DIRENT } from "../../../core/platform/_dirent.ts";
import { errnoSymbol } from "../../../core/platform/_errno.ts";
import { LINUX_ABIS, POSIX_FADV_DONTNEED } from "../../../core/platform/_libc.ts";
import { decodeStatx, deviceNumber, STATX_MASK, STATX_SIZE } from "../../../core/platform/_statx.ts";
import type { UnixFlags } from "../../../core/platform/_unix_system.ts";
import { DARWIN_FLAGS, darwinFreeSpace, decodeDarwinStat } from "../../../core/platform/darwin.ts";
import { decodeFreebsdStat, FREEBSD_FLAGS, freebsdFreeSpace } from "../../../core/platform/freebsd.ts";
import { XATTR_NOFOLLOW } from "../../../core/platform/darwin_attributes.ts";
import {
  EXTATTR_NAMESPACE_USER,
  PC_ACL_EXTENDED,
  PC_ACL_NFS4,
} from "../../../core/platform/freebsd_attributes.ts";
import * as attributes from "../../../core/platform/attributes.ts";
import type { Stat } from "../../../core/platform/files.ts";

/** A struct's members in their order, "name type" or "name type count"; a timespec is two 64-bit numbers. */
class Struct {
  readonly offsets = new Map<string, { at: number; size: number }>();
  readonly size: number;

  constructor(members: string) {
    let at = 0;
    let largest = 1;
    for (const member of members.trim().split(/\s*,\s*/)) {
      const [name, type, count = "1"] = member.split(" ");
      const unit = type === "timespec" ? 8 : Number(/\d+/.exec(type!)![0]) / 8;
      const size = (type === "timespec" ? 16 : unit) * Number(count);
      at = Math.ceil(at / unit) * unit;
      this.offsets.set(name!, { at, size });
      at += size;
      largest = Math.max(largest, unit);
    }
    this.size = Math.ceil(at / largest) * largest;
  }

  at(name: string): number {
    return this.offsets.get(name)!.at;
  }

  /** All bytes that no value is given for are 0xee. Numbers have the size of their member, times are in nanoseconds. */
  filled(values: Readonly<Record<string, number | bigint>>): DataView {
    const bytes = new Uint8Array(this.size).fill(0xee);
    const view = new DataView(bytes.buffer);
    const put = (at: number, size: number, value: bigint): void => {
      for (let i = 0; i < size; i++) bytes[at + i] = Number((value >> BigInt(8 * i)) & 0xffn);
    };
    for (const [name, value] of Object.entries(values)) {
      const { at, size } = this.offsets.get(name)!;
      const number = BigInt(value);
      if (size < 16) put(at, size, number);
      else {
        put(at, 8, number / 1_000_000_000n);
        put(at + 8, 8, number % 1_000_000_000n);
      }
    }
    return view;
  }
}

const DARWIN_STAT = new Struct(
  `dev i32, mode u16, nlink u16, ino u64, uid u32, gid u32, rdev i32, atim timespec, mtim timespec, ctim timespec,
  btim timespec, size i64, blocks i64, blksize i32, flags u32, gen u32, lspare i32, qspare i64 2`,
);
const DARWIN_STATFS = new Struct(
  `bsize u32, iosize i32, blocks u64, bfree u64, bavail u64, files u64, ffree u64, fsid i32 2, owner u32, type u32,
  flags u32, fssubtype u32, fstypename u8 16, mntonname u8 1024, mntfromname u8 1024, flags_ext u32, reserved u32 7`,
);
const DARWIN_RECORD = new Struct("ino u64, seekoff u64, reclen u16, namlen u16, type u8, name u8 1024");
const FREEBSD_STAT = new Struct(
  `dev u64, ino u64, nlink u64, mode u16, pad0 i16, uid u32, gid u32, pad1 i32, rdev u64, atim timespec, mtim timespec,
  ctim timespec, btim timespec, size i64, blocks i64, blksize i32, flags u32, gen u64, spare u64 10`,
);
// The libc crate.
const FREEBSD_STATVFS = new Struct(
  `bavail u64, bfree u64, blocks u64, favail u64, ffree u64, files u64, bsize u64, flag u64, frsize u64, fsid u64,
  namemax u64`,
);
const FREEBSD_RECORD = new Struct(
  "ino u64, off i64, reclen u16, type u8, pad0 u8, namlen u16, pad1 u16, name u8 256",
);
const STATX = new Struct(
  `mask u32, blksize u32, attributes u64, nlink u32, uid u32, gid u32, mode u16, pad u16, ino u64, size u64, blocks u64,
  attributes_mask u64, atime u64, atime_nsec u32, a u32, btime u64, btime_nsec u32, b u32, ctime u64, ctime_nsec u32, c u32,
  mtime u64, mtime_nsec u32, m u32, rdev_major u32, rdev_minor u32, dev_major u32, dev_minor u32, mnt_id u64,
  dio_mem_align u32, dio_offset_align u32, subvol u64, unit_min u32, unit_max u32, segments_max u32, read_align u32,
  unit_max_opt u32, spare0 u32, spare u64 8`,
);

const COMMON: Stat = {
  mode: 0o100640,
  dev: 0x1020304,
  ino: 0x1122334455667788n,
  nlink: 5,
  uid: 501,
  gid: 20,
  rdev: 0x3000002,
  size: 5_000_000_123,
  blocks: 9_765_632,
  atimeNs: 1_700_000_001_000_000_011n,
  mtimeNs: 1_700_000_002_000_000_022n,
  ctimeNs: 1_700_000_003_000_000_033n,
  birthtimeNs: 1_700_000_004_000_000_044n,
  flags: 0x8022,
};
const VALUES = {
  mode: COMMON.mode,
  dev: COMMON.dev,
  ino: COMMON.ino,
  nlink: COMMON.nlink,
  uid: COMMON.uid,
  gid: COMMON.gid,
  rdev: COMMON.rdev,
  size: COMMON.size,
  blocks: COMMON.blocks,
  atim: COMMON.atimeNs,
  mtim: COMMON.mtimeNs,
  ctim: COMMON.ctimeNs,
  btim: COMMON.birthtimeNs!,
  flags: COMMON.flags!,
};

Deno.test("struct stat of macOS and FreeBSD lies where Go found its members", () => {
  assert.deepEqual([DARWIN_STAT.size, FREEBSD_STAT.size], [144, 224]);
  assert.deepEqual(decodeDarwinStat(DARWIN_STAT.filled(VALUES)), COMMON);
  assert.deepEqual(decodeFreebsdStat(FREEBSD_STAT.filled(VALUES)), COMMON);
});

Deno.test("struct statfs of macOS and statvfs of FreeBSD lie where Go and Rust found their members", () => {
  assert.deepEqual([DARWIN_STATFS.size, FREEBSD_STATVFS.size], [2168, 88]);
  assert.equal(darwinFreeSpace(DARWIN_STATFS.filled({ bsize: 4096, bavail: 7_000_000_000 })), 7e9 * 4096);
  assert.equal(freebsdFreeSpace(FREEBSD_STATVFS.filled({ frsize: 512, bavail: 7_000_000_000 })), 7e9 * 512);
});

Deno.test("struct dirent of macOS and FreeBSD lies where Go found its members", () => {
  for (
    const [layout, record] of [[DARWIN_DIRENT, DARWIN_RECORD], [FREEBSD_DIRENT, FREEBSD_RECORD]] as const
  ) {
    const { inode, recordLength, name } = layout;
    assert.deepEqual([inode, recordLength, name], [record.at("ino"), record.at("reclen"), record.at("name")]);
  }
});

Deno.test("struct statx lies where Go found its members", () => {
  assert.equal(STATX.size, STATX_SIZE);
  // STATX_BASIC_STATS, STATX_BTIME.
  assert.equal(STATX_MASK, 0x7ff | 0x800);
  const second = 1_000_000_000n;
  const time = (name: string, ns: bigint) => ({ [name]: ns / second, [`${name}_nsec`]: ns % second });
  const view = STATX.filled({
    mask: 0xfff,
    attributes: 0,
    attributes_mask: 0,
    nlink: 5,
    uid: 501,
    gid: 20,
    mode: COMMON.mode,
    ino: COMMON.ino,
    size: COMMON.size,
    blocks: COMMON.blocks,
    rdev_major: 8,
    rdev_minor: 17,
    dev_major: 259,
    dev_minor: 3,
    ...time("atime", COMMON.atimeNs),
    ...time("btime", COMMON.birthtimeNs!),
    ...time("ctime", COMMON.ctimeNs),
    ...time("mtime", COMMON.mtimeNs),
  });
  const { flags: _, ...stat } = decodeStatx(view);
  const { flags: __, ...expected } = { ...COMMON, rdev: deviceNumber(8, 17), dev: deviceNumber(259, 3) };
  assert.deepEqual(stat, expected);
});

const ERRORS_OF_BOTH =
  `EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EDEADLK ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST EXDEV
  ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EAGAIN
  EINPROGRESS EALREADY ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT ENOTSUP
  EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN
  ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED ELOOP ENAMETOOLONG EHOSTDOWN EHOSTUNREACH ENOTEMPTY EPROCLIM EUSERS
  EDQUOT ESTALE EREMOTE EBADRPC ERPCMISMATCH EPROGUNAVAIL EPROGMISMATCH EPROCUNAVAIL ENOLCK ENOSYS EFTYPE EAUTH ENEEDAUTH`;
const ERRORS = {
  darwin:
    `${ERRORS_OF_BOTH} EPWROFF EDEVERR EOVERFLOW EBADEXEC EBADARCH ESHLIBVERS EBADMACHO ECANCELED EIDRM ENOMSG EILSEQ ENOATTR
    EBADMSG EMULTIHOP ENODATA ENOLINK ENOSR ENOSTR EPROTO ETIME EOPNOTSUPP ENOPOLICY ENOTRECOVERABLE EOWNERDEAD EQFULL`,
  freebsd:
    `${ERRORS_OF_BOTH} EIDRM ENOMSG EOVERFLOW ECANCELED EILSEQ ENOATTR EDOOFUS EBADMSG EMULTIHOP ENOLINK EPROTO ENOTCAPABLE
    ECAPMODE ENOTRECOVERABLE EOWNERDEAD EINTEGRITY`,
} as const;

Deno.test("every error number of macOS and FreeBSD is the one that Go found, and there are no more", () => {
  for (const system of ["darwin", "freebsd"] as const) {
    const symbols = ERRORS[system].split(/\s+/);
    for (const [i, symbol] of symbols.entries()) {
      // Two numbers, one meaning.
      assert.equal(errnoSymbol(i + 1, system), symbol === "EOPNOTSUPP" ? "ENOTSUP" : symbol, system);
    }
    assert.match(errnoSymbol(symbols.length + 1, system), /^E\d+$/);
  }
});

/** Every flag of a record is the one of the table; the table may know more. */
function assertFlags(flags: UnixFlags, table: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(flags)) assert.equal(value, table[name], name);
}

Deno.test("flags are those that Go and Rust found", () => {
  const darwin = {
    O_APPEND: 0x8,
    O_CLOEXEC: 0x1000000,
    O_CREAT: 0x200,
    O_DIRECTORY: 0x100000,
    O_EXCL: 0x800,
    O_NOATIME: 0,
    O_NOCTTY: 0x20000,
    O_NOFOLLOW: 0x100,
    O_NONBLOCK: 0x4,
    O_TRUNC: 0x400,
    O_PASS: 0,
    AT_FDCWD: -0x2,
    AT_REMOVEDIR: 0x80,
    AT_SYMLINK_NOFOLLOW: 0x20,
    SEEK_HOLE: 3,
    SEEK_DATA: 4,
  };
  assertFlags(DARWIN_FLAGS, darwin);
  const freebsd = {
    ...darwin,
    O_CLOEXEC: 0x100000,
    O_DIRECTORY: 0x20000,
    O_NOCTTY: 0x8000,
    // O_SEARCH
    O_PASS: 0x40000,
    AT_FDCWD: -0x64,
    AT_REMOVEDIR: 0x800,
    AT_SYMLINK_NOFOLLOW: 0x200,
    SEEK_DATA: 3,
    SEEK_HOLE: 4,
  };
  assertFlags(FREEBSD_FLAGS, freebsd);
  const linux = {
    O_APPEND: 0x400,
    O_CLOEXEC: 0x80000,
    O_CREAT: 0x40,
    O_EXCL: 0x80,
    O_NOATIME: 0x40000,
    O_NOCTTY: 0x100,
    O_NONBLOCK: 0x800,
    O_TRUNC: 0x200,
    // O_PATH
    O_PASS: 0x200000,
    AT_FDCWD: -0x64,
    AT_REMOVEDIR: 0x200,
    AT_SYMLINK_NOFOLLOW: 0x100,
    SEEK_DATA: 3,
    SEEK_HOLE: 4,
  };
  assertFlags(LINUX_ABIS["x86_64"]!, {
    ...linux,
    O_DIRECTORY: 0x10000,
    O_NOFOLLOW: 0x20000,
    SYS_getdents64: 217,
  });
  assertFlags(LINUX_ABIS["aarch64"]!, {
    ...linux,
    O_DIRECTORY: 0x4000,
    O_NOFOLLOW: 0x8000,
    SYS_getdents64: 61,
  });
  // FADV_DONTNEED.
  assert.equal(POSIX_FADV_DONTNEED, 4);
});

Deno.test("what pathconf is asked on FreeBSD has Rust's numbers", () => {
  assert.deepEqual([PC_ACL_EXTENDED, PC_ACL_NFS4], [59, 64]);
});

Deno.test("numbers of extended attributes are Rust's, those of file flags Rust's and Python's", () => {
  assert.deepEqual([XATTR_NOFOLLOW, EXTATTR_NAMESPACE_USER], [0x1, 1]);
  // Python's module stat has one table for both systems; Rust has most of FreeBSD's.
  const flags = {
    UF_NODUMP: 0x1,
    UF_IMMUTABLE: 0x2,
    UF_APPEND: 0x4,
    UF_OPAQUE: 0x8,
    UF_NOUNLINK: 0x10,
    UF_COMPRESSED: 0x20,
    UF_HIDDEN: 0x8000,
    SF_ARCHIVED: 0x10000,
    SF_IMMUTABLE: 0x20000,
    SF_APPEND: 0x40000,
    SF_NOUNLINK: 0x100000,
    // Since Python 3.13.
    SF_DATALESS: 0x40000000,
  };
  const ours = Object.entries(attributes).filter(([name]) => /^[US]F_/.test(name));
  assert.deepEqual(Object.fromEntries(ours), flags);
});
