/** The slow twin of the buzhash chunker: borg's rule, written for reading. Also data and readers for the tests. */
import { fileURLToPath } from "node:url";
import type { ChunkerParams, ReadBlock } from "../../../core/chunk/mod.ts";

export type BuzhashParams = Extract<ChunkerParams, { algorithm: "buzhash" }>;

/** The constants stand in the kernel's source; read from there they need no second copy. */
const source = Deno.readTextFileSync(
  fileURLToPath(new URL("../../../rust-free-asm/buzhash.ts", import.meta.url)),
);
const BASE_TABLE = [...source.matchAll(/0x[0-9a-f]{8}/g)].map(([word]) => Number(word));
if (BASE_TABLE.length !== 256) throw new Error("The table of constants was not found in the kernel's source");

// JavaScript takes shift counts modulo 32, so a rotation by 0 or 32 comes out right.
const rotl = (value: number, by: number) => (value << by) | (value >>> -by);

/** Lengths of the chunks of `data`. Every candidate's hash is computed by rolling one byte at a time. */
export function chunkLengthsTwin(data: Uint8Array, params: BuzhashParams, seed: number): number[] {
  const { windowSize } = params;
  const [minSize, maxSize] = [2 ** params.minExp, 2 ** params.maxExp];
  const mask = 2 ** params.maskBits - 1;
  const table = BASE_TABLE.map((value) => value ^ seed);
  const lengths: number[] = [];
  for (let start = 0; start < data.length;) {
    const limit = Math.min(maxSize, data.length - start);
    let length = limit;
    if (data.length - start > minSize + windowSize) {
      let sum = 0;
      for (let i = 0; i < windowSize; i++) sum = rotl(sum, 1) ^ table[data[start + minSize + i]!]!;
      for (let cut = minSize; cut + windowSize < limit; cut++) {
        if ((sum & mask) === 0) {
          length = cut;
          break;
        }
        const leaving = rotl(table[data[start + cut]!]!, windowSize);
        sum = rotl(sum, 1) ^ leaving ^ table[data[start + cut + windowSize]!]!;
      }
    }
    lengths.push(length);
    start += length;
  }
  return lengths;
}

/** Bytes without a visible pattern, the same in every run. */
export function noise(length: number, seed = 0x2545f491): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state;
  });
}

/** A file that hands out pieces of the sizes that `pieces` names in turn (and never more than asked for). */
export function reader(data: Uint8Array, ...pieces: number[]): ReadBlock {
  let at = 0;
  let turn = 0;
  return (into) => {
    const piece = pieces.length > 0 ? pieces[turn++ % pieces.length]! : into.length;
    const part = data.subarray(at, at + Math.min(piece, into.length));
    into.set(part);
    at += part.length;
    return part.length;
  };
}

/** Copies of chunks, put together again. */
export function join(chunks: readonly Uint8Array[]): Uint8Array {
  const data = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    data.set(chunk, at);
    at += chunk.length;
  }
  return data;
}
