/**
 * From a walk over the file system to the items of an archive. Trouble with a source file becomes a warning and the
 * backup goes on; trouble with the repository ends it (the wrap rule: only a SourceError is caught here).
 */
import type { Chunker, SparseFile } from "../chunk/mod.ts";
import type { ExtendedMeta, FileReader, ItemMeta, WalkEntry } from "../fs/mod.ts";
import type { Stat } from "../platform/mod.ts";
import type { Awaitable } from "../store/mod.ts";
import type { WarningCode } from "../errors.ts";
import type { Reporter } from "../report.ts";
import { printable } from "../bytes/mod.ts";
import type { ArchiveWriter } from "./archive_writer.ts";
import type { ChunkSink } from "./chunk_sink.ts";
import type { ChunkEntry, Item } from "./item.ts";

/** Contents that come through a pipe rather than out of a file: standard input, or what a command prints. */
export interface PipeEntry {
  readonly pipe: true;
  /** Complete but for contents. */
  readonly item: Item;
  read(into: Uint8Array): number;
  /** After the last byte. Throws where what came is not to be kept (a command that failed). */
  end(): Promise<void>;
}

/** What the backup needs of the file system; `cli` fills it in from the rooms `fs` and `platform`. */
export interface Source {
  /** The next thing to back up, null at the end. `onLeave` is told of each folder that is left on the way there. */
  next(onLeave: (path: string) => void): WalkEntry | PipeEntry | null;
  reader: FileReader;
  /** Reads devices and FIFOs as if they were files; absent: they are stored as what they are. */
  specialReader?: FileReader;
  meta(archivePath: string, stat: Stat): ItemMeta;
  /**
   * Extended attributes, ACLs and flags, by `fd` where the file is open; null where there are none. `stat` is what the item
   * is made of. Absent: none are stored. Throws the error of `isSourceError`.
   */
  extended?(entry: WalkEntry, stat: Stat, fd?: number): ExtendedMeta | null;
  /** Throws the error of `isSourceError`. */
  readLink(path: string, at?: WalkEntry["at"]): string;
  /** What earlier backups saw of a file at a path (as the walk has it); absent: every file is read. */
  cache?: {
    lookup(path: string, stat: Stat): ChunkEntry[] | "changed" | null;
    remember(path: string, stat: Stat, chunks: readonly ChunkEntry[]): void;
  };
  /** The warning that an error stands for, null where it is not about a source file. */
  warningOf(error: unknown): { code: WarningCode; message: string } | null;
}

export interface BackupOptions {
  /** 0: no checkpoints. */
  checkpointIntervalMs: number;
  nowMs(): number;
  /** Asked after each chunk; true ends the backup with a checkpoint. */
  interrupted(): boolean;
  /** Called now and then; may let the event loop turn, so that signals arrive although all calls are synchronous. */
  breathe(): void | Promise<void>;
}

/** Thrown out of {@link Backup.run} after the checkpoint that a first Ctrl-C asked for. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/** Files from this size on are sealed by worker threads, where there are some. */
const PARALLEL_BYTES = 4 << 20;

/** File types of `Stat.mode`. */
const TYPE = 0o170000;
const REGULAR = 0o100000;
const DIRECTORY = 0o040000;
const SYMLINK = 0o120000;
const FIFO = 0o010000;
const CHARACTER = 0o020000;
const BLOCK = 0o060000;

export class Backup {
  /** Archive path of the first name of each file with several names, by device and inode. */
  readonly #hardLinks = new Map<string, string>();
  #lastCheckpointMs: number;
  #lastProgressMs = -Infinity;
  /** Status letters of the folders that the walk is in. As borg has it, a folder is told of after what is in it. */
  readonly #folderStatus: string[] = [];

  constructor(
    private readonly source: Source,
    private readonly writer: ArchiveWriter,
    private readonly sink: ChunkSink,
    private readonly chunker: Chunker,
    private readonly reporter: Reporter,
    private readonly options: BackupOptions,
  ) {
    this.#lastCheckpointMs = options.nowMs();
  }

  /** Adds everything the source yields. The caller saves the archive. */
  async run(): Promise<void> {
    const onLeave = (path: string): void => this.#status(this.#folderStatus.pop()!, path);
    for (let entry = this.source.next(onLeave); entry !== null; entry = this.source.next(onLeave)) {
      if ("pipe" in entry) await this.#addPipe(entry);
      else await this.#addEntry(entry);
      const wait = this.options.breathe();
      if (wait) await wait;
      if (this.#checkpointDue()) await this.#checkpoint();
    }
    this.#progress("", true);
  }

  async #addEntry(entry: WalkEntry): Promise<void> {
    let status: string;
    try {
      status = await this.#addByType(entry);
    } catch (error) {
      this.#warn(error, entry.path);
      status = "E";
    }
    if (status === "C") {
      this.reporter.warn("FileChangedWarning", entry.path, "file changed while it was backed up");
    }
    if (entry.inside === "entered") this.#folderStatus.push(status);
    else if (entry.inside !== "marked" || status === "E") this.#status(status, entry.path);
  }

