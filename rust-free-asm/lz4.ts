/**
 * Raw LZ4 blocks for machines without liblz4: a safe decoder, and an encoder that makes the choices of the reference
 * implementation's default mode (the "fast" algorithm at acceleration 1 with its 16 KiB table), so that both give the same
 * bytes. In and out: bytes in memory. Format: lz4's `lz4_Block_format.md`.
 *
 *     sequence := token (literal count : 4 | match length - 4 : 4) [255...] literals offset:u16le [255...]
 *     The last sequence ends after its literals; the last 5 bytes are literals, no match begins in the last 12.
 *
 * Copies are made 16 bytes at a time and may write up to LZ4_SLACK bytes more than they should, and read as many: the host
 * leaves so much room behind input and output.
 */
import { LZ4_TABLE } from "./const";

const MIN_MATCH: usize = 4;
const LAST_LITERALS: usize = 5;
const MATCH_MARGIN: usize = 12;
const MAX_DISTANCE: usize = 65535;
/** Up to here positions fit 16 bits and the reference uses twice as many table entries, hashed over 4 bytes. */
const SMALL_INPUT: usize = 65536 + 12 - 1;
const SMALL_HASH_BITS: u32 = 13;
const LARGE_HASH_BITS: u64 = 12;
/** After so many misses (as a power of two) the search takes longer steps. */
const SKIP_TRIGGER: usize = 6;
const LONG: usize = 15;
const TABLE: usize = LZ4_TABLE;

/** Address of the table's entry for the bytes at `at`. */
// @ts-ignore: decorator
@inline
function slot(at: usize, small: bool): usize {
  const hash = small
    ? <usize>((load<u32>(at) * 2654435761) >> (32 - SMALL_HASH_BITS))
    : <usize>(((load<u64>(at) << 24) * 889523592379) >> (64 - LARGE_HASH_BITS));
  return TABLE + (hash << 2);
}

/**
 * Copies `length` bytes and up to 15 more. The two do not overlap, or `to` lies 16 or more behind `from`. Plain words: V8 on
 * s390x makes code of vector loads that crashes.
 */
// @ts-ignore: decorator
@inline
function copy(to: usize, from: usize, length: usize): void {
  const end = to + length;
  do {
    store<u64>(to, load<u64>(from));
    store<u64>(to, load<u64>(from, 8), 8);
    to += 16;
    from += 16;
  } while (to < end);
}

/** The same for two places that do not overlap. */
// @ts-ignore: decorator
@inline
function copyApart(to: usize, from: usize, length: usize): void {
  if (length > 64) memory.copy(to, from, length);
  else copy(to, from, length);
}

// @ts-ignore: decorator
@inline
function writeRun(at: usize, length: usize): usize {
  for (; length >= 255; length -= 255) store<u8>(at++, 255);
  store<u8>(at, <u8>length);
  return at + 1;
}

/** How many bytes from `a` and `b` on are the same, up to `end` for `a`. */
// @ts-ignore: decorator
@inline
function common(a: usize, b: usize, end: usize): usize {
  const start = a;
  while (a + 8 <= end) {
    const difference = load<u64>(a) ^ load<u64>(b);
    if (difference) return a - start + <usize>(ctz<u64>(difference) >> 3);
    a += 8;
    b += 8;
  }
  while (a < end && load<u8>(a) == load<u8>(b)) {
    a++;
    b++;
  }
  return a - start;
}

/** Token, length and literals of a sequence; answers where the match goes on. */
// @ts-ignore: decorator
@inline
function writeLiterals(at: usize, anchor: usize, length: usize): usize {
  store<u8>(at, <u8>(min<usize>(length, LONG) << 4));
  at++;
  if (length >= LONG) at = writeRun(at, length - LONG);
  copyApart(at, anchor, length);
  return at + length;
}

/** Packs `length` bytes at `input`; answers how many bytes it wrote to `output`: length + length / 255 + 16 at most. */
export function encode(input: usize, length: usize, output: usize): usize {
  return length < SMALL_INPUT ? pack(input, length, output, true) : pack(input, length, output, false);
}

