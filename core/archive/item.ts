/**
 * One entry of an archive (a file, folder, link, …) and its msgpack form (borg docs, internals/data-structures.rst,
 * "Item"). Keys are written in sorted order and integers in their shortest form, so that the metadata streams of both
 * programs are the same bytes and deduplicate. Attributes that this version does not interpret are kept as they came.
 */
import {
  asChunkId,
  type ChunkId,
  decodeText,
  ID_LENGTH,
  MsgpackError,
  type MsgpackWriter,
  type Packable,
  type Unpacked,
  type UnpackedMap,
} from "../bytes/mod.ts";

/** One chunk of a file's contents: its id, its plain size and its stored size, in bytes. */
export interface ChunkEntry {
  readonly id: ChunkId;
  readonly size: number;
  readonly csize: number;
}

export interface Item {
  path: string;
  mode: number;
  uid: number;
  gid: number;
  /** null: archived without names (numeric ids). */
  user: string | null;
  group: string | null;
  /** Nanoseconds since 1970. */
  mtime: bigint;
  atime?: bigint;
  ctime?: bigint;
  birthtime?: bigint;
  /** Plain size of the contents; only for items with chunks of their own. */
  size?: number;
  /** Target of a symbolic link, or archive path of the first of a group of hard links. */
  source?: string;
  rdev?: number;
  chunks?: readonly ChunkEntry[];
  /** The true chunk list of a file in which `check --repair` replaced missing chunks. */
  chunks_healthy?: readonly ChunkEntry[];
  /** True for the first of a group of hard links, false for a file that has but one name. */
  hardlink_master?: boolean;
  bsdflags?: number;
  /** Extended attributes by name. */
  xattrs?: UnpackedMap;
  acl_access?: Uint8Array;
  acl_default?: Uint8Array;
  acl_extended?: Uint8Array;
  acl_nfs4?: Uint8Array;
  /** Number of a part of a file that a checkpoint cut short. */
  part?: number;
  /** Keys that this version does not know, preserved. */
  unknown?: Map<string, Unpacked>;
}

/** Every key an item may have (borg constants, ITEM_KEYS); the manifest lists them for `check`. */
export const ITEM_KEYS = [
  "acl_access",
  "acl_default",
  "acl_extended",
  "acl_nfs4",
  "atime",
  "birthtime",
  "bsdflags",
  "chunks",
  "chunks_healthy",
  "ctime",
  "gid",
  "group",
  "hardlink_master",
  "mode",
  "mtime",
  "part",
  "path",
  "rdev",
  "size",
  "source",
  "uid",
  "user",
  "xattrs",
] as const;

type ItemKey = typeof ITEM_KEYS[number];
const KNOWN_KEYS: ReadonlySet<string> = new Set(ITEM_KEYS);
const TIME_KEYS: ReadonlySet<string> = new Set(["atime", "birthtime", "ctime", "mtime"]);
const TEXT_KEYS: ReadonlySet<string> = new Set(["group", "path", "source", "user"]);

/** Appends `item` to `writer`. */
export function encodeItem(writer: MsgpackWriter, item: Item): void {
  let count = 0;
  for (const key of ITEM_KEYS) if (item[key] !== undefined) count++;
  const unknown = item.unknown;
  if (unknown !== undefined && unknown.size > 0) {
    encodeItemWithUnknown(writer, item, unknown, count);
    return;
  }
  writer.writeMapHeader(count);
  for (const key of ITEM_KEYS) encodeField(writer, item, key);
}

function encodeItemWithUnknown(
  writer: MsgpackWriter,
  item: Item,
  unknown: Map<string, Unpacked>,
  known: number,
): void {
  writer.writeMapHeader(known + unknown.size);
  for (const key of [...ITEM_KEYS, ...unknown.keys()].sort()) {
    if (KNOWN_KEYS.has(key)) encodeField(writer, item, key as ItemKey);
    else {
      writer.writeText(key);
      writer.write(unknown.get(key) as Packable);
    }
  }
}

function encodeField(writer: MsgpackWriter, item: Item, key: ItemKey): void {
  const value = item[key];
  if (value === undefined) return;
  writer.writeText(key);
  if (typeof value === "string") writer.writeText(value);
  else if (typeof value === "bigint") writeTime(writer, value);
  else if (typeof value === "number") writer.writeInteger(value);
  else if (key === "chunks" || key === "chunks_healthy") {
    const chunks = value as readonly ChunkEntry[];
    writer.writeArrayHeader(chunks.length);
    for (const chunk of chunks) {
      writer.writeArrayHeader(3);
      writer.writeBytes(chunk.id);
      writer.writeInteger(chunk.size);
      writer.writeInteger(chunk.csize);
    }
  } else writer.write(value as Packable);
}

