/**
 * An archive made anew from an old one (borg docs, usage/recreate): some of its items left out, its files cut or packed in
 * another way. The new one takes the place of the old one, and what nothing refers to any more is deleted, by the one commit
 * that ends the work: whatever happens before, the old archive is as it was, and nothing else has its name.
 */
import { type ChunkerParams, createPushChunker, type PushChunker } from "../chunk/mod.ts";
import type { ChunksIndex } from "../local/mod.ts";
import type { WorkerSpawner } from "../object/mod.ts";
import type { StoreDeleter } from "../store/mod.ts";
import { asChunkId, type ChunkId, encodeText, ID_LENGTH, printable, type Unpacked } from "../bytes/mod.ts";
import { AppError } from "../errors.ts";
import type { Reporter } from "../report.ts";
import type { Archive } from "./archive.ts";
import { allChunks } from "./all_chunks.ts";
import { archiveChunks, type ChunkListContext } from "./archive_chunks.ts";
import type { ArchiveMeta } from "./archive_meta.ts";
import type { ArchiveWriter } from "./archive_writer.ts";
import type { ChunkSink } from "./chunk_sink.ts";
import { Interrupted } from "./backup_stream.ts";
import type { Item } from "./item.ts";
import type { ArchiveInfo } from "./manifest.ts";
import { StatsProgress } from "./progress.ts";
import { ContentsMove, type ContentsSink } from "./recreate_contents.ts";

export interface RecreateOptions {
  select(path: string): boolean;
  /** Whether {@link select} may refuse anything. */
  isSubset: boolean;
  /** Cut files anew, in this way. */
  rechunk: ChunkerParams | null;
  /** 0: no checkpoints. */
  checkpointIntervalMs: number;
  nowMs(): number;
  /** Asked after each item and chunk; true ends the work with a checkpoint. */
  interrupted(): boolean;
  breathe(): void | Promise<void>;
  /** Threads that open chunks; without it this thread does it alone. */
  spawner?: WorkerSpawner | undefined;
}

const TYPE = 0o170000;
const STATUS: ReadonlyMap<number, string> = new Map([
  [0o100000, "A"],
  [0o040000, "d"],
  [0o060000, "b"],
  [0o020000, "c"],
  [0o120000, "s"],
  [0o010000, "f"],
]);
const LINKABLE: ReadonlySet<number> = new Set([0o100000, 0o060000, 0o020000, 0o010000]);

/** Which items stay, and as what: further names of a file whose first name goes take its place. */
export class ItemFilter {
  /** By the first name that went: the item, and the name that took its place. */
  readonly #gone = new Map<string, { item: Item; heir: string | null }>();

  constructor(private readonly options: Pick<RecreateOptions, "select" | "isSubset">) {}

  /** The item as it is to be; null: it goes. */
  apply(item: Item): Item | null {
    if (!this.options.isSubset) return item;
    const linkable = LINKABLE.has(item.mode & TYPE);
    if (!this.options.select(item.path)) {
      if (linkable && item.hardlink_master !== false && item.source === undefined) {
        this.#gone.set(item.path, { item, heir: null });
      }
      return null;
    }
    const first = linkable && item.source !== undefined ? this.#gone.get(item.source) : undefined;
    if (first === undefined) return item;
    if (first.heir !== null) return { ...item, source: first.heir };
    first.heir = item.path;
    const { source: _, ...heir } = item;
    const { chunks, chunks_healthy, size } = first.item;
    return {
      ...heir,
      hardlink_master: true,
      ...(chunks === undefined ? {} : { chunks }),
      ...(chunks_healthy === undefined ? {} : { chunks_healthy }),
      ...(size === undefined ? {} : { size }),
    };
  }
}

export const statusOf = (item: Item): string => STATUS.get(item.mode & TYPE) ?? "?";

/** Fills the new archive with what stays of the old one. The caller saves it. */
export class Recreation {
  readonly #filter: ItemFilter;
  readonly #chunker: PushChunker | null;
  /** What the chunker gave out and nobody has taken yet. */
  #cut: Uint8Array[] = [];
  /** null where files keep their chunks. */
  readonly #move: ContentsMove | null;
  #lastCheckpointMs: number;
  readonly #progress: StatsProgress;

  /** `contents`: null where files keep their chunks. */
  constructor(
    private readonly archive: Archive,
    private readonly writer: ArchiveWriter,
    private readonly sinks: { metadata: ChunkSink; contents: ContentsSink | null },
    private readonly reporter: Reporter,
    private readonly options: RecreateOptions,
  ) {
    this.#filter = new ItemFilter(options);
    this.#progress = new StatsProgress(reporter, writer.stats, options.nowMs);
    this.#lastCheckpointMs = options.nowMs();
    this.#chunker = options.rechunk === null
      ? null
      : createPushChunker(options.rechunk, archive.codec.chunkSeed, (chunk) => this.#cut.push(chunk.slice()));
    this.#move = sinks.contents === null ? null : this.#makeMove(sinks.contents);
  }

  #makeMove(sink: ContentsSink): ContentsMove {
    const cut = (): Uint8Array[] => {
      const chunks = this.#cut;
      this.#cut = [];
      return chunks;
    };
    return new ContentsMove(this.archive, this.writer, sink, {
      chunker: this.#chunker === null ? null : { push: this.#chunker, cut },
      spawner: this.options.spawner,
      breathe: () => this.options.breathe(),
      onChunk: (item) => {
        this.#progress.show(item.path, false);
        return this.options.breathe();
      },
      checkpointDue: () => this.#checkpointDue(),
      checkpoint: () => this.#checkpoint(),
    });
  }

