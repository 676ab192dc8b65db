/**
 * Verifies the log: every entry of every committed segment is read and its checksum computed, an index is built from the
 * entries and held against the one on disk. With `repair` damaged segments are rewritten with what is good in them, and
 * the rebuilt index is saved. In: an idle repository under an exclusive lock. Out: whether all is well; each problem is
 * reported as it is met. A check limited in time goes on where the last one stopped (`last_segment_checked` in config)
 * and leaves the index alone.
 */
import { encodeHex, ID_LENGTH } from "../bytes/mod.ts";
import { IntegrityError, OsError, RepositoryError } from "../errors.ts";
import { log } from "../report.ts";
import { BYTES_PER_TURN, Steps } from "./_steps.ts";
import type { RepositoryConfig } from "./config.ts";
import { Hints } from "./hints.ts";
import { recoverSegment } from "./recover_segment.ts";
import { getU32 } from "./segment_format.ts";
import {
  applySegment,
  damagedCommit,
  type Log,
  type LoggedEntry,
  type OpenState,
  type RepositoryState,
} from "./state.ts";
import { StoreIndex } from "./store_index.ts";

const LAST_CHECKED = "last_segment_checked";

export interface CheckContext {
  log: Log;
  config: RepositoryConfig;
  changeConfig: (change: (config: RepositoryConfig) => void) => void;
  /** The committed state as any reader would get it. */
  open: () => Promise<OpenState>;
  repair: boolean;
  /** 0: no limit. */
  maxDurationSeconds: number;
}

