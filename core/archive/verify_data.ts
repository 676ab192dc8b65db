/** `check --verify-data`: every object is fetched, authenticated, decrypted, decompressed and compared with its id. */
import type { ChunksIndex } from "../local/mod.ts";
import { type ObjectCodec, OpenPool, type PlainReceiver, type WorkerSpawner } from "../object/mod.ts";
import type { StoreDeleter } from "../store/mod.ts";
import { type ChunkId, equalBytes, hexOfId, MANIFEST_ID } from "../bytes/mod.ts";
import { AppError, IntegrityError } from "../errors.ts";
import { log, type Reporter } from "../report.ts";
import { isDamage } from "./damage.ts";

export interface VerifyOptions {
  /** Ids of all objects of the store. */
  chunks: ChunksIndex;
  repair: boolean;
  /** Threads that verify; without it this thread does it alone. */
  spawner?: WorkerSpawner | undefined;
}

/** Ids held at a time, of objects that are asked for one by one. */
const PAGE = 10_000;

/**
 * Number of objects that are damaged or lost. With `repair` those that fail twice are deleted from the store and from
 * `chunks`, so that the checks that follow see them as missing.
 */
export async function verifyData(
  store: StoreDeleter,
  codec: ObjectCodec,
  reporter: Reporter,
  options: VerifyOptions,
): Promise<number> {
  const { chunks, repair } = options;
  log(reporter, "INFO", "Starting cryptographic data integrity verification...");
  const total = chunks.count;
  const run = new Verification(store, codec, reporter, options);
  await run.run();
  if (reporter.progress) showProgress(reporter, total, total, true);
  if (run.defect.length > 0 && !repair) {
    log(
      reporter,
      "WARNING",
      "Damaged chunks were found. --repair would delete them, so that files can be repaired.",
    );
  }
  if (repair) {
    for (const id of run.defect) {
      // A second reading may succeed where memory or a cable was at fault; one that fails otherwise proves nothing.
      const failure = await verifyFrom(store, codec, [id], () => {});
      if (failure === null) continue;
      if (!isDamage(failure.error)) throw failure.error;
      chunks.remove(id);
      await store.delete(id);
    }
  }
  log(
    reporter,
    run.errors > 0 ? "ERROR" : "INFO",
    `Finished cryptographic data integrity verification, verified ${total} chunks with ${run.errors} integrity errors.`,
  );
  return run.errors;
}

/** One pass over all objects: as they lie in the store where it has such an order, then those that were not met. */
class Verification implements PlainReceiver {
  readonly defect: ChunkId[] = [];
  errors = 0;
  #done = 0;
  readonly #total: number;

  constructor(
    private readonly store: StoreDeleter,
    private readonly codec: ObjectCodec,
    private readonly reporter: Reporter,
    private readonly options: VerifyOptions,
  ) {
    this.#total = options.chunks.count;
  }

  async run(): Promise<void> {
    const seen = this.options.chunks.marks();
    const pool = new OpenPool(this.codec, { verifyOnly: true, spawner: this.options.spawner });
    try {
      for await (const { id, data } of this.store.scan?.() ?? []) {
        if (verifiable(id) === null || !seen.set(id)) continue;
        const wait = pool.push(id, data, 0, this);
        if (wait) await wait;
      }
      await pool.drain();
    } finally {
      pool.dispose();
    }
    let page: ChunkId[] = [];
    for (const id of seen.missing()) {
      page.push(id);
      if (page.length < PAGE) continue;
      await this.#oneByOne(page);
      page = [];
    }
    await this.#oneByOne(page);
  }

  receive(): void {
    this.#count();
  }

  fail(error: unknown, id: ChunkId): void {
    if (!(error instanceof AppError)) throw error;
    this.#report(id, error);
    this.#count();
  }

  async #oneByOne(ids: readonly ChunkId[]): Promise<void> {
    for (let from = 0; from < ids.length; from++) {
      const failure = await verifyFrom(this.store, this.codec, ids.slice(from), () => this.#count());
      if (failure === null) return;
      // Reading ended with the failure; it goes on behind it.
      from += failure.position;
      this.#report(ids[from]!, failure.error);
    }
  }

  #report(id: ChunkId, error: AppError): void {
    this.errors++;
    log(this.reporter, "ERROR", `chunk ${hexOfId(id)}: ${error.message}`);
    if (error instanceof IntegrityError) this.defect.push(id);
  }

  #count(): void {
    if (this.reporter.progress && this.#done % 64 === 0) showProgress(this.reporter, this.#done, this.#total);
    this.#done++;
  }
}

/** Id under which the codec verifies: the manifest has none of its own. */
const verifiable = (id: ChunkId): ChunkId | null => equalBytes(id, MANIFEST_ID) ? null : id;

/** Verifies objects in order, up to the first failure; null when all are right. `onEach` is called for each. */
async function verifyFrom(
  store: StoreDeleter,
  codec: ObjectCodec,
  ids: readonly ChunkId[],
  onEach: () => void,
): Promise<{ position: number; error: AppError } | null> {
  let position = 0;
  try {
    for await (const stored of store.getMany(ids)) {
      onEach();
      const wait = codec.openView(verifiable(ids[position]!), stored);
      if (wait instanceof Promise) await wait;
      position++;
    }
    return null;
  } catch (error) {
    if (error instanceof AppError) return { position, error };
    throw error;
  }
}

function showProgress(reporter: Reporter, current: number, total: number, finished = false): void {
  reporter.emit({
    type: "progress_percent",
    operation: 3,
    msgid: "check.verify_data",
    finished,
    current,
    total,
    message: finished ? "" : `Verifying data ${(100 * current / Math.max(1, total)).toFixed(2).padStart(6)}%`,
  });
}
