/**
 * Open-addressing hash table over 32-byte keys, in the bucket layout of borg's index files (borg's docs,
 * internals/data-structures.rst, "HashIndex"), so that a file's buckets are the table as they lie. In: keys and values in
 * memory. Out: slot numbers and counts. The host owns the memory and the sizes; it grows a table by making a larger one
 * elsewhere and letting `absorb` take the old buckets.
 *
 *     bucket   0                       32       36            32 + 4 * words
 *              | key (32 bytes)        | word 0 | word 1 ...   |        word 0: 0xffffffff empty, 0xfffffffe deleted
 *
 * A key's home is its first 32 bits modulo the number of buckets; from there it goes up, past the end to slot 0.
 */
import {
  BUCKET_DELETED,
  BUCKET_EMPTY,
  INDEX_BUCKET_BYTES,
  INDEX_BUCKETS,
  INDEX_EMPTY,
  INDEX_ENTRIES,
  INDEX_MIN_EMPTY,
  INDEX_TABLE,
  INDEX_UPPER_LIMIT,
  KEY_BYTES,
  SET_DONE,
  SET_GROW,
  SET_REBUILD,
} from "./const";

// @ts-ignore: decorator
@inline
function mark(bucket: usize): u32 {
  return load<u32>(bucket, KEY_BYTES);
}

// @ts-ignore: decorator
@inline
function isUsed(bucket: usize): bool {
  return mark(bucket) < <u32>BUCKET_DELETED;
}

// @ts-ignore: decorator
@inline
function sameKey(a: usize, b: usize): bool {
  return load<u64>(a) == load<u64>(b) && load<u64>(a, 8) == load<u64>(b, 8) &&
    load<u64>(a, 16) == load<u64>(b, 16) && load<u64>(a, 24) == load<u64>(b, 24);
}

/** Sets up `state` for a table of `buckets` at `table`, all empty. The table's memory must be zero. */
export function init(
  state: usize,
  table: usize,
  buckets: u32,
  bucketBytes: u32,
  upperLimit: u32,
  minEmpty: u32,
): void {
  adoptSizes(state, table, buckets, bucketBytes, upperLimit, minEmpty);
  const end = table + <usize>buckets * bucketBytes;
  for (let bucket = table; bucket < end; bucket += bucketBytes) store<u32>(bucket, BUCKET_EMPTY, KEY_BYTES);
}

function adoptSizes(
  state: usize,
  table: usize,
  buckets: u32,
  bucketBytes: u32,
  upperLimit: u32,
  minEmpty: u32,
): void {
  store<u32>(state, 0, INDEX_ENTRIES);
  store<u32>(state, buckets, INDEX_BUCKETS);
  store<u32>(state, buckets, INDEX_EMPTY);
  store<u32>(state, bucketBytes, INDEX_BUCKET_BYTES);
  store<u32>(state, <u32>table, INDEX_TABLE);
  store<u32>(state, upperLimit, INDEX_UPPER_LIMIT);
  store<u32>(state, minEmpty, INDEX_MIN_EMPTY);
}

/**
 * Takes a table that was read from a file: counts entries and empty buckets into `state`. False when an entry lies where
 * no search would find it (an empty bucket between its home and its place).
 */
export function adopt(
  state: usize,
  table: usize,
  buckets: u32,
  bucketBytes: u32,
  upperLimit: u32,
  minEmpty: u32,
): bool {
  adoptSizes(state, table, buckets, bucketBytes, upperLimit, minEmpty);
  // Buckets without a gap at the table's end belong to one run with those at its start.
  let run: u32 = 0;
  while (run < buckets && mark(table + <usize>(buckets - 1 - run) * bucketBytes) != <u32>BUCKET_EMPTY) run++;
  let entries: u32 = 0;
  let empty: u32 = 0;
  let sound = true;
  let bucket = table;
  for (let slot: u32 = 0; slot < buckets; slot++, bucket += bucketBytes) {
    const word = mark(bucket);
    if (word == <u32>BUCKET_EMPTY) {
      empty++;
      run = 0;
      continue;
    }
    if (word != <u32>BUCKET_DELETED) {
      entries++;
      const home = load<u32>(bucket) % buckets;
      const distance = slot >= home ? slot - home : slot + buckets - home;
      if (distance > run) sound = false;
    }
    if (run < buckets) run++;
  }
  store<u32>(state, entries, INDEX_ENTRIES);
  store<u32>(state, empty, INDEX_EMPTY);
  return sound;
}

