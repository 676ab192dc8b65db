/** From a source to a new archive: what `create` and `import-tar` do with what they have opened. */
import { type ArchiveWriter, Backup, Interrupted, type Source } from "../core/archive/mod.ts";
import { createChunker, largestChunk } from "../core/chunk/mod.ts";
import { ChunksIndex } from "../core/local/mod.ts";
import type { WorkerSpawner } from "../core/object/mod.ts";
import { monotonicMs } from "../core/platform/mod.ts";
import { AppError } from "../core/errors.ts";
import { makeBreath } from "./breath.ts";
import type { CommandContext } from "./context.ts";
import type { CreateValues } from "./create_options.ts";
import { NewArchive } from "./new_archive.ts";
import type { Session } from "./session.ts";

export type BackupValues = Pick<
  CreateValues,
  "comment" | "checkpoint_interval" | "chunker_params" | "compression"
>;

export interface BackupSource {
  readonly source: Source;
  readonly spawner: WorkerSpawner;
  /** Microseconds since 1970; undefined: the present. */
  readonly timestampUs: number | undefined;
  /** Called before the archive is saved: throws where what came of the source is not the whole. */
  ended?(): Promise<void>;
  /** What has been done with what an interruption keeps. */
  readonly done: string;
}

/** Makes the archive that the session's location names, and commits it; after an interruption, a checkpoint. */
export async function backUp(
  context: CommandContext,
  session: Session,
  values: BackupValues,
  from: BackupSource,
): Promise<ArchiveWriter> {
  const { chunker_params: chunkerParams, compression } = values;
  const { source, spawner, timestampUs } = from;
  const seen = new ChunksIndex();
  const chunker = createChunker(chunkerParams, session.codec.chunkSeed);
  try {
    using archive = new NewArchive(context, session, {
      name: session.location.archive!,
      comment: session.fill(values.comment),
      chunkerParams,
      timestampUs,
      packing: { compression, largestChunk: largestChunk(chunkerParams), spawner, breathe: makeBreath() },
      seen,
    });
    const { writer, sink } = archive;
    const work = new Backup(source, writer, sink, chunker, context.reporter, {
      checkpointIntervalMs: values.checkpoint_interval * 1000,
      nowMs: monotonicMs,
      interrupted: context.interrupted,
      breathe: makeBreath(),
    });
    context.stopCleanly();
    session.expectWrites({ chunks: true });
    await work.run();
    await from.ended?.();
    archive.noteChunks(await writer.save());
    session.afterCommit();
    return writer;
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    session.afterCommit();
    throw new AppError("Error", [`Interrupted: what was ${from.done} so far is kept as a checkpoint`]);
  } finally {
    chunker.dispose();
    seen.dispose();
  }
}