/** The entries of one segment, packed: tag 1, id 32, offset 4, size 4. Segments may hold millions. */
class EntryList {
  static readonly #STRIDE = 1 + ID_LENGTH + 8;
  #bytes = new Uint8Array(64 * EntryList.#STRIDE);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  clear(): void {
    this.#length = 0;
  }

  push(entry: LoggedEntry): void {
    const at = this.#length;
    if (at === this.#bytes.length) {
      const larger = new Uint8Array(2 * at);
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#bytes[at] = entry.tag;
    this.#bytes.set(entry.id, at + 1);
    this.#view.setUint32(at + 1 + ID_LENGTH, entry.offset, true);
    this.#view.setUint32(at + 5 + ID_LENGTH, entry.size, true);
    this.#length += EntryList.#STRIDE;
  }

  *[Symbol.iterator](): Generator<LoggedEntry> {
    for (let at = 0; at < this.#length; at += EntryList.#STRIDE) {
      yield {
        tag: this.#bytes[at]!,
        id: this.#bytes.subarray(at + 1, at + 1 + ID_LENGTH),
        offset: getU32(this.#bytes, at + 1 + ID_LENGTH),
        size: getU32(this.#bytes, at + 5 + ID_LENGTH),
      };
    }
  }
}

export class StoreCheck {
  #problems = 0;
  readonly #entries = new EntryList();

  constructor(private readonly context: CheckContext) {}

  /** True if all is well, or was made well by repair. */
  async run(): Promise<boolean> {
    const { log: target, repair } = this.context;
    this.#info("Starting repository check");
    const found = await this.#committedState();
    if (found === null) {
      this.#report("This repository holds no valid data");
      return false;
    }
    if (repair) this.#removeUncommitted(found.transaction);
    const rebuilt: RepositoryState = {
      transaction: found.transaction,
      // What repair saves grows as any index does.
      index: StoreIndex.empty(repair ? 0 : found.index?.size),
      hints: new Hints(),
    };
    try {
      const complete = await this.#checkSegments(rebuilt);
      if (complete) {
        if (found.index && !repair) this.#compareIndexes(found.index, rebuilt.index);
        if (repair) this.#save(rebuilt);
      }
    } finally {
      rebuilt.index.dispose();
      found.index?.dispose();
      target.reader.close();
    }
    this.#conclude();
    return this.#problems === 0 || repair;
  }

  /** The transaction to check up to, and its index if it can be had. */
  async #committedState(): Promise<{ transaction: number; index: StoreIndex | null } | null> {
    const { reader, committed, dir } = this.context.log;
    let index: StoreIndex | null = null;
    let transaction: number | null;
    try {
      ({ transaction, index } = await this.context.open());
    } catch (error) {
      const expected = error instanceof IntegrityError || error instanceof RepositoryError ||
        (error instanceof OsError && error.code === "EIO");
      if (!expected) throw error;
      this.#debug(`The committed index cannot be had: ${error.message}`);
      transaction = reader.lastCommitted();
    }
    const indexed = committed.latestIndex();
    if (indexed !== null && indexed > (transaction ?? -1) && damagedCommit(this.context.log, indexed)) {
      this.#report(`The commit of transaction ${indexed} is damaged`);
      return { transaction: indexed, index: committed.readIndex(indexed) };
    }
    transaction ??= indexed ?? dir.latest();
    if (transaction === null) {
      index?.dispose();
      return null;
    }
    return { transaction, index };
  }

  #removeUncommitted(transaction: number): void {
    const { dir, reader, writer } = this.context.log;
    for (const segment of dir.descending()) {
      if (segment <= transaction) break;
      reader.forget(segment);
      dir.remove(segment);
    }
    writer.abandon(transaction + 1);
  }

  /** Reads the segments into `rebuilt`; false if the time was over before the end or an earlier part was left out. */
  async #checkSegments(rebuilt: RepositoryState): Promise<boolean> {
    const { log: target, config, maxDurationSeconds } = this.context;
    const partial = maxDurationSeconds > 0;
    const after = partial ? config.integer(LAST_CHECKED, -1) : -1;
    if (partial) this.#info(`Going on with the check at segment ${after + 1}`);
    else this.#rememberChecked(null);
    const { env, dir } = target;
    const deadline = env.nowMs() + maxDurationSeconds * 1000;
    const steps = new Steps(env, {
      total: dir.count(),
      msgid: "repository.check",
      message: "Checking segments",
    });
    let last = -1;
    for (const segment of dir.ascending()) {
      await steps.step();
      if (segment <= after || segment > rebuilt.transaction!) continue;
      last = segment;
      await this.#readSegment(segment, steps);
      if (!partial) applySegment(target, rebuilt, segment, this.#entries);
      if (partial && env.nowMs() > deadline) {
        this.#info(`The time is over; the last segment checked is ${segment}`);
        this.#rememberChecked(segment);
        steps.finish();
        return false;
      }
    }
    this.#info(`Checked all segments up to ${last}`);
    this.#rememberChecked(null);
    steps.finish();
    return !partial;
  }

  /** Collects the entries of a segment; none of them if it is damaged and not repaired. */
  async #readSegment(segment: number, steps: Steps): Promise<void> {
    const { log: target, repair } = this.context;
    try {
      await this.#collect(segment, steps);
    } catch (error) {
      const damaged = error instanceof IntegrityError || (error instanceof OsError && error.code === "EIO");
      if (!damaged) throw error;
      this.#report(error.message);
      this.#entries.clear();
      if (!repair) return;
      target.reader.forget(segment);
      const { entries, lostBytes } = recoverSegment(target.env, target.dir, segment);
      this.#info(`Recovered ${entries} entries of segment ${segment}, ${lostBytes} bytes are lost`);
      await this.#collect(segment, steps);
    }
  }

  async #collect(segment: number, steps: Steps): Promise<void> {
    this.#entries.clear();
    let bytes = 0;
    for (const entry of this.context.log.reader.entries(segment, { verify: true })) {
      this.#entries.push(entry);
      bytes += entry.size;
      if (bytes < BYTES_PER_TURN) continue;
      bytes = 0;
      const turn = steps.within();
      if (turn) await turn;
    }
  }

  #compareIndexes(committed: StoreIndex, rebuilt: StoreIndex): void {
    if (committed.size === rebuilt.size) {
      this.#info("The committed index has the right number of objects");
    } else {
      this.#report(`The committed index has ${committed.size} objects, the segments have ${rebuilt.size}`);
    }
    const id = new Uint8Array(ID_LENGTH);
    for (let slot = rebuilt.next(-1); slot >= 0; slot = rebuilt.next(slot)) {
      rebuilt.copyId(slot, id);
      const other = committed.find(id);
      const same = other >= 0 && committed.segment(other) === rebuilt.segment(slot) &&
        committed.offset(other) === rebuilt.offset(slot);
      if (!same) {
        this.#reportPlace(id, place(rebuilt, slot), place(committed, other));
      }
    }
    for (let slot = committed.next(-1); slot >= 0; slot = committed.next(slot)) {
      committed.copyId(slot, id);
      if (rebuilt.find(id) < 0) this.#reportPlace(id, place(rebuilt, -1), place(committed, slot));
    }
  }

  #reportPlace(id: Uint8Array, inSegments: string, inIndex: string): void {
    this.#report(`Object ${encodeHex(id)}: found ${inSegments} in the segments, but ${inIndex} in the index`);
  }

  #save(rebuilt: RepositoryState): void {
    const { committed, reader, writer } = this.context.log;
    let transaction = rebuilt.transaction!;
    if ((reader.lastCommitted() ?? -1) < transaction) {
      this.#report(`Transaction ${transaction} has no valid commit, adding one`);
      writer.abandon(transaction + 1);
      transaction = writer.commit({ intermediate: false });
    }
    committed.write(transaction, rebuilt);
  }

  /** Keeps in the configuration how far a limited check has come; null: nothing to go on with. */
  #rememberChecked(segment: number | null): void {
    const { config, changeConfig } = this.context;
    if (segment !== null) changeConfig((config) => config.set(LAST_CHECKED, String(segment)));
    else if (config.get(LAST_CHECKED) !== undefined) {
      changeConfig((config) => void config.remove(LAST_CHECKED));
    }
  }

  #conclude(): void {
    const kind = this.context.maxDurationSeconds > 0 ? "partial" : "full";
    if (this.#problems === 0) this.#info(`Finished ${kind} repository check, no problems found`);
    else if (this.context.repair) {
      this.#info(`Finished ${kind} repository check, problems found and repaired`);
    } else log(this.context.log.env.reporter, "ERROR", `Finished ${kind} repository check, problems found`);
  }

  #report(message: string): void {
    this.#problems++;
    log(this.context.log.env.reporter, "ERROR", message);
  }

  #info(message: string): void {
    log(this.context.log.env.reporter, "INFO", message);
  }

  #debug(message: string): void {
    log(this.context.log.env.reporter, "DEBUG", message);
  }
}

function place(index: StoreIndex, slot: number): string {
  return slot < 0 ? "nothing" : `segment ${index.segment(slot)} offset ${index.offset(slot)}`;
}
