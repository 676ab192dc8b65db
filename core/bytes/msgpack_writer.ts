/** Values to MessagePack, in borg's dialect (`msgpack.ts`). */
import type { Packable } from "./msgpack.ts";
import { encodeText } from "./text.ts";

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
