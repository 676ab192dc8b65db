/**
 * XXH64, the checksum of borg's index, hints and cache files (borg's docs, internals/data-structures.rst, "Checksumming
 * data structures"; algorithm: xxHash's specification, "XXH64 Algorithm Description"). In: a seed and bytes in any
 * pieces. Out: the 64-bit digest.
 */
import { XXH64_PENDING, XXH64_SEED, XXH64_TOTAL } from "./const";

const PRIME_1: u64 = 0x9e3779b185ebca87;
const PRIME_2: u64 = 0xc2b2ae3d27d4eb4f;
const PRIME_3: u64 = 0x165667b19e3779f9;
const PRIME_4: u64 = 0x85ebca77c2b2ae63;
const PRIME_5: u64 = 0x27d4eb2f165667c5;
const STRIPE: usize = 32;

// @ts-ignore: decorator
@inline
function round(lane: u64, input: u64): u64 {
  return rotl<u64>(lane + input * PRIME_2, 31) * PRIME_1;
}

// @ts-ignore: decorator
@inline
function mergeLane(sum: u64, lane: u64): u64 {
  return (sum ^ round(0, lane)) * PRIME_1 + PRIME_4;
}

/** Prepares `state` (XXH64_STATE_BYTES long). */
export function init(state: usize, seed: u64): void {
  store<u64>(state, seed + PRIME_1 + PRIME_2);
  store<u64>(state, seed + PRIME_2, 8);
  store<u64>(state, seed, 16);
  store<u64>(state, seed - PRIME_1, 24);
  store<u64>(state, seed, XXH64_SEED);
  store<u64>(state, 0, XXH64_TOTAL);
}

/** Feeds whole stripes from `at` on and returns the end of the last. */
function stripes(state: usize, at: usize, length: usize): usize {
  let v1 = load<u64>(state), v2 = load<u64>(state, 8), v3 = load<u64>(state, 16), v4 = load<u64>(state, 24);
  const end = at + (length & ~(STRIPE - 1));
  for (; at < end; at += STRIPE) {
    v1 = round(v1, load<u64>(at));
    v2 = round(v2, load<u64>(at, 8));
    v3 = round(v3, load<u64>(at, 16));
    v4 = round(v4, load<u64>(at, 24));
  }
  store<u64>(state, v1);
  store<u64>(state, v2, 8);
  store<u64>(state, v3, 16);
  store<u64>(state, v4, 24);
  return at;
}

/** Adds `length` bytes at `data`. */
export function update(state: usize, data: usize, length: usize): void {
  const total = load<u64>(state, XXH64_TOTAL);
  const used = <usize>(total & (STRIPE - 1));
  const pending = state + XXH64_PENDING;
  const end = data + length;
  store<u64>(state, total + length, XXH64_TOTAL);
  if (used > 0) {
    const missing = min<usize>(STRIPE - used, length);
    memory.copy(pending + used, data, missing);
    data += missing;
    if (used + missing < STRIPE) return;
    stripes(state, pending, STRIPE);
  }
  data = stripes(state, data, end - data);
  memory.copy(pending, data, end - data);
}

/** The digest of all that was added so far; the state can take more afterwards. */
export function digest(state: usize): u64 {
  const total = load<u64>(state, XXH64_TOTAL);
  let sum: u64;
  if (total >= STRIPE) {
    const v1 = load<u64>(state), v2 = load<u64>(state, 8), v3 = load<u64>(state, 16), v4 = load<u64>(state, 24);
    sum = rotl<u64>(v1, 1) + rotl<u64>(v2, 7) + rotl<u64>(v3, 12) + rotl<u64>(v4, 18);
    sum = mergeLane(mergeLane(mergeLane(mergeLane(sum, v1), v2), v3), v4);
  } else {
    sum = load<u64>(state, XXH64_SEED) + PRIME_5;
  }
  sum += total;
  let at = state + XXH64_PENDING;
  const end = at + <usize>(total & (STRIPE - 1));
  for (; at + 8 <= end; at += 8) {
    sum = rotl<u64>(sum ^ round(0, load<u64>(at)), 27) * PRIME_1 + PRIME_4;
  }
  if (at + 4 <= end) {
    sum = rotl<u64>(sum ^ (<u64>load<u32>(at) * PRIME_1), 23) * PRIME_2 + PRIME_3;
    at += 4;
  }
  for (; at < end; at++) sum = rotl<u64>(sum ^ (<u64>load<u8>(at) * PRIME_5), 11) * PRIME_1;
  sum = (sum ^ (sum >> 33)) * PRIME_2;
  sum = (sum ^ (sum >> 29)) * PRIME_3;
  return sum ^ (sum >> 32);
}
