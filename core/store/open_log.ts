/**
 * The log of segment files while it is open: its state, the transaction in hand, and the lock without which nothing of it may
 * be believed. Transactions begin, are committed, compacted or thrown away here; what is read and written in them is the
 * affair of `segment_store.ts`.
 */
import { AppError, LockError, OsError, RepositoryError } from "../errors.ts";
import { log as emit } from "../report.ts";
import { CommittedFiles } from "./committed_files.ts";
import { CompactRun, markCommitOnlySegments, planCompaction } from "./compact.ts";
import { type RepositoryConfig, sizeText, type StoreSettings } from "./config.ts";
import { removeTree } from "./create_repository.ts";
import type { StoreEnv } from "./env.ts";
import { requiredFreeSpace } from "./free_space.ts";
import type { Lock } from "./lock.ts";
import { SegmentDir } from "./segment_dir.ts";
import { HEADER_BYTES } from "./segment_format.ts";
import { SegmentReader } from "./segment_read.ts";
import { SegmentWriter } from "./segment_write.ts";
import {
  completeState,
  isComplete,
  type Log,
  type OpenState,
  openState,
  type RepositoryState,
} from "./state.ts";
import type { CompactResult } from "./store.ts";
import { Transaction } from "./transaction.ts";

export interface OpenLogParts {
  env: StoreEnv;
  path: string;
  config: RepositoryConfig;
  settings: StoreSettings;
  /** Null: opened without a lock. */
  lock: Lock | null;
  /** Just created: destroyed again if there is no room for its first transaction. */
  created: boolean;
}

export class OpenLog {
  readonly env: StoreEnv;
  readonly location: string;
  readonly files: Log;
  readonly #settings: StoreSettings;
  #lock: Lock | null;
  #closed = false;
  #created: boolean;
  #opening: Promise<void> | null = null;
  /** Null until {@link ready} was waited for, and whenever it was thrown away. */
  state: OpenState | null = null;
  /** Null until {@link begin} was waited for, and after it ended. */
  transaction: Transaction | null = null;

  constructor(parts: OpenLogParts) {
    const { path, settings } = parts;
    const env = this.#interruptible(parts.env);
    this.env = env;
    this.location = path;
    this.#settings = settings;
    this.#lock = parts.lock;
    this.#created = parts.created;
    const dir = new SegmentDir(env.files, path, settings.segmentsPerDir);
    const reader = new SegmentReader(dir);
    const writer = new SegmentWriter(dir, {
      maxSegmentSize: settings.maxSegmentSize,
      created: (segment) => reader.forget(segment),
    });
    this.files = { env, location: path, dir, reader, writer, committed: new CommittedFiles(env.files, path) };
  }

  /** Makes sure that there is a state. Answers undefined where nothing is to be waited for. */
  ready(): Promise<void> | undefined {
    if (this.state) return undefined;
    this.#requireOpen();
    this.#opening ??= this.open()
      .then((state) => {
        this.state = state;
      })
      .finally(() => {
        this.#opening = null;
      });
    return this.#opening;
  }

