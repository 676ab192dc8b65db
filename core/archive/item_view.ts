/**
 * An item read where it lies: the msgpack map is walked once, noting where each value begins, and values are decoded when
 * they are asked for. That costs no object per item, where listing or checking a million files would otherwise make tens
 * of millions (borg docs, internals/data-structures.rst, "Item").
 *
 * Only items as borg and this program write them are read this way: known keys in at most 15 entries or 65,535, each value
 * of its usual type. Everything else (a cut off, damaged, or very old item) is left to {@link decodeItem}, whose verdict
 * counts: a view never accepts what that refuses.
 */
import { asChunkId, type ChunkId, decodeText, MsgpackReader, type UnpackedMap } from "../bytes/mod.ts";
import { type ChunkEntry, type Item, ITEM_KEYS } from "./item.ts";

export type ItemKey = typeof ITEM_KEYS[number];

/** Number of each key: its place in {@link ITEM_KEYS}. */
export const FIELD = Object.fromEntries(ITEM_KEYS.map((key, i) => [key, i])) as Readonly<
  Record<ItemKey, number>
>;

/** How a value must look. */
const INTEGER = 0;
const TIME = 1;
const TEXT = 2;
const NAME = 3; // text or nil
const CHUNKS = 4;
const BOOLEAN = 5;
const BYTES = 6;
const MAP = 7;

function kindOf(key: ItemKey): number {
  if (key.startsWith("acl_")) return BYTES;
  if (key.endsWith("time")) return TIME;
  if (key === "user" || key === "group") return NAME;
  if (key === "path" || key === "source") return TEXT;
  if (key === "chunks" || key === "chunks_healthy") return CHUNKS;
  if (key === "hardlink_master") return BOOLEAN;
  return key === "xattrs" ? MAP : INTEGER;
}

const KINDS = Uint8Array.from(ITEM_KEYS, kindOf);
const KEY_TEXTS = ITEM_KEYS.map((key) => Uint8Array.from(key, (letter) => letter.charCodeAt(0)));

/** Tells the keys apart: a place of its own for each, found by trying factors. The bytes are compared afterwards. */
function keyHash(length: number, first: number, last: number): number {
  return (length + first * 6 + last) & 63;
}

const KEY_PLACES = new Int8Array(64).fill(-1);
for (const [i, key] of KEY_TEXTS.entries()) {
  const place = keyHash(key.length, key[0]!, key[key.length - 1]!);
  if (KEY_PLACES[place] !== -1) throw new Error(`Two item keys have the same place: ${ITEM_KEYS[i]}`);
  KEY_PLACES[place] = i;
}

/** Bytes that must be readable behind the last one of the stream: a header may be looked at before its end is known. */
export const VIEW_SLACK = 64;

/** Answers of {@link ItemView.read}. */
export const UNUSUAL = -1;
export const CUT_OFF = -2;

/** Bytes of a packed id with its header: raw 16, length 32. */
const PACKED_ID = 3 + 32;

export class ItemView {
  #bytes: Uint8Array = new Uint8Array(VIEW_SLACK);
  /** Offset of each value, -1 where the item has no such key. */
  readonly #at = new Int32Array(ITEM_KEYS.length);
  #end = 0;
  #start = 0;
  #next = 0;

