/**
 * From a walk over the file system to the items of an archive. Trouble with a source file becomes a warning and the
 * backup goes on; trouble with the repository ends it (the wrap rule: only a SourceError is caught here).
 */
import type { Chunker, ReadBlock, SparseFile } from "../chunk/mod.ts";
import type { ExtendedMeta, FileReader, ItemMeta, WalkEntry } from "../fs/mod.ts";
import type { Stat } from "../platform/mod.ts";
import type { Awaitable } from "../store/mod.ts";
import type { WarningCode } from "../errors.ts";
import type { Reporter } from "../report.ts";
import { printable } from "../bytes/mod.ts";
import type { ArchiveWriter } from "./archive_writer.ts";
import { FileContents, WaitingItems } from "./waiting_items.ts";
import type { ChunkSink } from "./chunk_sink.ts";
import type { ChunkEntry, Item } from "./item.ts";

/** What comes through a pipe rather than out of a file: standard input, what a command prints, entries of a tar stream. */
export interface PipeEntry {
  readonly pipe: true;
  /** Default "i". */
  readonly status?: string;
  /** Present: there are no contents. */
  readonly bare?: true;
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
  /** The same of a file that surely has neither extended attributes nor ACLs. */
  bareExtended?(entry: WalkEntry, stat: Stat): ExtendedMeta | null;
  /** Throws the error of `isSourceError`. */
  readLink(path: string, at?: WalkEntry["at"]): string;
  /** What earlier backups saw of a file at a path (as the walk has it); absent: every file is read. */
  cache?: {
    lookup(path: string, stat: Stat): ChunkEntry[] | "changed" | null;
    /** Whether the file found last surely has neither extended attributes nor ACLs. */
    foundBare(): boolean;
    remember(path: string, stat: Stat, chunks: readonly ChunkEntry[], extended: ExtendedMeta | null): void;
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

/** So many items wait at most for chunks of a file before them. */
const MAX_WAITING = 1024;

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
  readonly #waiting: WaitingItems;
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
    this.#waiting = new WaitingItems((item) => this.writer.addItem(item));
  }

  /** Adds everything the source yields. The caller saves the archive. */
  async run(): Promise<void> {
    let entries = 0;
    const onLeave = (path: string): void => this.#status(this.#folderStatus.pop()!, path);
    for (let entry = this.source.next(onLeave); entry !== null; entry = this.source.next(onLeave)) {
      let wait = "pipe" in entry ? this.#addPipe(entry) : this.#addEntry(entry);
      if (wait) await wait;
      // Asking the clock costs as much as packing an item.
      if (++entries % 16 !== 0) continue;
      wait = this.options.breathe();
      if (wait) await wait;
      if (this.#checkpointDue()) await this.#checkpoint();
    }
    await this.#settle();
    this.#progress("", true);
  }

  /** Everything up to here is in the archive's item stream. */
  async #settle(): Promise<void> {
    await this.sink.drain();
    await this.#waiting.flush();
  }

  #addEntry(entry: WalkEntry): void | Promise<void> {
    let status: Awaitable<string>;
    try {
      status = this.#addByType(entry);
    } catch (error) {
      status = this.#failed(error, entry.path);
    }
    if (typeof status === "string") return this.#added(entry, status);
    return status.catch((error) => this.#failed(error, entry.path)).then((said) => this.#added(entry, said));
  }

