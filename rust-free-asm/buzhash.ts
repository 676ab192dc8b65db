/**
 * Content-defined chunking by a cyclic polynomial ("buzhash"). In: bytes of one chunk from its start, as far as they have
 * arrived. Out: where the chunk ends, or 0 while that cannot be told. Follows borg's docs, internals/data-structures.rst,
 * "Buzhash chunker", and cuts where borg cuts.
 *
 *     chunk start            position (candidate cut)              filled
 *     |<------ minSize ------>|<--------- window --------->|        |
 *     |                       |  hashed bytes              |  ...   |
 *
 * A cut at `position` needs hash & mask == 0 and at least one byte beyond the window before the chunk's limit (the end of
 * the file or the largest size): otherwise the chunk takes everything up to the limit.
 *
 * Two ways lead to the same cuts. `scan` itself rolls the window byte by byte. Where there is much to scan, `skipBlocks`
 * first passes over all blocks of 512 positions without any cut. It uses that the hash is linear over GF(2): with
 * t(b) for the table's entry of a byte and rotr for a rotation to the right by a number modulo 32,
 *
 *     Q(i) = t(byte 0) ^ rotr(t(byte 1), 1) ^ ... ^ rotr(t(byte i), i)            the prefix sums
 *     rotr(hash of the window that ends with byte i, i) = Q(i) ^ Q(i - window)
 *
 * so one table lookup per byte is enough (rolling takes two), nothing rotates on the path from byte to byte, and four
 * neighbouring sums are computed and compared at once: a "wide" table for each place in a group of four has a byte's
 * share in all four sums. The last sums are kept in a ring in the first-level cache. Whether a whole block has a cut is
 * asked once, by the least of all its hashes under the mask.
 *
 * What limits it (measured on a Zen 5 core of 4.4 GHz, in Deno): 3.9 GB/s, 1.1 cycles per byte, against 1.7 GB/s of rolling.
 * Deno's V8 compares every address with the memory's size, so an instruction that reads memory costs two or three; in Node,
 * whose V8 leaves that to page faults, the same code reaches 4.1. Per byte: three instructions to cut the byte's index out
 * of a word of eight, two for the lookup, one to add; per four bytes some fifteen to turn, carry, store and compare. Two
 * tables of 64 K entries would halve the lookups but push everything else out of the cache.
 */
import {
  BUZHASH_BLOCK,
  BUZHASH_BLOCKS,
  BUZHASH_MASK,
  BUZHASH_MASKS,
  BUZHASH_MIN_SIZE,
  BUZHASH_POSITION,
  BUZHASH_RING,
  BUZHASH_RING_ENTRIES,
  BUZHASH_SUM,
  BUZHASH_TABLE_IN,
  BUZHASH_TABLE_OUT,
  BUZHASH_WIDE,
  BUZHASH_WINDOW,
} from "./const";

