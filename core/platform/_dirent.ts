/**
 * Names of a folder as the systems list them: records one after the other, each with an inode number, its own length and a
 * name that ends with a zero byte. In: filled buffers, or single records. Out: the names, in order or by inode number.
 */
import { decodeText } from "../bytes/mod.ts";

/** Offsets in a record. */
export interface DirentLayout {
  /** 64 bits. */
  readonly inode: number;
  /** 16 bits: from this record to the next. */
  readonly recordLength: number;
  readonly name: number;
  /** Records of inode 0 are names that were removed (getdirentries(2) of the BSDs). */
  readonly skipsZero: boolean;
}

/** include/linux/dirent.h, struct linux_dirent64: inode(8) offset(8) length(2) type(1) name. */
export const LINUX_DIRENT: DirentLayout = { inode: 0, recordLength: 16, name: 19, skipsZero: false };

/** macOS <sys/dirent.h> with 64-bit inodes: inode(8) offset(8) length(2) name length(2) type(1) name. */
export const DARWIN_DIRENT: DirentLayout = { inode: 0, recordLength: 16, name: 21, skipsZero: true };

/** FreeBSD 12 and later <sys/dirent.h>: inode(8) offset(8) length(2) type(1) pad(1) name length(2) pad(2) name. */
export const FREEBSD_DIRENT: DirentLayout = { inode: 0, recordLength: 16, name: 24, skipsZero: true };

/** Names of a folder with the inode numbers that it lists. */
export class DirectoryList {
  readonly names: string[] = [];
  readonly #high: number[] = [];
  readonly #low: number[] = [];

  constructor(private readonly layout: DirentLayout = LINUX_DIRENT) {}

  /** Adds the records in the first `length` bytes of `buffer`, without "." and "..". */
  add(buffer: Uint8Array, length: number): void {
    const { inode, recordLength, name: nameAt, skipsZero } = this.layout;
    const view = new DataView(buffer.buffer, buffer.byteOffset, length);
    for (let at = 0; at + nameAt < length;) {
      const next = at + view.getUint16(at + recordLength, true);
      const end = buffer.indexOf(0, at + nameAt);
      const name = decodeText(buffer.subarray(at + nameAt, end));
      const low = view.getUint32(at + inode, true);
      const high = view.getUint32(at + inode + 4, true);
      if (name !== "." && name !== ".." && !(skipsZero && low === 0 && high === 0)) {
        this.names.push(name);
        this.#low.push(low);
        this.#high.push(high);
      }
      // A record without a length would be read for ever.
      if (next <= at) return;
      at = next;
    }
  }

  /** Names by ascending inode number; those of one number stay in order. */
  byInode(): string[] {
    const high = this.#high, low = this.#low;
    const compare = (a: number, b: number): number => high[a]! - high[b]! || low[a]! - low[b]! || a - b;
    const order = new Uint32Array(this.names.length);
    let sorted = true;
    for (let i = 0; i < order.length; i++) {
      order[i] = i;
      if (i > 0 && sorted) sorted = compare(i - 1, i) < 0;
    }
    if (sorted) return this.names;
    order.sort(compare);
    const names: string[] = [];
    for (const i of order) names.push(this.names[i]!);
    return names;
  }
}
