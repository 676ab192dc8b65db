/** The kernels' door: typed hosts over the WASM modules, and their self-test. */
export { Blake2b256 } from "./blake2b.ts";
export { type BuzhashOptions, BuzhashScanner } from "./buzhash.ts";
export { crc32ByKernel } from "./crc32.ts";
export { HashIndex } from "./hash_index.ts";
export { INDEX_FILE_HEADER_BYTES, type IndexFile } from "./_index_file.ts";
export { decodeLz4, encodeLz4, lz4Bound } from "./lz4.ts";
export { Xxh64 } from "./xxh64.ts";
export { selfTest } from "./self_test.ts";
