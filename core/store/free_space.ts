/**
 * Whether the file system has room to end a transaction, with enough left that a later one can free space (borg checks
 * the same sum before each commit). In: the state to be committed. Out: bytes needed and bytes there.
 */
import { MAX_ENTRY_BYTES } from "./segment_format.ts";
import type { Log, RepositoryState } from "./state.ts";

/** Journalled deletes of everything (1), growth of the table (2), the index file to be written (1). */
const INDEX_COPIES = 4;
/** Two numbers of at most five bytes for each segment and each table, and the format around it. */
const HINTS_ENTRY_BYTES = 10;
const HINTS_FIXED_BYTES = 4096;
/** With fewer sparse segments than this the room for compaction is measured instead of assumed. */
const FEW_SEGMENTS = 10;

export interface FreeSpaceRules {
  appendOnly: boolean;
  maxSegmentSize: number;
  additionalFreeSpace: number;
}

/** Bytes that must be free for a commit of `state`. */
export function requiredFreeSpace(target: Log, state: RepositoryState, rules: FreeSpaceRules): number {
  const { index, hints } = state;
  const hintsBytes = (hints.segments.size + hints.compact.size) * HINTS_ENTRY_BYTES + HINTS_FIXED_BYTES;
  const required = index.fileBytes * INDEX_COPIES + hintsBytes + rules.additionalFreeSpace;
  return rules.appendOnly ? required : required + compactionSpace(target, state, rules);
}

function compactionSpace(target: Log, { hints }: RepositoryState, rules: FreeSpaceRules): number {
  const fullSegment = rules.maxSegmentSize + MAX_ENTRY_BYTES;
  if (hints.compact.size >= FEW_SEGMENTS) return fullSegment;
  let bytes = 0;
  for (const [segment, freeable] of hints.compact) {
    bytes += Math.max(0, target.dir.size(segment) - freeable);
  }
  return Math.min(bytes, fullSegment);
}
