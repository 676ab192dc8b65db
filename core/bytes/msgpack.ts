/**
 * MessagePack in the dialect that borg 1.x writes (the specification before 2013): one `raw` type for text and bytes
 * alike, no bin and no str8. Raw values decode to bytes; map keys decode to strings (every map of borg's formats has
 * text keys or integer keys). Maps are encoded in the order given; {@link sortedMap} gives borg's canonical order.
 * No library writes this dialect byte for byte (they write bin or str8), and chunk ids depend on the bytes.
 */
import { plainBytes } from "./concat.ts";
import { decodeText, encodeText } from "./text.ts";

/** What can be encoded. Strings are encoded as raw UTF-8 with surrogate escapes. `number` must be an integer or is a double. */
export type Packable =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly Packable[]
  | ReadonlyMap<string | number, Packable>;

/** What decoding gives. Integers are `number` where safe, else `bigint`. Map keys that are raw become strings. */
export type Unpacked = null | boolean | number | bigint | Uint8Array | Unpacked[] | UnpackedMap;
export type UnpackedMap = Map<string | number, Unpacked>;

/** Malformed, truncated or too deeply nested input. The rooms that know what was read turn it into an IntegrityError. */
export class MsgpackError extends Error {
  override readonly name = "MsgpackError";
}

/** The input ends inside an object: with more data it may be readable. */
export class MsgpackTruncated extends MsgpackError {
  constructor() {
    super("Cannot decode msgpack: data ends too early");
  }
}

/** A map of the present (not undefined) entries in the order of their keys' code points, as borg packs its dictionaries. */
export function sortedMap(entries: Record<string, Packable | undefined>): Map<string, Packable> {
  const map = new Map<string, Packable>();
  for (const key of Object.keys(entries).sort()) {
    const value = entries[key];
    if (value !== undefined) map.set(key, value);
  }
  return map;
}

