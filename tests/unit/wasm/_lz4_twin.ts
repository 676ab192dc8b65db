/**
 * The slow twin of the LZ4 kernel, in TypeScript: a safe decoder, and an encoder that makes the choices of the reference
 * implementation's default mode, which hash 4 bytes of small inputs and 5 of large ones, and so gives the same bytes.
 */

const MIN_MATCH = 4;
const LAST_LITERALS = 5;
const MATCH_MARGIN = 12;
const MAX_DISTANCE = 65_535;
/** Up to here positions fit 16 bits and the reference uses twice as many table entries, hashed over 4 bytes. */
const SMALL_INPUT = 65_536 + MATCH_MARGIN - 1;
const SMALL_HASH_BITS = 13;
const LARGE_HASH_BITS = 12;
/** After so many misses (as a power of two) the search takes longer steps. */
const SKIP_TRIGGER = 6;
const LONG = 15;

/** Most bytes that {@link encodeLz4Block} can write. */
export function lz4Bound(length: number): number {
  return length + Math.floor(length / 255) + 16;
}

const table = new Uint32Array(1 << SMALL_HASH_BITS);

function hash4(view: DataView, at: number): number {
  return Math.imul(view.getUint32(at, true), 2654435761) >>> (32 - SMALL_HASH_BITS);
}

// The reference hashes 5 bytes with a 64-bit product, (bytes << 24) * 889523592379, and keeps the top 12 bits: bits 28
// to 39 of bytes * 889523592379. Computed here from 20-bit halves, whose products a double holds exactly.
const PRIME_LOW = 889523592379 % 2 ** 20;
const PRIME_HIGH = Math.floor(889523592379 / 2 ** 20);

function hash5(view: DataView, at: number): number {
  const word = view.getUint32(at, true);
  const low = word & 0xfffff;
  const high = (word >>> 20) | (view.getUint8(at + 4) << 12);
  const carry = (low * PRIME_LOW / 2 ** 20) | 0;
  const middle = carry + Math.imul(high, PRIME_LOW) + Math.imul(low, PRIME_HIGH);
  return (middle >>> (20 - LARGE_HASH_BITS)) & ((1 << LARGE_HASH_BITS) - 1);
}

function matchLength(input: Uint8Array, view: DataView, from: { a: number; b: number; end: number }): number {
  let { a, b } = from;
  const start = a;
  const { end } = from;
  while (a + 4 <= end && view.getUint32(a, true) === view.getUint32(b, true)) {
    a += 4;
    b += 4;
  }
  while (a < end && input[a] === input[b]) {
    a++;
    b++;
  }
  return a - start;
}

function writeRun(output: Uint8Array, at: number, length: number): number {
  for (; length >= 255; length -= 255) output[at++] = 255;
  output[at++] = length;
  return at;
}

/** Copies short runs, which are most, without the cost of a call into the runtime. */
function copy(
  input: Uint8Array,
  from: number,
  into: { output: Uint8Array; at: number; length: number },
): number {
  const { output, at, length } = into;
  if (length > 64) output.set(input.subarray(from, from + length), at);
  else for (let i = 0; i < length; i++) output[at + i] = input[from + i]!;
  return at + length;
}

function writeLiterals(
  input: Uint8Array,
  anchor: number,
  into: { output: Uint8Array; at: number; length: number },
): number {
  const { output, length } = into;
  let at = into.at;
  output[at++] = Math.min(length, LONG) << 4;
  if (length >= LONG) at = writeRun(output, at, length - LONG);
  return copy(input, anchor, { output, at, length });
}

/** Writes one sequence: the literals from `anchor` to `ip`, then a match. Returns where the next one goes. */
function writeSequence(
  input: Uint8Array,
  output: Uint8Array,
  { anchor, ip, at, distance, extra }: {
    anchor: number;
    ip: number;
    at: number;
    distance: number;
    extra: number;
  },
): number {
  const token = at;
  at = writeLiterals(input, anchor, { output, at, length: ip - anchor });
  output[at++] = distance & 0xff;
  output[at++] = distance >> 8;
  output[token]! |= Math.min(extra, LONG);
  return extra >= LONG ? writeRun(output, at, extra - LONG) : at;
}

/** Compresses to the start of `output` (at least {@link lz4Bound} bytes) and returns how many bytes were written. */
export function encodeLz4Block(input: Uint8Array, output: Uint8Array): number {
  const n = input.length;
  const { anchor, at } = n > MATCH_MARGIN ? encodeMatches(input, output) : { anchor: 0, at: 0 };
  return writeLiterals(input, anchor, { output, at, length: n - anchor });
}

/** Everything but the last literals, which begin at `anchor` and go to `at`. */
function encodeMatches(input: Uint8Array, output: Uint8Array): { anchor: number; at: number } {
  const n = input.length;
  const view = new DataView(input.buffer, input.byteOffset, n);
  const hash = n < SMALL_INPUT ? hash4 : hash5;
  const searchEnd = n - MATCH_MARGIN + 1;
  const end = n - LAST_LITERALS;
  table.fill(0);
  let anchor = 0;
  let at = 0;
  let ip = 1;
  let match = 0;
  const matches = () =>
    match + MAX_DISTANCE >= ip && view.getUint32(match, true) === view.getUint32(ip, true);
  while (true) {
    let next = ip;
    let step = 1;
    let misses = 1 << SKIP_TRIGGER;
    let nextHash = hash(view, ip);
    do {
      const h = nextHash;
      ip = next;
      next += step;
      step = misses++ >> SKIP_TRIGGER;
      if (next > searchEnd) return { anchor, at };
      match = table[h]!;
      nextHash = hash(view, next);
      table[h] = ip;
    } while (!matches());
    while (ip > anchor && match > 0 && input[ip - 1] === input[match - 1]) {
      ip--;
      match--;
    }
    do {
      const extra = matchLength(input, view, { a: ip + MIN_MATCH, b: match + MIN_MATCH, end });
      at = writeSequence(input, output, { anchor, ip, at, distance: ip - match, extra });
      ip += MIN_MATCH + extra;
      anchor = ip;
      if (ip >= searchEnd) return { anchor, at };
      table[hash(view, ip - 2)] = ip - 2;
      const h = hash(view, ip);
      match = table[h]!;
      table[h] = ip;
    } while (matches());
    ip++;
  }
}

/** Decompresses to the start of `output`; bytes written, or -1 when the block is malformed or `output` too small. */
export function decodeLz4Block(input: Uint8Array, output: Uint8Array): number {
  const end = input.length;
  let from = 0;
  let at = 0;
  while (from < end) {
    const token = input[from++]!;
    let literals = token >> 4;
    if (literals === LONG) {
      let byte = 255;
      while (byte === 255) {
        if (from >= end) return -1;
        byte = input[from++]!;
        literals += byte;
      }
    }
    if (literals > end - from || literals > output.length - at) return -1;
    at = copy(input, from, { output, at, length: literals });
    from += literals;
    if (from === end) return at;
    if (end - from < 2) return -1;
    const distance = input[from]! | input[from + 1]! << 8;
    from += 2;
    if (distance === 0 || distance > at) return -1;
    let length = (token & LONG) + MIN_MATCH;
    if ((token & LONG) === LONG) {
      let byte = 255;
      while (byte === 255) {
        if (from >= end) return -1;
        byte = input[from++]!;
        length += byte;
      }
    }
    if (length > output.length - at) return -1;
    if (distance >= length && length > 64) output.copyWithin(at, at - distance, at - distance + length);
    else for (let i = 0; i < length; i++) output[at + i] = output[at + i - distance]!;
    at += length;
  }
  return -1;
}