  /** Trouble with a source file is told; any other goes on upwards. */
  #warn(error: unknown, path: string): void {
    const warning = this.source.warningOf(error);
    if (!warning) throw error;
    this.reporter.warn(warning.code, path, warning.message);
  }

  async #addPipe(entry: PipeEntry): Promise<void> {
    const { item } = entry;
    this.#status("i", item.path);
    try {
      await this.#addContents(item, item.path, { read: (into) => entry.read(into), parallel: true });
    } catch (error) {
      this.#warn(error, item.path);
      return this.#status("E", item.path);
    }
    await entry.end();
    item.hardlink_master = false;
    this.writer.stats.files++;
    await this.#add(item, "");
  }

  #status(status: string, path: string): void {
    if (status !== "" && this.reporter.fileStatus) {
      this.reporter.emit({ type: "file_status", status, path: printable(path) });
    }
  }

  async #addByType(entry: WalkEntry): Promise<string> {
    const { path, stat } = entry;
    const type = stat.mode & TYPE;
    if (this.source.specialReader && (type === FIFO || type === CHARACTER || type === BLOCK)) {
      return await this.#addSpecialContents(entry, this.source.specialReader);
    }
    switch (type) {
      case REGULAR:
        return await this.#addFile(entry);
      case DIRECTORY:
        return await this.#add(this.#metaOf(entry), "d");
      case SYMLINK:
        return await this.#add({ ...this.#metaOf(entry), source: this.source.readLink(path, entry.at) }, "s");
      case FIFO:
        return await this.#addSpecial(entry, {}, "f");
      case CHARACTER:
        return await this.#addSpecial(entry, { rdev: stat.rdev }, "c");
      case BLOCK:
        return await this.#addSpecial(entry, { rdev: stat.rdev }, "b");
      default: // sockets and doors mean nothing outside of the running system
        return "";
    }
  }

  /** Of what is not opened. */
  #metaOf(entry: WalkEntry): Item {
    const { archivePath, stat } = entry;
    return Object.assign(this.source.meta(archivePath, stat), this.source.extended?.(entry, stat));
  }

  async #add(item: Item, status: string): Promise<string> {
    const wait = this.writer.addItem(item);
    if (wait) await wait;
    this.#progress(item.path, false);
    return status;
  }

  async #addSpecial(entry: WalkEntry, extra: Partial<Item>, status: string): Promise<string> {
    const item: Item = { ...this.#metaOf(entry), ...extra };
    if (this.#linkTo(entry.stat, item)) return await this.#add(item, "h");
    item.hardlink_master = entry.stat.nlink > 1;
    await this.#add(item, status);
    this.#rememberLink(entry.stat, item);
    return status;
  }

  /** A device or FIFO as a regular file with what can be read from it. */
  async #addSpecialContents(entry: WalkEntry, reader: FileReader): Promise<string> {
    const stat = reader.open(entry.path, entry.stat, entry.at);
    try {
      const item: Item = this.source.meta(entry.archivePath, stat);
      item.mode = REGULAR | (stat.mode & 0o7777);
      const extended = this.source.extended?.(entry, stat, reader.descriptor);
      if (this.#linkTo(stat, item)) return await this.#add(Object.assign(item, extended), "h");
      item.hardlink_master = stat.nlink > 1;
      this.#status("A", entry.path);
      await this.#addContents(item, entry.path, {
        read: (into) => reader.read(into),
        sparse: reader,
        parallel: true,
      });
      await this.#addMaster(Object.assign(item, extended), stat);
      return "";
    } finally {
      reader.close();
    }
  }

  /** Makes `item` a further name of a file seen before, if it is one. */
  #linkTo(stat: Stat, item: Item): boolean {
    if (stat.nlink <= 1) return false;
    const first = this.#hardLinks.get(`${stat.dev}:${stat.ino}`);
    if (first === undefined) return false;
    item.source = first;
    return true;
  }

  #rememberLink(stat: Stat, item: Item): void {
    if (stat.nlink > 1) this.#hardLinks.set(`${stat.dev}:${stat.ino}`, item.path);
  }

  async #addFile(entry: WalkEntry): Promise<string> {
    const unchanged = await this.#addUnchanged(entry);
    if (unchanged !== null) return unchanged;
    const reader = this.source.reader;
    // The open file's own stat is what counts: the name may point elsewhere by now.
    const stat = reader.open(entry.path, entry.stat, entry.at);
    try {
      const item: Item = this.source.meta(entry.archivePath, stat);
      // Read first, because this may fail, and stored last: parts of a file do not have them.
      const extended = this.source.extended?.(entry, stat, reader.descriptor);
      if (this.#linkTo(stat, item)) return await this.#add(Object.assign(item, extended), "h");
      item.hardlink_master = stat.nlink > 1;
      this.#status(this.#cacheSaid === "changed" ? "M" : "A", entry.path);
      const chunks = await this.#addContents(item, entry.path, {
        read: (into) => reader.read(into),
        sparse: reader,
        parallel: stat.size >= PARALLEL_BYTES,
      });
      const changed = reader.changedSinceOpen();
      if (!changed) this.source.cache?.remember(entry.path, stat, chunks);
      await this.#addMaster(Object.assign(item, extended), stat);
      return changed ? "C" : "";
    } finally {
      reader.close();
    }
  }

  async #addMaster(item: Item, stat: Stat): Promise<void> {
    this.writer.stats.files++;
    await this.#add(item, "");
    this.#rememberLink(stat, item);
  }

  /** What the files cache said of the file at hand. */
  #cacheSaid: "changed" | null = null;

  /** Adds a file that the files cache knows to be unchanged, without opening it; null where it does not. */
  async #addUnchanged(entry: WalkEntry): Promise<string | null> {
    const { stat } = entry;
    this.#cacheSaid = null;
    if (!this.source.cache || (stat.nlink > 1 && this.#hardLinks.has(`${stat.dev}:${stat.ino}`))) return null;
    const cached = this.source.cache.lookup(entry.path, stat);
    if (cached === null || cached === "changed") {
      this.#cacheSaid = cached;
      return null;
    }
    const item: Item = this.#metaOf(entry);
    const reused = this.sink.reuse(cached, this.writer.stats);
    if (!(reused instanceof Promise ? await reused : reused)) {
      // The repository lost a chunk, or another one stands in its place: the file is read.
      this.#cacheSaid = "changed";
      return null;
    }
    item.hardlink_master = stat.nlink > 1;
    item.chunks = cached;
    item.size = stat.size;
    this.#status("U", entry.path);
    await this.#addMaster(item, stat);
    return "";
  }

  /** Stores the contents and completes the item with them. */
  async #addContents(
    item: Item,
    path: string,
    contents: { read: (into: Uint8Array) => number; sparse?: SparseFile; parallel: boolean },
  ): Promise<readonly ChunkEntry[]> {
    const { read, sparse, parallel } = contents;
    const added: Awaitable<ChunkEntry>[] = [];
    let size = 0;
    let inParts = 0;
    let part = 0;
    this.sink.startUndo();
    try {
      for (const chunk of this.chunker.chunk(read, sparse)) {
        size += chunk.length;
        const entry = this.sink.add(chunk, this.writer.stats, parallel);
        added.push(parallel || !(entry instanceof Promise) ? entry : await entry);
        const room = parallel ? this.sink.room() : undefined;
        if (room) await room;
        if (this.reporter.progress) this.#progress(path, false);
        const wait = this.options.breathe();
        if (wait) await wait;
        if (this.#checkpointDue()) {
          await this.#addPart(item, await Promise.all(added.slice(inParts)), ++part);
          inParts = added.length;
          this.sink.startUndo();
        }
      }
    } catch (error) {
      if (this.source.warningOf(error)) await this.#undoFile(added);
      throw error;
    }
    const chunks = parallel ? await Promise.all(added) : added as ChunkEntry[];
    this.sink.keep();
    if (part > 0 && inParts < chunks.length) await this.#addPart(item, chunks.slice(inParts), ++part);
    item.chunks = chunks;
    item.size = size;
    if (part > 0) this.#countParts(chunks, part);
    return chunks;
  }

  /** The file is not going to be in the archive: neither shall its new chunks nor its sizes. */
  async #undoFile(added: readonly Awaitable<ChunkEntry>[]): Promise<void> {
    const undone = await this.sink.undo();
    for (const chunk of await Promise.all(added)) {
      this.writer.stats.addChunk(-chunk.size, -chunk.csize, false);
    }
    this.writer.stats.deduplicatedSize -= undone;
  }

  /** Stores what was read of a large file so far as an item of its own and commits a checkpoint. */
  async #addPart(item: Item, chunks: readonly ChunkEntry[], part: number): Promise<void> {
    let size = 0;
    for (const chunk of chunks) size += chunk.size;
    await this.#add({ ...item, path: `${item.path}.borg_part_${part}`, part, chunks, size }, "");
    await this.#checkpoint();
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

  #checkpointDue(): boolean {
    if (this.options.interrupted()) return true;
    const interval = this.options.checkpointIntervalMs;
    return interval > 0 && this.options.nowMs() - this.#lastCheckpointMs > interval;
  }

  async #checkpoint(): Promise<void> {
    await this.writer.checkpoint();
    this.#lastCheckpointMs = this.options.nowMs();
    if (this.options.interrupted()) throw new Interrupted("the backup was interrupted");
  }

  #progress(path: string, finished: boolean): void {
    if (!this.reporter.progress) return;
    const now = this.options.nowMs();
    if (!finished && now - this.#lastProgressMs < 200) return;
    this.#lastProgressMs = now;
    const { originalSize, compressedSize, deduplicatedSize, files } = this.writer.stats;
    this.reporter.emit({
      type: "archive_progress",
      original_size: originalSize,
      compressed_size: compressedSize,
      deduplicated_size: deduplicatedSize,
      nfiles: files,
      path: printable(path),
      finished,
    });
  }
}
