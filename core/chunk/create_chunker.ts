/** From parameters to the chunker that works by them. */
import { BuzhashChunker } from "./buzhash.ts";
import type { Chunker, ChunkerParams } from "./chunker.ts";
import { FixedChunker } from "./fixed.ts";

/** `seed` is the repository's secret 32-bit number (signed or not); the fixed chunker has no use for it. */
export function createChunker(params: ChunkerParams, seed: number): Chunker {
  return params.algorithm === "buzhash" ? new BuzhashChunker(params, seed) : new FixedChunker(params);
}
