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
  const defect: ChunkId[] = [];
  let errors = 0;
  let done = 0;
  for (const { id } of chunks.entries()) {
    if (reporter.progress && done % 64 === 0) showProgress(reporter, done, total);
    done++;
    const error = await verifyOne(store, codec, id);
    if (error === null) continue;
    errors++;
    log(reporter, "ERROR", `chunk ${hexOfId(id)}: ${error.message}`);
    if (error instanceof IntegrityError) defect.push(id);
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
      if (await verifyOne(store, codec, id) === null) continue;
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

async function verifyOne(store: StoreDeleter, codec: ObjectCodec, id: ChunkId): Promise<AppError | null> {
  try {
    await codec.open(equalBytes(id, MANIFEST_ID) ? null : id, await store.get(id));
    return null;
  } catch (error) {
    if (error instanceof AppError) return error;
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
