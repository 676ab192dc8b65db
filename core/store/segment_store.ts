/**
 * The store as borg 1.x keeps it on disk: a log of PUT, DELETE and COMMIT entries in segment files, and an index of it
 * (borg docs, data-structures.rst, "Repository"). This class gives the room its outward form: reading, writing, and what an
 * administrator asks. Transactions and the lock are `open_log.ts`. What is read comes from the committed state plus the open
 * transaction; nothing is ever changed in place.
 *
 * The first call that needs the index answers with a promise (it may have to replay segments), the later ones at once.
 */
import {
  asChunkId,
  type ChunkId,
  decodeText,
  encodeHex,
  encodeText,
  ID_LENGTH,
  MANIFEST_ID,
} from "../bytes/mod.ts";
import { AppError, IntegrityError, OsError, RepositoryError } from "../errors.ts";
import { StoreCheck } from "./check_store.ts";
import { logOrder } from "./_log_order.ts";
import type { RepositoryConfig } from "./config.ts";
import { readConfig, writeConfig } from "./config_file.ts";
import { removeTree } from "./create_repository.ts";
import { everyEntry, type LowLevelEntry } from "./every_entry.ts";
import type { Hints } from "./hints.ts";
import { appendOnlyRefusal, nonceMoved } from "./mem_store.ts";
import { readNonce, writeNonce } from "./nonce_file.ts";
import { OpenLog, type OpenLogParts } from "./open_log.ts";
import { ID_HEADER_BYTES, TAG_PUT } from "./segment_format.ts";
import type { Awaitable, CompactResult, StoreCheckResult, StoreDeleter, StoredObject } from "./store.ts";

/** How long a reader of many objects keeps signals waiting. */
const BREATH_MS = 100;

export class SegmentStore implements StoreDeleter {
  readonly id: Uint8Array;
  readonly location: string;
  readonly appendOnly: boolean;
  /** Bytes that may be stored; 0 for no limit. */
  readonly storageQuota: number;
  #config: RepositoryConfig;
  readonly #log: OpenLog;

  /** Made by `openRepository` and `createRepository`. */
  constructor(parts: OpenLogParts) {
    const { path, settings } = parts;
    this.#config = parts.config;
    this.id = settings.id;
    this.location = path;
    this.appendOnly = settings.appendOnly;
    this.storageQuota = settings.storageQuota;
    this.#log = new OpenLog(parts);
  }

  get(id: ChunkId): Awaitable<Uint8Array> {
    return this.#get(id, false);
  }

  /** The same as a view that is valid until the next call: for those who pass it on at once. */
  view(id: ChunkId): Awaitable<Uint8Array> {
    return this.#get(id, true);
  }

  #get(id: ChunkId, shared: boolean): Awaitable<Uint8Array> {
    const wait = this.#log.ready();
    if (wait) return wait.then(() => this.#get(id, shared));
    const { index } = this.#log.state!;
    const slot = index.find(asChunkId(id));
    if (slot < 0) throw this.#notFound(id);
    const segment = index.segment(slot);
    const offset = index.offset(slot);
    this.#log.files.writer.flushFor(segment, offset);
    return this.#log.files.reader.get(segment, offset, id, shared);
  }

  async *getMany(ids: Iterable<ChunkId>): AsyncGenerator<Uint8Array> {
    let breath = this.#log.env.nowMs();
    for (const id of ids) {
      // All reads are synchronous; signals arrive only when the event loop turns.
      if (this.#log.env.nowMs() - breath > BREATH_MS) {
        await this.#log.env.sleep(0);
        breath = this.#log.env.nowMs();
      }
      yield await this.#get(id, true);
    }
  }