  /** Trouble with a source file is told; any other goes on upwards. */
  #failed(error: unknown, path: string): "E" {
    const warning = this.source.warningOf(error);
    if (!warning) throw error;
    this.reporter.warn(warning.code, path, warning.message);
    return "E";
  }

  #added(entry: WalkEntry, status: string): void {
    if (status === "C") {
      this.reporter.warn("FileChangedWarning", entry.path, "file changed while it was backed up");
    }
    if (entry.inside === "entered") this.#folderStatus.push(status);
    else if (entry.inside !== "marked" || status === "E") this.#status(status, entry.path);
  }

  async #addPipe(entry: PipeEntry): Promise<void> {
    const { item, status = "i" } = entry;
    if (entry.bare) {
      await this.#add(item, status);
      return this.#status(status, item.path);
    }
    this.#status(status, item.path);
    let contents: FileContents;
    try {
      contents = await this.#addContents(item, item.path, (into) => entry.read(into));
    } catch (error) {
      return this.#status(this.#failed(error, item.path), item.path);
    }
    await entry.end();
    await this.#addFileItem(item, contents);
  }

  #status(status: string, path: string): void {
    if (status !== "" && this.reporter.fileStatus) {
      this.reporter.emit({ type: "file_status", status, path: printable(path) });
    }
  }

  #addByType(entry: WalkEntry): Awaitable<string> {
    const { path, stat } = entry;
    const type = stat.mode & TYPE;
    if (this.source.specialReader && (type === FIFO || type === CHARACTER || type === BLOCK)) {
      return this.#addSpecialContents(entry, this.source.specialReader);
    }
    switch (type) {
      case REGULAR:
        return this.#addFile(entry);
      case DIRECTORY:
        return this.#add(this.#metaOf(entry), "d");
      case SYMLINK: {
        const item = this.#metaOf(entry);
        item.source = this.source.readLink(path, entry.at);
        return this.#add(item, "s");
      }
      case FIFO:
        return this.#addSpecial(entry, "f");
      case CHARACTER:
        return this.#addSpecial(entry, "c");
      case BLOCK:
        return this.#addSpecial(entry, "b");
      default: // sockets and doors mean nothing outside of the running system
        return "";
    }
  }

  /** Of what is not opened. */
  #metaOf(entry: WalkEntry, bare = false): Item {
    const { archivePath, stat } = entry;
    const item: Item = this.source.meta(archivePath, stat);
    const extended = bare ? this.source.bareExtended?.(entry, stat) : this.source.extended?.(entry, stat);
    return extended ? Object.assign(item, extended) : item;
  }

  /** Adds an item, once those before it are complete. */
  #add(item: Item, status: string, contents: FileContents | null = null): Awaitable<string> {
    const wait = this.#waiting.add(item, contents);
    if (this.reporter.progress) this.#progress(item.path, false);
    if (wait) return wait.then(() => this.#limit(status));
    return this.#waiting.count < MAX_WAITING ? status : this.#limit(status);
  }

  async #limit(status: string): Promise<string> {
    if (this.#waiting.count >= MAX_WAITING) await this.#settle();
    return status;
  }

  #addSpecial(entry: WalkEntry, status: string): Awaitable<string> {
    const item = this.#metaOf(entry);
    if (status !== "f") item.rdev = entry.stat.rdev;
    if (this.#linkTo(entry.stat, item)) return this.#add(item, "h");
    item.hardlink_master = entry.stat.nlink > 1;
    this.#rememberLink(entry.stat, item);
    return this.#add(item, status);
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
      const contents = await this.#addContents(item, entry.path, (into) => reader.read(into), reader);
      this.#rememberLink(stat, item);
      return await this.#addFileItem(Object.assign(item, extended), contents);
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

  /** A regular file that is not a further name of another. */
  #addFileItem(item: Item, contents: FileContents | null): Awaitable<string> {
    this.writer.stats.files++;
    return this.#add(item, "", contents);
  }

  #addFile(entry: WalkEntry): Awaitable<string> {
    const { stat } = entry;
    const known = this.source.cache && !(stat.nlink > 1 && this.#hardLinks.has(`${stat.dev}:${stat.ino}`))
      ? this.source.cache.lookup(entry.path, stat)
      : null;
    if (known === null || known === "changed") return this.#toRead(entry, known === null ? "A" : "M");
    const item = this.#metaOf(entry, this.source.cache!.foundBare());
    const reused = this.sink.reuse(known, this.writer.stats);
    if (typeof reused === "boolean") return this.#addUnchanged(entry, item, known, reused);
    return reused.then((reused) => this.#addUnchanged(entry, item, known, reused));
  }

  /** A file that the files cache knows, without opening it. */
  #addUnchanged(
    entry: WalkEntry,
    item: Item,
    chunks: readonly ChunkEntry[],
    reused: boolean,
  ): Awaitable<string> {
    // Not where the repository lost a chunk, or another one stands in its place.
    if (!reused) return this.#toRead(entry, "M");
    const { stat } = entry;
    item.hardlink_master = stat.nlink > 1;
    item.chunks = chunks;
    item.size = stat.size;
    this.#status("U", entry.path);
    this.#rememberLink(stat, item);
    return this.#addFileItem(item, null);
  }

  /** A file that was met by the walk some time ago may be another one by now, or gone: then it is looked at again. */
  #toRead(entry: WalkEntry, letter: "A" | "M"): Awaitable<string> {
    if (entry.refresh === undefined) return this.#readFile(entry, letter);
    try {
      return this.#readFile(entry, letter);
    } catch (error) {
      const code = this.source.warningOf(error)?.code;
      if (code !== "BackupRaceConditionError" && code !== "BackupFileNotFoundError") throw error;
    }
    const now = entry.refresh();
    return (now.stat.mode & TYPE) === REGULAR ? this.#readFile(now, letter) : this.#addByType(now);
  }

  #readFile(entry: WalkEntry, letter: "A" | "M"): Awaitable<string> {
    const { reader } = this.source;
    // The open file's own stat is what counts: the name may point elsewhere by now.
    const stat = reader.open(entry.path, entry.stat, entry.at);
    let result: Awaitable<string> | null = null;
    try {
      const item: Item = this.source.meta(entry.archivePath, stat);
      // Read first, because this may fail, and stored last: parts of a file do not have them.
      const extended = this.source.extended?.(entry, stat, reader.descriptor) ?? null;
      if (this.#linkTo(stat, item)) {
        return result = this.#closing(this.#add(extended ? Object.assign(item, extended) : item, "h"));
      }
      item.hardlink_master = stat.nlink > 1;
      this.#status(letter, entry.path);
      return result = this.#closing(
        stat.size < this.chunker.wholeBelow
          ? this.#readSmall(entry, stat, item, extended)
          : this.#readLarge(entry, stat, item, extended, (into) => reader.read(into), reader),
      );
    } finally {
      if (!(result instanceof Promise)) reader.close();
    }
  }

  /** The file that is open is closed when `status` is there. */
  #closing(status: Awaitable<string>): Awaitable<string> {
    return status instanceof Promise ? status.finally(() => this.source.reader.close()) : status;
  }

  /** A file of one chunk goes straight to where the chunk is worked on, and is not copied on the way. */
  #readSmall(entry: WalkEntry, stat: Stat, item: Item, extended: ExtendedMeta | null): Awaitable<string> {
    const ready = stat.size > 0 ? this.sink.ready(stat.size + 1) : undefined;
    if (ready) return ready.then(() => this.#readReady(entry, stat, item, extended));
    return this.#readReady(entry, stat, item, extended);
  }

  #readReady(entry: WalkEntry, stat: Stat, item: Item, extended: ExtendedMeta | null): Awaitable<string> {
    const { reader } = this.source;
    // One byte more than there should be: a file that grows is found out.
    const space = stat.size > 0 ? this.sink.space(stat.size + 1) : ONE_BYTE;
    let size = 0;
    for (let got = -1; got !== 0 && size < space.length; size += got) {
      got = reader.read(size === 0 ? space : space.subarray(size));
    }
    if (size === space.length) {
      // Larger than its stat says: it grows, or is one of the files that the system makes up when they are read.
      const begun = new Repeated(space.slice(), (into) => reader.read(into));
      return this.#readLarge(entry, stat, item, extended, (into) => begun.read(into));
    }
    const contents = new FileContents(this.writer.stats, size);
    if (size > 0) this.sink.push(size, contents);
    contents.pushed = size > 0 ? 1 : 0;
    const added = this.#addRead(entry, stat, item, extended, contents);
    const pumped = size > 0 ? this.sink.pump() : undefined;
    return pumped ? pumped.then(() => added) : added;
  }

  async #readLarge(
    entry: WalkEntry,
    stat: Stat,
    item: Item,
    extended: ExtendedMeta | null,
    read: ReadBlock,
    sparse?: SparseFile,
  ): Promise<string> {
    const contents = await this.#addContents(item, entry.path, read, sparse);
    return await this.#addRead(entry, stat, item, extended, contents);
  }

  #addRead(
    entry: WalkEntry,
    stat: Stat,
    item: Item,
    extended: ExtendedMeta | null,
    contents: FileContents,
  ): Awaitable<string> {
    if (extended !== null) Object.assign(item, extended);
    const changed = this.source.reader.changedSinceOpen();
    if (!changed && this.source.cache) {
      const { cache } = this.source;
      contents.onComplete = (chunks) => cache.remember(entry.path, stat, chunks, extended);
    }
    this.#rememberLink(stat, item);
    const added = this.#addFileItem(item, contents);
    if (!changed) return added;
    return typeof added === "string" ? "C" : added.then(() => "C");
  }

  /** Sends the contents on their way, chunk by chunk. */
  async #addContents(
    item: Item,
    path: string,
    read: ReadBlock,
    sparse?: SparseFile,
  ): Promise<FileContents> {
    const contents = new FileContents(this.writer.stats, 0);
    let inParts = 0;
    let part = 0;
    try {
      for (const chunk of this.chunker.chunk(read, sparse)) {
        contents.pushed++;
        contents.size += chunk.length;
        let wait = this.sink.send(chunk, contents);
        if (wait) await wait;
        if (this.reporter.progress) this.#progress(path, false);
        wait = this.options.breathe();
        if (wait) await wait;
        if (this.#checkpointDue()) {
          await this.#settle();
          await this.#addPart(item, contents.chunks.slice(inParts), ++part);
          inParts = contents.chunks.length;
          contents.keep();
        }
      }
    } catch (error) {
      if (this.source.warningOf(error)) await this.#undo(contents);
      throw error;
    }
    if (part > 0) {
      await this.#settle();
      const { chunks } = contents;
      if (inParts < chunks.length) await this.#addPart(item, chunks.slice(inParts), ++part);
      this.#countParts(chunks, part);
    }
    return contents;
  }

  /**
   * The file is not going to be in the archive: neither shall its sizes, nor its new chunks, which would be orphans that
   * `check` complains about.
   */
  async #undo(contents: FileContents): Promise<void> {
    await this.#settle();
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
    await this.#settle();
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

const ONE_BYTE = new Uint8Array(1);

/** Bytes that were read already, and then the rest. */
class Repeated {
  constructor(private begun: Uint8Array, private readonly rest: ReadBlock) {}

  read(into: Uint8Array): number {
    if (this.begun.length === 0) return this.rest(into);
    const length = Math.min(into.length, this.begun.length);
    into.set(this.begun.subarray(0, length));
    this.begun = this.begun.subarray(length);
    return length;
  }
}
