/** Output gathered as bytes, so that a million lines are neither a million strings nor a million writes. */
import { encodeText } from "../core/bytes/mod.ts";

/** Written out as soon as this many bytes are there. */
const BATCH_BYTES = 64 * 1024;
/** No number has more digits than this. */
const MAX_DIGITS = 24;

export class LineBuffer {
  #bytes = new Uint8Array(2 * BATCH_BYTES);
  #length = 0;

  constructor(private readonly write: (bytes: Uint8Array) => void) {}

  /** Room for `extra` more bytes. */
  #reserve(extra: number): void {
    const needed = this.#length + extra;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }

  text(text: string): void {
    this.append(encodeText(text));
  }

  append(bytes: Uint8Array): void {
    const { length } = bytes;
    this.#reserve(length);
    const out = this.#bytes;
    const at = this.#length;
    // Most are so short that a call of `set` would take longer.
    if (length > 64) out.set(bytes, at);
    else for (let i = 0; i < length; i++) out[at + i] = bytes[i]!;
    this.#length = at + length;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /**
   * Appends that part of `bytes` if all of it is ASCII and none of it is among `special` (256 flags); says whether it did.
   */
  ascii(bytes: Uint8Array, start: number, length: number, special?: Uint8Array): boolean {
    this.#reserve(length);
    const out = this.#bytes;
    const at = this.#length;
    for (let i = 0; i < length; i++) {
      const byte = bytes[start + i]!;
      if (byte >= 0x80 || (special !== undefined && special[byte] !== 0)) return false;
      out[at + i] = byte;
    }
    this.#length = at + length;
    return true;
  }

  /** A whole number that is not negative, right-aligned in `width` columns filled with `fill`. */
  digits(value: number, width = 0, fill = 0x20): void {
    this.#reserve(Math.max(width, MAX_DIGITS));
    if (value > 0xffffffff) {
      const text = String(value);
      for (let i = text.length; i < width; i++) this.#bytes[this.#length++] = fill;
      for (let i = 0; i < text.length; i++) this.#bytes[this.#length++] = text.charCodeAt(i);
      return;
    }
    let count = 1;
    for (let limit = 10; limit <= value; limit *= 10) count++;
    const out = this.#bytes;
    let at = this.#length;
    for (let i = count; i < width; i++) out[at++] = fill;
    this.#length = at + count;
    let rest = value;
    for (let i = at + count - 1; i >= at; i--) {
      const tenth = Math.floor(rest / 10);
      out[i] = 0x30 + rest - tenth * 10;
      rest = tenth;
    }
  }

  /** At the end of a line. */
  lineDone(): void {
    if (this.#length >= BATCH_BYTES) this.flush();
  }

  flush(): void {
    if (this.#length > 0) this.write(this.#bytes.subarray(0, this.#length));
    this.#length = 0;
  }
}
