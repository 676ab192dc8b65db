/**
 * Sizes and offsets that the AssemblyScript kernels and their TypeScript hosts share. Plain numbers only: this file is
 * compiled by both. All values in WASM memory are little-endian, whatever the machine is.
 */

/**
 * State of one buzhash scanner.
 *
 *     0        4     8      12       16        20       24           32           1056         2080
 *     position | sum | mask | window | minSize | blocks | (reserved) | table IN   | table OUT  |
 *     u32        u32   u32    u32      u32       u32                   256 * u32    256 * u32
 *
 * `blocks` is 1 where whole blocks without a cut may be passed over at once.
 */
export const BUZHASH_POSITION = 0;
export const BUZHASH_SUM = 4;
export const BUZHASH_MASK = 8;
export const BUZHASH_WINDOW = 12;
export const BUZHASH_MIN_SIZE = 16;
export const BUZHASH_BLOCKS = 20;
export const BUZHASH_TABLE_IN = 32;
export const BUZHASH_TABLE_OUT = 1056;
export const BUZHASH_STATE_BYTES = 2080;
/**
 * What all scanners of one instance share, at fixed addresses:
 *
 *     1024         4096                        20480              24576               57344
 *     base table | wide tables of one scanner | its masks, turned | ring of prefix sums | free for the host
 *     256 * u32    4 * 256 * 4 * u32            32 * u32            8192 * u32
 */
export const BUZHASH_WIDE = 4096;
export const BUZHASH_MASKS = 20480;
export const BUZHASH_RING = 24576;
/** Entries of the ring. */
export const BUZHASH_RING_ENTRIES = 8192;
/** Positions that are examined at once. */
export const BUZHASH_BLOCK = 512;
/** The first address that a host may use. */
export const BUZHASH_FREE = 57344;

/**
 * State of one hash index.
 *
 *     0         4         8       12            16      20           24         28
 *     entries | buckets | empty | bucketBytes | table | upperLimit | minEmpty |
 *
 * `empty` counts buckets that were never used since the table was made; tombstones are neither entries nor empty.
 */
export const INDEX_ENTRIES = 0;
export const INDEX_BUCKETS = 4;
export const INDEX_EMPTY = 8;
export const INDEX_BUCKET_BYTES = 12;
export const INDEX_TABLE = 16;
export const INDEX_UPPER_LIMIT = 20;
export const INDEX_MIN_EMPTY = 24;
export const INDEX_STATE_BYTES = 32;

/** A bucket is the key followed by its values; the first value word marks buckets without an entry. */
export const KEY_BYTES = 32;
export const BUCKET_EMPTY = 0xffffffff;
export const BUCKET_DELETED = 0xfffffffe;

/** What `set` of the hash index answers. */
export const SET_DONE = 0;
export const SET_GROW = 1;
export const SET_REBUILD = 2;

/**
 * State of one xxh64 stream.
 *
 *     0    8    16   24   32     40         48                    80
 *     v1 | v2 | v3 | v4 | seed | total    | pending (0..31 used) |
 *     u64 each                  u64 bytes   32 bytes
 */
export const XXH64_SEED = 32;
export const XXH64_TOTAL = 40;
export const XXH64_PENDING = 48;
export const XXH64_STATE_BYTES = 80;

/**
 * State of one BLAKE2b-256.
 *
 *     0            64
 *     h0 ... h7  | bytes in the blocks so far |
 *     u64 each     u64
 */
export const BLAKE2B_COUNTER = 64;
export const BLAKE2B_STATE_BYTES = 72;
export const BLAKE2B_BLOCK_BYTES = 128;

/** The LZ4 encoder's table of positions: 8192 * u32 at a fixed address. */
export const LZ4_TABLE = 4096;
/** The first address that a host may use. */
export const LZ4_FREE = 36864;
/** Room that must follow input and output. */
export const LZ4_SLACK = 64;

/** The CRC-32's tables: 16 * 256 * u32 at a fixed address. */
export const CRC32_TABLES = 4096;
/** The first address that a host may use. */
export const CRC32_FREE = 20480;