/** The constants of borg's hash; a seed is mixed into each. */
const BASE_TABLE = memory.data<u32>([
  0xe7f831ec, 0xf4026465, 0xafb50cae, 0x6d553c7a, 0xd639efe3, 0x19a7b895, 0x9aba5b21, 0x5417d6d4,
  0x35fd2b84, 0xd1f6a159, 0x3f8e323f, 0xb419551c, 0xf444cebf, 0x21dc3b80, 0xde8d1e36, 0x84a32436,
  0xbeb35a9d, 0xa36f24aa, 0xa4e60186, 0x98d18ffe, 0x3f042f9e, 0xdb228bcd, 0x096474b7, 0x5c20c2f7,
  0xf9eec872, 0xe8625275, 0xb9d38f80, 0xd48eb716, 0x22a950b4, 0x3cbaaeaa, 0xc37cddd3, 0x8fea6f6a,
  0x1d55d526, 0x7fd6d3b3, 0xdaa072ee, 0x4345ac40, 0xa077c642, 0x8f2bd45b, 0x28509110, 0x55557613,
  0xffc17311, 0xd961ffef, 0xe532c287, 0xaab95937, 0x46d38365, 0xb065c703, 0xf2d91d0f, 0x92cd4bb0,
  0x4007c712, 0xf35509dd, 0x505b2f69, 0x557ead81, 0x310f4563, 0xbddc5be8, 0x9760f38c, 0x701e0205,
  0x00157244, 0x14912826, 0xdc4ca32b, 0x67b196de, 0x5db292e8, 0x8c1b406b, 0x01f34075, 0xfa2520f7,
  0x73bc37ab, 0x1e18bc30, 0xfe2c6cb3, 0x20c522d0, 0x5639e3db, 0x942bda35, 0x899af9d1, 0xced44035,
  0x98cc025b, 0x255f5771, 0x70fefa24, 0xe928fa4d, 0x2c030405, 0xb9325590, 0x20cb63bd, 0xa166305d,
  0x80e52c0a, 0xa8fafe2f, 0x1ad13f7d, 0xcfaf3685, 0x6c83a199, 0x7d26718a, 0xde5dfcd9, 0x79cf7355,
  0x8979d7fb, 0xebf8c55e, 0xebe408e4, 0xcd2affba, 0xe483be6e, 0xe239d6de, 0x5dc1e9e0, 0x0473931f,
  0x851b097c, 0xac5db249, 0x09c0f9f2, 0xd8d2f134, 0xe6f38e41, 0xb1c71bf1, 0x52b6e4db, 0x07224424,
  0x6cf73e85, 0x4f25d89c, 0x782a7d74, 0x10a68dcd, 0x3a868189, 0xd570d2dc, 0x69630745, 0x9542ed86,
  0x331cd6b2, 0xa84b5b28, 0x07879c9d, 0x38372f64, 0x7185db11, 0x25ba7c83, 0x01061523, 0xe6792f9f,
  0xe5df07d1, 0x4321b47f, 0x7d2469d8, 0x1a3a4f90, 0x48be29a3, 0x669071af, 0x8ec8dd31, 0x0810bfbf,
  0x813a06b4, 0x68538345, 0x65865ddc, 0x43a71b8e, 0x78619a56, 0x5a34451d, 0x5bdaa3ed, 0x71edc7e9,
  0x17ac9a20, 0x78d10bfa, 0x6c1e7f35, 0xd51839d9, 0x240cbc51, 0x33513cc1, 0xd2b4f795, 0xccaa8186,
  0x0babe682, 0xa33cf164, 0x18c643ea, 0xc1ca105f, 0x9959147a, 0x6d3d94de, 0x0b654fbe, 0xed902ca0,
  0x7d835cb5, 0x99ba1509, 0x6445c922, 0x495e76c2, 0xf07194bc, 0xa1631d7e, 0x677076a5, 0x89fffe35,
  0x1a49bcf3, 0x8e6c948a, 0x0144c917, 0x8d93aea1, 0x16f87ddf, 0xc8f25d49, 0x1fb11297, 0x27e750cd,
  0x2f422da1, 0xdee89a77, 0x1534c643, 0x457b7b8b, 0xaf172f7a, 0x6b9b09d6, 0x33573f7f, 0xf14e15c4,
  0x526467d5, 0xaf488241, 0x87c3ee0d, 0x33be490c, 0x95aa6e52, 0x43ec242e, 0xd77de99b, 0xd018334f,
  0x5b78d407, 0x498eb66b, 0xb1279fa8, 0xb38b0ea6, 0x90718376, 0xe325dee2, 0x8e2f2cba, 0xcaa5bdec,
  0x9d652c56, 0xad68f5cb, 0xa77591af, 0x88e37ee8, 0xf8faa221, 0xfcbbbe47, 0x4f407786, 0xaf393889,
  0xf444a1d9, 0x15ae1a2f, 0x40aa7097, 0x6f9486ac, 0x29d232a3, 0xe47609e9, 0xe8b631ff, 0xba8565f4,
  0x11288749, 0x46c9a838, 0xeb1b7cd8, 0xf516bbb1, 0xfb74fda0, 0x010996e6, 0x4c994653, 0x1d889512,
  0x53dcd9a3, 0xdd074697, 0x1e78e17c, 0x637c98bf, 0x930bb219, 0xcf7f75b0, 0xcb9355fb, 0x9e623009,
  0xe466d82c, 0x28f968d3, 0xfeb385d9, 0x238e026c, 0xb8ed0560, 0x0c6a027a, 0x3d6fec4b, 0xbb4b2ec2,
  0xe715031c, 0xeded011d, 0xcdc4d3b9, 0xc456fc96, 0xdd0eea20, 0xb3df8ec9, 0x12351993, 0xd9cbb01c,
  0x603147a2, 0xcf37d17d, 0xf7fcd9dc, 0xd8556fa3, 0x104c8131, 0x13152774, 0xb4715811, 0x6a72c2c9,
  0xc5ae37bb, 0xa76ce12a, 0x8150d8f3, 0x2ec29218, 0xa35f0984, 0x48c0647e, 0x0b5ff98c, 0x71893f7b,
]);

// @ts-ignore: decorator
@inline
function entering(state: usize, at: usize): u32 {
  return load<u32>(state + (<usize>load<u8>(at) << 2), BUZHASH_TABLE_IN);
}

