/**
 * Text between JavaScript strings and the bytes of the operating system and of borg's formats: UTF-8 where bytes that
 * are not UTF-8 become lone surrogates U+DC80..U+DCFF and back (Python's surrogateescape, PEP 383), so every file name
 * survives the round trip.
 */

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes of `text`; a lone surrogate U+DC80..U+DCFF gives the byte it stands for, other lone surrogates are replaced. */
export function encodeText(text: string): Uint8Array {
  if (text.isWellFormed()) return encoder.encode(text);
  const out: number[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit <= 0xdbff) {
      const low = text.charCodeAt(i + 1);
      if (low >= 0xdc00 && low <= 0xdfff) i++;
      continue;
    }
    if (unit < 0xdc80 || unit > 0xdcff) continue;
    if (i > start) out.push(...encoder.encode(text.slice(start, i)));
    out.push(unit - 0xdc00);
    start = i + 1;
  }
  if (start < text.length) out.push(...encoder.encode(text.slice(start)));
  return Uint8Array.from(out);
}

/** Text of `bytes`; each byte that is not part of valid UTF-8 becomes the lone surrogate U+DC00 + byte. */
export function decodeText(bytes: Uint8Array): string {
  const n = bytes.length;
  // Short ASCII is the usual case (file names) and quicker without a decoder call.
  if (n < 48) {
    let ascii = "";
    let i = 0;
    for (; i < n; i++) {
      const byte = bytes[i]!;
      if (byte >= 0x80) break;
      ascii += String.fromCharCode(byte);
    }
    if (i === n) return ascii;
  }
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return decodeEscaped(bytes);
  }
}

function decodeEscaped(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length;) {
    const length = sequenceLength(bytes, i);
    if (length === 0) {
      text += String.fromCharCode(0xdc00 + bytes[i]!);
      i++;
    } else {
      text += strictDecoder.decode(bytes.subarray(i, i + length));
      i += length;
    }
  }
  return text;
}

/** Length of the valid UTF-8 sequence at `at`, 0 if there is none (Unicode 15, table 3-7). */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const length = first >= 0xc2 && first <= 0xdf
    ? 2
    : first >= 0xe0 && first <= 0xef
    ? 3
    : first >= 0xf0 && first <= 0xf4
    ? 4
    : 0;
  if (length === 0 || at + length > bytes.length) return 0;
  for (let k = 1; k < length; k++) {
    if ((bytes[at + k]! & 0xc0) !== 0x80) return 0;
  }
  const second = bytes[at + 1]!;
  if (first === 0xe0 && second < 0xa0) return 0;
  if (first === 0xed && second > 0x9f) return 0;
  if (first === 0xf0 && second < 0x90) return 0;
  if (first === 0xf4 && second > 0x8f) return 0;
  return length;
}

/** `text` fit for output that must be valid Unicode: lone surrogates become "?" as borg prints them. */
export function printable(text: string): string {
  return text.isWellFormed()
    ? text
    : text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "?");
}
