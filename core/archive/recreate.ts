/**
 * An archive made anew from an old one (borg docs, usage/recreate): some of its items left out, its files cut or packed in
 * another way. The new one is complete and committed before the old one goes; then one more commit exchanges them and
 * deletes what nothing refers to any more.
 */
import { type ChunkerParams, createPushChunker, type PushChunker } from "../chunk/mod.ts";
import type { ChunksIndex } from "../local/mod.ts";
import type { StoreDeleter } from "../store/mod.ts";
import { asChunkId, type ChunkId, encodeText, printable, type Unpacked } from "../bytes/mod.ts";
import { AppError } from "../errors.ts";
import type { Reporter } from "../report.ts";
import type { Archive } from "./archive.ts";
import { allChunks } from "./all_chunks.ts";
import { archiveChunks, type ChunkListContext } from "./archive_chunks.ts";
import { type ArchiveMeta, encodeArchiveMeta } from "./archive_meta.ts";
import type { ArchiveWriter } from "./archive_writer.ts";
import type { ChunkSink } from "./chunk_sink.ts";
import { Interrupted } from "./backup_stream.ts";
import { fetchContents } from "./extract.ts";
import type { ChunkEntry, Item } from "./item.ts";
import type { ArchiveInfo } from "./manifest.ts";
import { StatsProgress } from "./progress.ts";
import type { Repacker } from "./repack.ts";
import { FileContents, WaitingItems } from "./waiting_items.ts";

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
}

/** Where chunks go: {@link ChunkSink}, or the {@link Repacker}, which also stores again what is there. */
export type ContentsSink = Pick<ChunkSink | Repacker, "send" | "drain">;

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
/** So many items wait at most for chunks of a file before them. */
const MAX_WAITING = 1024;

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
  readonly #waiting: WaitingItems;
  readonly #chunker: PushChunker | null;
  /** What the chunker gave out and is not sent yet. */
  #cut: Uint8Array[] = [];
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
    this.#waiting = new WaitingItems((item) => this.writer.addItem(item));
    this.#lastCheckpointMs = options.nowMs();
    this.#chunker = options.rechunk === null
      ? null
      : createPushChunker(options.rechunk, archive.codec.chunkSeed, (chunk) => this.#cut.push(chunk.slice()));
  }

  async run(): Promise<void> {
    try {
      for await (const batch of this.archive.items()) {
        for (const item of batch) {
          const kept = this.#filter.apply(item);
          if (kept === null) this.#status("x", item.path);
          else await this.#add(kept);
          await this.options.breathe();
          if (this.#checkpointDue()) await this.#checkpoint();
        }
      }
      await this.#settle();
    } finally {
      this.#chunker?.dispose();
    }
    this.#progress.show("", true);
  }

  async #add(item: Item): Promise<void> {
    const { stats } = this.writer;
    this.#status(statusOf(item), item.path);
    const { chunks } = item;
    let contents: FileContents | null = null;
    if (chunks !== undefined) {
      stats.files++;
      if (this.sinks.contents === null) {
        if (!await this.sinks.metadata.reuse(chunks, stats)) {
          throw new AppError("IntegrityError", [
            `the repository lacks a chunk of ${printable(item.path)}: run check --repair first`,
          ]);
        }
      } else contents = await this.#contents(item, chunks, this.sinks.contents);
    }
    const wait = this.#waiting.add(item, contents);
    if (wait) await wait;
    if (this.#waiting.count >= MAX_WAITING) await this.#settle();
    this.#progress.show(item.path, false);
  }

  /** Sends the contents of a file on their way, chunk by chunk. */
  async #contents(item: Item, chunks: readonly ChunkEntry[], sink: ContentsSink): Promise<FileContents> {
    const contents = new FileContents(this.writer.stats, 0);
    const send = async (chunk: Uint8Array): Promise<void> => {
      contents.pushed++;
      contents.size += chunk.length;
      const wait = sink.send(chunk, contents);
      if (wait) await wait;
    };
    const sendCut = async (): Promise<void> => {
      const cut = this.#cut;
      this.#cut = [];
      for (const chunk of cut) await send(chunk);
    };
    // Where chunks are cut anew, those that check replaced cannot come back.
    if (this.#chunker !== null) delete item.chunks_healthy;
    for await (const data of fetchContents(this.archive.store, this.archive.codec, chunks)) {
      if (this.#chunker === null) await send(data.slice());
      else {
        this.#chunker.push(data);
        await sendCut();
      }
      this.#progress.show(item.path, false);
      await this.options.breathe();
      if (this.options.interrupted()) await this.#stopWithin(item, contents);
    }
    this.#chunker?.flush();
    await sendCut();
    return contents;
  }

  /** Keeps what was stored of a file so far as a part of it. */
  async #stopWithin(item: Item, contents: FileContents): Promise<never> {
    await this.#settle();
    const { chunks, size } = contents;
    await this.writer.addItem({ ...item, path: `${item.path}.borg_part_1`, part: 1, chunks, size });
    return await this.#checkpoint() as never;
  }

  async #settle(): Promise<void> {
    await this.sinks.contents?.drain();
    await this.#waiting.flush();
  }

  #checkpointDue(): boolean {
    if (this.options.interrupted()) return true;
    const interval = this.options.checkpointIntervalMs;
    return interval > 0 && this.options.nowMs() - this.#lastCheckpointMs > interval;
  }

  async #checkpoint(): Promise<void> {
    await this.#settle();
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
   * Gives the archive `temporary`, whose metadata is `meta`, the name of `old`, deletes what only that held, and commits.
   * Answers the id of the new archive. `nowUs`: microseconds since 1970.
   */
  async replace(
    old: ArchiveInfo,
    temporary: ArchiveInfo,
    options: { meta: ArchiveMeta; sink: ChunkSink; stats: Parameters<ChunkSink["add"]>[1]; nowUs: number },
  ): Promise<ChunkId> {
    const { context } = this;
    const { store, manifest, codec } = context;
    // Without the new one: that is known by its final object only.
    this.#all ??= await allChunks(context, new Set([temporary.name]));
    const all = this.#all;
    const oldChunks = await archiveChunks(context, old);
    const meta = { ...options.meta, name: old.name };
    const packed = codec.packAuthenticated("archive", encodeArchiveMeta(meta));
    const { id } = await options.sink.add(packed, options.stats);
    manifest.archives.delete(temporary.name);
    manifest.archives.set(old.name, { name: old.name, id, time: meta.time });
    const newChunks = await archiveChunks(context, manifest.archives.get(old.name)!);
    all.addAll(newChunks);
    newChunks.dispose();
    const doomed: ChunkId[] = [asChunkId(temporary.id)];
    for (const { id, refcount, size, csize } of oldChunks.entries()) {
      all.add(id, size, csize, -refcount);
      if (all.refcount(id) <= 0) doomed.push(asChunkId(id.slice()));
    }
    oldChunks.dispose();
    for (const id of doomed) {
      all.remove(id);
      await this.#delete(id);
    }
    await manifest.write(store, options.nowUs);
    await store.commit();
    context.cache.drop(old.id);
    return id;
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