  /** The buffer that offsets refer to. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Where the item begins and ends in {@link bytes}. */
  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#end;
  }

  /**
   * Looks at the item that begins at `start`; `limit` is the end of what is valid in `bytes`, which must go on for
   * {@link VIEW_SLACK} more. Answers the offset behind it, {@link CUT_OFF} where the item goes on behind `limit`, or
   * {@link UNUSUAL} where the slower {@link decodeItem} must judge (of an item that is cut off, too).
   */
  read(bytes: Uint8Array, start: number, limit: number): number {
    this.#bytes = bytes;
    this.#start = start;
    const at = this.#at;
    at.fill(-1);
    let p = start + 1;
    let count = bytes[start]! ^ 0x80;
    if (count === (0xde ^ 0x80)) {
      count = bytes[p]! << 8 | bytes[p + 1]!;
      p += 2;
    } else if (count > 15) return UNUSUAL;
    for (; count > 0; count--) {
      const length = bytes[p]! ^ 0xa0;
      if (length > 31) return UNUSUAL;
      p++;
      if (p + length > limit) return CUT_OFF;
      const field = fieldAt(bytes, p, length);
      if (field < 0) return UNUSUAL;
      p += length;
      at[field] = p;
      p = skipValue(bytes, p, limit, KINDS[field]!);
      if (p < 0) return p;
      if (p > limit) return CUT_OFF;
    }
    if (at[FIELD.path]! < 0 || at[FIELD.mtime]! < 0) return UNUSUAL;
    this.#end = p;
    return p;
  }

  has(field: number): boolean {
    return this.#at[field]! >= 0;
  }

  /** The integer of that field, `fallback` where there is none. */
  integer(field: number, fallback = 0): number {
    const at = this.#at[field]!;
    return at < 0 ? fallback : integerAt(this.#bytes, at);
  }

  /** null where there is none. */
  flag(field: number): boolean | null {
    const at = this.#at[field]!;
    return at < 0 ? null : this.#bytes[at] === 0xc3;
  }

  /** Nanoseconds since 1970, as the double that is nearest; of mtime where there is no such time. */
  nanoseconds(field: number): number {
    const at = this.#at[field]!;
    return integerAt(this.#bytes, at < 0 ? this.#at[FIELD.mtime]! : at);
  }

  /** Where the text of that field begins in {@link bytes}; -1 where there is none. */
  textStart(field: number): number {
    const at = this.#at[field]!;
    if (at < 0 || this.#bytes[at] === NIL) return -1;
    return at + rawHeader(this.#bytes, at);
  }

  /** Length of the text of that field in bytes; 0 where there is none. */
  textLength(field: number): number {
    const at = this.#at[field]!;
    return at < 0 || this.#bytes[at] === NIL ? 0 : rawLength(this.#bytes, at);
  }

  /** null where there is none. */
  text(field: number): string | null {
    const start = this.textStart(field);
    return start < 0 ? null : decodeText(this.#bytes.subarray(start, start + this.textLength(field)));
  }

  /** Of the chunk at hand, after {@link nextChunk}: the offset of its id in {@link bytes}, and its sizes. */
  idStart = 0;
  chunkSize = 0;
  chunkCsize = 0;

  /** How many chunks that field lists; {@link nextChunk} then walks them. */
  openChunks(field: number): number {
    const at = this.#at[field]!;
    if (at < 0) return 0;
    this.#next = at + arrayHeader(this.#bytes, at);
    return arrayLength(this.#bytes, at);
  }

  nextChunk(): void {
    const bytes = this.#bytes;
    const id = this.#next + 1 + PACKED_ID - 32;
    this.idStart = id;
    const size = id + 32;
    this.chunkSize = integerAt(bytes, size);
    const csize = size + INTEGER_BYTES[bytes[size]!]!;
    this.chunkCsize = integerAt(bytes, csize);
    this.#next = csize + INTEGER_BYTES[bytes[csize]!]!;
  }

  /** The id of the chunk at hand, into 32 bytes that can be used for the next one again. */
  copyId(into: Uint8Array): void {
    const bytes = this.#bytes;
    const start = this.idStart;
    for (let i = 0; i < 32; i++) into[i] = bytes[start + i]!;
  }

  /** Plain size of the contents; see `itemSize()`. */
  contentSize(): number {
    if (this.has(FIELD.size)) return this.integer(FIELD.size);
    if (this.has(FIELD.source) && (this.integer(FIELD.mode) & 0o170000) === 0o120000) {
      return [...this.text(FIELD.source)!].length;
    }
    let size = 0;
    for (let count = this.openChunks(FIELD.chunks); count > 0; count--) {
      this.nextChunk();
      size += this.chunkSize;
    }
    return size;
  }

  /** The same as an object. Ids and attributes are views of {@link bytes}. */
  item(): Item {
    const item: Item = {
      path: this.text(FIELD.path)!,
      mode: this.integer(FIELD.mode),
      uid: this.integer(FIELD.uid),
      gid: this.integer(FIELD.gid),
      user: this.text(FIELD.user),
      group: this.text(FIELD.group),
      mtime: this.#time(FIELD.mtime),
    };
    const at = this.#at;
    if (at[FIELD.atime]! >= 0) item.atime = this.#time(FIELD.atime);
    if (at[FIELD.ctime]! >= 0) item.ctime = this.#time(FIELD.ctime);
    if (at[FIELD.birthtime]! >= 0) item.birthtime = this.#time(FIELD.birthtime);
    if (at[FIELD.size]! >= 0) item.size = this.integer(FIELD.size);
    if (at[FIELD.source]! >= 0) item.source = this.text(FIELD.source)!;
    if (at[FIELD.rdev]! >= 0) item.rdev = this.integer(FIELD.rdev);
    if (at[FIELD.chunks]! >= 0) item.chunks = this.#chunks(FIELD.chunks);
    if (at[FIELD.chunks_healthy]! >= 0) item.chunks_healthy = this.#chunks(FIELD.chunks_healthy);
    if (at[FIELD.hardlink_master]! >= 0) {
      item.hardlink_master = this.#bytes[at[FIELD.hardlink_master]!] === 0xc3;
    }
    if (at[FIELD.bsdflags]! >= 0) item.bsdflags = this.integer(FIELD.bsdflags);
    if (at[FIELD.part]! >= 0) item.part = this.integer(FIELD.part);
    if (at[FIELD.xattrs]! >= 0) item.xattrs = this.#map(FIELD.xattrs);
    for (const key of ACL_KEYS) {
      const start = this.textStart(FIELD[key]);
      if (start >= 0) item[key] = this.#bytes.subarray(start, start + this.textLength(FIELD[key]));
    }
    return item;
  }

  #time(field: number): bigint {
    const at = this.#at[field]!;
    const bytes = this.#bytes;
    if (bytes[at]! !== 0xcf) return BigInt(integerAt(bytes, at));
    return BigInt(u32(bytes, at + 1)) << 32n | BigInt(u32(bytes, at + 5));
  }

  #chunks(field: number): ChunkEntry[] {
    const chunks = new Array<ChunkEntry>(this.openChunks(field));
    for (let i = 0; i < chunks.length; i++) {
      this.nextChunk();
      const id: ChunkId = asChunkId(this.#bytes.subarray(this.idStart, this.idStart + 32));
      chunks[i] = { id, size: this.chunkSize, csize: this.chunkCsize };
    }
    return chunks;
  }

  #map(field: number): UnpackedMap {
    const reader = new MsgpackReader(this.#bytes.subarray(this.#start, this.#end), true);
    reader.position = this.#at[field]! - this.#start;
    return reader.read() as UnpackedMap;
  }
}

const ACL_KEYS = ["acl_access", "acl_default", "acl_extended", "acl_nfs4"] as const;
const NIL = 0xc0;

function fieldAt(bytes: Uint8Array, at: number, length: number): number {
  if (length < 3) return -1;
  const field = KEY_PLACES[keyHash(length, bytes[at]!, bytes[at + length - 1]!)]!;
  if (field < 0) return -1;
  const key = KEY_TEXTS[field]!;
  if (key.length !== length) return -1;
  for (let i = 0; i < length; i++) if (key[i] !== bytes[at + i]) return -1;
  return field;
}

/** Bytes of a packed integer by its first byte; 0: no integer that is not negative. */
const INTEGER_BYTES = new Uint8Array(256);
INTEGER_BYTES.fill(1, 0, 0x80);
INTEGER_BYTES.set([2, 3, 5, 9], 0xcc);

function u32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24 | bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!) >>> 0;
}

/** An integer that {@link skipValue} has found well; above 2^53 the nearest double. */
function integerAt(bytes: Uint8Array, at: number): number {
  const type = bytes[at]!;
  switch (type) {
    case 0xcc:
      return bytes[at + 1]!;
    case 0xcd:
      return bytes[at + 1]! << 8 | bytes[at + 2]!;
    case 0xce:
      return u32(bytes, at + 1);
    case 0xcf:
      return u32(bytes, at + 1) * 0x100000000 + u32(bytes, at + 5);
    default:
      return type;
  }
}

/** Bytes of the header of a raw value; 0 where it is none. */
function rawHeader(bytes: Uint8Array, at: number): number {
  const type = bytes[at]!;
  if ((type & 0xe0) === 0xa0) return 1;
  return type === 0xda ? 3 : type === 0xdb ? 5 : 0;
}

function rawLength(bytes: Uint8Array, at: number): number {
  const type = bytes[at]!;
  if ((type & 0xe0) === 0xa0) return type & 0x1f;
  return type === 0xda ? bytes[at + 1]! << 8 | bytes[at + 2]! : u32(bytes, at + 1);
}

function arrayHeader(bytes: Uint8Array, at: number): number {
  const type = bytes[at]!;
  if ((type & 0xf0) === 0x90) return 1;
  return type === 0xdc ? 3 : type === 0xdd ? 5 : 0;
}

function arrayLength(bytes: Uint8Array, at: number): number {
  const type = bytes[at]!;
  if ((type & 0xf0) === 0x90) return type & 0x0f;
  return type === 0xdc ? bytes[at + 1]! << 8 | bytes[at + 2]! : u32(bytes, at + 1);
}

/** Offset behind the value, perhaps beyond `limit`; CUT_OFF, or UNUSUAL where it is not of that kind. */
function skipValue(bytes: Uint8Array, at: number, limit: number, kind: number): number {
  switch (kind) {
    case INTEGER: {
      const size = skipInteger(bytes, at);
      // Larger ones are no numbers to us.
      return size < 0 || (bytes[at] === 0xcf && u32(bytes, at + 1) > 0x1fffff) ? UNUSUAL : size;
    }
    case TIME:
      return skipInteger(bytes, at);
    case NAME:
      if (bytes[at] === NIL) return at + 1;
      return skipRaw(bytes, at);
    case TEXT:
    case BYTES:
      return skipRaw(bytes, at);
    case CHUNKS:
      return skipChunks(bytes, at, limit);
    case BOOLEAN:
      return bytes[at] === 0xc2 || bytes[at] === 0xc3 ? at + 1 : UNUSUAL;
    default:
      return skipMap(bytes, at, limit);
  }
}

function skipInteger(bytes: Uint8Array, at: number): number {
  const size = INTEGER_BYTES[bytes[at]!]!;
  return size === 0 ? UNUSUAL : at + size;
}

function skipRaw(bytes: Uint8Array, at: number): number {
  const header = rawHeader(bytes, at);
  return header === 0 ? UNUSUAL : at + header + rawLength(bytes, at);
}

function skipChunks(bytes: Uint8Array, at: number, limit: number): number {
  const header = arrayHeader(bytes, at);
  if (header === 0) return UNUSUAL;
  let p = at + header;
  for (let count = arrayLength(bytes, at); count > 0; count--) {
    // [id, size, csize]
    if (bytes[p] !== 0x93 || bytes[p + 1] !== 0xda || bytes[p + 2] !== 0 || bytes[p + 3] !== 32) {
      return UNUSUAL;
    }
    p = skipValue(bytes, p + 1 + PACKED_ID, limit, INTEGER);
    if (p < 0) return p;
    if (p > limit) return CUT_OFF;
    p = skipValue(bytes, p, limit, INTEGER);
    if (p < 0) return p;
    if (p > limit) return CUT_OFF;
  }
  return p;
}

/** A map from raw keys to raw or nil values, as extended attributes are. */
function skipMap(bytes: Uint8Array, at: number, limit: number): number {
  const type = bytes[at]!;
  if ((type & 0xf0) !== 0x80 && type !== 0xde) return UNUSUAL;
  let count = type === 0xde ? bytes[at + 1]! << 8 | bytes[at + 2]! : type & 0x0f;
  let p = at + (type === 0xde ? 3 : 1);
  for (; count > 0; count--) {
    p = skipRaw(bytes, p);
    if (p < 0) return p;
    if (p > limit) return CUT_OFF;
    p = bytes[p] === NIL ? p + 1 : skipRaw(bytes, p);
    if (p < 0) return p;
    if (p > limit) return CUT_OFF;
  }
  return p;
}
