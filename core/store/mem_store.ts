/**
 * A store in memory with the whole contract and no file: for tests of the rooms above, and the reference that the
 * contract suite holds the log against.
 */
import { asChunkId, type ChunkId, decodeHex, encodeHex, ID_LENGTH } from "../bytes/mod.ts";
import { AppError, IntegrityError, RepositoryError } from "../errors.ts";
import { sizeText } from "./config.ts";
import { ID_HEADER_BYTES } from "./segment_format.ts";
import {
  type CompactResult,
  MAX_DATA_SIZE,
  type StoreCheckResult,
  type StoreDeleter,
  type StoredObject,
} from "./store.ts";

export interface MemStoreOptions {
  id?: Uint8Array;
  appendOnly?: boolean;
  /** Bytes, 0 for none. */
  storageQuota?: number;
}

export class MemStore implements StoreDeleter {
  readonly id: Uint8Array;
  readonly location = "memory";
  readonly appendOnly: boolean;
  #committed = new Map<string, Uint8Array>();
  #current = new Map<string, Uint8Array>();
  #doomed: Error | null = null;
  #key: Uint8Array | null = null;
  #nonce: bigint | null = null;

  constructor(private readonly options: MemStoreOptions = {}) {
    this.id = options.id ?? new Uint8Array(ID_LENGTH).fill(7);
    this.appendOnly = options.appendOnly ?? false;
  }

  get(id: ChunkId): Uint8Array {
    return (this.#current.get(encodeHex(id)) ?? this.#notFound(id)).slice();
  }

  /** The same: what is valid for longer is good, too. */
  view(id: ChunkId): Uint8Array {
    return this.get(id);
  }

  async *getMany(ids: Iterable<ChunkId>): AsyncGenerator<Uint8Array> {
    for (const id of ids) yield await Promise.resolve(this.get(id));
  }

  async *scan(): AsyncGenerator<StoredObject> {
    for (const [hex, data] of this.#current) {
      yield await Promise.resolve({ id: asChunkId(decodeHex(hex)!), data });
    }
  }

  storedSize(id: ChunkId): number {
    return this.#current.get(encodeHex(id))?.length ?? -1;
  }

  has(id: ChunkId): boolean {
    return this.#current.has(encodeHex(id));
  }

  count(): number {
    return this.#current.size;
  }

  list(limit: number, marker?: ChunkId): Uint8Array {
    const keys = [...this.#current.keys()];
    const from = marker === undefined ? 0 : keys.indexOf(encodeHex(marker)) + 1;
    if (marker !== undefined && from === 0) this.#notFound(marker);
    const page = keys.slice(from, from + limit);
    const out = new Uint8Array(page.length * ID_LENGTH);
    page.forEach((key, i) => {
      for (let j = 0; j < ID_LENGTH; j++) out[i * ID_LENGTH + j] = parseInt(key.slice(2 * j, 2 * j + 2), 16);
    });
    return out;
  }

  listInLogOrder(limit: number, marker?: ChunkId): Uint8Array {
    return this.list(limit, marker);
  }

  put(id: ChunkId, data: Uint8Array): void {
    asChunkId(id);
    if (data.length > MAX_DATA_SIZE) {
      throw new IntegrityError("IntegrityError", [`an object of ${data.length} bytes is over the limit`]);
    }
    if (this.#doomed) throw this.#doomed;
    this.#current.set(encodeHex(id), data.slice());
    const quota = this.options.storageQuota ?? 0;
    let use = 0;
    if (quota > 0) { for (const value of this.#current.values()) use += value.length + ID_HEADER_BYTES; }
    if (use > quota) {
      this.#doomed = new RepositoryError("Repository.StorageQuotaExceeded", [sizeText(quota), sizeText(use)]);
      throw this.#doomed;
    }
  }

  delete(id: ChunkId): void {
    if (this.#doomed) throw this.#doomed;
    if (!this.#current.delete(encodeHex(id))) this.#notFound(id);
  }

  commit(): void {
    const doomed = this.#doomed;
    if (doomed) {
      this.rollback();
      throw doomed;
    }
    this.#committed = new Map(this.#current);
  }

  rollback(): void {
    this.#current = new Map(this.#committed);
    this.#doomed = null;
  }

  compact(): CompactResult {
    this.commit();
    return { freedBytes: 0 };
  }

  check(): StoreCheckResult {
    return { ok: true };
  }

  loadKey(): Uint8Array | null {
    return this.#key?.slice() ?? null;
  }

  saveKey(blob: Uint8Array): void {
    this.#key = blob.length === 0 ? null : blob.slice();
  }

  getFreeNonce(): bigint | null {
    return this.#nonce;
  }

  commitNonceReservation(end: bigint, previous: bigint | null): void {
    if (previous !== this.#nonce) throw nonceMoved();
    this.#nonce = end;
  }

  close(): void {
    this.rollback();
  }

  destroy(): void {
    if (this.appendOnly) throw appendOnlyRefusal(this.location, "delete");
    this.#committed.clear();
    this.rollback();
    this.#key = this.#nonce = null;
  }

  #notFound(id: ChunkId): never {
    throw new RepositoryError("Repository.ObjectNotFound", [encodeHex(id), this.location]);
  }
}

/** Someone else reserved nonces since the caller looked: to go on would use some twice. */
export function nonceMoved(): AppError {
  return new AppError("Error", [
    "Cannot reserve nonces: the repository's reservation is not what was expected",
  ]);
}

export function appendOnlyRefusal(location: string, action: string): AppError {
  return new AppError("Error", [`Cannot ${action} repository ${location}: it is in append-only mode`]);
}
