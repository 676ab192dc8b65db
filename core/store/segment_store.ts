/**
 * The store as borg 1.x keeps it on disk: a log of PUT, DELETE and COMMIT entries in segment files, and an index of it
 * (borg docs, data-structures.rst, "Repository"). This class ties the room together: lock, state, transaction, commit.
 * What is read comes from the committed state plus the open transaction; nothing is ever changed in place.
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
import { IntegrityError, LockError, OsError, RepositoryError } from "../errors.ts";
import { log as emit } from "../report.ts";
import { StoreCheck } from "./check_store.ts";
import { logOrder } from "./_log_order.ts";
import { CommittedFiles } from "./committed_files.ts";
import { CompactRun, markCommitOnlySegments, planCompaction } from "./compact.ts";
import { type RepositoryConfig, sizeText, type StoreSettings } from "./config.ts";
import { writeConfig } from "./config_file.ts";
import { removeTree } from "./create_repository.ts";
import type { StoreEnv } from "./env.ts";
import { requiredFreeSpace } from "./free_space.ts";
import type { Hints } from "./hints.ts";
import type { Lock } from "./lock.ts";
import { appendOnlyRefusal, nonceMoved } from "./mem_store.ts";
import { readNonce, writeNonce } from "./nonce_file.ts";
import { SegmentDir } from "./segment_dir.ts";
import { HEADER_BYTES, ID_HEADER_BYTES, TAG_DELETE, TAG_PUT } from "./segment_format.ts";
import { SegmentReader } from "./segment_read.ts";
import { SegmentWriter } from "./segment_write.ts";
import { completeState, type Log, type OpenState, openState, type RepositoryState } from "./state.ts";
import type { Awaitable, CompactResult, StoreCheckResult, StoreDeleter, StoredObject } from "./store.ts";
import { Transaction } from "./transaction.ts";

/** How long a reader of many objects keeps signals waiting. */
const BREATH_MS = 100;

export interface SegmentStoreParts {
  env: StoreEnv;
  path: string;
  config: RepositoryConfig;
  settings: StoreSettings;
  /** Null: opened without a lock. */
  lock: Lock | null;
  /** Just created: destroyed again if there is no room for its first transaction. */
  created: boolean;
}

/** An entry of a segment file as it lies there. */
export interface LowLevelEntry {
  readonly kind: "put" | "delete" | "commit";
  /** null for a commit. */
  readonly id: ChunkId | null;
  readonly segment: number;
  readonly offset: number;
  /** What a put stores; empty else. */
  readonly data: Uint8Array;
}

export class SegmentStore implements StoreDeleter {
  readonly id: Uint8Array;
  readonly location: string;
  readonly appendOnly: boolean;
  readonly #env: StoreEnv;
  readonly #config: RepositoryConfig;
  readonly #settings: StoreSettings;
  readonly #log: Log;
  #lock: Lock | null;
  #closed = false;
  #created: boolean;
  #state: OpenState | null = null;
  #opening: Promise<void> | null = null;
  #transaction: Transaction | null = null;

  /** Made by `openRepository` and `createRepository`. */
  constructor(parts: SegmentStoreParts) {
    const { path, settings } = parts;
    const env = this.#interruptible(parts.env);
    this.#env = env;
    this.#config = parts.config;
    this.#settings = settings;
    this.#lock = parts.lock;
    this.#created = parts.created;
    this.id = settings.id;
    this.location = path;
    this.appendOnly = settings.appendOnly;
    const dir = new SegmentDir(env.files, path, settings.segmentsPerDir);
    const reader = new SegmentReader(dir);
    const writer = new SegmentWriter(dir, {
      maxSegmentSize: settings.maxSegmentSize,
      created: (segment) => reader.forget(segment),
    });
    this.#log = { env, location: path, dir, reader, writer, committed: new CommittedFiles(env.files, path) };
  }

  get(id: ChunkId): Awaitable<Uint8Array> {
    return this.#get(id, false);
  }