/** The hash one byte further: the byte at `at` leaves the window, the one `window` bytes later enters. */
// @ts-ignore: decorator
@inline
function roll(state: usize, sum: u32, at: usize, window: usize): u32 {
  const leaving = load<u32>(state + (<usize>load<u8>(at) << 2), BUZHASH_TABLE_OUT);
  // The part without `sum` first: only the rotation and one xor lie on the path from step to step.
  return rotl<u32>(sum, 1) ^ (leaving ^ entering(state, at + window));
}

/**
 * Prepares `state` (BUZHASH_STATE_BYTES long). `minSize` is at least 1. Without `blocks` the state is only ever rolled,
 * and no vector instruction comes to run.
 */
export function init(state: usize, seed: u32, mask: u32, window: u32, minSize: u32, blocks: bool): void {
  if (wideOwner == state) wideOwner = 0;
  store<u32>(state, 0, BUZHASH_POSITION);
  store<u32>(state, 0, BUZHASH_SUM);
  store<u32>(state, mask, BUZHASH_MASK);
  store<u32>(state, window, BUZHASH_WINDOW);
  store<u32>(state, minSize, BUZHASH_MIN_SIZE);
  store<u32>(state, <u32>blocks, BUZHASH_BLOCKS);
  for (let i: usize = 0; i < 256; i++) {
    const value = load<u32>(BASE_TABLE + (i << 2)) ^ seed;
    store<u32>(state + (i << 2), value, BUZHASH_TABLE_IN);
    // A byte leaves after one rotation for each step that it spent in the window.
    store<u32>(state + (i << 2), rotl<u32>(value, window & 31), BUZHASH_TABLE_OUT);
  }
}

/** Forgets the chunk that was begun. */
export function reset(state: usize): void {
  store<u32>(state, 0, BUZHASH_POSITION);
}

/** The hash of `length` bytes at `data`. */
export function hash(state: usize, data: usize, length: u32): u32 {
  let sum: u32 = 0;
  const end = data + length;
  for (let at = data; at < end; at++) sum = rotl<u32>(sum, 1) ^ entering(state, at);
  return sum;
}

/** The scanner whose wide tables and masks are in place, 0 for none. */
let wideOwner: usize = 0;

const WIDE: usize = BUZHASH_WIDE;
/** Bytes of one wide table, and of one of its entries. */
const WIDE_TABLE: usize = 4096;
const WIDE_ENTRY: usize = 16;
const MASKS: usize = BUZHASH_MASKS;
const RING: usize = BUZHASH_RING;
const BLOCK: usize = BUZHASH_BLOCK;

/**
 * Fills in what `skipBlocks` looks up. Wide table k serves the bytes at place k of their group of four: lane l of an entry
 * is the byte's share in the group's sum l, which is none for l < k.
 */
function prepareWide(state: usize): void {
  if (wideOwner == state) return;
  wideOwner = state;
  const mask = load<u32>(state, BUZHASH_MASK);
  for (let byte: usize = 0; byte < 256; byte++) {
    const value = load<u32>(state + (byte << 2), BUZHASH_TABLE_IN);
    for (let place: usize = 0; place < 4; place++) {
      const entry = WIDE + place * WIDE_TABLE + byte * WIDE_ENTRY;
      for (let lane: usize = 0; lane < 4; lane++) {
        store<u32>(entry + (lane << 2), lane < place ? 0 : rotr<u32>(value, <u32>place));
      }
    }
  }
  for (let i: usize = 0; i < 32; i++) store<u32>(MASKS + (i << 2), rotr<u32>(mask, <u32>i));
}

/** Offset in a wide table for the byte of `bytes` that begins with bit `shift` + 4. */
// @ts-ignore: decorator
@inline
function entryOf(bytes: u64, shift: u64): usize {
  return <usize>(bytes >> shift) & 0xff0;
}

/** The shares of the first four of eight bytes in their four sums, as if the group began at a multiple of 32. */
// @ts-ignore: decorator
@inline
function firstFour(bytes: u64): v128 {
  return v128.xor(
    v128.xor(
      v128.load((<usize>bytes << 4) & 0xff0, WIDE),
      v128.load(entryOf(bytes, 4), WIDE + WIDE_TABLE),
    ),
    v128.xor(
      v128.load(entryOf(bytes, 12), WIDE + 2 * WIDE_TABLE),
      v128.load(entryOf(bytes, 20), WIDE + 3 * WIDE_TABLE),
    ),
  );
}