// @ts-ignore: decorator
@inline
function pack(input: usize, length: usize, output: usize, small: bool): usize {
  const inputEnd = input + length;
  let anchor = input;
  let at = output;
  if (length > MATCH_MARGIN) {
    // Positions are addresses, kept relative to `input` so that an empty entry means its start.
    memory.fill(TABLE, 0, 4 << SMALL_HASH_BITS);
    const searchEnd = inputEnd - MATCH_MARGIN + 1;
    const end = inputEnd - LAST_LITERALS;
    let ip = input + 1;
    while (true) {
      let next = ip;
      let step: usize = 1;
      let misses: usize = 1 << SKIP_TRIGGER;
      let nextSlot = slot(ip, small);
      let match: usize;
      do {
        const entry = nextSlot;
        ip = next;
        next += step;
        step = misses++ >> SKIP_TRIGGER;
        if (next > searchEnd) return writeLiterals(at, anchor, inputEnd - anchor) - output;
        match = input + load<u32>(entry);
        nextSlot = slot(next, small);
        store<u32>(entry, <u32>(ip - input));
      } while (match + MAX_DISTANCE < ip || load<u32>(match) != load<u32>(ip));
      while (ip > anchor && match > input && load<u8>(ip - 1) == load<u8>(match - 1)) {
        ip--;
        match--;
      }
      do {
        const token = at;
        const extra = common(ip + MIN_MATCH, match + MIN_MATCH, end);
        at = writeLiterals(at, anchor, ip - anchor);
        store<u16>(at, <u16>(ip - match));
        at += 2;
        store<u8>(token, <u8>(load<u8>(token) | <u8>min<usize>(extra, LONG)));
        if (extra >= LONG) at = writeRun(at, extra - LONG);
        ip += MIN_MATCH + extra;
        anchor = ip;
        if (ip >= searchEnd) return writeLiterals(at, anchor, inputEnd - anchor) - output;
        store<u32>(slot(ip - 2, small), <u32>(ip - 2 - input));
        const entry = slot(ip, small);
        match = input + load<u32>(entry);
        store<u32>(entry, <u32>(ip - input));
      } while (match + MAX_DISTANCE >= ip && load<u32>(match) == load<u32>(ip));
      ip++;
    }
  }
  // Too short for any match.
  return writeLiterals(at, anchor, inputEnd - anchor) - output;
}

/**
 * Unpacks the block of `length` bytes at `input`; answers how many bytes it wrote to `output`, or -1 when the block is
 * malformed or would give more than `room` bytes.
 */
export function decode(input: usize, length: usize, output: usize, room: usize): i32 {
  const end = input + length;
  const outputEnd = output + room;
  let from = input;
  let at = output;
  while (from < end) {
    const token = <usize>load<u8>(from++);
    let literals = token >> 4;
    if (literals == LONG) {
      let byte: usize = 255;
      while (byte == 255) {
        if (from >= end) return -1;
        byte = <usize>load<u8>(from++);
        literals += byte;
        // At once, so that the sum never grows beyond 32 bits.
        if (literals > outputEnd - at) return -1;
      }
    }
    if (literals > end - from || literals > outputEnd - at) return -1;
    copyApart(at, from, literals);
    at += literals;
    from += literals;
    if (from == end) return <i32>(at - output);
    if (end - from < 2) return -1;
    const distance = <usize>load<u16>(from);
    from += 2;
    if (distance == 0 || distance > at - output) return -1;
    let size = (token & LONG) + MIN_MATCH;
    if ((token & LONG) == LONG) {
      let byte: usize = 255;
      while (byte == 255) {
        if (from >= end) return -1;
        byte = <usize>load<u8>(from++);
        size += byte;
        if (size > outputEnd - at) return -1;
      }
    }
    if (size > outputEnd - at) return -1;
    if (distance >= 16) copy(at, at - distance, size);
    else if (distance >= 8) {
      for (let to = at, stop = at + size; to < stop; to += 8) store<u64>(to, load<u64>(to - distance));
    } else if (distance == 1) memory.fill(at, load<u8>(at - 1), size);
    else for (let to = at, stop = at + size; to < stop; to++) store<u8>(to, load<u8>(to - distance));
    at += size;
  }
  return -1;
}
