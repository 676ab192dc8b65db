/** Where files and streams are cut into chunks. */
export type { Chunker, ChunkerParams, ReadBlock } from "./chunker.ts";
export { BuzhashChunker } from "./buzhash.ts";
export { createChunker, largestChunk } from "./create_chunker.ts";
export { FixedChunker } from "./fixed.ts";
export { createPushChunker, type PushChunker } from "./fixed_stream.ts";
export { type FileRange, Hole, type SparseFile } from "./hole.ts";
export {
  decodeChunkerParams,
  DEFAULT_CHUNKER_PARAMS,
  encodeChunkerParams,
  ITEMS_CHUNKER_PARAMS,
  parseChunkerParams,
} from "./params.ts";
export { StreamChunker } from "./stream.ts";