/** Growing output buffer. Reusable: `reset()` keeps the memory. `bytes()` copies. */
export class MsgpackWriter {
  #buffer = new Uint8Array(4096);
  #view = new DataView(this.#buffer.buffer);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  reset(): void {
    this.#length = 0;
  }

  /** A copy of what was written. */
  bytes(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  /** A view of what was written; valid until the next write. */
  view(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  #reserve(extra: number): number {
    const at = this.#length;
    const needed = at + extra;
    if (needed > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
      larger.set(this.#buffer.subarray(0, at));
      this.#buffer = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#length = needed;
    return at;
  }

  // `this.#buffer[this.#reserve(1)] = …` would take the buffer before it grows.
  #byte(value: number): void {
    const at = this.#reserve(1);
    this.#buffer[at] = value;
  }

  #append(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#buffer.set(bytes, at);
  }

  writeNil(): void {
    this.#byte(0xc0);
  }

  writeBoolean(value: boolean): void {
    this.#byte(value ? 0xc3 : 0xc2);
  }

  /** An integer in the shortest form, as msgpack-python chooses it. Throws RangeError outside of int64 and uint64. */
  writeInteger(value: number | bigint): void {
    if (typeof value === "bigint") {
      if (value < -(2n ** 53n) || value > 2n ** 53n) return this.#writeWide(value);
      value = Number(value);
    } else if (!Number.isSafeInteger(value)) {
      throw new RangeError(`Cannot encode ${value}: not a safe integer`);
    }
    if (value >= 0) {
      if (value < 0x80) {
        this.#byte(value);
      } else if (value < 0x100) {
        const at = this.#reserve(2);
        this.#buffer[at] = 0xcc;
        this.#buffer[at + 1] = value;
      } else if (value < 0x10000) {
        const at = this.#reserve(3);
        this.#buffer[at] = 0xcd;
        this.#view.setUint16(at + 1, value);
      } else if (value < 0x100000000) {
        const at = this.#reserve(5);
        this.#buffer[at] = 0xce;
        this.#view.setUint32(at + 1, value);
      } else {
        const at = this.#reserve(9);
        this.#buffer[at] = 0xcf;
        this.#view.setUint32(at + 1, Math.floor(value / 0x100000000));
        this.#view.setUint32(at + 5, value >>> 0);
      }
    } else if (value >= -0x20) {
      this.#byte(value + 0x100);
    } else if (value >= -0x80) {
      const at = this.#reserve(2);
      this.#buffer[at] = 0xd0;
      this.#view.setInt8(at + 1, value);
    } else if (value >= -0x8000) {
      const at = this.#reserve(3);
      this.#buffer[at] = 0xd1;
      this.#view.setInt16(at + 1, value);
    } else if (value >= -0x80000000) {
      const at = this.#reserve(5);
      this.#buffer[at] = 0xd2;
      this.#view.setInt32(at + 1, value);
    } else {
      this.#writeWide(BigInt(value));
    }
  }

  #writeWide(value: bigint): void {
    if (value < -(2n ** 63n) || value >= 2n ** 64n) {
      throw new RangeError(`Cannot encode ${value}: over 64 bits`);
    }
    const at = this.#reserve(9);
    this.#buffer[at] = value < 0n ? 0xd3 : 0xcf;
    this.#view.setBigUint64(at + 1, BigInt.asUintN(64, value));
  }

  writeDouble(value: number): void {
    const at = this.#reserve(9);
    this.#buffer[at] = 0xcb;
    this.#view.setFloat64(at + 1, value);
  }

  writeRawHeader(length: number): void {
    if (length < 32) {
      this.#byte(0xa0 | length);
    } else if (length < 0x10000) {
      const at = this.#reserve(3);
      this.#buffer[at] = 0xda;
      this.#view.setUint16(at + 1, length);
    } else {
      const at = this.#reserve(5);
      this.#buffer[at] = 0xdb;
      this.#view.setUint32(at + 1, length);
    }
  }

  writeBytes(value: Uint8Array): void {
    this.writeRawHeader(value.length);
    this.#append(value);
  }

  /** Bytes that are msgpack already. */
  writeEncoded(value: Uint8Array): void {
    this.#append(value);
  }

  writeText(value: string): void {
    const length = value.length;
    // Short ASCII, the usual case, goes in without a call to the encoder.
    if (length < 32) {
      const at = this.#reserve(1 + length);
      let i = 0;
      for (; i < length; i++) {
        const unit = value.charCodeAt(i);
        if (unit >= 0x80) break;
        this.#buffer[at + 1 + i] = unit;
      }
      if (i === length) {
        this.#buffer[at] = 0xa0 | length;
        return;
      }
      this.#length = at;
    }
    this.writeBytes(encodeText(value));
  }

  writeArrayHeader(length: number): void {
    if (length < 16) {
      this.#byte(0x90 | length);
    } else if (length < 0x10000) {
      const at = this.#reserve(3);
      this.#buffer[at] = 0xdc;
      this.#view.setUint16(at + 1, length);
    } else {
      const at = this.#reserve(5);
      this.#buffer[at] = 0xdd;
      this.#view.setUint32(at + 1, length);
    }
  }

  writeMapHeader(length: number): void {
    if (length < 16) {
      this.#byte(0x80 | length);
    } else if (length < 0x10000) {
      const at = this.#reserve(3);
      this.#buffer[at] = 0xde;
      this.#view.setUint16(at + 1, length);
    } else {
      const at = this.#reserve(5);
      this.#buffer[at] = 0xdf;
      this.#view.setUint32(at + 1, length);
    }
  }

  write(value: Packable): void {
    if (value === null) this.writeNil();
    else if (typeof value === "string") this.writeText(value);
    else if (typeof value === "boolean") this.writeBoolean(value);
    else if (typeof value === "bigint") this.writeInteger(value);
    else if (typeof value === "number") {
      if (Number.isInteger(value)) this.writeInteger(value);
      else this.writeDouble(value);
    } else if (value instanceof Uint8Array) this.writeBytes(value);
    else if (Array.isArray(value)) {
      this.writeArrayHeader(value.length);
      for (const element of value) this.write(element);
    } else {
      const map = value as ReadonlyMap<string | number, Packable>;
      this.writeMapHeader(map.size);
      for (const [key, element] of map) {
        this.write(key);
        this.write(element);
      }
    }
  }
}

/** `value` as one msgpack object. */
export function encodeMsgpack(value: Packable): Uint8Array {
  const writer = new MsgpackWriter();
  writer.write(value);
  return writer.bytes();
}

/** Short keys met before, by a hash of their bytes: the same dozen keys come again with every item. */
const KNOWN_KEYS: ({ bytes: Uint8Array; text: string } | undefined)[] = new Array(256);

function internKey(buffer: Uint8Array, at: number, length: number): string {
  let hash = length;
  for (let i = 0; i < length; i++) hash = (hash * 31 + buffer[at + i]!) & 0xffff;
  const known = KNOWN_KEYS[hash & 0xff];
  if (known !== undefined && known.bytes.length === length) {
    let i = 0;
    while (i < length && known.bytes[i] === buffer[at + i]) i++;
    if (i === length) return known.text;
  }
  const bytes = buffer.slice(at, at + length);
  const text = decodeText(bytes);
  KNOWN_KEYS[hash & 0xff] = { bytes, text };
  return text;
}

/** Nesting that borg's formats never come near; stops hostile input from exhausting the stack. */
const MAX_DEPTH = 64;

/**
 * Reads consecutive msgpack objects out of one buffer. Raw values are copies, or with `views` views of the buffer, which is
 * much quicker where there are many: then the buffer must not change while any of them is in use. A read past the end
 * throws {@link MsgpackError} with `position` unchanged, so a caller with more data can try again.
 */