/** Times are integers up to 63 bits and little-endian two's complement bytes beyond (borg's "bigint"). */
function writeTime(writer: MsgpackWriter, value: bigint): void {
  const bits = (value < 0n ? -value : value).toString(2).length;
  if (bits <= 63) return writer.writeInteger(value);
  const bytes = new Uint8Array(Math.floor((bits + 9) / 8));
  let rest = BigInt.asUintN(bytes.length * 8, value);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  writer.writeBytes(bytes);
}

function readTime(value: Unpacked): bigint {
  if (typeof value === "bigint") return value;
  if (typeof value === "number" && Number.isInteger(value)) return BigInt(value);
  if (!(value instanceof Uint8Array) || value.length > 16) {
    throw new MsgpackError("Cannot decode item: bad time");
  }
  let time = 0n;
  for (let i = value.length - 1; i >= 0; i--) time = (time << 8n) | BigInt(value[i]!);
  return BigInt.asIntN(value.length * 8, time);
}

function readChunks(value: Unpacked): ChunkEntry[] {
  if (!Array.isArray(value)) throw new MsgpackError("Cannot decode item: chunks are not a list");
  const chunks = new Array<ChunkEntry>(value.length);
  for (let i = 0; i < value.length; i++) {
    const entry = value[i];
    if (!Array.isArray(entry)) throw new MsgpackError("Cannot decode item: bad chunk entry");
    const [id, size, csize] = entry;
    if (
      !(id instanceof Uint8Array) || id.length !== ID_LENGTH || typeof size !== "number" ||
      typeof csize !== "number"
    ) {
      throw new MsgpackError("Cannot decode item: bad chunk entry");
    }
    chunks[i] = { id: asChunkId(id), size, csize };
  }
  return chunks;
}

/** The item in `map`; throws MsgpackError where a value has the wrong type or `path` or `mtime` is missing. */
export function decodeItem(map: UnpackedMap): Item {
  const item: Item = { path: "", mode: 0, uid: 0, gid: 0, user: null, group: null, mtime: 0n };
  let required = 0;
  for (const [key, value] of map) {
    if (typeof key !== "string" || !KNOWN_KEYS.has(key)) {
      if (key === "acl") continue; // meaningless, written by attic up to 0.13
      (item.unknown ??= new Map()).set(String(key), value);
      continue;
    }
    if (key === "path" || key === "mtime") required++;
    decodeField(item, key as ItemKey, value);
  }
  if (required !== 2) throw new MsgpackError("Cannot decode item: it has no path or no mtime");
  return item;
}

function decodeField(item: Item, key: ItemKey, value: Unpacked): void {
  if (TIME_KEYS.has(key)) item[key as "mtime"] = readTime(value);
  else if (key === "chunks" || key === "chunks_healthy") {
    // Very old archives may have nil here.
    if (value !== null) item[key] = readChunks(value);
  } else if (TEXT_KEYS.has(key)) {
    if (value instanceof Uint8Array) item[key as "path"] = decodeText(value);
    else if (value !== null || (key !== "user" && key !== "group")) {
      throw new MsgpackError(`Cannot decode item: ${key} is not text`);
    }
  } else if (key === "xattrs") {
    if (!(value instanceof Map)) throw new MsgpackError("Cannot decode item: xattrs are not a map");
    item.xattrs = value;
  } else if (key === "hardlink_master") item.hardlink_master = value === true;
  else if (key.startsWith("acl_")) {
    if (!(value instanceof Uint8Array)) throw new MsgpackError(`Cannot decode item: ${key} is not text`);
    item[key as "acl_access"] = value;
  } else {
    if (typeof value !== "number") throw new MsgpackError(`Cannot decode item: ${key} is not an integer`);
    item[key as "mode"] = value;
  }
}

/** Plain size of the contents in bytes: the stored size, or the sum of the chunks; 0 for what has no contents. */
export function itemSize(item: Item): number {
  if (item.size !== undefined) return item.size;
  if (item.source !== undefined && (item.mode & 0o170000) === 0o120000) return [...item.source].length;
  let size = 0;
  for (const chunk of item.chunks ?? []) size += chunk.size;
  return size;
}
