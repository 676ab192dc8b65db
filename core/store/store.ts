/**
 * The store's contract: a transactional map from 32-byte id to bytes. It knows nothing of keys, archives or compression
 * (design: "`store` sees `(id, bytes)` only"). Implementations: the segment log on disk (`segment_store.ts`), memory
 * (`mem_store.ts`), and later borg's RPC (`core/rpc/client_store.ts`); all run `tests/contract/store_contract.ts`.
 *
 * Methods return `Awaitable`: the disk answers at once without a promise, a remote store with one. Callers in hot loops
 * write `const wait = store.put(id, data); if (wait) await wait;`, others simply `await`.
 *
 * Capabilities by interface: who is handed a StoreReader cannot write, who is handed a StoreWriter cannot delete.
 */
import type { ChunkId } from "../bytes/mod.ts";

export type Awaitable<T> = T | Promise<T>;

/** Largest `data` of a put: 20 MiB less the 41 bytes of an entry's header (borg constants, MAX_DATA_SIZE). */
export const MAX_DATA_SIZE = 20_971_479;

/** One object of a {@link StoreReader.scan}: the same record each time, its views valid until the next is asked for. */
export interface StoredObject {
  readonly id: ChunkId;
  readonly data: Uint8Array;
}

export interface StoreReader {
  /** The repository's own 32-byte id. */
  readonly id: Uint8Array;
  /** Where it is, for messages. */
  readonly location: string;
  readonly appendOnly: boolean;
  /** False: there may be objects whose {@link storedSize} the store cannot tell. Absent: it can always. */
  readonly knowsSizes?: boolean;

  /**
   * The bytes stored under `id`; the caller owns them. Throws Repository.ObjectNotFound, or IntegrityError when the
   * entry's checksum, size or id does not fit.
   */
  get(id: ChunkId): Awaitable<Uint8Array>;
  /**
   * The same for many, in order; a remote store pipelines the requests. What is yielded is valid until the next is asked for,
   * of any such call: whoever keeps it copies it. Between two of them the store may be called otherwise, and by this method too.
   */
  getMany(ids: Iterable<ChunkId>): AsyncIterable<Uint8Array>;
  /**
   * These will be asked for soon, in that order, by {@link get} or {@link getMany}. Absent where it makes no difference: where
   * objects are at hand.
   */
  preload?(ids: Iterable<ChunkId>): void;
  /** {@link has} and {@link storedSize} will be asked soon. Absent where it makes no difference: where the index is at hand. */
  preloadIds?(): void;
  /**
   * Objects in the order in which they lie on the medium, each at most once: the quick way for those who want all. Damaged
   * ones, and what lies behind them, may be left out without a word: whoever misses an object asks for it by {@link get}.
   * Absent where there is no such order. The store must not change meanwhile.
   */
  scan?(): AsyncIterable<StoredObject>;
  /**
   * Stored size in bytes (what `get` would return the length of) without reading the data: -1 where there is no such object,
   * or where the store cannot tell its size without reading it; {@link has} tells which. This is how `create` learns that a
   * chunk exists and what it cost.
   */
  storedSize(id: ChunkId): Awaitable<number>;
  /** Whether there is such an object, by the index alone. */
  has(id: ChunkId): Awaitable<boolean>;
  /** How many objects there are. */
  count(): Awaitable<number>;
  /** Up to `limit` ids after `marker` (in the store's own order), packed: 32 bytes each. Empty at the end. */
  list(limit: number, marker?: ChunkId): Awaitable<Uint8Array>;
  /** The key blob stored with the repository (repokey modes), null if there is none. */
  loadKey(): Awaitable<Uint8Array | null>;
  /** Releases files and locks; rolls back what was not committed. Safe to call twice. */
  close(): Awaitable<void>;
}

export interface StoreWriter extends StoreReader {
  /**
   * Stores a copy of `data` (it may be reused at once); replaces an older value. `data` may be at most MAX_DATA_SIZE.
   * Throws StorageQuotaExceeded (the transaction is then doomed) or InsufficientFreeSpaceError at commit.
   */
  put(id: ChunkId, data: Uint8Array): Awaitable<void>;
  /** After it resolves, everything since the last commit is on stable storage. */
  commit(): Awaitable<void>;
  /** Forgets everything since the last commit. */
  rollback(): Awaitable<void>;
  saveKey(blob: Uint8Array): Awaitable<void>;
  /** First nonce that nobody has reserved, null where none was ever reserved (borg docs, security.rst). */
  getFreeNonce(): Awaitable<bigint | null>;
  /**
   * Moves the reservation's end to `end`, durably, before any nonce below it is used. Throws unless `previous` is what
   * {@link getFreeNonce} would answer now.
   */
  commitNonceReservation(end: bigint, previous: bigint | null): Awaitable<void>;
}

/** What a compaction did. */
export interface CompactResult {
  /** Bytes freed in the file system; null where the store does not tell, because it has told the user itself. */
  freedBytes: number | null;
}

/** What a check found; problems were reported as they were met. */
export interface StoreCheckResult {
  ok: boolean;
}

export interface StoreDeleter extends StoreWriter {
  /** Throws Repository.ObjectNotFound. */
  delete(id: ChunkId): Awaitable<void>;
  /**
   * Deletes those of `ids` (packed: 32 bytes each) that are there, in the order that is quickest. Turns the event loop now and
   * then, and tells `onProgress` how many ids are dealt with. Absent where a store knows nothing better than one by one.
   */
  deleteMany?(ids: Uint8Array, onProgress?: (done: number) => void): Promise<void>;
  /** Frees the space of deleted and replaced objects where more than `thresholdPercent` of a segment is waste (or all with cleanupCommits). */
  compact(options: { thresholdPercent: number; cleanupCommits?: boolean }): Awaitable<CompactResult>;
  /** Verifies the whole log against the index; with `repair` rebuilds the index and drops what is damaged. */
  check(
    options: { repair?: boolean; maxDurationSeconds?: number; saveSpace?: boolean },
  ): Awaitable<StoreCheckResult>;
  /** Deletes the repository itself. */
  destroy(): Awaitable<void>;
}
