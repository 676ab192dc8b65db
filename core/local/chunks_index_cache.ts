/**
 * Chunk lists of archives in the cache directory, one file per archive id. They may be deleted at any time: a missing,
 * short or damaged file only means that the archive is read again.
 */
import type { Files } from "../platform/mod.ts";
import { type ChunkId, hexOfId } from "../bytes/mod.ts";
import { AppError, OsError } from "../errors.ts";
import { Xxh64 } from "../../wasm/mod.ts";
import { ChunksIndex } from "./chunks_index.ts";

/** 16 hexadecimal digits of the xxh64 of the rest of the file. */
const DIGEST_BYTES = 16;

export class ChunksIndexCache {
  /** `directory`: where the lists of one repository lie; made when first needed. null: nothing is kept. */
  constructor(private readonly files: Files, private readonly directory: string | null) {}

  #path(id: ChunkId): string {
    return `${this.directory}/${hexOfId(id)}`;
  }

  /** The list of that archive, null where there is none or it cannot be trusted. */
  load(id: ChunkId): ChunksIndex | null {
    if (this.directory === null) return null;
    try {
      const bytes = this.files.readFile(this.#path(id));
      const body = bytes.subarray(DIGEST_BYTES);
      const digest = new TextDecoder().decode(bytes.subarray(0, DIGEST_BYTES));
      if (new Xxh64().update(body).digestHex() !== digest) return null;
      return ChunksIndex.decode(body);
    } catch (error) {
      if (error instanceof OsError || error instanceof AppError) return null;
      throw error;
    }
  }

  /** Best effort: a full disk or a read-only home must not stop a backup. */
  save(id: ChunkId, index: ChunksIndex): void {
    if (this.directory === null) return;
    const body = index.encode();
    const bytes = new Uint8Array(DIGEST_BYTES + body.length);
    bytes.set(new TextEncoder().encode(new Xxh64().update(body).digestHex()));
    bytes.set(body, DIGEST_BYTES);
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