// @ts-ignore: decorator
@inline
function lastFour(bytes: u64): v128 {
  return v128.xor(
    v128.xor(
      v128.load(entryOf(bytes, 28), WIDE),
      v128.load(entryOf(bytes, 36), WIDE + WIDE_TABLE),
    ),
    v128.xor(
      v128.load(entryOf(bytes, 44), WIDE + 2 * WIDE_TABLE),
      v128.load(entryOf(bytes, 52), WIDE + 3 * WIDE_TABLE),
    ),
  );
}

/** `shares` turned to their group's place within 32 bytes, on top of the sum `before` the group. */
// @ts-ignore: decorator
@inline
function sums(shares: v128, place: i32, before: v128): v128 {
  return v128.xor(v128.or(i32x4.shr_u(shares, place), i32x4.shl(shares, 32 - place)), before);
}

/** The last sum of a group, in all lanes. */
// @ts-ignore: decorator
@inline
function last(group: v128): v128 {
  return v128.shuffle<u32>(group, group, 3, 3, 3, 3);
}

/** The least of `least` and of the hashes (turned, under the mask) whose windows end with this group's bytes. */
// @ts-ignore: decorator
@inline
function least(soFar: v128, group: v128, windowBefore: v128, mask: v128): v128 {
  return i32x4.min_u(soFar, v128.and(v128.xor(group, windowBefore), mask));
}

/**
 * The least number of blocks with more positions than the window has. More, so that the ring of one block beyond them still
 * has the sum before the window when a block was written and turned out to have a cut.
 */
// @ts-ignore: decorator
@inline
function blocksOf(window: usize): usize {
  return window / BLOCK + 1;
}

/** Whether blocks can and should be skipped: the ring must have room for the window, and cuts must be rare. */
// @ts-ignore: decorator
@inline
function canSkip(window: usize, mask: u32): bool {
  return window >= BLOCK && (blocksOf(window) + 2) * BLOCK <= <usize>BUZHASH_RING_ENTRIES &&
    mask >= 4 * <u32>window;
}

/**
 * Passes over whole blocks of positions without a cut. The sums of the first `blocksOf(window)` blocks at `data` are only
 * computed; positions are looked at from the one whose window ends there on, as far as `stop`. Answers the last position
 * that was passed (at first the one whose window ends there); its hash is the state's then. Behind it comes a cut, or less
 * than a block.
 *
 *     data                              | block           | block           | less   | stop + window
 *     |<------ blocksOf(window) ------->|                                   |
 *              |<------- window ------->|               |<---- window ----->|
 *              first position                           answer
 */
function skipBlocks(state: usize, data: usize, stop: usize): usize {
  prepareWide(state);
  const window = <usize>load<u32>(state, BUZHASH_WINDOW);
  let warm = blocksOf(window);
  const ringEntries = (warm + 1) * BLOCK;
  let position = data + warm * BLOCK - window;
  /** Where in the ring the next block's sums go. */
  let entry: usize = 0;
  // The sum a window before `entry`. While the first blocks are computed it means nothing, and is not compared.
  let before = ringEntries - window;
  let sum = i32x4.splat(0);
  const mask0 = v128.load(MASKS, 0), mask1 = v128.load(MASKS, 16);
  const mask2 = v128.load(MASKS, 32), mask3 = v128.load(MASKS, 48);
  const mask4 = v128.load(MASKS, 64), mask5 = v128.load(MASKS, 80);
  const mask6 = v128.load(MASKS, 96), mask7 = v128.load(MASKS, 112);
  for (let at = data; warm > 0 || position + BLOCK <= stop;) {
    let smallest = i32x4.splat(-1);
    let ring: usize = RING + (entry << 2);
    let ringBefore: usize = RING + (before << 2);
    const end = ring + (BLOCK << 2);
    for (; ring < end; ring += 128, ringBefore += 128, at += 32) {
      let bytes = load<u64>(at);
      let group = v128.xor(firstFour(bytes), sum);
      v128.store(ring, group);
      smallest = least(smallest, group, v128.load(ringBefore), mask0);
      group = sums(lastFour(bytes), 4, last(group));
      v128.store(ring, group, 16);
      smallest = least(smallest, group, v128.load(ringBefore, 16), mask1);
      bytes = load<u64>(at, 8);
      group = sums(firstFour(bytes), 8, last(group));
      v128.store(ring, group, 32);
      smallest = least(smallest, group, v128.load(ringBefore, 32), mask2);
      group = sums(lastFour(bytes), 12, last(group));
      v128.store(ring, group, 48);
      smallest = least(smallest, group, v128.load(ringBefore, 48), mask3);
      bytes = load<u64>(at, 16);
      group = sums(firstFour(bytes), 16, last(group));
      v128.store(ring, group, 64);
      smallest = least(smallest, group, v128.load(ringBefore, 64), mask4);
      group = sums(lastFour(bytes), 20, last(group));
      v128.store(ring, group, 80);
      smallest = least(smallest, group, v128.load(ringBefore, 80), mask5);
      bytes = load<u64>(at, 24);
      group = sums(firstFour(bytes), 24, last(group));
      v128.store(ring, group, 96);
      smallest = least(smallest, group, v128.load(ringBefore, 96), mask6);
      group = sums(lastFour(bytes), 28, last(group));
      v128.store(ring, group, 112);
      smallest = least(smallest, group, v128.load(ringBefore, 112), mask7);
      sum = last(group);
    }
    if (warm > 0) warm--;
    else if (i32x4.all_true(smallest)) position += BLOCK;
    else break;
    // Behind the ring its first block stands once more, because `ringBefore` may run over the end.
    if (entry == 0) memory.copy(RING + (ringEntries << 2), RING, BLOCK << 2);
    entry += BLOCK;
    if (entry == ringEntries) entry = 0;
    before += BLOCK;
    if (before >= ringEntries) before -= ringEntries;
  }
  // The sums before the block that was not passed. A block ends at 31 modulo 32.
  const newest = load<u32>(RING + ((entry > 0 ? entry : ringEntries) << 2) - 4);
  const oldest = load<u32>(RING + ((before > 0 ? before : ringEntries) << 2) - 4);
  store<u32>(state, rotl<u32>(newest ^ oldest, 31), BUZHASH_SUM);
  return position;
}