/** The slot of the key at `key`, -1 if it is not there. */
export function find(state: usize, key: usize): i32 {
  const buckets = load<u32>(state, INDEX_BUCKETS);
  const bucketBytes = load<u32>(state, INDEX_BUCKET_BYTES);
  const table = <usize>load<u32>(state, INDEX_TABLE);
  const start = load<u32>(key) % buckets;
  let slot = start;
  let bucket = table + <usize>slot * bucketBytes;
  do {
    const word = mark(bucket);
    if (word == <u32>BUCKET_EMPTY) return -1;
    if (word != <u32>BUCKET_DELETED && sameKey(bucket, key)) return slot;
    bucket += bucketBytes;
    if (++slot == buckets) {
      slot = 0;
      bucket = table;
    }
  } while (slot != start);
  return -1;
}

/**
 * Inserts or replaces; `value` points to as many words as the buckets hold. SET_GROW or SET_REBUILD: nothing was done,
 * the host must first make a larger table, or one of the same size without tombstones.
 */
export function set(state: usize, key: usize, value: usize): i32 {
  const buckets = load<u32>(state, INDEX_BUCKETS);
  const bucketBytes = load<u32>(state, INDEX_BUCKET_BYTES);
  const table = <usize>load<u32>(state, INDEX_TABLE);
  const start = load<u32>(key) % buckets;
  let slot = start;
  let bucket = table + <usize>slot * bucketBytes;
  let free: usize = 0; // the first tombstone met, else the empty bucket that ended the search
  let reused = false;
  do {
    const word = mark(bucket);
    if (word == <u32>BUCKET_EMPTY) {
      if (!reused) free = bucket;
      break;
    }
    if (word == <u32>BUCKET_DELETED) {
      if (!reused) {
        free = bucket;
        reused = true;
      }
    } else if (sameKey(bucket, key)) {
      memory.copy(bucket + KEY_BYTES, value, bucketBytes - KEY_BYTES);
      return SET_DONE;
    }
    bucket += bucketBytes;
    if (++slot == buckets) {
      slot = 0;
      bucket = table;
    }
  } while (slot != start);

  const entries = load<u32>(state, INDEX_ENTRIES);
  if (entries > load<u32>(state, INDEX_UPPER_LIMIT)) return SET_GROW;
  if (!reused) {
    const empty = load<u32>(state, INDEX_EMPTY);
    if (empty <= load<u32>(state, INDEX_MIN_EMPTY)) return SET_REBUILD;
    store<u32>(state, empty - 1, INDEX_EMPTY);
  }
  memory.copy(free, key, KEY_BYTES);
  memory.copy(free + KEY_BYTES, value, bucketBytes - KEY_BYTES);
  store<u32>(state, entries + 1, INDEX_ENTRIES);
  return SET_DONE;
}

/** Leaves a tombstone in the slot of the key at `key`; false if the key is not there. */
export function remove(state: usize, key: usize): bool {
  const slot = find(state, key);
  if (slot < 0) return false;
  const bucketBytes = load<u32>(state, INDEX_BUCKET_BYTES);
  const bucket = <usize>load<u32>(state, INDEX_TABLE) + <usize>slot * bucketBytes;
  store<u32>(bucket, BUCKET_DELETED, KEY_BYTES);
  store<u32>(state, load<u32>(state, INDEX_ENTRIES) - 1, INDEX_ENTRIES);
  return true;
}

/** The first used slot after `slot` (start with -1), -1 at the end. */
export function next(state: usize, slot: i32): i32 {
  const buckets = load<u32>(state, INDEX_BUCKETS);
  const bucketBytes = load<u32>(state, INDEX_BUCKET_BYTES);
  let at = <u32>(slot + 1);
  let bucket = <usize>load<u32>(state, INDEX_TABLE) + <usize>at * bucketBytes;
  for (; at < buckets; at++, bucket += bucketBytes) {
    if (isUsed(bucket)) return at;
  }
  return -1;
}

/** Inserts the used ones of `count` buckets at `buckets`; false when the table is too small for them. */
export function absorb(state: usize, buckets: usize, count: u32): bool {
  const bucketBytes = load<u32>(state, INDEX_BUCKET_BYTES);
  const end = buckets + <usize>count * bucketBytes;
  for (let bucket = buckets; bucket < end; bucket += bucketBytes) {
    if (isUsed(bucket) && set(state, bucket, bucket + KEY_BYTES) != SET_DONE) return false;
  }
  return true;
}

/**
 * Adds the used ones of `count` buckets at `buckets`, which have the three words count, size, stored size, to a table of the
 * same form: counts are summed up to `maxCount`, a size that is 0 is taken from the other side. Returns how many buckets were
 * gone through: fewer than `count` when the table must be remade first.
 */
