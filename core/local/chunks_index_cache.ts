/**
 * Chunk lists in the cache directory: one file per archive id, and the sum of many. With each goes what the archives say of
 * the sizes of their files. They may be deleted at any time: a missing, short or damaged file only means that the archive is
 * read again, or the lists added up again. (Form: `_table_file.ts`; the heads are msgpack.)
 *
 *     <id>   head [size, csize] or nil
 *     sum    head [id, [size, csize] or nil, ...]: whose lists were added up
 */
import type { Files } from "../platform/mod.ts";
import {
  asChunkId,
  type ChunkId,
  encodeMsgpack,
  hexOfId,
  ID_LENGTH,
  MsgpackError,
  MsgpackReader,
  MsgpackWriter,
  type Unpacked,
} from "../bytes/mod.ts";
import { OsError } from "../errors.ts";
import { loadTableFile, saveTableFile } from "./_table_file.ts";
import { ChunksIndex } from "./chunks_index.ts";

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

export interface CachedSum {
  readonly chunks: ChunksIndex;
  /** Those whose lists were added up. */
  readonly archives: readonly { readonly id: ChunkId; readonly files: FileTotals | null }[];
}

/** Name of an archive's list, or of one that was written halfway. */
const LIST_NAME = /^([0-9a-f]{64})(\.tmp)?$/;

export class ChunksIndexCache {
  /** `directory`: where the lists of one repository lie; made when first needed. null: nothing is kept. */
  constructor(private readonly files: Files, private readonly directory: string | null) {}

  #path(id: ChunkId): string {
    return `${this.directory}/${hexOfId(id)}`;
  }

  get #sumPath(): string {
    return `${this.directory}/sum`;
  }

  /** The list of that archive, null where there is none or it cannot be trusted. */
  load(id: ChunkId): CachedChunks | null {
    return this.#load(this.#path(id), (reader, chunks) => ({ chunks, files: readTotals(reader.read()) }));
  }

  /** Whether {@link load} will probably find one. */
  has(id: ChunkId): boolean {
    if (this.directory === null) return false;
    try {
      return this.files.stat(this.#path(id)).size > 0;
    } catch (error) {
      if (error instanceof OsError) return false;
      throw error;
    }
  }

  save(id: ChunkId, { chunks, files }: CachedChunks): void {
    this.#save(this.#path(id), encodeMsgpack(packTotals(files)), chunks);
  }

  drop(id: ChunkId): void {
    if (this.directory === null) return;
    try {
      this.files.unlink(this.#path(id));
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
    }
  }

  /** Drops the lists of all archives but these. */
  keepOnly(ids: readonly ChunkId[]): void {
    if (this.directory === null) return;
    const kept = new Set(ids.map(hexOfId));
    try {
      for (const name of this.files.readDir(this.directory)) {
        const [, list] = LIST_NAME.exec(name) ?? [];
        if (list !== undefined && !kept.has(list)) this.files.unlink(`${this.directory}/${name}`);
      }
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
    }
  }

  /** The sum that was saved last, null where there is none or it cannot be trusted. */
  loadSum(): CachedSum | null {
    return this.#load(this.#sumPath, (reader, chunks) => ({ chunks, archives: readArchives(reader.read()) }));
  }

  saveSum({ chunks, archives }: CachedSum): void {
    const writer = new MsgpackWriter();
    writer.writeArrayHeader(2 * archives.length);
    for (const { id, files } of archives) {
      writer.writeBytes(id);
      writer.write(packTotals(files));
    }
    this.#save(this.#sumPath, writer.view(), chunks);
  }

  #load<T>(path: string, make: (reader: MsgpackReader, chunks: ChunksIndex) => T): T | null {
    if (this.directory === null) return null;
    const file = loadTableFile(this.files, path, (table) => ChunksIndex.load(table));
    if (file === null) return null;
    try {
      const reader = new MsgpackReader(file.head);
      const made = make(reader, file.table);
      if (reader.atEnd) return made;
    } catch (error) {
      if (!(error instanceof MsgpackError)) throw error;
    }
    file.table.dispose();
    return null;
  }

  #save(path: string, head: Uint8Array, chunks: ChunksIndex): void {
    if (this.directory === null) return;
    saveTableFile(this.files, path, { head, table: chunks.encodeParts() });
  }
}

function packTotals(files: FileTotals | null): number[] | null {
  return files === null ? null : [files.size, files.csize];
}

/** Throws MsgpackError on what {@link packTotals} does not make. */
function readTotals(value: Unpacked | undefined): FileTotals | null {
  if (value === null) return null;
  const [size, csize] = Array.isArray(value) ? value : [];
  if (typeof size === "number" && typeof csize === "number") return { size, csize };
  throw new MsgpackError("Cannot read the sizes of an archive's files");
}

/** Throws MsgpackError on what {@link ChunksIndexCache.saveSum} does not make. */
function readArchives(value: Unpacked): CachedSum["archives"] {
  if (!Array.isArray(value)) throw new MsgpackError("Cannot read what a sum is of");
  const archives: { id: ChunkId; files: FileTotals | null }[] = [];
  for (let i = 0; i < value.length; i += 2) {
    const id = value[i];
    if (!(id instanceof Uint8Array) || id.length !== ID_LENGTH) {
      throw new MsgpackError("Cannot read whose list was added");
    }
    archives.push({ id: asChunkId(id), files: readTotals(value[i + 1]) });
  }
  return archives;
}
