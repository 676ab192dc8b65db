/** `check --verify-data`: every object is fetched, authenticated, decrypted, decompressed and compared with its id. */
import type { ChunksIndex } from "../local/mod.ts";
import type { ObjectCodec } from "../object/mod.ts";
import type { StoreDeleter } from "../store/mod.ts";
import { type ChunkId, equalBytes, hexOfId, MANIFEST_ID } from "../bytes/mod.ts";
import { AppError, IntegrityError } from "../errors.ts";
import { log, type Reporter } from "../report.ts";

/**
 * Number of objects that are damaged or lost. With `repair` those that fail twice are deleted from the store and from
 * `chunks`, so that the checks that follow see them as missing.
 */
export async function verifyData(
  store: StoreDeleter,
  codec: ObjectCodec,
  reporter: Reporter,
  options: { chunks: ChunksIndex; repair: boolean },
): Promise<number> {
  const { chunks, repair } = options;
  log(reporter, "INFO", "Starting cryptographic data integrity verification...");
  const total = chunks.count;
  const ids: ChunkId[] = [];
  for (const { id } of chunks.entries()) ids.push(id);
  const defect: ChunkId[] = [];
  let errors = 0;
  const onEach = (done: number): void => {
    if (reporter.progress && done % 64 === 0) showProgress(reporter, done, total);
  };
  for (let done = 0; done < ids.length; done++) {
    const failure = await verifyFrom(store, codec, ids.slice(done), (n) => onEach(done + n));
    if (failure === null) break;
    // Reading ended with the failure; it goes on behind it.
    done += failure.position;
    errors++;
    log(reporter, "ERROR", `chunk ${hexOfId(ids[done]!)}: ${failure.error.message}`);
    if (failure.error instanceof IntegrityError) defect.push(ids[done]!);
  }
  if (reporter.progress) showProgress(reporter, total, total, true);
  if (defect.length > 0 && !repair) {
    log(
      reporter,
      "WARNING",
      "Damaged chunks were found. --repair would delete them, so that files can be repaired.",
    );
  }
  if (repair) {
    for (const id of defect) {
      // A second reading may succeed where memory or a cable was at fault.
      if (await verifyFrom(store, codec, [id], () => {}) === null) continue;
      chunks.remove(id);
      await store.delete(id);
    }
  }
  log(
    reporter,
    errors > 0 ? "ERROR" : "INFO",
    `Finished cryptographic data integrity verification, verified ${total} chunks with ${errors} integrity errors.`,
  );
  return errors;
}

/** Id under which the codec verifies: the manifest has none of its own. */
const verifiable = (id: ChunkId): ChunkId | null => equalBytes(id, MANIFEST_ID) ? null : id;

/** Verifies objects in order, up to the first failure; null when all are right. `onEach` is called with each position. */
async function verifyFrom(
  store: StoreDeleter,
  codec: ObjectCodec,
  ids: readonly ChunkId[],
  onEach: (position: number) => void,
): Promise<{ position: number; error: AppError } | null> {
  let position = 0;
  try {
    for await (const stored of store.getMany(ids)) {
      onEach(position);
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