  /** Reads a state anew, without keeping it. */
  open(): Promise<OpenState> {
    return openState(this.files, () => this.#maySave());
  }

  /** The state with hints, which readers do without. */
  async complete(): Promise<RepositoryState> {
    await this.ready();
    const completed = await completeState(this.files, this.state!, () => this.#maySave());
    // Another call may have been quicker: there must be one state only, which the transaction has, too.
    const { state } = this;
    if (state !== null && isComplete(state)) return state;
    return this.state = completed;
  }

  /** Makes sure that there is a transaction. */
  begin(): Promise<void> | undefined {
    return this.transaction ? undefined : this.#begin();
  }

  async #begin(): Promise<void> {
    await this.requireExclusive();
    const state = await this.complete();
    // Another call may have been quicker.
    if (this.transaction) return;
    this.requireWritable();
    const { dir, writer } = this.files;
    if (state.transaction === null && dir.latest() !== null) {
      // Segments without any commit, and no index: a first transaction cut off, or a log that lost its commits.
      throw new RepositoryError("Repository.CheckNeeded", [this.location]);
    }
    this.#removeAfter(state.transaction ?? -1);
    writer.abandon((state.transaction ?? -1) + 1);
    this.transaction = new Transaction(this.files, state, this.#settings.storageQuota);
  }

  commit(): void {
    const { transaction } = this;
    if (!transaction) return;
    this.#refuseDoomed(transaction);
    this.#commitLog(transaction);
    this.#save(transaction.state);
  }

  rollback(): void {
    const { transaction } = this;
    if (transaction) this.#abandon(transaction.state.transaction);
  }

  /** See `StoreDeleter.compact`. */
  async compact(options: { thresholdPercent: number; cleanupCommits?: boolean }): Promise<CompactResult> {
    const { appendOnly } = this.#settings;
    const idle = this.transaction === null;
    await this.begin();
    const transaction = this.transaction!;
    this.#refuseDoomed(transaction);
    const { state } = transaction;
    if (idle && (appendOnly || (!options.cleanupCommits && !this.#worthwhile(state, options)))) {
      this.transaction = null;
      return { freedBytes: 0 };
    }
    this.#commitLog(transaction);
    if (appendOnly) {
      this.#save(state);
      return { freedBytes: 0 };
    }
    if (options.cleanupCommits) markCommitOnlySegments(this.files, state);
    const run = new CompactRun(this.files, state, this.files.committed.latestIndex());
    try {
      await run.run(planCompaction(this.files, state, options));
    } catch (error) {
      // Once closed, another process may be writing: what is there is not ours to remove any more.
      if (!this.#closed) this.#abandon(state.transaction);
      throw error;
    }
    this.#save(state);
    return { freedBytes: Math.max(0, run.freedBytes) };
  }

  /** Throws away what was not committed, and gives the lock back. Safe to call twice. */
  async close(): Promise<void> {
    this.#closed = true;
    try {
      this.rollback();
      this.dropState();
      this.files.reader.close();
    } finally {
      const lock = this.#lock;
      this.#lock = null;
      await lock?.release();
    }
  }

  /** Removes everything but the lock's files. The configuration goes first: after it this is no repository any more. */
  remove(): void {
    this.rollback();
    this.dropState();
    this.files.reader.close();
    this.env.files.unlink(`${this.location}/config`);
    removeTree(this.env.files, this.location, (name) => name.startsWith("lock."));
  }

  dropState(): void {
    this.state?.index.dispose();
    this.state = null;
  }

  async requireExclusive(): Promise<void> {
    this.#requireOpen();
    await this.#lock?.upgrade();
  }

  /**
   * Throws where another process may be writing: without a lock, or with one that was broken (NotLocked, NotMyLock). What
   * lies behind our last commit is then another's, committed perhaps, and neither to be removed nor to be built upon.
   */
  requireWritable(): void {
    this.#requireOpen();
    if (this.#lock === null) {
      throw new AppError("Error", [
        `Cannot change repository ${this.location}: it was opened without a lock`,
      ]);
    }
    this.#lock.requireUnbroken();
  }

  #refuseDoomed(transaction: Transaction): void {
    const doomed = transaction.doomed ?? this.files.writer.failed;
    if (doomed === null) return;
    this.rollback();
    throw doomed;
  }

  /** Writes the final COMMIT; after it the transaction is on stable storage, whatever becomes of the index files. */
  #commitLog(transaction: Transaction): void {
    const { state } = transaction;
    try {
      this.requireWritable();
    } catch (error) {
      this.rollback();
      throw error;
    }
    this.#requireSpace(state);
    try {
      const segment = this.files.writer.commit({ intermediate: false });
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
    this.transaction = null;
    this.#created = false;
    const { committed } = this.files;
    try {
      if (this.#settings.appendOnly) committed.logTransaction(state.transaction!, this.env.nowMs());
      committed.write(state.transaction!, state);
    } catch (error) {
      // The commit stands; the next to open the repository replays it.
      this.dropState();
      throw error;
    }
    const { storageQuota } = this.#settings;
    if (storageQuota > 0) {
      const use = sizeText(state.hints.storageQuotaUse);
      emit(this.env.reporter, "INFO", `Storage quota: ${use} of ${sizeText(storageQuota)} used`);
    }
  }

  #requireSpace(state: RepositoryState): void {
    const required = requiredFreeSpace(this.files, state, this.#settings);
    let free;
    try {
      free = this.env.files.freeSpace(this.location);
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      emit(this.env.reporter, "WARNING", `Cannot tell how much space is free: ${error.message}`);
      return;
    }
    if (free >= required) return;
    this.rollback();
    if (this.#created) this.remove();
    const args = [sizeText(required), sizeText(free)];
    throw new RepositoryError("Repository.InsufficientFreeSpaceError", args);
  }

  /** Whether compaction would do more than replace the last commit by another one. */
  #worthwhile(state: RepositoryState, options: { thresholdPercent: number }): boolean {
    const { segments } = planCompaction(this.files, state, options);
    return segments.some((segment) =>
      segment !== state.transaction || this.files.dir.size(segment) > 2 * HEADER_BYTES
    );
  }

  /** Forgets all that was written after `transaction`, on disk too. */
  #abandon(transaction: number | null): void {
    const last = transaction ?? -1;
    this.transaction = null;
    this.dropState();
    this.files.writer.abandon(last + 1);
    try {
      this.#lock?.requireUnbroken();
      this.#removeAfter(last);
    } catch (error) {
      // Where the lock was broken there may be more than what we left; whoever needs the lock hears of that.
      if (error instanceof LockError) return;
      // What stays behind is not committed: the next transaction removes it.
      if (!(error instanceof OsError)) throw error;
      emit(this.env.reporter, "WARNING", `Cannot remove an uncommitted segment: ${error.message}`);
    }
  }

  /** Removes segments after `last`, the newest first: where it holds a COMMIT, that must be gone before its data is. */
  #removeAfter(last: number): void {
    const { dir, reader } = this.files;
    let removed = false;
    for (const segment of dir.descending()) {
      if (segment <= last) break;
      reader.forget(segment);
      dir.remove(segment);
      if (!removed) dir.syncFolder(segment);
      removed = true;
    }
  }

  /** A signal may close the store in any pause; what paused must then not go on, without a lock and with its state gone. */
  #interruptible(env: StoreEnv): StoreEnv {
    const sleep = async (ms: number): Promise<void> => {
      await env.sleep(ms);
      this.#requireOpen();
      if (this.transaction !== null) this.#lock?.requireUnbroken();
    };
    return Object.create(env, { sleep: { value: sleep } });
  }

  /** Without its lock the store must not be used: what it knew may be wrong by now. */
  #requireOpen(): void {
    if (this.#closed) throw new TypeError(`Cannot use repository ${this.location}: it was closed`);
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
}