/** Rolls on from `at` while nothing fits, to `stop` at most; `state` has the hash at `at`, and gets the one where it ends. */
function rollTo(state: usize, at: usize, stop: usize): usize {
  const window = <usize>load<u32>(state, BUZHASH_WINDOW);
  const mask = load<u32>(state, BUZHASH_MASK);
  let sum = load<u32>(state, BUZHASH_SUM);
  // Steps of eight; left early by the first hash that fits.
  while (at + 8 <= stop && (sum & mask)) {
    sum = roll(state, sum, at, window); at++; if (!(sum & mask)) break;
    sum = roll(state, sum, at, window); at++; if (!(sum & mask)) break;
    sum = roll(state, sum, at, window); at++; if (!(sum & mask)) break;
    sum = roll(state, sum, at, window); at++; if (!(sum & mask)) break;
    sum = roll(state, sum, at, window); at++; if (!(sum & mask)) break;
    sum = roll(state, sum, at, window); at++; if (!(sum & mask)) break;
    sum = roll(state, sum, at, window); at++; if (!(sum & mask)) break;
    sum = roll(state, sum, at, window); at++;
  }
  while (at < stop && (sum & mask)) {
    sum = roll(state, sum, at, window);
    at++;
  }
  store<u32>(state, sum, BUZHASH_SUM);
  return at;
}

/**
 * Length of the chunk that starts at `data`, of which `filled` bytes are there; 0 when more bytes are needed to tell.
 * `ended` says that `filled` is the chunk's limit. Called again for the same chunk with more bytes it goes on where it
 * stopped; after a length was returned, the next call begins a new chunk.
 */
export function scan(state: usize, data: usize, filled: u32, ended: bool): u32 {
  const window = load<u32>(state, BUZHASH_WINDOW);
  const mask = load<u32>(state, BUZHASH_MASK);
  const begun = load<u32>(state, BUZHASH_POSITION);
  const position = begun ? begun : load<u32>(state, BUZHASH_MIN_SIZE);
  if (!begun && filled <= position + window) return ended ? filled : 0;
  if (!begun) store<u32>(state, hash(state, data + position, window), BUZHASH_SUM);
  let at = data + position;
  const stop = data + filled - window;
  const warmBytes = blocksOf(window) * BLOCK;
  // Skipping pays only where there is much more than the window, whose sums it has to compute again.
  if (load<u32>(state, BUZHASH_BLOCKS) && canSkip(window, mask) && at + 2 * warmBytes < stop) {
    // Up to here by hand, so that a window ends with a block.
    const first = at + warmBytes - window;
    const reached = rollTo(state, at, first);
    at = reached == first && (load<u32>(state, BUZHASH_SUM) & mask) ? skipBlocks(state, at, stop) : reached;
  }
  at = rollTo(state, at, stop);
  if (at < stop || ended) {
    store<u32>(state, 0, BUZHASH_POSITION);
    return at < stop ? <u32>(at - data) : filled;
  }
  store<u32>(state, <u32>(at - data), BUZHASH_POSITION);
  return 0;
}
