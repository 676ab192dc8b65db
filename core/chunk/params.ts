/**
 * Chunker parameters as users write them (--chunker-params, borg's docs, usage/notes.rst and man page of borg create) and
 * as archives carry them (borg's docs, internals/data-structures.rst, "Archive": chunker_params).
 */
import { decodeText, type Packable, type Unpacked } from "../bytes/mod.ts";
import { IntegrityError, UsageError } from "../errors.ts";
import type { ChunkerParams } from "./chunker.ts";

type BuzhashParams = Extract<ChunkerParams, { algorithm: "buzhash" }>;

/** For file content, where the user says nothing else. */
export const DEFAULT_CHUNKER_PARAMS: BuzhashParams = {
  algorithm: "buzhash",
  minExp: 19,
  maxExp: 23,
  maskBits: 21,
  windowSize: 4095,
};

/** For the stream of items that an archive consists of. */
export const ITEMS_CHUNKER_PARAMS: BuzhashParams = {
  algorithm: "buzhash",
  minExp: 15,
  maxExp: 19,
  maskBits: 17,
  windowSize: 4095,
};

/** Chunks below 2^6 bytes cost more than they hold; above 2^23 borg has no buffer. */
const SMALLEST_EXP = 6;
const LARGEST_EXP = 23;
const SMALLEST_BLOCK = 64;
/** What one object of a repository can hold (borg constants, MAX_DATA_SIZE). */
export const LARGEST_BLOCK = 20_971_479;

function refuse(text: string, reason: string): UsageError {
  return new UsageError("Error", [`Cannot use chunker parameters "${text}": ${reason}`]);
}

/**
 * The meaning of `default`, `[buzhash,]MIN_EXP,MAX_EXP,MASK_BITS,WINDOW_SIZE` or `fixed,BLOCK_SIZE[,HEADER_SIZE]`. Throws
 * UsageError (CommandError) on anything else, and on numbers that borg would not chunk with.
 */
export function parseChunkerParams(text: string): ChunkerParams {
  const words = text.trim().split(",").map((word) => word.trim());
  const algorithm = words[0]!.toLowerCase();
  if (algorithm === "default" && words.length === 1) return DEFAULT_CHUNKER_PARAMS;
  if (algorithm === "fixed" && (words.length === 2 || words.length === 3)) {
    const [blockSize, headerSize] = integers(text, words.slice(1));
    return checkedFixed(text, { algorithm: "fixed", blockSize: blockSize!, headerSize: headerSize ?? 0 });
  }
  if (algorithm === "buzhash" && words.length === 5 || words.length === 4) {
    const [minExp, maxExp, maskBits, windowSize] = integers(text, words.slice(-4));
    return checkedBuzhash(text, {
      algorithm: "buzhash",
      minExp: minExp!,
      maxExp: maxExp!,
      maskBits: maskBits!,
      windowSize: windowSize!,
    });
  }
  throw refuse(
    text,
    "they must be default, buzhash,MIN_EXP,MAX_EXP,MASK_BITS,WINDOW_SIZE or fixed,BLOCK_SIZE,HEADER_SIZE",
  );
}

function integers(text: string, words: readonly string[]): number[] {
  return words.map((word) => {
    const value = /^[+-]?\d+$/.test(word) ? Number(word) : NaN;
    if (!Number.isSafeInteger(value)) throw refuse(text, `"${word}" is not a whole number`);
    return value;
  });
}

function checkedFixed(text: string, params: Extract<ChunkerParams, { algorithm: "fixed" }>): ChunkerParams {
  const { blockSize, headerSize } = params;
  if (blockSize < SMALLEST_BLOCK) throw refuse(text, `a block must have ${SMALLEST_BLOCK} bytes or more`);
  if (headerSize < 0) throw refuse(text, "a header cannot have a negative size");
  if (blockSize > LARGEST_BLOCK || headerSize > LARGEST_BLOCK) {
    throw refuse(text, `neither block nor header may have more than ${LARGEST_BLOCK} bytes`);
  }
  return params;
}

function checkedBuzhash(text: string, params: BuzhashParams): ChunkerParams {
  const { minExp, maxExp, maskBits, windowSize } = params;
  if (!(minExp <= maskBits && maskBits <= maxExp)) {
    throw refuse(text, "the mask bits must lie between the exponents of the smallest and the largest chunk");
  }
  if (minExp < SMALLEST_EXP) {
    throw refuse(text, `the smallest chunk must have 2^${SMALLEST_EXP} bytes or more`);
  }
  if (maxExp > LARGEST_EXP) throw refuse(text, `the largest chunk must have 2^${LARGEST_EXP} bytes or less`);
  // With an even window one pattern of bytes could cancel the seed (borg 1.4.5 refuses it as well).
  if (windowSize % 2 === 0) throw refuse(text, "the window must have an odd number of bytes");
  if (windowSize < 1 || windowSize + 2 ** minExp + 1 > 2 ** maxExp) {
    throw refuse(text, "window and smallest chunk together must fit into the largest chunk");
  }
  return params;
}

/** The list that archive metadata carry. */
export function encodeChunkerParams(params: ChunkerParams): Packable[] {
  return params.algorithm === "buzhash"
    ? [params.algorithm, params.minExp, params.maxExp, params.maskBits, params.windowSize]
    : [params.algorithm, params.blockSize, params.headerSize];
}

/**
 * The parameters in archive metadata; four bare numbers are buzhash, as borg before 1.2 wrote them. Throws IntegrityError
 * on any other form. The numbers are what the archive was made with: they need not pass today's limits.
 */
export function decodeChunkerParams(value: Unpacked): ChunkerParams {
  const list = Array.isArray(value) ? [...value] : [];
  const algorithm = list[0] instanceof Uint8Array ? decodeText(list.shift() as Uint8Array) : "buzhash";
  const numbers = list.filter((entry): entry is number =>
    typeof entry === "number" && Number.isInteger(entry)
  );
  if (numbers.length === list.length) {
    const [a, b, c, d] = numbers;
    if (algorithm === "buzhash" && list.length === 4) {
      return { algorithm, minExp: a!, maxExp: b!, maskBits: c!, windowSize: d! };
    }
    if (algorithm === "fixed" && (list.length === 1 || list.length === 2)) {
      return { algorithm, blockSize: a!, headerSize: b ?? 0 };
    }
  }
  throw new IntegrityError("IntegrityError", [
    "Cannot read the chunker parameters of an archive: unknown form",
  ]);
}
