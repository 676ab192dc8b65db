/**
 * Frees the space of deleted and replaced objects (borg docs, data-structures.rst, "Compaction"). In: a committed state.
 * From the oldest on, every segment with more than the threshold of waste is read, what is alive is appended to the
 * log, and the old file is removed once a commit has made the copies durable. No segment is ever changed in place.
 * `plan` tells which segments are worth it; `run` does it.
 */
import { log } from "../report.ts";
import { BYTES_PER_TURN, Steps } from "./_steps.ts";
import { COMMIT_ONLY_BYTES, HEADER_BYTES, ID_HEADER_BYTES, TAG_DELETE, TAG_PUT } from "./segment_format.ts";
import type { SegmentEntry } from "./segment_read.ts";
import type { Log, RepositoryState } from "./state.ts";

export interface CompactPlan {
  /** Ascending. */
  segments: number[];
}

/** Which segments a compaction would rewrite. `thresholdPercent` of a segment's bytes must be exceeded by waste. */
export function planCompaction(
  target: Log,
  { hints }: Pick<RepositoryState, "hints">,
  options: { thresholdPercent: number },
): CompactPlan {
  const segments: number[] = [];
  for (const [segment, freeable] of [...hints.compact].sort(([a], [b]) => a - b)) {
    const size = target.dir.size(segment);
    // A segment that is listed but not there is part of the plan: running it forgets the segment.
    if (size === 0 || 100 * freeable / size > options.thresholdPercent) segments.push(segment);
  }
  return { segments };
}

/** Counts every segment that holds a commit and nothing else as waste (borg's one-time cleanup, its issue 2850). */
export function markCommitOnlySegments(target: Log, { hints }: RepositoryState): void {
  for (const segment of target.dir.ascending()) {
    if (target.dir.size(segment) !== COMMIT_ONLY_BYTES) continue;
    hints.segments.set(segment, 0);
    hints.compact.set(segment, HEADER_BYTES);
  }
}

/**
 * Rewrites the segments of a plan, in one or more commits; the state's transaction is always the last of them. The index
 * files of `indexed`, the transaction they describe, are not touched.
 */
export class CompactRun {
  /** Bytes of removed files less bytes of written ones. */
  freedBytes = 0;
  /** Rewritten segments whose files may go with the next commit. */
  #unused: number[] = [];
  readonly #firstWritten: number;

  constructor(
    private readonly target: Log,
    private readonly state: RepositoryState,
    /** Newest transaction that index files on disk are there for; null without any. */
    private readonly indexed: number | null,
  ) {
    this.#firstWritten = target.writer.segment;
  }

  async run(plan: CompactPlan): Promise<void> {
    const { dir, env } = this.target;
    const { hints } = this.state;
    const steps = new Steps(env, {
      total: plan.segments.length,
      msgid: "repository.compact_segments",
      message: "Compacting segments",
    });
    for (const segment of plan.segments) {
      await steps.step();
      if (dir.size(segment) === 0) {
        log(env.reporter, "WARNING", `Segment ${segment} is not there, but was to be compacted`);
        hints.drop(segment);
        continue;
      }
      hints.know(segment);
      await this.#rewrite(segment, steps);
      this.#unused.push(segment);
    }
    this.#completeTransfer({ intermediate: false });
    for (const segment of dir.ascending(this.#firstWritten)) this.freedBytes -= dir.size(segment);
    dir.removeEmptyFolders();
    steps.finish();
  }

  async #rewrite(segment: number, steps: Steps): Promise<void> {
    let bytes = 0;
    for (const entry of this.target.reader.entries(segment, { verify: true })) {
      bytes += entry.size;
      if (bytes > BYTES_PER_TURN) {
        bytes = 0;
        const turn = steps.within();
        if (turn) await turn;
      }
      if (entry.tag === TAG_PUT) this.#rewritePut(segment, entry);
      else if (entry.tag === TAG_DELETE && this.state.index.find(entry.id) < 0) {
        this.#keepDelete(segment, entry);
      }
    }
    const left = this.state.hints.segments.get(segment);
    if (left !== 0) this.#warnCount(segment, left);
  }

  #rewritePut(segment: number, entry: SegmentEntry): void {
    const { index, hints } = this.state;
    const { writer } = this.target;
    if (!index.isAt(entry.id, segment, entry.offset)) {
      // Void: it goes with the old file, and so does the need to shadow it.
      hints.shadow.removeSegment(entry.id, segment);
      hints.storageQuotaUse -= entry.size;
      return;
    }
    if (writer.isFull(entry.id)) this.#completeTransfer({ intermediate: true });
    const offset = writer.put(entry.id, entry.data);
    index.set(entry.id, writer.segment, offset);
    hints.know(writer.segment);
    hints.addLive(writer.segment, 1);
    hints.addLive(segment, -1);
  }

  /**
   * Copies a DELETE of an absent object where it is still needed: while an older segment holds a PUT of it, or may hold
   * one (nothing is known), or the DELETE is younger than the index on disk, which a crash would fall back to.
   */
  #keepDelete(segment: number, entry: SegmentEntry): void {
    const { hints } = this.state;
    const { writer } = this.target;
    const shadowed = hints.shadow.get(entry.id);
    const shadowsPut = shadowed === null || shadowed.some((older) => older < segment);
    const isYoung = this.indexed === null || segment > this.indexed;
    if (!shadowsPut && !isYoung) {
      hints.shadow.dropIfEmpty(entry.id);
      return;
    }
    if (writer.isFull(entry.id)) this.#completeTransfer({ intermediate: true });
    writer.delete(entry.id);
    hints.addFreeable(writer.segment, ID_HEADER_BYTES);
    hints.know(writer.segment);
  }

  /** Commits the copies, then removes the files whose contents they hold. */
  #completeTransfer(options: { intermediate: boolean }): void {
    const { dir, reader, writer } = this.target;
    const { hints } = this.state;
    const transaction = writer.commit(options);
    // From here on this is what a rollback must go back to: the copies up to here are all there is.
    this.state.transaction = transaction;
    hints.know(transaction);
    hints.addFreeable(transaction, HEADER_BYTES);
    const folders = new Map<string, number>();
    for (const segment of this.#unused) {
      const left = hints.segments.get(segment);
      if (left !== 0) this.#warnCount(segment, left);
      this.freedBytes += dir.size(segment);
      reader.forget(segment);
      dir.remove(segment);
      hints.drop(segment);
      folders.set(dir.folder(segment), segment);
    }
    // A later compaction drops the DELETEs of objects whose PUTs went here: these files must not come back after a crash.
    for (const segment of folders.values()) dir.syncFolder(segment);
    this.#unused = [];
  }

  #warnCount(segment: number, left: number | undefined): void {
    log(
      this.target.env.reporter,
      "WARNING",
      `Segment ${segment} should have no live objects left but counts ${left}: index or hints are wrong`,
    );
  }
}
