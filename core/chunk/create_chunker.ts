/** From parameters to the chunker that works by them. */
import { BuzhashChunker } from "./buzhash.ts";
import type { Chunker, ChunkerParams } from "./chunker.ts";
import { FixedChunker } from "./fixed.ts";
import { LARGEST_BLOCK } from "./params.ts";

/** `seed` is the repository's secret 32-bit number (signed or not); the fixed chunker has no use for it. */
export function createChunker(params: ChunkerParams, seed: number): Chunker {
  return params.algorithm === "buzhash" ? new BuzhashChunker(params, seed) : new FixedChunker(params);
}

/** Bytes of the largest chunk that comes of these parameters. */
export function largestChunk(params: ChunkerParams): number {
  if (params.algorithm === "buzhash") return 2 ** params.maxExp;
  return Math.max(1, Math.min(params.blockSize, LARGEST_BLOCK));
}
