/**
 * Chunk lists of archives in the cache directory, one file per archive id, and with each what the archive says of the size
 * of its files. They may be deleted at any time: a missing, short or damaged file only means that the archive is read
 * again.
 *
 *     | digest 16 | msgpack: [size, csize] or nil | chunk list in the form of borg's hash index |
 */
import type { Files } from "../platform/mod.ts";
import {
  type ChunkId,
  encodeMsgpack,
  hexOfId,
  MsgpackError,
  MsgpackReader,
  type Unpacked,
} from "../bytes/mod.ts";
import { AppError, OsError } from "../errors.ts";
import { Xxh64 } from "../../wasm/mod.ts";
import { ChunksIndex } from "./chunks_index.ts";

/** 16 hexadecimal digits of the xxh64 of the rest of the file. */
const DIGEST_BYTES = 16;

/** Plain and stored bytes of an archive's files, before deduplication. */
export interface FileTotals {
  readonly size: number;
  readonly csize: number;
}

export interface CachedChunks {
  readonly chunks: ChunksIndex;
  /** null: the archive, made by borg before 1.2, does not say. */
  readonly files: FileTotals | null;
}

export class ChunksIndexCache {
  /** `directory`: where the lists of one repository lie; made when first needed. null: nothing is kept. */
  constructor(private readonly files: Files, private readonly directory: string | null) {}

  #path(id: ChunkId): string {
    return `${this.directory}/${hexOfId(id)}`;
  }

  /** The list of that archive, null where there is none or it cannot be trusted. */
  load(id: ChunkId): CachedChunks | null {
    if (this.directory === null) return null;
    try {
      const bytes = this.files.readFile(this.#path(id));
      const body = bytes.subarray(DIGEST_BYTES);
      const digest = new TextDecoder().decode(bytes.subarray(0, DIGEST_BYTES));
      if (new Xxh64().update(body).digestHex() !== digest) return null;
      const reader = new MsgpackReader(body);
      const files = readTotals(reader.read());
      if (files === undefined) return null;
      return { chunks: ChunksIndex.decode(body.subarray(reader.position)), files };
    } catch (error) {
      if (error instanceof OsError || error instanceof AppError || error instanceof MsgpackError) return null;
      throw error;
    }
  }

  /** Best effort: a full disk or a read-only home must not stop a backup. */
  save(id: ChunkId, { chunks, files }: CachedChunks): void {
    if (this.directory === null) return;
    const head = encodeMsgpack(files === null ? null : [files.size, files.csize]);
    const table = chunks.encode();
    const bytes = new Uint8Array(DIGEST_BYTES + head.length + table.length);
    bytes.set(head, DIGEST_BYTES);
    bytes.set(table, DIGEST_BYTES + head.length);
    const digest = new Xxh64().update(bytes.subarray(DIGEST_BYTES)).digestHex();
    bytes.set(new TextEncoder().encode(digest));
    const path = this.#path(id);
    try {
      this.files.mkdirAll(this.directory, 0o700);
      this.files.writeFile(`${path}.tmp`, bytes, { mode: 0o600 });
      this.files.rename(`${path}.tmp`, path);
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
    }
  }

  drop(id: ChunkId): void {
    if (this.directory === null) return;
    try {
      this.files.unlink(this.#path(id));
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
    }
  }
}

/** undefined: not what {@link ChunksIndexCache.save} writes. */
function readTotals(value: Unpacked): FileTotals | null | undefined {
  if (value === null) return null;
  if (!Array.isArray(value)) return undefined;
  const [size, csize] = value;
  return typeof size === "number" && typeof csize === "number" ? { size, csize } : undefined;
}