export function merge(state: usize, buckets: usize, count: u32, maxCount: u32): u32 {
  const bucketBytes = load<u32>(state, INDEX_BUCKET_BYTES);
  const table = <usize>load<u32>(state, INDEX_TABLE);
  let from = buckets;
  for (let at: u32 = 0; at < count; at++, from += bucketBytes) {
    if (!isUsed(from)) continue;
    const slot = find(state, from);
    if (slot < 0) {
      if (set(state, from, from + KEY_BYTES) != SET_DONE) return at;
      continue;
    }
    const into = table + <usize>slot * bucketBytes;
    const sum = <u64>mark(into) + <u64>mark(from);
    store<u32>(into, sum < <u64>maxCount ? <u32>sum : maxCount, KEY_BYTES);
    if (load<u32>(into, KEY_BYTES + 4) == 0) store<u32>(into, load<u32>(from, KEY_BYTES + 4), KEY_BYTES + 4);
    if (load<u32>(into, KEY_BYTES + 8) == 0) store<u32>(into, load<u32>(from, KEY_BYTES + 8), KEY_BYTES + 8);
  }
  return count;
}

/**
 * Takes away what `merge` added; an entry whose count gets 0 becomes a tombstone, a count of `maxCount` stays. False, with the
 * table spoilt, when an entry is not there or counts less than what is taken away.
 */
export function subtract(state: usize, buckets: usize, count: u32, maxCount: u32): bool {
  const bucketBytes = load<u32>(state, INDEX_BUCKET_BYTES);
  const table = <usize>load<u32>(state, INDEX_TABLE);
  const end = buckets + <usize>count * bucketBytes;
  for (let from = buckets; from < end; from += bucketBytes) {
    if (!isUsed(from)) continue;
    const slot = find(state, from);
    if (slot < 0) return false;
    const into = table + <usize>slot * bucketBytes;
    const have = mark(into);
    const less = mark(from);
    if (have >= maxCount) continue;
    if (have < less) return false;
    if (have > less) {
      store<u32>(into, have - less, KEY_BYTES);
      continue;
    }
    store<u32>(into, BUCKET_DELETED, KEY_BYTES);
    store<u32>(state, load<u32>(state, INDEX_ENTRIES) - 1, INDEX_ENTRIES);
  }
  return true;
}

/**
 * Moves those of `count` buckets at `buckets` to the front that are used and whose key is not in the table; returns how many
 * these are.
 */
export function sift(state: usize, buckets: usize, count: u32): u32 {
  const bucketBytes = load<u32>(state, INDEX_BUCKET_BYTES);
  const end = buckets + <usize>count * bucketBytes;
  let to = buckets;
  for (let from = buckets; from < end; from += bucketBytes) {
    if (!isUsed(from) || find(state, from) >= 0) continue;
    if (to != from) memory.copy(to, from, bucketBytes);
    to += bucketBytes;
  }
  return <u32>((to - buckets) / bucketBytes);
}

/** Sum of word 2 over those of `count` buckets of three words at `buckets` whose word 0 is the same in the table. */
export function sumOfEqual(state: usize, buckets: usize, count: u32): u64 {
  const bucketBytes = load<u32>(state, INDEX_BUCKET_BYTES);
  const table = <usize>load<u32>(state, INDEX_TABLE);
  const end = buckets + <usize>count * bucketBytes;
  let sum: u64 = 0;
  for (let from = buckets; from < end; from += bucketBytes) {
    if (!isUsed(from)) continue;
    const slot = find(state, from);
    if (slot < 0 || mark(table + <usize>slot * bucketBytes) != mark(from)) continue;
    sum += <u64>load<u32>(from, KEY_BYTES + 8);
  }
  return sum;
}

/** Writes to `out`, as five u64 over all entries of three words: count * word 1, count * word 2, word 1, word 2, count. */
export function totals(state: usize, out: usize): void {
  const buckets = load<u32>(state, INDEX_BUCKETS);
  const bucketBytes = load<u32>(state, INDEX_BUCKET_BYTES);
  let bucket = <usize>load<u32>(state, INDEX_TABLE);
  const end = bucket + <usize>buckets * bucketBytes;
  let allFirst: u64 = 0, allSecond: u64 = 0, first: u64 = 0, second: u64 = 0, counts: u64 = 0;
  for (; bucket < end; bucket += bucketBytes) {
    if (!isUsed(bucket)) continue;
    const count = <u64>mark(bucket);
    const one = <u64>load<u32>(bucket, KEY_BYTES + 4);
    const two = <u64>load<u32>(bucket, KEY_BYTES + 8);
    allFirst += count * one;
    allSecond += count * two;
    first += one;
    second += two;
    counts += count;
  }
  store<u64>(out, allFirst);
  store<u64>(out, allSecond, 8);
  store<u64>(out, first, 16);
  store<u64>(out, second, 24);
  store<u64>(out, counts, 32);
}