  async *scan(): AsyncGenerator<StoredObject> {
    await this.#log.ready();
    const { dir, reader, writer } = this.#log.files;
    const found: { id: ChunkId; data: Uint8Array } = { id: MANIFEST_ID, data: new Uint8Array(0) };
    let breath = this.#log.env.nowMs();
    for (const segment of dir.ascending()) {
      writer.flushFor(segment, Number.MAX_SAFE_INTEGER);
      try {
        for (const { tag, id, offset, data } of reader.entries(segment, { verify: true })) {
          if (tag !== TAG_PUT || !this.#log.state!.index.isAt(id, segment, offset)) continue;
          found.id = asChunkId(id);
          found.data = data;
          if (this.#log.env.nowMs() - breath > BREATH_MS) {
            await this.#log.env.sleep(0);
            breath = this.#log.env.nowMs();
          }
          yield found;
        }
      } catch (error) {
        // What lies behind cannot be found without the index.
        const damaged = error instanceof IntegrityError || (error instanceof OsError && error.code === "EIO");
        if (!damaged) throw error;
      }
    }
  }

  /**
   * Up to `limit` ids, packed, of objects in the order of the log, after that of `marker`. Only headers are read; what lies
   * behind a damaged one in its segment is left out. Throws Repository.ObjectNotFound where `marker` is unknown.
   */
  async listInLogOrder(limit: number, marker?: ChunkId): Promise<Uint8Array> {
    await this.#log.ready();
    const { dir, reader, writer } = this.#log.files;
    const { index } = this.#log.state!;
    const slot = marker === undefined ? -1 : index.find(asChunkId(marker));
    if (marker !== undefined && slot < 0) throw this.#notFound(marker);
    const start = slot < 0 ? { segment: -1, offset: 0 } : {
      segment: index.segment(slot),
      offset: index.offset(slot),
    };
    const out = new Uint8Array(Math.min(limit, index.size) * ID_LENGTH);
    let length = 0;
    let breath = this.#log.env.nowMs();
    for (const segment of dir.ascending()) {
      if (length === out.length) break;
      if (segment < start.segment) continue;
      const from = segment === start.segment ? start.offset : 0;
      writer.flushFor(segment, Number.MAX_SAFE_INTEGER);
      try {
        for (const { tag, id, offset } of reader.entries(segment, { verify: false, from })) {
          if (length === out.length) break;
          if (tag !== TAG_PUT || !index.isAt(id, segment, offset)) continue;
          if (segment === start.segment && offset === start.offset) continue;
          out.set(id, length);
          length += ID_LENGTH;
        }
      } catch (error) {
        const damaged = error instanceof IntegrityError || (error instanceof OsError && error.code === "EIO");
        if (!damaged) throw error;
      }
      if (this.#log.env.nowMs() - breath > BREATH_MS) {
        await this.#log.env.sleep(0);
        breath = this.#log.env.nowMs();
      }
    }
    return length === out.length ? out : out.slice(0, length);
  }

  storedSize(id: ChunkId): Awaitable<number> {
    const wait = this.#log.ready();
    if (wait) return wait.then(() => this.storedSize(id));
    const { index } = this.#log.state!;
    const slot = index.find(asChunkId(id));
    if (slot < 0) return -1;
    const segment = index.segment(slot);
    const offset = index.offset(slot);
    this.#log.files.writer.flushFor(segment, offset);
    return this.#log.files.reader.entrySize(segment, offset, id) - ID_HEADER_BYTES;
  }

  has(id: ChunkId): Awaitable<boolean> {
    const wait = this.#log.ready();
    return wait ? wait.then(() => this.has(id)) : this.#log.state!.index.find(asChunkId(id)) >= 0;
  }

  count(): Awaitable<number> {
    const wait = this.#log.ready();
    return wait ? wait.then(() => this.count()) : this.#log.state!.index.size;
  }

  /** The order is that of the index; it changes when objects are added or removed between two calls. */
  list(limit: number, marker?: ChunkId): Awaitable<Uint8Array> {
    const wait = this.#log.ready();
    if (wait) return wait.then(() => this.list(limit, marker));
    const { index } = this.#log.state!;
    let slot = marker === undefined ? -1 : index.find(asChunkId(marker));
    if (marker !== undefined && slot < 0) throw this.#notFound(marker);
    const out = new Uint8Array(Math.min(limit, index.size) * ID_LENGTH);
    let length = 0;
    while (length < out.length && (slot = index.next(slot)) >= 0) {
      index.copyId(slot, out, length);
      length += ID_LENGTH;
    }
    return length === out.length ? out : out.slice(0, length);
  }

  put(id: ChunkId, data: Uint8Array): Awaitable<void> {
    const wait = this.#log.begin();
    if (wait) {
      const ownId = asChunkId(id.slice());
      const ownData = data.slice();
      return wait.then(() => this.put(ownId, ownData));
    }
    this.#log.transaction!.put(asChunkId(id), data);
  }

  delete(id: ChunkId): Awaitable<void> {
    const wait = this.#log.begin();
    if (wait) {
      const ownId = asChunkId(id.slice());
      return wait.then(() => this.delete(ownId));
    }
    this.#log.transaction!.delete(asChunkId(id));
  }

  async deleteMany(ids: Uint8Array, onProgress?: (done: number) => void): Promise<void> {
    await this.#log.begin();
    const transaction = this.#log.transaction!;
    const { index } = transaction.state;
    const order = logOrder(index, ids);
    let breath = this.#log.env.nowMs();
    for (let done = 0; done < order.length; done++) {
      if (done % 64 === 0 && this.#log.env.nowMs() - breath > BREATH_MS) {
        onProgress?.(done);
        await this.#log.env.sleep(0);
        breath = this.#log.env.nowMs();
      }
      const at = order[done]! * ID_LENGTH;
      const id = ids.subarray(at, at + ID_LENGTH);
      // The same id may have come twice.
      if (index.find(id) >= 0) transaction.delete(id);
    }
    onProgress?.(order.length);
  }

  commit(): void {
    this.#log.commit();
  }

  rollback(): void {
    this.#log.rollback();
  }

  compact(options: { thresholdPercent: number; cleanupCommits?: boolean }): Promise<CompactResult> {
    return this.#log.compact(options);
  }

  async check(
    options: { repair?: boolean; maxDurationSeconds?: number; saveSpace?: boolean },
  ): Promise<StoreCheckResult> {
    const repair = options.repair ?? false;
    const maxDurationSeconds = options.maxDurationSeconds ?? 0;
    if (repair && this.appendOnly) throw appendOnlyRefusal(this.location, "repair");
    if (repair && maxDurationSeconds > 0) throw new RangeError("Cannot repair in limited time");
    if (this.#log.transaction) throw new TypeError("Cannot check the repository: a transaction is open");
    await this.#log.requireExclusive();
    if (repair) this.#log.requireWritable();
    this.#log.dropState();
    const check = new StoreCheck({
      log: this.#log.files,
      config: this.#config,
      changeConfig: (change) => this.#changeConfig(change),
      open: () => this.#log.open(),
      repair,
      maxDurationSeconds,
    });
    return { ok: await check.run() };
  }

  loadKey(): Uint8Array | null {
    const text = this.#config.get("key")?.trim() ?? "";
    return text === "" ? null : encodeText(text);
  }

  saveKey(blob: Uint8Array): void {
    this.#changeConfig((config) => config.set("key", decodeText(blob)));
  }

  getFreeNonce(): bigint | null {
    return readNonce(this.#log.env, this.location);
  }

  commitNonceReservation(end: bigint, previous: bigint | null): void {
    if (this.getFreeNonce() !== previous) throw nonceMoved();
    writeNonce(this.#log.env, this.location, end);
  }

  /** The value of a key of the configuration; undefined where it is not set. */
  configValue(key: string): string | undefined {
    return this.#config.get(key);
  }

  /** Sets, or with null removes, a key of the configuration, durably. What is open keeps the settings it began with. */
  setConfigValue(key: string, value: string | null): void {
    this.#changeConfig((config) => {
      const { segmentsPerDir } = config.settings();
      if (value === null) config.remove(key);
      else config.set(key, value);
      this.#requirePlaces(segmentsPerDir, config.settings().segmentsPerDir);
    });
  }

  configKeys(): string[] {
    return this.#config.keys();
  }

  /** Bytes that count against the quota: all PUT entries that compaction has not removed. */
  async storageQuotaUse(): Promise<number> {
    return (await this.hints()).storageQuotaUse;
  }

  /** What compaction knows of the committed segments; the caller changes nothing in it. */
  async hints(): Promise<Readonly<Hints>> {
    return (await this.#log.complete()).hints;
  }

  /** See {@link everyEntry}. */
  everyEntry(place: { segment?: number; offset?: number }): Generator<LowLevelEntry> {
    return everyEntry(this.#log.files, place);
  }

  close(): Promise<void> {
    return this.#log.close();
  }

  async destroy(): Promise<void> {
    if (this.appendOnly) throw appendOnlyRefusal(this.location, "delete");
    await this.#log.requireExclusive();
    this.#log.remove();
    await this.close();
    removeTree(this.#log.env.files, this.location);
  }

  /** Throws where segments would be looked for in other folders than they lie in. */
  #requirePlaces(before: number, after: number): void {
    if (before === after) return;
    const { dir } = this.#log.files;
    for (const segment of dir.ascending()) {
      if (Math.floor(segment / before) === Math.floor(segment / after)) continue;
      throw new AppError("Error", [
        `Cannot set segments_per_dir to ${after}: segment ${segment} is there, in a folder of ${before}`,
      ]);
    }
  }

  /**
   * Changes the configuration as it is now: since we read it, somebody may have made the repository append-only, and who came
   * without a lock, or has been here for long, must not take that back.
   */
  #changeConfig(change: (config: RepositoryConfig) => void): void {
    const { env } = this.#log;
    const config = readConfig(env, this.location);
    change(config);
    // Refuses what could not be opened again.
    config.settings();
    writeConfig(env, this.location, config);
    this.#config = config;
  }

  #notFound(id: ChunkId): RepositoryError {
    return new RepositoryError("Repository.ObjectNotFound", [encodeHex(id), this.location]);
  }
}
