/**
 * The committed state of a repository in memory: index and hints of its last transaction. In: the segments and the
 * `index.N`, `hints.N`, `integrity.N` beside them. Out: a {@link RepositoryState}, from the files where they fit the
 * last COMMIT, else by replaying the segments (borg docs, data-structures.rst, "Index, hints and integrity").
 */
import { IntegrityError, RepositoryError } from "../errors.ts";
import { log } from "../report.ts";
import { Steps } from "./_steps.ts";
import type { CommittedFiles } from "./committed_files.ts";
import type { StoreEnv } from "./env.ts";
import { Hints } from "./hints.ts";
import type { SegmentDir } from "./segment_dir.ts";
import { TAG_DELETE, TAG_PUT } from "./segment_format.ts";
import type { SegmentReader } from "./segment_read.ts";
import type { SegmentWriter } from "./segment_write.ts";
import { StoreIndex } from "./store_index.ts";

/** The parts that every operation on the log works with. */
export interface Log {
  readonly env: StoreEnv;
  readonly location: string;
  readonly dir: SegmentDir;
  readonly reader: SegmentReader;
  readonly writer: SegmentWriter;
  readonly committed: CommittedFiles;
}

export interface RepositoryState {
  /** The last committed segment; null before the first commit. */
  transaction: number | null;
  index: StoreIndex;
  hints: Hints;
}

/** The same with hints that were not read yet: reading needs the index alone. */
export type OpenState = Omit<RepositoryState, "hints"> & { hints: Hints | null };

/** An entry as the index sees it. */
export interface LoggedEntry {
  tag: number;
  id: Uint8Array;
  offset: number;
  size: number;
}

/** Whether a rebuilt index may be saved; asked only when there is one. */
export type SavePermission = () => Promise<boolean>;

const checkNeeded = (location: string) => new RepositoryError("Repository.CheckNeeded", [location]);

/**
 * Opens the last committed state. Throws Repository.CheckNeeded where the files contradict each other in a way that
 * replaying would answer with a loss of data, IntegrityError where a segment that must be replayed is damaged.
 */
export async function openState(target: Log, maySave: SavePermission): Promise<OpenState> {
  const indexed = target.committed.latestIndex();
  const committed = target.reader.lastCommitted();
  if (committed === null) {
    // An index without any commit: the segments were lost. Going on would take the repository for an empty one.
    if (indexed !== null) throw checkNeeded(target.location);
    return { transaction: null, index: StoreIndex.empty(), hints: new Hints() };
  }
  if (indexed === committed) {
    const index = target.committed.readIndex(committed);
    if (index) return { transaction: committed, index, hints: null };
    warn(target, `The repository index of transaction ${committed} is missing or damaged`);
  } else if (indexed !== null && indexed > committed && damagedCommit(target, indexed)) {
    throw checkNeeded(target.location);
  }
  const base = indexed !== null && indexed < committed ? readSaved(target, indexed) : null;
  return await replayAndSave(target, { base, until: committed }, maySave);
}

export const isComplete = (state: OpenState): state is RepositoryState => state.hints !== null;

/**
 * Reads the hints of an open state, or makes index and hints again where the hints are missing or damaged. The same object
 * where it has hints.
 */
export async function completeState(
  target: Log,
  state: OpenState,
  maySave: SavePermission,
): Promise<RepositoryState> {
  const { transaction, index } = state;
  if (isComplete(state)) return state;
  const hints = readHints(target, transaction!, index);
  if (hints) return { transaction, index, hints };
  warn(target, `The repository hints of transaction ${transaction} are missing or damaged`);
  index.dispose();
  return await replayAndSave(target, { base: null, until: transaction! }, maySave);
}

/**
 * Whether transaction `indexed`, for which a sound index was written, has lost its COMMIT although its segment is there.
 * An index is only ever written after its commit was durable, so this is damage, and going back to the commit before
 * would lose a whole transaction for one bad bit. (Borg goes back. Where the segment itself was removed, which is how
 * its manual tells people to undo a transaction, we do, too.)
 */
export function damagedCommit(target: Log, indexed: number): boolean {
  if (target.dir.size(indexed) === 0) return false;
  const index = target.committed.readIndex(indexed);
  index?.dispose();
  return index !== null;
}

