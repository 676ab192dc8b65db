/**
 * The sizes that tables of the hash index have, and how full they may be: borg's numbers (borg's docs,
 * internals/data-structures.rst, "HashIndex"), so that both programs grow and shrink a shared index file alike. Only large
 * tables, where a step of borg's leaves hundreds of megabytes unused, grow in finer ones; borg reads a file of any size.
 */

/**
 * Bucket counts: borg's up to 8,410,991, in steps of 2 to 1.4; then primes in steps of 1.04, so that an entry costs at most
 * 56 bytes (61 with three words) in a table of many millions that was made for its entries, 60 (66) in one that has grown. What is larger does not fit into 32-bit addresses.
 */
export const TABLE_SIZES: readonly number[] = [
  1031,
  2053,
  4099,
  8209,
  16411,
  32771,
  65537,
  131101,
  262147,
  445649,
  757607,
  1287917,
  2189459,
  3065243,
  4291319,
  6007867,
  8410991,
  8747441,
  9097349,
  9461251,
  9839707,
  10233329,
  10642669,
  11068381,
  11511133,
  11971607,
  12450481,
  12948527,
  13466489,
  14005153,
  14565359,
  15147973,
  15753901,
  16384063,
  17039459,
  17721037,
  18429883,
  19167097,
  19933789,
  20731153,
  21560401,
  22422839,
  23319761,
  24252583,
  25222699,
  26231617,
  27280901,
  28372151,
  29507047,
  30687343,
  31914871,
  33191491,
  34519157,
  35899931,
  37335937,
  38829383,
  40382569,
  41997881,
  43677841,
  45424961,
  47241959,
  49131637,
  51096919,
  53140837,
  55266487,
  57477149,
  59776243,
  62167309,
  64654019,
  67240181,
  69929801,
  72727013,
  75636107,
  78661559,
  81808021,
  85080343,
  88483583,
  92022929,
  95703847,
  99532003,
  103513301,
];

const MIN_LOAD = 0.25;
const MAX_LOAD = 0.75;
/** Entries and tombstones together. */
const MAX_EFFECTIVE_LOAD = 0.93;
/** Below all of borg's steps. */
const MIN_SHRINK = 1.3;
/** Three fine steps. */
const MIN_GROWTH = 1.12;

/** Grow above `upper` entries, remake at `minEmpty` empty buckets, shrink below `lower` entries. */
export function limitsOf(buckets: number): [upper: number, minEmpty: number, lower: number] {
  return [
    Math.trunc(buckets * MAX_LOAD),
    1 + Math.trunc(buckets * (1 - MAX_EFFECTIVE_LOAD)),
    buckets <= TABLE_SIZES[0]! ? 0 : Math.trunc(buckets * MIN_LOAD),
  ];
}

/** Position of the smallest size that holds `buckets`. */
function sizeIndex(buckets: number): number {
  const index = TABLE_SIZES.findIndex((size) => size >= buckets);
  if (index < 0) throw new RangeError(`Cannot make an index of ${buckets} buckets`);
  return index;
}

/** The size for `entries` entries without growth. */
export function capacityFor(entries: number): number {
  return TABLE_SIZES[sizeIndex(Math.ceil(entries / MAX_LOAD))]!;
}

/** The next larger size; of fine steps it takes three at once, because each means to enter everything anew. */
export function growSize(buckets: number): number {
  const sizes = TABLE_SIZES.slice(sizeIndex(buckets) + 1);
  const size = sizes.find((size) => size >= buckets * MIN_GROWTH) ?? sizes.at(-1);
  if (size === undefined) throw new RangeError(`Cannot grow an index of ${buckets} buckets`);
  return size;
}

/** The next smaller size, or the smallest; of fine steps it takes several at once. */
export function shrinkSize(buckets: number): number {
  return TABLE_SIZES.findLast((size) => size * MIN_SHRINK <= buckets) ?? TABLE_SIZES[0]!;
}
