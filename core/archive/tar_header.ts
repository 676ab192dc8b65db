/**
 * Headers of tar archives (POSIX.1-1988 ustar; GNU tar manual, "Basic Tar Format"), one block of 512 bytes:
 *
 *     0 name 100 | 100 mode 8 | 108 uid 8 | 116 gid 8 | 124 size 12 | 136 mtime 12 | 148 checksum 8 | 156 type 1
 *     157 link name 100 | 257 magic 8 | 265 user 32 | 297 group 32 | 329 device major 8 | 337 minor 8 | 345 prefix 155
 *     GNU, type S: 386 sparse: 4 times offset 12, size 12 | 482 goes on 1 | 483 real size 12
 *
 * Written is the GNU form, with the same bytes as borg's: long names in entries of their own before, numbers that octal
 * digits do not hold in base 256.
 */
import { decodeText, encodeText } from "../bytes/mod.ts";

export const TAR_BLOCK = 512;

export const TarType = {
  File: 0x30,
  HardLink: 0x31,
  Symlink: 0x32,
  Character: 0x33,
  Block: 0x34,
  Directory: 0x35,
  Fifo: 0x36,
  Contiguous: 0x37,
  LongLink: 0x4b,
  LongName: 0x4c,
  Sparse: 0x53,
  Pax: 0x78,
  PaxSolaris: 0x58,
  PaxGlobal: 0x67,
} as const;

export interface TarHeader {
  type: number;
  name: string;
  linkName: string;
  mode: number;
  uid: number;
  gid: number;
  /** In bytes, of what follows the header. */
  size: number;
  /** Seconds since 1970. */
  mtime: number;
  user: string;
  group: string;
  major: number;
  minor: number;
}

const NAME_BYTES = 100;
const GNU_MAGIC = "ustar  \0";
const LONG_NAME = "././@LongLink";

/** The blocks of an entry's header, those for long names included. */
export function encodeTarHeader(header: TarHeader): Uint8Array {
  const isFolder = header.type === TarType.Directory && !header.name.endsWith("/");
  const name = encodeText(isFolder ? `${header.name}/` : header.name);
  const link = encodeText(header.linkName);
  const blocks: Uint8Array[] = [];
  if (link.length > NAME_BYTES) blocks.push(longName(TarType.LongLink, link));
  if (name.length > NAME_BYTES) blocks.push(longName(TarType.LongName, name));
  blocks.push(encodeBlock(header, name, link));
  const all = new Uint8Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let at = 0;
  for (const block of blocks) {
    all.set(block, at);
    at += block.length;
  }
  return all;
}

function longName(type: number, name: Uint8Array): Uint8Array {
  const size = name.length + 1;
  const head = encodeBlock(
    { ...NOTHING, type, size },
    encodeText(LONG_NAME),
    new Uint8Array(0),
  );
  const blocks = new Uint8Array(TAR_BLOCK + paddedSize(size));
  blocks.set(head);
  blocks.set(name, TAR_BLOCK);
  return blocks;
}

const NOTHING: TarHeader = {
  type: TarType.File,
  name: "",
  linkName: "",
  mode: 0,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: 0,
  user: "",
  group: "",
  major: 0,
  minor: 0,
};

/** `size` up to the end of its last block. */
export const paddedSize = (size: number): number => Math.ceil(size / TAR_BLOCK) * TAR_BLOCK;

function encodeBlock(header: TarHeader, name: Uint8Array, link: Uint8Array): Uint8Array {
  const block = new Uint8Array(TAR_BLOCK);
  const text = (at: number, length: number, bytes: Uint8Array): void =>
    block.set(bytes.subarray(0, length), at);
  text(0, NAME_BYTES, name);
  number(block, 100, 8, header.mode & 0o7777);
  number(block, 108, 8, header.uid);
  number(block, 116, 8, header.gid);
  number(block, 124, 12, header.size);
  number(block, 136, 12, header.mtime);
  block.fill(0x20, 148, 156);
  block[156] = header.type;
  text(157, NAME_BYTES, link);
  text(257, 8, encodeText(GNU_MAGIC));
  text(265, 32, encodeText(header.user));
  text(297, 32, encodeText(header.group));
  if (header.type === TarType.Block || header.type === TarType.Character) {
    number(block, 329, 8, header.major);
    number(block, 337, 8, header.minor);
  }
  let sum = 0;
  for (const byte of block) sum += byte;
  text(148, 7, encodeText(`${sum.toString(8).padStart(6, "0")}\0`));
  return block;
}

