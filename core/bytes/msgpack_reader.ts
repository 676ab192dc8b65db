/** MessagePack, in borg's dialect (`msgpack.ts`), to values. */
import { plainBytes } from "./concat.ts";
import { MsgpackError, MsgpackTruncated, type Unpacked, type UnpackedMap } from "./msgpack.ts";
import { decodeText } from "./text.ts";

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
