/**
 * The notation of `--compression` (borg docs, usage/help.rst, "borg help compression"): `none`, `lz4`, `zstd[,L]`,
 * `zlib[,L]`, `lzma[,L]`, `auto,C[,L]`, `obfuscate,SPEC,C[,L]`. In: text. Out: a value that `compress.ts` understands.
 */
import { UsageError } from "../errors.ts";

export type Compression =
  | { readonly kind: "none" | "lz4" }
  | { readonly kind: "zstd" | "zlib" | "lzma"; readonly level: number }
  | { readonly kind: "auto"; readonly inner: Compression }
  | { readonly kind: "obfuscate"; readonly spec: number; readonly inner: Compression };

/** What commands without a `--compression` option use, as borg does. */
export const DEFAULT_COMPRESSION: Compression = { kind: "lz4" };

/** Lowest, highest and default level of those that have levels. */
const LEVELS = { zstd: [1, 22, 3], zlib: [0, 9, 6], lzma: [0, 9, 6] } as const;

function refuse(text: string, reason: string): never {
  throw new UsageError("Error", [`Cannot use compression "${text}": ${reason}`]);
}

function integer(word: string, text: string): number {
  // The numbers that Python's int() takes, as borg's users may have written them: blanks and a sign are harmless.
  if (!/^\s*[+-]?\d{1,9}\s*$/.test(word)) refuse(text, `"${word}" is not a number`);
  return Number(word);
}

/** Throws UsageError (CommandError) with the reason when `text` is not a compression. */
export function parseCompression(text: string): Compression {
  return parse(text.split(","), text);
}

function parse(words: readonly string[], text: string): Compression {
  const [kind, ...rest] = words;
  switch (kind) {
    case "none":
    case "lz4":
      return { kind };
    case "zstd":
    case "zlib":
    case "lzma": {
      const [low, high, usual] = LEVELS[kind];
      if (rest.length > 1) refuse(text, `${kind} takes one level`);
      const level = rest.length === 0 ? usual : integer(rest[0]!, text);
      if (level < low || level > high) refuse(text, `the level of ${kind} is ${low} to ${high}`);
      return { kind, level };
    }
    case "auto":
      if (rest.length < 1 || rest.length > 2) refuse(text, "auto takes a compression and perhaps its level");
      return { kind, inner: parse(rest, text) };
    case "obfuscate": {
      if (rest.length < 2 || rest.length > 4) {
        refuse(text, "obfuscate takes a number and a compression, perhaps with its level");
      }
      const spec = integer(rest[0]!, text);
      if (!((spec >= 1 && spec <= 6) || (spec >= 110 && spec <= 123) || spec === 250)) {
        refuse(text, "the number of obfuscate is 1 to 6, 110 to 123, or 250");
      }
      return { kind, spec, inner: parse(rest.slice(1), text) };
    }
    default:
      return refuse(text, `"${kind}" is not known (none, lz4, zstd, zlib, lzma, auto or obfuscate are)`);
  }
}
