/**
 * The sizes that tables of the hash index have, and how full they may be: borg's numbers (borg's docs,
 * internals/data-structures.rst, "HashIndex"), so that both programs grow and shrink a shared index file alike.
 */

/** Bucket counts, steps of 2 at first and of 1.1 at the end. Larger tables do not fit into 32-bit addresses. */
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
  11775359,
  16485527,
  23079703,
  27695653,
  33234787,
  39881729,
  47858071,
  57429683,
  68915617,
  82698751,
  99238507,
  119086189,
];

const MIN_LOAD = 0.25;
const MAX_LOAD = 0.75;
/** Entries and tombstones together. */
const MAX_EFFECTIVE_LOAD = 0.93;

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

/** The next larger size. */
export function growSize(buckets: number): number {
  const size = TABLE_SIZES[sizeIndex(buckets) + 1];
  if (size === undefined) throw new RangeError(`Cannot grow an index of ${buckets} buckets`);
  return size;
}

/** The next smaller size, or the smallest. */
export function shrinkSize(buckets: number): number {
  return TABLE_SIZES[Math.max(0, sizeIndex(buckets) - 1)]!;
}