  async run(): Promise<void> {
    try {
      for await (const batch of this.archive.items()) {
        const kept: Item[] = [];
        for (const item of batch) {
          const as = this.#filter.apply(item);
          if (as === null) this.#status("x", item.path);
          else {
            this.#begin(as);
            kept.push(as);
          }
        }
        if (this.#move === null) await this.#addAll(kept);
        else await this.#moveAll(this.#move, kept);
      }
      await this.#move?.settle();
    } finally {
      this.#move?.dispose();
      this.#chunker?.dispose();
    }
    this.#progress.show("", true);
  }

  /** Files keep their chunks. */
  async #addAll(items: readonly Item[]): Promise<void> {
    for (const item of items) {
      if (item.chunks !== undefined && !await this.sinks.metadata.reuse(item.chunks, this.writer.stats)) {
        throw new AppError("IntegrityError", [
          `the repository lacks a chunk of ${printable(item.path)}: run check --repair first`,
        ]);
      }
      const wait = this.writer.addItem(item);
      if (wait) await wait;
      await this.options.breathe();
      if (this.#checkpointDue()) await this.#checkpoint();
    }
  }

  async #moveAll(move: ContentsMove, items: readonly Item[]): Promise<void> {
    await move.add(items);
    await this.options.breathe();
    if (!this.#checkpointDue()) return;
    await move.settle();
    await this.#checkpoint();
  }

  /** Tells and counts what stays. */
  #begin(item: Item): void {
    this.#status(statusOf(item), item.path);
    if (item.chunks !== undefined) this.writer.stats.files++;
    this.#progress.show(item.path, false);
  }

  #checkpointDue(): boolean {
    if (this.options.interrupted()) return true;
    const interval = this.options.checkpointIntervalMs;
    return interval > 0 && this.options.nowMs() - this.#lastCheckpointMs > interval;
  }

  async #checkpoint(): Promise<void> {
    await this.writer.checkpoint();
    this.#lastCheckpointMs = this.options.nowMs();
    if (this.options.interrupted()) throw new Interrupted("the work was interrupted");
  }

  #status(status: string, path: string): void {
    if (!this.reporter.fileStatus) return;
    this.reporter.emit({ type: "file_status", status, path: printable(path) });
  }
}

/** The metadata of an archive that comes from `old`: whose backup it is stays, and what was done is added. */
export function recreatedMeta(
  meta: ArchiveMeta,
  old: ArchiveMeta,
  options: { keepTimes: boolean; cmdline: readonly string[] },
): ArchiveMeta {
  const other = new Map(meta.other);
  other.set("recreate_cmdline", options.cmdline.map(encodeText) as Unpacked[]);
  const times = options.keepTimes ? { time: old.time, timeEnd: old.timeEnd } : {};
  return { ...meta, ...times, cmdline: old.cmdline, other };
}

/** Puts new archives in the place of old ones, in one repository, one after the other. */
export class Replacement implements Disposable {
  /** References of all archives. Made when first needed; then kept in step. */
  #all: ChunksIndex | null = null;

  constructor(private readonly context: ChunkListContext & { store: StoreDeleter }) {}

  /** Reads what all archives refer to: an archive that cannot be read fails the work before anything is done. */
  async prepare(): Promise<void> {
    this.#all ??= await allChunks(this.context, new Set());
  }

  /**
   * The archive in the manifest that has the name of `old` now, complete and not committed, takes its place: deletes what
   * only `old` held, and commits. `nowUs`: microseconds since 1970.
   */
  async replace(old: ArchiveInfo, options: { nowUs: number }): Promise<void> {
    const { context } = this;
    const { store, manifest } = context;
    const all = this.#all;
    if (all === null) throw new TypeError("Cannot replace an archive: it was not prepared");
    const newChunks = await archiveChunks(context, manifest.archives.get(old.name)!);
    all.addAll(newChunks);
    newChunks.dispose();
    const oldChunks = await archiveChunks(context, old);
    if (!all.subtractAll(oldChunks)) throw new Error("Cannot replace an archive: it was not counted");
    const { ids } = all.absentOf(oldChunks);
    oldChunks.dispose();
    if (store.deleteMany) await store.deleteMany(ids);
    else {
      for (let at = 0; at < ids.length; at += ID_LENGTH) {
        await this.#delete(asChunkId(ids.slice(at, at + ID_LENGTH)));
      }
    }
    await manifest.write(store, options.nowUs);
    await store.commit();
  }

  async #delete(id: ChunkId): Promise<void> {
    try {
      await this.context.store.delete(id);
    } catch (error) {
      if (!(error instanceof AppError && error.code === "Repository.ObjectNotFound")) throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#all?.dispose();
  }
}
