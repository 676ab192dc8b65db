/**
 * Files of the cache that hold an index: a head, whose meaning is the caller's, and the index in borg's form. They may be
 * deleted at any time. What is missing, short or damaged reads as null. Against damage, not against malice: they lie in a
 * folder of the user's own.
 *
 *     0        16            20     20 + n
 *     | digest | n (u32, LE) | head | index file |        digest: xxh64 of the rest, hexadecimal
 */
import type { Files } from "../platform/mod.ts";
import { AppError, IntegrityError, OsError } from "../errors.ts";
import { INDEX_FILE_HEADER_BYTES, type IndexFile, Xxh64 } from "../../wasm/mod.ts";

const DIGEST_BYTES = 16;
const PREFIX_BYTES = DIGEST_BYTES + 4;
/** What is written at a time, so that a full disk is noticed early. */
const WRITE_BYTES = 16 << 20;

export interface TableFile<T> {
  head: Uint8Array;
  table: T;
}

/**
 * Reads such a file; `load` makes the index, whose buckets are read to where they stay and checked before it believes them.
 * Null: there is none that could be trusted.
 */
export function loadTableFile<T>(
  files: Files,
  path: string,
  load: (file: IndexFile) => T,
): TableFile<T> | null {
  let fd: number | undefined;
  try {
    fd = files.open(path);
    return readTableFile(files, fd, load);
  } catch (error) {
    if (error instanceof OsError || error instanceof AppError) return null;
    throw error;
  } finally {
    if (fd !== undefined) files.close(fd);
  }
}

function readTableFile<T>(files: Files, fd: number, load: (file: IndexFile) => T): TableFile<T> {
  const { size } = files.fstat(fd);
  const read = (into: Uint8Array, position: number): Uint8Array => {
    if (files.pread(fd, into, position) < into.length) throw damaged();
    return into;
  };
  const prefix = read(new Uint8Array(PREFIX_BYTES), 0);
  const headBytes = new DataView(prefix.buffer).getUint32(DIGEST_BYTES, true);
  const tableAt = PREFIX_BYTES + headBytes;
  if (tableAt + INDEX_FILE_HEADER_BYTES > size) throw damaged();
  const head = read(new Uint8Array(headBytes), PREFIX_BYTES);
  const header = read(new Uint8Array(INDEX_FILE_HEADER_BYTES), tableAt);
  const digest = new TextDecoder().decode(prefix.subarray(0, DIGEST_BYTES));
  const table = load({
    header,
    length: size - tableAt,
    fill: (buckets) => {
      read(buckets, tableAt + header.length);
      if (digestOf([prefix.subarray(DIGEST_BYTES), head, header, buckets]) !== digest) throw damaged();
    },
  });
  return { head, table };
}

/** Replaces the file, readable by the user alone. Best effort: a full disk or a read-only home must not stop a backup. */
export function saveTableFile(
  files: Files,
  path: string,
  { head, table }: TableFile<readonly Uint8Array[]>,
): void {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, head.length, true);
  const pieces = [length, head, ...table];
  const digest = new TextEncoder().encode(digestOf(pieces));
  try {
    files.mkdirAll(path.slice(0, path.lastIndexOf("/")), 0o700);
    const fd = files.open(`${path}.tmp`, { write: true, create: true, truncate: true, mode: 0o600 });
    try {
      for (const piece of [digest, ...pieces]) {
        for (let at = 0; at < piece.length; at += WRITE_BYTES) {
          files.write(fd, piece.subarray(at, at + WRITE_BYTES));
        }
      }
    } finally {
      files.close(fd);
    }
    files.rename(`${path}.tmp`, path);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
  }
}

function digestOf(pieces: readonly Uint8Array[]): string {
  const hash = new Xxh64();
  for (const piece of pieces) hash.update(piece);
  return hash.digestHex();
}

function damaged(): IntegrityError {
  return new IntegrityError("IntegrityError", ["a file of the cache is damaged"]);
}
