/**
 * What is on its way into an archive: contents of files, chunk by chunk, and the items that they complete; and the
 * checkpoints that are made of it now and then, of a large file in the middle of its contents too.
 */
import type { Chunker, ReadBlock, SparseFile } from "../chunk/mod.ts";
import type { Awaitable } from "../store/mod.ts";
import type { Reporter } from "../report.ts";
import type { ArchiveWriter } from "./archive_writer.ts";
import type { ChunkSink } from "./chunk_sink.ts";
import type { ChunkEntry, Item } from "./item.ts";
import { StatsProgress } from "./progress.ts";
import { FileContents, WaitingItems } from "./waiting_items.ts";

export interface BackupOptions {
  /** 0: no checkpoints. */
  checkpointIntervalMs: number;
  nowMs(): number;
  /** Asked after each chunk; true ends the backup with a checkpoint. */
  interrupted(): boolean;
  /** Called now and then; may let the event loop turn, so that signals arrive although all calls are synchronous. */
  breathe(): void | Promise<void>;
}

interface StreamOptions extends BackupOptions {
  /** Whether an error costs one file and no more. */
  isAboutSource(error: unknown): boolean;
}

/** Thrown out of `Backup.run` after the checkpoint that a first Ctrl-C asked for. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/** So many items wait at most for chunks of a file before them. */
const MAX_WAITING = 1024;

export class BackupStream {
  readonly #waiting: WaitingItems;
  #lastCheckpointMs: number;
  readonly progress: StatsProgress;

  constructor(
    private readonly writer: ArchiveWriter,
    private readonly sink: ChunkSink,
    private readonly chunker: Chunker,
    private readonly reporter: Reporter,
    private readonly options: StreamOptions,
  ) {
    this.#lastCheckpointMs = options.nowMs();
    this.progress = new StatsProgress(reporter, writer.stats, options.nowMs);
    this.#waiting = new WaitingItems((item) => this.writer.addItem(item));
  }

  /** Everything up to here is in the archive's item stream. */
  async settle(): Promise<void> {
    await this.sink.drain();
    await this.#waiting.flush();
  }

  /** Adds an item, once those before it are complete. */
  add(item: Item, status: string, contents: FileContents | null = null): Awaitable<string> {
    const wait = this.#waiting.add(item, contents);
    if (this.reporter.progress) this.progress.show(item.path, false);
    if (wait) return wait.then(() => this.#limit(status));
    return this.#waiting.count < MAX_WAITING ? status : this.#limit(status);
  }

  async #limit(status: string): Promise<string> {
    if (this.#waiting.count >= MAX_WAITING) await this.settle();
    return status;
  }

  /**
   * Sends the contents on their way, chunk by chunk. `wait` is for where `read` says that nothing is there at the moment; an
   * interruption meanwhile is the end of the contents, and what was read of them is kept as a part.
   */
  async addContents(
    item: Item,
    path: string,
    read: ReadBlock,
    sparse?: SparseFile,
    wait?: () => Promise<void> | undefined,
  ): Promise<FileContents> {
    const contents = new FileContents(this.writer.stats, 0);
    let inParts = 0;
    let part = 0;
    let cut = false;
    try {
      for (const chunk of this.chunker.chunk((into) => cut ? 0 : read(into), sparse)) {
        if (chunk.length === 0) {
          await wait?.();
          cut = this.options.interrupted();
          continue;
        }
        contents.pushed++;
        contents.size += chunk.length;
        let pending = this.sink.send(chunk, contents);
        if (pending) await pending;
        if (this.reporter.progress) this.progress.show(path, false);
        pending = this.options.breathe();
        if (pending) await pending;
        if (!cut && this.checkpointDue()) {
          await this.settle();
          await this.#addPart(item, contents.chunks.slice(inParts), ++part);
          inParts = contents.chunks.length;
          contents.keep();
        }
      }
    } catch (error) {
      if (this.options.isAboutSource(error)) await this.undo(contents);
      throw error;
    }
    if (cut) {
      await this.settle();
      if (inParts < contents.chunks.length) await this.#addPart(item, contents.chunks.slice(inParts), ++part);
      else await this.checkpoint();
    }
    if (part > 0) {
      await this.settle();
      const { chunks } = contents;
      if (inParts < chunks.length) await this.#addPart(item, chunks.slice(inParts), ++part);
      contents.keep();
      this.#countParts(chunks, part);
    }
    return contents;
  }

  /**
   * The file is not going to be in the archive: neither shall its sizes, nor its new chunks, which would be orphans that
   * `check` complains about.
   */
  async undo(contents: FileContents): Promise<void> {
    await this.settle();
    const { stats } = this.writer;
    for (const { size, csize } of contents.chunks) stats.addChunk(-size, -csize, false);
    for (const { id, csize } of contents.fresh) {
      stats.deduplicatedSize -= csize;
      await this.sink.forget(id);
    }
  }

  /** Stores what was read of a large file so far as an item of its own and commits a checkpoint. */
  async #addPart(item: Item, chunks: readonly ChunkEntry[], part: number): Promise<void> {
    let size = 0;
    for (const chunk of chunks) size += chunk.size;
    await this.add({ ...item, path: `${item.path}.borg_part_${part}`, part, chunks, size }, "");
    await this.checkpoint();
  }

  /** Once a file had parts, its chunks are referenced by them and by the whole file. */
  #countParts(chunks: readonly ChunkEntry[], parts: number): void {
    const stats = this.writer.stats;
    for (const chunk of chunks) {
      stats.originalSizeParts += chunk.size;
      stats.compressedSizeParts += chunk.csize;
    }
    stats.filesParts += parts;
  }

  checkpointDue(): boolean {
    if (this.options.interrupted()) return true;
    const interval = this.options.checkpointIntervalMs;
    return interval > 0 && this.options.nowMs() - this.#lastCheckpointMs > interval;
  }

  async checkpoint(): Promise<void> {
    await this.settle();
    await this.writer.checkpoint();
    this.#lastCheckpointMs = this.options.nowMs();
    if (this.options.interrupted()) throw new Interrupted("the backup was interrupted");
  }
}