export class MsgpackReader {
  position = 0;
  readonly #view: DataView;

  readonly buffer: Uint8Array;

  constructor(buffer: Uint8Array, readonly views = false) {
    this.buffer = plainBytes(buffer);
    this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  }

  get atEnd(): boolean {
    return this.position >= this.buffer.length;
  }

  /** The next object. */
  read(): Unpacked {
    const start = this.position;
    try {
      return this.#read(0);
    } catch (error) {
      this.position = start;
      throw error;
    }
  }

  #take(length: number): number {
    const at = this.position;
    if (length > this.buffer.length - at) {
      throw new MsgpackTruncated();
    }
    this.position = at + length;
    return at;
  }

  #raw(length: number): Uint8Array {
    const at = this.#take(length);
    return this.views ? this.buffer.subarray(at, at + length) : this.buffer.slice(at, at + length);
  }

  #wide(at: number, signed: boolean): number | bigint {
    const value = signed ? this.#view.getBigInt64(at) : this.#view.getBigUint64(at);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  #read(depth: number): Unpacked {
    if (depth > MAX_DEPTH) throw new MsgpackError("Cannot decode msgpack: nested too deeply");
    const type = this.buffer[this.#take(1)]!;
    if (type < 0x80) return type;
    if (type < 0x90) return this.#map(type & 0x0f, depth);
    if (type < 0xa0) return this.#array(type & 0x0f, depth);
    if (type < 0xc0) return this.#raw(type & 0x1f);
    if (type >= 0xe0) return type - 0x100;
    switch (type) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4: // bin 8/16/32: never written by borg 1.x, but harmless to read
      case 0xd9:
        return this.#raw(this.buffer[this.#take(1)]!);
      case 0xc5:
      case 0xda:
        return this.#raw(this.#view.getUint16(this.#take(2)));
      case 0xc6:
      case 0xdb:
        return this.#raw(this.#view.getUint32(this.#take(4)));
      case 0xca:
        return this.#view.getFloat32(this.#take(4));
      case 0xcb:
        return this.#view.getFloat64(this.#take(8));
      case 0xcc:
        return this.buffer[this.#take(1)]!;
      case 0xcd:
        return this.#view.getUint16(this.#take(2));
      case 0xce:
        return this.#view.getUint32(this.#take(4));
      case 0xcf:
        return this.#wide(this.#take(8), false);
      case 0xd0:
        return this.#view.getInt8(this.#take(1));
      case 0xd1:
        return this.#view.getInt16(this.#take(2));
      case 0xd2:
        return this.#view.getInt32(this.#take(4));
      case 0xd3:
        return this.#wide(this.#take(8), true);
      case 0xdc:
        return this.#array(this.#view.getUint16(this.#take(2)), depth);
      case 0xdd:
        return this.#array(this.#view.getUint32(this.#take(4)), depth);
      case 0xde:
        return this.#map(this.#view.getUint16(this.#take(2)), depth);
      case 0xdf:
        return this.#map(this.#view.getUint32(this.#take(4)), depth);
      default:
        throw new MsgpackError(`Cannot decode msgpack: unknown type 0x${type.toString(16)}`);
    }
  }

  #array(length: number, depth: number): Unpacked[] {
    // Every element takes a byte at least, so a forged length cannot make us allocate more than the input's size.
    if (length > this.buffer.length - this.position) {
      throw new MsgpackTruncated();
    }
    const array = new Array<Unpacked>(length);
    for (let i = 0; i < length; i++) array[i] = this.#read(depth + 1);
    return array;
  }

  #map(length: number, depth: number): UnpackedMap {
    if (2 * length > this.buffer.length - this.position) {
      throw new MsgpackTruncated();
    }
    const map: UnpackedMap = new Map();
    for (let i = 0; i < length; i++) {
      const key = this.#key(depth + 1);
      map.set(key, this.#read(depth + 1));
    }
    return map;
  }

  #key(depth: number): string | number {
    const type = this.buffer[this.position];
    if (type !== undefined && (type & 0xe0) === 0xa0) {
      this.position++;
      const length = type & 0x1f;
      const at = this.#take(length);
      return internKey(this.buffer, at, length);
    }
    const key = this.#read(depth);
    if (typeof key === "number") return key;
    if (key instanceof Uint8Array) return decodeText(key);
    throw new MsgpackError("Cannot decode msgpack: a map key is neither text nor a small integer");
  }
}

/** The one object that `buffer` holds; trailing bytes are an error. */
export function decodeMsgpack(buffer: Uint8Array): Unpacked {
  const reader = new MsgpackReader(buffer);
  const value = reader.read();
  if (!reader.atEnd) throw new MsgpackError("Cannot decode msgpack: data after the end of the object");
  return value;
}