  #get(id: ChunkId, shared: boolean): Awaitable<Uint8Array> {
    const wait = this.#ready();
    if (wait) return wait.then(() => this.#get(id, shared));
    const { index } = this.#state!;
    const slot = index.find(asChunkId(id));
    if (slot < 0) throw this.#notFound(id);
    const segment = index.segment(slot);
    const offset = index.offset(slot);
    this.#log.writer.flushFor(segment, offset);
    return this.#log.reader.get(segment, offset, id, shared);
  }

  async *getMany(ids: Iterable<ChunkId>): AsyncGenerator<Uint8Array> {
    let breath = this.#env.nowMs();
    for (const id of ids) {
      // All reads are synchronous; signals arrive only when the event loop turns.
      if (this.#env.nowMs() - breath > BREATH_MS) {
        await this.#env.sleep(0);
        breath = this.#env.nowMs();
      }
      yield await this.#get(id, true);
    }
  }

  async *scan(): AsyncGenerator<StoredObject> {
    await this.#ready();
    const { dir, reader, writer } = this.#log;
    const found: { id: ChunkId; data: Uint8Array } = { id: MANIFEST_ID, data: new Uint8Array(0) };
    let breath = this.#env.nowMs();
    for (const segment of dir.ascending()) {
      writer.flushFor(segment, Number.MAX_SAFE_INTEGER);
      try {
        for (const { tag, id, offset, data } of reader.entries(segment, { verify: true })) {
          if (tag !== TAG_PUT || !this.#state!.index.isAt(id, segment, offset)) continue;
          found.id = asChunkId(id);
          found.data = data;
          if (this.#env.nowMs() - breath > BREATH_MS) {
            await this.#env.sleep(0);
            breath = this.#env.nowMs();
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
    await this.#ready();
    const { dir, reader, writer } = this.#log;
    const { index } = this.#state!;
    const slot = marker === undefined ? -1 : index.find(asChunkId(marker));
    if (marker !== undefined && slot < 0) throw this.#notFound(marker);
    const start = slot < 0 ? { segment: -1, offset: 0 } : {
      segment: index.segment(slot),
      offset: index.offset(slot),
    };
    const out = new Uint8Array(Math.min(limit, index.size) * ID_LENGTH);
    let length = 0;
    let breath = this.#env.nowMs();
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
      if (this.#env.nowMs() - breath > BREATH_MS) {
        await this.#env.sleep(0);
        breath = this.#env.nowMs();
      }
    }
    return length === out.length ? out : out.slice(0, length);
  }

  storedSize(id: ChunkId): Awaitable<number> {
    const wait = this.#ready();
    if (wait) return wait.then(() => this.storedSize(id));
    const { index } = this.#state!;
    const slot = index.find(asChunkId(id));
    if (slot < 0) return -1;
    const segment = index.segment(slot);
    const offset = index.offset(slot);
    this.#log.writer.flushFor(segment, offset);
    return this.#log.reader.entrySize(segment, offset, id) - ID_HEADER_BYTES;
  }

  has(id: ChunkId): Awaitable<boolean> {
    const wait = this.#ready();
    return wait ? wait.then(() => this.has(id)) : this.#state!.index.find(asChunkId(id)) >= 0;
  }

  count(): Awaitable<number> {
    const wait = this.#ready();
    return wait ? wait.then(() => this.count()) : this.#state!.index.size;
  }

  /** The order is that of the index; it changes when objects are added or removed between two calls. */
  list(limit: number, marker?: ChunkId): Awaitable<Uint8Array> {
    const wait = this.#ready();
    if (wait) return wait.then(() => this.list(limit, marker));
    const { index } = this.#state!;
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
    const wait = this.#begin();
    if (wait) {
      const ownId = asChunkId(id.slice());
      const ownData = data.slice();
      return wait.then(() => this.put(ownId, ownData));
    }
    this.#transaction!.put(asChunkId(id), data);
  }

  delete(id: ChunkId): Awaitable<void> {
    const wait = this.#begin();
    if (wait) {
      const ownId = asChunkId(id.slice());
      return wait.then(() => this.delete(ownId));
    }
    this.#transaction!.delete(asChunkId(id));
  }

  async deleteMany(ids: Uint8Array, onProgress?: (done: number) => void): Promise<void> {
    await this.#begin();
    const transaction = this.#transaction!;
    const { index } = transaction.state;
    const order = logOrder(index, ids);
    let breath = this.#env.nowMs();
    for (let done = 0; done < order.length; done++) {
      if (done % 64 === 0 && this.#env.nowMs() - breath > BREATH_MS) {
        onProgress?.(done);
        await this.#env.sleep(0);
        breath = this.#env.nowMs();
      }
      const at = order[done]! * ID_LENGTH;
      const id = ids.subarray(at, at + ID_LENGTH);
      // The same id may have come twice.
      if (index.find(id) >= 0) transaction.delete(id);
    }
    onProgress?.(order.length);
  }

  commit(): void {
    const transaction = this.#transaction;
    if (!transaction) return;
    this.#refuseDoomed(transaction);
    this.#commitLog(transaction);
    this.#save(transaction.state);
  }

  rollback(): void {
    const transaction = this.#transaction;
    if (transaction) this.#abandon(transaction.state.transaction);
  }

  async compact(
    options: { thresholdPercent: number; cleanupCommits?: boolean },
  ): Promise<CompactResult> {
    const idle = this.#transaction === null;
    await this.#begin();
    const transaction = this.#transaction!;
    this.#refuseDoomed(transaction);
    const { state } = transaction;
    if (idle && (this.appendOnly || (!options.cleanupCommits && !this.#worthwhile(state, options)))) {
      this.#transaction = null;
      return { freedBytes: 0 };
    }
    this.#commitLog(transaction);
    if (this.appendOnly) {
      this.#save(state);
      return { freedBytes: 0 };
    }
    if (options.cleanupCommits) markCommitOnlySegments(this.#log, state);
    const run = new CompactRun(this.#log, state, this.#log.committed.latestIndex());
    try {
      await run.run(planCompaction(this.#log, state, options));
    } catch (error) {
      // Once closed, another process may be writing: what is there is not ours to remove any more.
      if (!this.#closed) this.#abandon(state.transaction);
      throw error;
    }
    this.#save(state);
    return { freedBytes: Math.max(0, run.freedBytes) };
  }

  async check(
    options: { repair?: boolean; maxDurationSeconds?: number; saveSpace?: boolean },
  ): Promise<StoreCheckResult> {
    const repair = options.repair ?? false;
    const maxDurationSeconds = options.maxDurationSeconds ?? 0;
    if (repair && this.appendOnly) throw appendOnlyRefusal(this.location, "repair");
    if (repair && maxDurationSeconds > 0) throw new RangeError("Cannot repair in limited time");
    if (this.#transaction) throw new TypeError("Cannot check the repository: a transaction is open");
    await this.#requireExclusive();
    this.#dropState();
    const check = new StoreCheck({
      log: this.#log,
      config: this.#config,
      saveConfig: () => this.#saveConfig(),
      open: () => openState(this.#log, () => this.#maySave()),
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
    this.#config.set("key", decodeText(blob));
    this.#saveConfig();
  }

  getFreeNonce(): bigint | null {
    return readNonce(this.#env, this.location);
  }

  commitNonceReservation(end: bigint, previous: bigint | null): void {
    if (this.getFreeNonce() !== previous) throw nonceMoved();
    writeNonce(this.#env, this.location, end);
  }

  /** The value of a key of the configuration; undefined where it is not set. */
  configValue(key: string): string | undefined {
    return this.#config.get(key);
  }

  /** Sets, or with null removes, a key of the configuration, durably. What is open keeps the settings it began with. */
  setConfigValue(key: string, value: string | null): void {
    if (value === null) this.#config.remove(key);
    else this.#config.set(key, value);
    // Refuses what could not be opened again.
    this.#config.settings();
    this.#saveConfig();
  }

  configKeys(): string[] {
    return this.#config.keys();
  }

  /** Bytes that may be stored; 0 for no limit. */
  get storageQuota(): number {
    return this.#settings.storageQuota;
  }

  /** Bytes that count against the quota: all PUT entries that compaction has not removed. */
  async storageQuotaUse(): Promise<number> {
    await this.#ready();
    this.#state = await completeState(this.#log, this.#state!, () => this.#maySave());
    return this.#state.hints!.storageQuotaUse;
  }

  /** What compaction knows of the committed segments; the caller changes nothing in it. */
  async hints(): Promise<Readonly<Hints>> {
    await this.storageQuotaUse();
    return this.#state!.hints!;
  }

  /**
   * Every entry of the segment files in their order, whatever became of it: committed or not, deleted or superseded. With
   * `segment`, and `offset`, only what is there. Damaged segments are reported and left. `data` is valid until the next entry.
   */
  *everyEntry(place: { segment?: number; offset?: number }): Generator<LowLevelEntry> {
    const { dir, reader } = this.#log;
    for (const segment of dir.ascending()) {
      if (place.segment !== undefined && segment !== place.segment) continue;
      try {
        for (const { tag, id, offset, data } of reader.entries(segment, { verify: true })) {
          if (place.offset !== undefined && offset !== place.offset) continue;
          const kind = tag === TAG_PUT ? "put" : tag === TAG_DELETE ? "delete" : "commit";
          yield { kind, id: kind === "commit" ? null : asChunkId(id.slice()), segment, offset, data };
        }
      } catch (error) {
        if (!(error instanceof IntegrityError)) throw error;
        emit(this.#env.reporter, "ERROR", `Segment ${segment} is damaged (${error.message}): skipped`);
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    try {
      this.rollback();
      this.#dropState();
      this.#log.reader.close();
    } finally {
      const lock = this.#lock;
      this.#lock = null;
      await lock?.release();
    }
  }

  async destroy(): Promise<void> {
    if (this.appendOnly) throw appendOnlyRefusal(this.location, "delete");
    await this.#requireExclusive();
    this.#remove();
    await this.close();
    removeTree(this.#env.files, this.location);
  }

  /** Removes everything but the lock's files. The configuration goes first: after it this is no repository any more. */
  #remove(): void {
    this.rollback();
    this.#dropState();
    this.#log.reader.close();
    this.#env.files.unlink(`${this.location}/config`);
    removeTree(this.#env.files, this.location, (name) => name.startsWith("lock."));
  }

  #ready(): Promise<void> | undefined {
    if (this.#state) return undefined;
    this.#requireOpen();
    this.#opening ??= openState(this.#log, () => this.#maySave())
      .then((state) => {
        this.#state = state;
      })
      .finally(() => {
        this.#opening = null;
      });
    return this.#opening;
  }

  #begin(): Promise<void> | undefined {
    return this.#transaction ? undefined : this.#beginTransaction();
  }

  async #beginTransaction(): Promise<void> {
    await this.#requireExclusive();
    await this.#ready();
    const state = await completeState(this.#log, this.#state!, () => this.#maySave());
    // Another call may have been quicker.
    if (this.#transaction) return;
    this.#state = state;
    const { dir, writer } = this.#log;
    if (state.transaction === null && dir.latest() !== null) {
      // Segments without any commit, and no index: a first transaction cut off, or a log that lost its commits.
      throw new RepositoryError("Repository.CheckNeeded", [this.location]);
    }
    this.#removeAfter(state.transaction ?? -1);
    writer.abandon((state.transaction ?? -1) + 1);
    this.#transaction = new Transaction(this.#log, state, this.#settings.storageQuota);
  }

  #refuseDoomed(transaction: Transaction): void {
    const doomed = transaction.doomed ?? this.#log.writer.failed;
    if (doomed === null) return;
    this.rollback();
    throw doomed;
  }

  /** Writes the final COMMIT; after it the transaction is on stable storage, whatever becomes of the index files. */
  #commitLog(transaction: Transaction): void {
    const { state } = transaction;
    this.#requireSpace(state);
    try {
      const segment = this.#log.writer.commit({ intermediate: false });
      state.hints.know(segment);
      state.hints.addFreeable(segment, HEADER_BYTES);
      state.transaction = segment;
    } catch (error) {
      this.rollback();
      throw error;
    }
  }

  /** Brings the index files up to the state, which stays open for the next transaction. */
  #save(state: RepositoryState): void {
    this.#transaction = null;
    this.#created = false;
    try {
      if (this.appendOnly) this.#log.committed.logTransaction(state.transaction!, this.#env.nowMs());
      this.#log.committed.write(state.transaction!, state);
    } catch (error) {
      // The commit stands; the next to open the repository replays it.
      this.#dropState();
      throw error;
    }
    const { storageQuota } = this.#settings;
    if (storageQuota > 0) {
      const use = sizeText(state.hints.storageQuotaUse);
      emit(this.#env.reporter, "INFO", `Storage quota: ${use} of ${sizeText(storageQuota)} used`);
    }
  }

  #requireSpace(state: RepositoryState): void {
    const required = requiredFreeSpace(this.#log, state, this.#settings);
    let free;
    try {
      free = this.#env.files.freeSpace(this.location);
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      emit(this.#env.reporter, "WARNING", `Cannot tell how much space is free: ${error.message}`);
      return;
    }
    if (free >= required) return;
    this.rollback();
    if (this.#created) this.#remove();
    const args = [sizeText(required), sizeText(free)];
    throw new RepositoryError("Repository.InsufficientFreeSpaceError", args);
  }

  /** Whether compaction would do more than replace the last commit by another one. */
  #worthwhile(state: RepositoryState, options: { thresholdPercent: number }): boolean {
    const { segments } = planCompaction(this.#log, state, options);
    return segments.some((segment) =>
      segment !== state.transaction || this.#log.dir.size(segment) > 2 * HEADER_BYTES
    );
  }

  /** Forgets all that was written after `transaction`, on disk too. */
  #abandon(transaction: number | null): void {
    const last = transaction ?? -1;
    this.#transaction = null;
    this.#dropState();
    this.#log.writer.abandon(last + 1);
    try {
      this.#removeAfter(last);
    } catch (error) {
      // What stays behind is not committed: the next transaction removes it.
      if (!(error instanceof OsError)) throw error;
      emit(this.#env.reporter, "WARNING", `Cannot remove an uncommitted segment: ${error.message}`);
    }
  }

  /** Removes segments after `last`, the newest first: where it holds a COMMIT, that must be gone before its data is. */
  #removeAfter(last: number): void {
    const { dir, reader } = this.#log;
    let removed = false;
    for (const segment of dir.descending()) {
      if (segment <= last) break;
      reader.forget(segment);
      dir.remove(segment);
      if (!removed) dir.syncFolder(segment);
      removed = true;
    }
  }

  #dropState(): void {
    this.#state?.index.dispose();
    this.#state = null;
  }

  #saveConfig(): void {
    writeConfig(this.#env, this.location, this.#config);
  }

  /** A signal may close the store in any pause; what paused must then not go on, without a lock and with its state gone. */
  #interruptible(env: StoreEnv): StoreEnv {
    const sleep = async (ms: number): Promise<void> => {
      await env.sleep(ms);
      this.#requireOpen();
    };
    return Object.create(env, { sleep: { value: sleep } });
  }

  /** Without its lock the store must not be used: what it knew may be wrong by now. */
  #requireOpen(): void {
    if (this.#closed) throw new TypeError(`Cannot use repository ${this.location}: it was closed`);
  }

  async #requireExclusive(): Promise<void> {
    this.#requireOpen();
    await this.#lock?.upgrade();
  }

  /** Whether rebuilt index files may be written: never without a lock, since another process may be writing now. */
  async #maySave(): Promise<boolean> {
    if (!this.#lock) return false;
    try {
      await this.#lock.upgrade();
      return true;
    } catch (error) {
      // A reader among others does with what it has rebuilt in memory.
      if (error instanceof LockError) return false;
      throw error;
    }
  }

  #notFound(id: ChunkId): RepositoryError {
    return new RepositoryError("Repository.ObjectNotFound", [encodeHex(id), this.location]);
  }
}
