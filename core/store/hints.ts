/**
 * What compaction and quota need to know besides the index, as `hints.N` keeps it: msgpack, keys in this order: version 2,
 * `segments` (segment -> number of live objects), `compact` (segment -> bytes that could be freed), and, not in borg's
 * document, `storage_quota_use` and `shadow_index` (id -> segments with a void PUT). Version 1, of borg 1.0, has a list
 * instead of the map in `compact`; who reads it must measure those segments again.
 */
import { ID_LENGTH, MsgpackError, MsgpackReader, MsgpackWriter, type Unpacked } from "../bytes/mod.ts";
import { ShadowIndex } from "./shadow_index.ts";

export class Hints {
  readonly segments = new Map<number, number>();
  readonly compact = new Map<number, number>();
  readonly shadow = new ShadowIndex();
  storageQuotaUse = 0;

  /** Makes sure that `segment` is counted, with no live object so far. */
  know(segment: number): void {
    if (!this.segments.has(segment)) this.segments.set(segment, 0);
  }

  addLive(segment: number, objects: number): void {
    this.segments.set(segment, (this.segments.get(segment) ?? 0) + objects);
  }

  addFreeable(segment: number, bytes: number): void {
    this.compact.set(segment, (this.compact.get(segment) ?? 0) + bytes);
  }

  /** Forgets a segment whose file is gone. */
  drop(segment: number): void {
    this.segments.delete(segment);
    this.compact.delete(segment);
  }
}

/** The contents of `hints.N`. */
export function encodeHints(hints: Hints): Uint8Array {
  const writer = new MsgpackWriter();
  writer.writeMapHeader(5);
  writer.writeText("version");
  writer.writeInteger(2);
  writer.writeText("segments");
  writer.write(hints.segments);
  writer.writeText("compact");
  writer.write(hints.compact);
  writer.writeText("storage_quota_use");
  writer.writeInteger(hints.storageQuotaUse);
  writer.writeText("shadow_index");
  writer.writeMapHeader(hints.shadow.size);
  hints.shadow.forEach((id, segments) => {
    writer.writeBytes(id);
    writer.write(segments);
  });
  // May be hundreds of megabytes after a large delete: no copy.
  return writer.view();
}

export interface DecodedHints {
  hints: Hints;
  /** Segments whose freeable bytes are unknown (version 1), ascending. */
  unmeasured: number[];
}

function malformed(what: string): never {
  throw new MsgpackError(`Cannot decode the hints: ${what}`);
}

function wholeNumber(value: Unpacked): number {
  return typeof value === "number" && Number.isInteger(value) ? value : malformed("a number is missing");
}

/** Number of entries of the map that begins here; the reader goes on to its first key. */
function readMapHeader(reader: MsgpackReader): number {
  const { buffer, position } = reader;
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  const type = buffer[position] ?? 0;
  if ((type & 0xf0) === 0x80) {
    reader.position += 1;
    return type & 0x0f;
  }
  const width = type === 0xde ? 2 : type === 0xdf ? 4 : malformed("a map is missing");
  if (position + 1 + width > buffer.length) malformed("it ends too early");
  reader.position += 1 + width;
  return width === 2 ? view.getUint16(position + 1) : view.getUint32(position + 1);
}

/** The header of 32 raw bytes, and they. */
const PACKED_ID_BYTES = 3 + ID_LENGTH;

/** The shadow index may be large and its keys are bytes, which the general decoder would turn into strings. */
function readShadowIndex(reader: MsgpackReader, shadow: ShadowIndex): void {
  for (let left = readMapHeader(reader); left > 0; left--) {
    if (readUsualShadow(reader, shadow)) continue;
    const id = reader.read();
    const segments = reader.read();
    if (!(id instanceof Uint8Array) || id.length !== ID_LENGTH || !Array.isArray(segments)) {
      malformed("the shadow index is damaged");
    }
    shadow.put(id, segments.map(wholeNumber));
  }
}

/** Reads an id with one segment, as nearly all are, without an object for each part; false: it is of another form. */
function readUsualShadow(reader: MsgpackReader, shadow: ShadowIndex): boolean {
  const { buffer, position } = reader;
  // raw of 16-bit length, list of one, number in one to five bytes
  if (buffer.length < position + PACKED_ID_BYTES + 6) return false;
  if (buffer[position] !== 0xda || buffer[position + 1] !== 0 || buffer[position + 2] !== ID_LENGTH) {
    return false;
  }
  let at = position + PACKED_ID_BYTES;
  if (buffer[at++] !== 0x91) return false;
  const type = buffer[at++]!;
  let segment = type;
  if (type >= 0x80) {
    if (type < 0xcc || type > 0xce) return false;
    const end = at + (1 << (type - 0xcc));
    for (segment = 0; at < end; at++) segment = segment * 256 + buffer[at]!;
  }
  shadow.put(buffer.subarray(position + 3, position + PACKED_ID_BYTES), [segment]);
  reader.position = at;
  return true;
}

function fillNumbers(into: Map<number, number>, value: Unpacked | undefined): void {
  if (!(value instanceof Map)) malformed("a table is missing");
  for (const [key, count] of value) {
    if (typeof key !== "number") malformed("a segment is not a number");
    into.set(key, wholeNumber(count));
  }
}

/** Reads the contents of `hints.N`. Throws MsgpackError where they make no sense or the version is unknown. */
export function decodeHints(bytes: Uint8Array): DecodedHints {
  const reader = new MsgpackReader(bytes, true);
  const hints = new Hints();
  const fields = new Map<string, Unpacked>();
  for (let left = readMapHeader(reader); left > 0; left--) {
    const key = reader.read();
    if (!(key instanceof Uint8Array)) malformed("a name is missing");
    const name = String.fromCharCode(...key.subarray(0, 64));
    if (name === "shadow_index") readShadowIndex(reader, hints.shadow);
    else fields.set(name, reader.read());
  }
  if (!reader.atEnd) malformed("data follows after the end");
  fillNumbers(hints.segments, fields.get("segments"));
  const version = fields.get("version");
  const compact = fields.get("compact");
  if (version === 1) {
    if (!Array.isArray(compact)) malformed("a list is missing");
    return { hints, unmeasured: compact.map(wholeNumber).sort((a, b) => a - b) };
  }
  if (version !== 2) malformed("the version is unknown");
  fillNumbers(hints.compact, compact);
  hints.storageQuotaUse = wholeNumber(fields.get("storage_quota_use") ?? 0);
  return { hints, unmeasured: [] };
}
