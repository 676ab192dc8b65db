/** Recorded answers of the kernel, decoded. */
import assert from "node:assert/strict";
import { decodeStatx, deviceNumber, STATX_SIZE } from "../../../core/platform/_statx.ts";
import { UF_APPEND, UF_COMPRESSED, UF_NODUMP } from "../../../core/platform/mod.ts";
import { DirectoryList } from "../../../core/platform/_dirent.ts";
import { errnoSymbol, osError } from "../../../core/platform/_errno.ts";

/** A struct statx by its fields: [offset, bytes, value]. */
function statx(fields: readonly [number, 2 | 4 | 8, bigint][]): DataView {
  const view = new DataView(new ArrayBuffer(STATX_SIZE));
  for (const [at, bytes, value] of fields) {
    if (bytes === 2) view.setUint16(at, Number(value), true);
    else if (bytes === 4) view.setUint32(at, Number(value), true);
    else view.setBigUint64(at, BigInt.asUintN(64, value), true);
  }
  return view;
}

Deno.test("decodeStatx() reads every field at the kernel's offset", () => {
  const stat = decodeStatx(statx([
    [0, 4, 0xfffn],
    [8, 8, 0x64n],
    [16, 4, 3n],
    [20, 4, 1000n],
    [24, 4, 4294967294n],
    [28, 2, 0o100644n],
    [32, 8, 0xfedcba9876543210n],
    [40, 8, 5_000_000_000n],
    [48, 8, 9_765_632n],
    [56, 8, 0x203474n],
    [64, 8, 1_700_000_001n],
    [72, 4, 1n],
    [80, 8, 1_700_000_002n],
    [88, 4, 2n],
    [96, 8, 1_700_000_003n],
    [104, 4, 3n],
    [112, 8, -2n],
    [120, 4, 999_999_999n],
    [128, 4, 8n],
    [132, 4, 1n],
    [136, 4, 254n],
    [140, 4, 300n],
  ]));
  assert.deepEqual(stat, {
    mode: 0o100644,
    dev: 0x10fe2c,
    ino: 0xfedcba9876543210n,
    nlink: 3,
    uid: 1000,
    gid: 4294967294,
    rdev: 0x801,
    size: 5_000_000_000,
    blocks: 9_765_632,
    mtimeNs: -1_000_000_001n,
    atimeNs: 1_700_000_001_000_000_001n,
    ctimeNs: 1_700_000_003_000_000_003n,
    birthtimeNs: 1_700_000_002_000_000_002n,
    flags: UF_NODUMP | UF_APPEND | UF_COMPRESSED,
  });
});

Deno.test("decodeStatx() knows no birth time where the file system tells none", () => {
  assert.equal(decodeStatx(statx([[0, 4, 0x7ffn], [80, 8, 5n]])).birthtimeNs, null);
});

Deno.test("decodeStatx() knows no flags where the file system tells of none", () => {
  assert.equal(decodeStatx(statx([[8, 8, 0x10n], [56, 8, 0x30n]])).flags, null);
  assert.equal(decodeStatx(statx([[8, 8, 0x1000n], [56, 8, 0x1070n]])).flags, 0);
});

Deno.test("deviceNumber() packs as C libraries do", () => {
  // Python: os.makedev(major, minor)
  assert.equal(deviceNumber(8, 1), 2049);
  assert.equal(deviceNumber(0xfff, 0xff), 1048575);
  assert.equal(deviceNumber(259, 0x12345), 305201989);
  assert.equal(deviceNumber(0x1234, 0), 17592186188800);
});

/** One struct linux_dirent64. */
function dirent(ino: bigint, name: readonly number[]): number[] {
  const record = new Uint8Array(Math.ceil((19 + name.length + 1) / 8) * 8);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, ino, true);
  view.setUint16(16, record.length, true);
  record.set(name, 19);
  return [...record];
}

Deno.test("DirectoryList sorts by the whole 64-bit inode number and keeps the order of equal ones", () => {
  const list = new DirectoryList();
  const bytes = Uint8Array.from([
    ...dirent(2n ** 53n + 1n, [0x61]),
    ...dirent(2n ** 53n, [0x62]),
    ...dirent(1n, [0x2e]),
    ...dirent(2n, [0x2e, 0x2e]),
    ...dirent(7n, [0x7a]),
    ...dirent(7n, [0x79]),
    ...dirent(2n ** 64n - 1n, [0xff]),
    ...dirent(3n, [0x2e, 0x68]),
  ]);
  list.add(bytes, bytes.length);
  assert.deepEqual(list.names, ["a", "b", "z", "y", "\udcff", ".h"]);
  assert.deepEqual(list.byInode(), [".h", "z", "y", "b", "a", "\udcff"]);
});

Deno.test("errnoSymbol() names the numbers of the kernel's table", () => {
  const known: [number, string][] = [
    [1, "EPERM"],
    [2, "ENOENT"],
    [13, "EACCES"],
    [28, "ENOSPC"],
    [39, "ENOTEMPTY"],
    [40, "ELOOP"],
    [42, "ENOMSG"],
    [59, "EBFONT"],
    [75, "EOVERFLOW"],
    [95, "ENOTSUP"],
    [116, "ESTALE"],
    [122, "EDQUOT"],
    [133, "EHWPOISON"],
    [41, "E41"],
    [4000, "E4000"],
  ];
  for (const [errno, symbol] of known) assert.equal(errnoSymbol(errno), symbol);
  assert.equal(osError("EACCES", "open", "/x").message, "Permission denied: /x");
});
