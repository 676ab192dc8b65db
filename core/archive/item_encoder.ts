/**
 * Items to bytes, fast: the same bytes as `encodeItem` (`item.ts`) for what nearly all items are, without a call for each
 * field; everything else goes through that. An archive of a million files spends its time here when nothing changed.
 */
import { encodeText, MsgpackWriter } from "../bytes/mod.ts";
import { encodeItem, type Item } from "./item.ts";

/** Room for an item besides its path and chunks: keys, numbers, and names up to {@link MAX_NAME}. */
const FIXED_BYTES = 512;
const CHUNK_BYTES = 1 + 3 + 32 + 5 + 5;
const MAX_NAME = 64;
/** Longer paths and links, and longer chunk lists, take the other way. */
const MAX_TEXT = 0x4000;
const MAX_CHUNKS = 0xffff;

const FIRST_WIDE_TIME = 2n ** 32n;
const FIRST_LARGE_TIME = 2n ** 63n;

/** A key as it stands in a packed map. */
const key = (name: string): Uint8Array => Uint8Array.from([0xa0 | name.length, ...encodeText(name)]);
const KEYS = {
  atime: key("atime"),
  birthtime: key("birthtime"),
  bsdflags: key("bsdflags"),
  chunks: key("chunks"),
  ctime: key("ctime"),
  gid: key("gid"),
  group: key("group"),
  hardlink_master: key("hardlink_master"),
  mode: key("mode"),
  mtime: key("mtime"),
  path: key("path"),
  rdev: key("rdev"),
  size: key("size"),
  source: key("source"),
  uid: key("uid"),
  user: key("user"),
};

/** Whether {@link ItemEncoder} has a way of its own for it. */
function isUsual(item: Item): boolean {
  return item.xattrs === undefined && item.acl_access === undefined && item.acl_default === undefined &&
    item.acl_extended === undefined && item.acl_nfs4 === undefined && item.unknown === undefined &&
    item.chunks_healthy === undefined && item.part === undefined &&
    usualTime(item.mtime) && usualTime(item.ctime) && usualTime(item.atime) && usualTime(item.birthtime) &&
    item.path.length < MAX_TEXT && (item.source === undefined || item.source.length < MAX_TEXT) &&
    (item.chunks === undefined || item.chunks.length <= MAX_CHUNKS) &&
    (item.user?.length ?? 0) < MAX_NAME && (item.group?.length ?? 0) < MAX_NAME &&
    usualNumber(item.size) && usualNumber(item.rdev) && usualNumber(item.uid) && usualNumber(item.gid);
}

function usualTime(time: bigint | undefined): boolean {
  return time === undefined || (time >= FIRST_WIDE_TIME && time < FIRST_LARGE_TIME);
}

function usualNumber(value: number | undefined): boolean {
  return value === undefined || (value >= 0 && value <= Number.MAX_SAFE_INTEGER);
}

export class ItemEncoder {
  #bytes = new Uint8Array(128 * 1024);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;
  readonly #general = new MsgpackWriter();
  /** The last user and group, packed: most items have the same. */
  #user: { name: string | null; packed: Uint8Array } = { name: null, packed: NIL };
  #group: { name: string | null; packed: Uint8Array } = { name: null, packed: NIL };

  /** Bytes so far. */
  get length(): number {
    return this.#at;
  }