/** Octal digits and a NUL, or where these do not do, base 256 (negative numbers: two's complement). */
function number(block: Uint8Array, at: number, length: number, value: number): void {
  if (value >= 0 && value < 8 ** (length - 1)) {
    block.set(encodeText(value.toString(8).padStart(length - 1, "0")), at);
    return;
  }
  let rest = BigInt.asUintN(8 * length, BigInt(value));
  for (let i = at + length - 1; i > at; i--) {
    block[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  block[at] = value < 0 ? 0xff : 0x80;
}

/** What a block is that is no header. */
export type NoHeader = "zeros" | "damaged";

/** The header in `block` as it stands there: long names and what pax says of it are the reader's business. */
export function decodeTarHeader(block: Uint8Array): TarHeader | NoHeader {
  if (block.every((byte) => byte === 0)) return "zeros";
  const field = (at: number, length: number): number | null =>
    decodeTarNumber(block.subarray(at, at + length));
  const [mode, uid, gid] = [field(100, 8), field(108, 8), field(116, 8)];
  const [size, mtime, sum] = [field(124, 12), field(136, 12), field(148, 8)];
  const [major, minor] = [field(329, 8), field(337, 8)];
  if (sum === null || !sumFits(block, sum)) return "damaged";
  if (mode === null || uid === null || gid === null || size === null || size < 0 || mtime === null) {
    return "damaged";
  }
  const header: TarHeader = {
    type: block[156]!,
    name: decodeTarText(block.subarray(0, NAME_BYTES)),
    linkName: decodeTarText(block.subarray(157, 257)),
    mode,
    uid,
    gid,
    size,
    mtime,
    user: decodeTarText(block.subarray(265, 297)),
    group: decodeTarText(block.subarray(297, 329)),
    major: major ?? 0,
    minor: minor ?? 0,
  };
  const { type } = header;
  // Before POSIX a folder was a file whose name ends with a slash.
  if (type === 0) header.type = header.name.endsWith("/") ? TarType.Directory : TarType.File;
  if (header.type === TarType.Directory) header.name = header.name.replace(/\/+$/, "");
  if (type !== TarType.Sparse && type !== TarType.LongName && type !== TarType.LongLink) {
    const prefix = decodeTarText(block.subarray(345, 500));
    if (prefix !== "") header.name = `${prefix}/${header.name}`;
  }
  return header;
}

/** The checksum counts its own field as blanks; some old programs summed signed bytes. */
function sumFits(block: Uint8Array, sum: number): boolean {
  let unsigned = 8 * 0x20;
  let signed = unsigned;
  for (let i = 0; i < TAR_BLOCK; i++) {
    if (i >= 148 && i < 156) continue;
    const byte = block[i]!;
    unsigned += byte;
    signed += byte < 0x80 ? byte : byte - 0x100;
  }
  return sum === unsigned || sum === signed;
}

/** null where it is no number. */
export function decodeTarNumber(field: Uint8Array): number | null {
  const first = field[0]!;
  if (first === 0x80 || first === 0xff) {
    let value = first === 0xff ? -1n : 0n;
    for (let i = 1; i < field.length; i++) value = value << 8n | BigInt(field[i]!);
    return Number(value);
  }
  const text = decodeTarText(field).trim();
  if (text === "") return 0;
  return /^[0-7]+$/.test(text) ? parseInt(text, 8) : null;
}

/** Up to the first NUL. */
export function decodeTarText(field: Uint8Array): string {
  const end = field.indexOf(0);
  return decodeText(end < 0 ? field : field.subarray(0, end));
}

/** Major and minor of a number as C libraries pack it (glibc, sys/sysmacros.h). */
export function devicePair(rdev: number): { major: number; minor: number } {
  const bits = BigInt(rdev);
  return {
    major: Number(bits >> 8n & 0xfffn | bits >> 32n & 0xfffff000n),
    minor: Number(bits & 0xffn | bits >> 12n & 0xffffff00n),
  };
}

export function deviceNumber(major: number, minor: number): number {
  const [high, low] = [BigInt(major), BigInt(minor)];
  const bits = (high & 0xfffn) << 8n | (high & 0xfffff000n) << 32n | low & 0xffn | (low & 0xffffff00n) << 12n;
  return Number(bits);
}
