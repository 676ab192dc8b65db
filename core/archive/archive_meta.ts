/**
 * An archive's own object: name, times, command line, statistics, and the ids of the chunks that hold its item stream
 * (borg docs, internals/data-structures.rst, "Archives"). Written by the codec with a TAM, so that an archive cannot be
 * forged by who does not have the key.
 */
import { type ChunkerParams, decodeChunkerParams, encodeChunkerParams } from "../chunk/mod.ts";
import {
  asChunkId,
  type ChunkId,
  decodeText,
  ID_LENGTH,
  type Packable,
  type Unpacked,
  type UnpackedMap,
} from "../bytes/mod.ts";
import { AppError, IntegrityError } from "../errors.ts";

export interface ArchiveMeta {
  name: string;
  comment: string;
  /** Ids of the chunks of the item stream, in order. */
  items: ChunkId[];
  cmdline: string[];
  hostname: string;
  username: string;
  /** ISO 8601 in UTC with microseconds and without a zone, as borg writes it. */
  time: string;
  timeEnd: string;
  cwd?: string;
  chunkerParams?: ChunkerParams;
  /** Present in archives made by borg 1.2 or later. */
  stats?: ArchiveTotals;
  /** Other keys, preserved when the archive is rewritten. */
  other: Map<string, Unpacked>;
}

/** Totals over the archive's files, in bytes and files; `parts` are the pieces that checkpoints left. */
export interface ArchiveTotals {
  size: number;
  csize: number;
  nfiles: number;
  sizeParts: number;
  csizeParts: number;
  nfilesParts: number;
}

/** The fields as the codec packs them; the codec adds `tam`. */
export function encodeArchiveMeta(meta: ArchiveMeta): Record<string, Packable> {
  const fields: Record<string, Packable> = {};
  for (const [key, value] of meta.other) fields[key] = value as Packable;
  Object.assign(fields, {
    version: 1,
    name: meta.name,
    comment: meta.comment,
    items: meta.items,
    cmdline: meta.cmdline,
    hostname: meta.hostname,
    username: meta.username,
    time: meta.time,
    time_end: meta.timeEnd,
  });
  if (meta.cwd !== undefined) fields["cwd"] = meta.cwd;
  if (meta.chunkerParams) fields["chunker_params"] = encodeChunkerParams(meta.chunkerParams);
  if (meta.stats) {
    Object.assign(fields, {
      size: meta.stats.size,
      csize: meta.stats.csize,
      nfiles: meta.stats.nfiles,
      size_parts: meta.stats.sizeParts,
      csize_parts: meta.stats.csizeParts,
      nfiles_parts: meta.stats.nfilesParts,
    });
  }
  return fields;
}

const INTERPRETED = new Set([
  "version",
  "name",
  "comment",
  "items",
  "cmdline",
  "hostname",
  "username",
  "time",
  "time_end",
  "cwd",
  "chunker_params",
  "size",
  "csize",
  "nfiles",
  "size_parts",
  "csize_parts",
  "nfiles_parts",
  "tam",
]);

function bad(what: string): never {
  throw new IntegrityError("IntegrityError", [`the archive metadata has ${what}`]);
}

function text(map: UnpackedMap, key: string, fallback?: string): string {
  const value = map.get(key);
  if (value instanceof Uint8Array) return decodeText(value);
  if (value === undefined && fallback !== undefined) return fallback;
  return bad(`no usable "${key}"`);
}

function readItems(value: Unpacked | undefined): ChunkId[] {
  if (!Array.isArray(value)) return bad("no item list");
  return value.map((id) =>
    id instanceof Uint8Array && id.length === ID_LENGTH ? asChunkId(id) : bad("a bad item id")
  );
}

function readTotals(map: UnpackedMap): ArchiveTotals | undefined {
  const number = (key: string): number => {
    const value = map.get(key);
    return typeof value === "number" ? value : 0;
  };
  if (typeof map.get("nfiles") !== "number") return undefined;
  return {
    size: number("size"),
    csize: number("csize"),
    nfiles: number("nfiles"),
    sizeParts: number("size_parts"),
    csizeParts: number("csize_parts"),
    nfilesParts: number("nfiles_parts"),
  };
}

/** Those of a chunker that we do not have are no reason to refuse an archive: its files are what they are. */
function readChunkerParams(meta: ArchiveMeta, params: Unpacked): void {
  try {
    meta.chunkerParams = decodeChunkerParams(params);
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error;
    meta.other.set("chunker_params", params);
  }
}

/** Throws IntegrityError where the map is no archive, Error where it is one of a version that is not known. */
export function decodeArchiveMeta(map: UnpackedMap): ArchiveMeta {
  const version = map.get("version");
  if (typeof version !== "number") bad("no version");
  // Not damage: who repairs must not give up what a newer program has written.
  if (version !== 1) {
    throw new AppError("Error", [`Cannot read an archive: its version ${version} is not known`]);
  }
  const cmdline = map.get("cmdline");
  const time = text(map, "time");
  const meta: ArchiveMeta = {
    name: text(map, "name"),
    comment: text(map, "comment", ""),
    items: readItems(map.get("items")),
    cmdline: Array.isArray(cmdline)
      ? cmdline.map((argument) => argument instanceof Uint8Array ? decodeText(argument) : String(argument))
      : [],
    hostname: text(map, "hostname", ""),
    username: text(map, "username", ""),
    time,
    timeEnd: text(map, "time_end", time),
    other: new Map(),
  };
  if (map.has("cwd")) meta.cwd = text(map, "cwd");
  const params = map.get("chunker_params");
  if (params !== undefined && params !== null) readChunkerParams(meta, params);
  const totals = readTotals(map);
  if (totals) meta.stats = totals;
  for (const [key, value] of map) {
    if (typeof key === "string" && !INTERPRETED.has(key)) meta.other.set(key, value);
  }
  return meta;
}