  /** What was added since {@link reset}; a view, valid until the next call. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  reset(): void {
    this.#at = 0;
  }

  add(item: Item): void {
    if (!isUsual(item)) return this.#addGeneral(item);
    const { chunks } = item;
    const texts = item.path.length + (item.source?.length ?? 0);
    // A UTF-16 unit becomes three bytes at most.
    this.#reserve(FIXED_BYTES + 3 * texts + CHUNK_BYTES * (chunks?.length ?? 0));
    const mapAt = this.#at++;
    let count = 0;
    count += this.#time(KEYS.atime, item.atime);
    count += this.#time(KEYS.birthtime, item.birthtime);
    count += this.#number(KEYS.bsdflags, item.bsdflags);
    if (chunks !== undefined) {
      count++;
      this.#chunks(chunks);
    }
    count += this.#time(KEYS.ctime, item.ctime);
    count += this.#number(KEYS.gid, item.gid);
    if (item.group !== undefined) {
      if (this.#group.name !== item.group) this.#group = { name: item.group, packed: packName(item.group) };
      count += this.#packed(KEYS.group, this.#group.packed);
    }
    if (item.hardlink_master !== undefined) {
      count++;
      this.#raw(KEYS.hardlink_master);
      this.#bytes[this.#at++] = item.hardlink_master ? 0xc3 : 0xc2;
    }
    count += this.#number(KEYS.mode, item.mode);
    count += this.#time(KEYS.mtime, item.mtime);
    count += this.#text(KEYS.path, item.path);
    count += this.#number(KEYS.rdev, item.rdev);
    count += this.#number(KEYS.size, item.size);
    if (item.source !== undefined) count += this.#text(KEYS.source, item.source);
    count += this.#number(KEYS.uid, item.uid);
    if (item.user !== undefined) {
      if (this.#user.name !== item.user) this.#user = { name: item.user, packed: packName(item.user) };
      count += this.#packed(KEYS.user, this.#user.packed);
    }
    if (count < 16) this.#bytes[mapAt] = 0x80 | count;
    else {
      this.#at = mapAt;
      this.#addGeneral(item);
    }
  }

  #addGeneral(item: Item): void {
    this.#general.reset();
    encodeItem(this.#general, item);
    const packed = this.#general.view();
    this.#reserve(packed.length);
    this.#raw(packed);
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const larger = new Uint8Array(2 * this.#bytes.length + bytes);
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }

  /** Short: a loop is quicker than a call of `set`. */
  #raw(packed: Uint8Array): void {
    const length = packed.length;
    if (length > 64) this.#bytes.set(packed, this.#at);
    else for (let i = 0; i < length; i++) this.#bytes[this.#at + i] = packed[i]!;
    this.#at += length;
  }

  #packed(key: Uint8Array, value: Uint8Array): 1 {
    this.#raw(key);
    this.#raw(value);
    return 1;
  }

  #time(key: Uint8Array, time: bigint | undefined): 0 | 1 {
    if (time === undefined) return 0;
    this.#raw(key);
    this.#bytes[this.#at] = 0xcf;
    this.#view.setBigUint64(this.#at + 1, time);
    this.#at += 9;
    return 1;
  }

  #number(key: Uint8Array, value: number | undefined): 0 | 1 {
    if (value === undefined) return 0;
    this.#raw(key);
    this.#integer(value);
    return 1;
  }

  /** Shortest form of a number from 0 to 2^53 - 1. */
  #integer(value: number): void {
    const bytes = this.#bytes;
    if (value < 0x80) {
      bytes[this.#at++] = value;
    } else if (value < 0x100) {
      bytes[this.#at++] = 0xcc;
      bytes[this.#at++] = value;
    } else if (value < 0x10000) {
      bytes[this.#at++] = 0xcd;
      bytes[this.#at++] = value >> 8;
      bytes[this.#at++] = value & 0xff;
    } else if (value < 0x100000000) {
      bytes[this.#at] = 0xce;
      this.#view.setUint32(this.#at + 1, value);
      this.#at += 5;
    } else {
      bytes[this.#at] = 0xcf;
      this.#view.setUint32(this.#at + 1, Math.floor(value / 0x100000000));
      this.#view.setUint32(this.#at + 5, value >>> 0);
      this.#at += 9;
    }
  }

  #chunks(chunks: NonNullable<Item["chunks"]>): void {
    this.#raw(KEYS.chunks);
    const bytes = this.#bytes;
    if (chunks.length < 16) {
      bytes[this.#at++] = 0x90 | chunks.length;
    } else {
      bytes[this.#at++] = 0xdc;
      bytes[this.#at++] = chunks.length >> 8;
      bytes[this.#at++] = chunks.length & 0xff;
    }
    for (let i = 0; i < chunks.length; i++) {
      const { id, size, csize } = chunks[i]!;
      bytes[this.#at] = 0x93;
      bytes[this.#at + 1] = 0xda;
      bytes[this.#at + 2] = 0;
      bytes[this.#at + 3] = 32;
      bytes.set(id, this.#at + 4);
      this.#at += 36;
      this.#integer(size);
      this.#integer(csize);
    }
  }

  /** The folder of the last path, with its slash, where that is ASCII; most paths lie where the one before does. */
  #folder = "";
  #folderBytes = new Uint8Array(0);

  #text(key: Uint8Array, text: string): 1 {
    this.#raw(key);
    const length = text.length;
    const bytes = this.#bytes;
    const start = this.#at + (length < 32 ? 1 : 3);
    let i = 0;
    if (this.#folder !== "" && text.startsWith(this.#folder)) {
      bytes.set(this.#folderBytes, start);
      i = this.#folder.length;
    }
    const end = this.#ascii(text, i, start);
    if (end < length) {
      const encoded = encodeText(text);
      this.#textHead(encoded.length);
      bytes.set(encoded, this.#at);
      this.#at += encoded.length;
    } else {
      const slash = text.lastIndexOf("/") + 1;
      if (slash !== this.#folder.length || i === 0) this.#remember(text, slash, start);
      this.#textHead(length);
      this.#at += length;
    }
    return 1;
  }

  /** Writes units from `i` on as long as they are ASCII; where that ends. */
  #ascii(text: string, i: number, start: number): number {
    const bytes = this.#bytes;
    const { length } = text;
    for (; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit >= 0x80) return i;
      bytes[start + i] = unit;
    }
    return length;
  }

  #remember(text: string, slash: number, start: number): void {
    this.#folder = text.slice(0, slash);
    this.#folderBytes = this.#bytes.slice(start, start + slash);
  }

  /** Of up to 65,535 bytes. */
  #textHead(length: number): void {
    if (length < 32) {
      this.#bytes[this.#at++] = 0xa0 | length;
      return;
    }
    this.#bytes[this.#at++] = 0xda;
    this.#bytes[this.#at++] = length >> 8;
    this.#bytes[this.#at++] = length & 0xff;
  }
}

const NIL = Uint8Array.of(0xc0);

function packName(name: string | null): Uint8Array {
  const writer = new MsgpackWriter();
  if (name === null) writer.writeNil();
  else writer.writeText(name);
  return writer.bytes();
}