/** Enters all entries of one segment into index and hints; `entries` are in the order of the log. */
export function applySegment(
  target: Log,
  state: RepositoryState,
  segment: number,
  entries: Iterable<LoggedEntry>,
): void {
  const { hints } = state;
  hints.segments.set(segment, 0);
  for (const entry of entries) {
    if (entry.tag === TAG_PUT) applyPut(state, segment, entry);
    else if (entry.tag === TAG_DELETE) applyDelete(target, state, entry);
  }
  if (hints.segments.get(segment) === 0) hints.compact.set(segment, target.dir.size(segment));
}

function applyPut({ index, hints }: RepositoryState, segment: number, entry: LoggedEntry): void {
  const slot = index.find(entry.id);
  if (slot >= 0) {
    const old = index.segment(slot);
    hints.addFreeable(old, entry.size);
    // A segment that is not counted any more was compacted away: nothing is left there to be shadowed.
    if (hints.segments.has(old)) {
      hints.addLive(old, -1);
      hints.shadow.add(entry.id, old);
    }
  }
  index.set(entry.id, segment, entry.offset);
  hints.addLive(segment, 1);
  hints.storageQuotaUse += entry.size;
}

function applyDelete(target: Log, { index, hints }: RepositoryState, entry: LoggedEntry): void {
  const slot = index.find(entry.id);
  if (slot < 0) return;
  const segment = index.segment(slot);
  const offset = index.offset(slot);
  index.remove(entry.id);
  // The index may be older than a compaction: then the PUT is gone with its segment.
  if (target.dir.size(segment) === 0) return;
  hints.addLive(segment, -1);
  hints.addFreeable(segment, target.reader.entrySize(segment, offset, entry.id));
  hints.shadow.add(entry.id, segment);
}

function readSaved(target: Log, transaction: number): RepositoryState | null {
  const index = target.committed.readIndex(transaction);
  if (!index) return null;
  const hints = readHints(target, transaction, index);
  if (hints) return { transaction, index, hints };
  index.dispose();
  return null;
}

function readHints(target: Log, transaction: number, index: StoreIndex): Hints | null {
  const decoded = target.committed.readHints(transaction);
  if (!decoded) return null;
  const { hints, unmeasured } = decoded;
  for (const segment of unmeasured) measureFreeable(target, { index, hints }, segment);
  hints.shadow.dropAfter(transaction);
  return hints;
}

/** How much of a segment could be freed, from its headers and the index (hints of version 1 do not tell). */
function measureFreeable(
  target: Log,
  { index, hints }: { index: StoreIndex; hints: Hints },
  segment: number,
): void {
  const size = target.dir.size(segment);
  if (size === 0) {
    hints.segments.delete(segment);
    return;
  }
  if (hints.segments.get(segment) === 0) {
    hints.compact.set(segment, size);
    return;
  }
  hints.compact.set(segment, 0);
  for (const entry of target.reader.entries(segment, { verify: false })) {
    const isVoid = entry.tag === TAG_DELETE ||
      (entry.tag === TAG_PUT && !index.isAt(entry.id, segment, entry.offset));
    if (isVoid) hints.addFreeable(segment, entry.size);
  }
}

async function replayAndSave(
  target: Log,
  range: { base: RepositoryState | null; until: number },
  maySave: SavePermission,
): Promise<RepositoryState> {
  // Asked first: with the right to write comes the certainty that nobody else is writing.
  const save = await maySave();
  const state = await replay(target, range);
  if (save) target.committed.write(range.until, state);
  return state;
}

/** The state after segment `until`, beginning with `base` (used up) or with nothing. */
async function replay(
  target: Log,
  { base, until }: { base: RepositoryState | null; until: number },
): Promise<RepositoryState> {
  warn(target, "Replaying the repository's segments, this may take a while");
  const state = base ?? { transaction: null, index: StoreIndex.empty(), hints: new Hints() };
  const from = base === null ? 0 : base.transaction! + 1;
  const steps = new Steps(target.env, {
    total: target.dir.count(),
    msgid: "repository.replay_segments",
    message: "Replaying segments",
  });
  try {
    for (const segment of target.dir.ascending(from)) {
      if (segment > until) break;
      await steps.step();
      if (target.dir.size(segment) === 0) continue;
      applySegment(target, state, segment, target.reader.entries(segment, { verify: true }));
    }
  } catch (error) {
    if (error instanceof IntegrityError) state.index.dispose();
    throw error;
  }
  steps.finish();
  state.transaction = until;
  return state;
}

function warn(target: Log, message: string): void {
  log(target.env.reporter, "WARNING", message);
}
