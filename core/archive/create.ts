/**
 * From a walk over the file system to the items of an archive. Trouble with a source file becomes a warning and the
 * backup goes on; trouble with the repository ends it (the wrap rule: only a SourceError is caught here).
 */
import type { Chunker, ReadBlock, SparseFile } from "../chunk/mod.ts";
import type { ExtendedMeta, FileReader, WalkEntry } from "../fs/mod.ts";
import type { Stat } from "../platform/mod.ts";
import type { Awaitable } from "../store/mod.ts";
import type { Reporter } from "../report.ts";
import { printable } from "../bytes/mod.ts";
import type { ArchiveWriter } from "./archive_writer.ts";
import type { PipeEntry, Source } from "./backup_source.ts";
import { type BackupOptions, BackupStream } from "./backup_stream.ts";
import { FileContents } from "./waiting_items.ts";
import type { ChunkSink } from "./chunk_sink.ts";
import type { ChunkEntry, Item } from "./item.ts";

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
  readonly #stream: BackupStream;
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
    this.#stream = new BackupStream(writer, sink, chunker, reporter, {
      ...options,
      isAboutSource: (error) => source.warningOf(error) !== null,
    });
  }

  /** Adds everything the source yields. The caller saves the archive. */
  async run(): Promise<void> {
    let entries = 0;
    const onLeave = (path: string): void => this.#status(this.#folderStatus.pop()!, path);
    for (let entry = this.source.next(onLeave); entry !== null; entry = this.source.next(onLeave)) {
      if (entry instanceof Promise) {
        await entry;
        if (this.#stream.checkpointDue()) await this.#stream.checkpoint();
        continue;
      }
      let wait = "pipe" in entry ? this.#addPipe(entry) : this.#addEntry(entry);
      if (wait) await wait;
      // Asking the clock costs as much as packing an item.
      if (++entries % 16 !== 0) continue;
      wait = this.options.breathe();
      if (wait) await wait;
      if (this.#stream.checkpointDue()) await this.#stream.checkpoint();
    }
    await this.#stream.settle();
    this.#stream.progress.show("", true);
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
      await this.#stream.add(item, status);
      return this.#status(status, item.path);
    }
    this.#status(status, item.path);
    let contents: FileContents;
    try {
      const wait = (): Promise<void> | undefined => entry.wait?.();
      contents = await this.#stream.addContents(item, item.path, (into) => entry.read(into), undefined, wait);
    } catch (error) {
      await entry.abort?.();
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
        return this.#stream.add(this.#metaOf(entry), "d");
      case SYMLINK: {
        const item = this.#metaOf(entry);
        item.source = this.source.readLink(path, entry.at);
        return this.#stream.add(item, "s");
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

  #addSpecial(entry: WalkEntry, status: string): Awaitable<string> {
    const item = this.#metaOf(entry);
    if (status !== "f") item.rdev = entry.stat.rdev;
    if (this.#linkTo(entry.stat, item)) return this.#stream.add(item, "h");
    item.hardlink_master = entry.stat.nlink > 1;
    this.#rememberLink(entry.stat, item);
    return this.#stream.add(item, status);
  }

  /** A device or FIFO as a regular file with what can be read from it. */
  async #addSpecialContents(entry: WalkEntry, reader: FileReader): Promise<string> {
    const stat = reader.open(entry.path, entry.stat, entry.at);
    try {
      const item: Item = this.source.meta(entry.archivePath, stat);
      item.mode = REGULAR | (stat.mode & 0o7777);
      const extended = this.source.extended?.(entry, stat, reader.descriptor);
      if (this.#linkTo(stat, item)) return await this.#stream.add(Object.assign(item, extended), "h");
      item.hardlink_master = stat.nlink > 1;
      this.#status("A", entry.path);
      const read = (into: Uint8Array): number => reader.read(into);
      const contents = await this.#stream.addContents(item, entry.path, read, reader, () => reader.wait());
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
    return this.#stream.add(item, "", contents);
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
        return result = this.#closing(this.#stream.add(extended ? Object.assign(item, extended) : item, "h"));
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
    // Asked first, because this may fail: a chunk on its way would be an orphan then.
    const changed = reader.changedSinceOpen();
    const contents = new FileContents(this.writer.stats, size);
    if (size === 0) return this.#addRead(entry, stat, item, extended, contents, changed);
    contents.pushed = 1;
    this.sink.push(size, contents);
    const pumped = this.sink.pump();
    return pumped
      ? pumped.then(() => this.#addRead(entry, stat, item, extended, contents, changed))
      : this.#addRead(entry, stat, item, extended, contents, changed);
  }

  async #readLarge(
    entry: WalkEntry,
    stat: Stat,
    item: Item,
    extended: ExtendedMeta | null,
    read: ReadBlock,
    sparse?: SparseFile,
  ): Promise<string> {
    const contents = await this.#stream.addContents(item, entry.path, read, sparse);
    let changed: boolean;
    try {
      changed = this.source.reader.changedSinceOpen();
    } catch (error) {
      if (this.source.warningOf(error)) await this.#stream.undo(contents);
      throw error;
    }
    return await this.#addRead(entry, stat, item, extended, contents, changed);
  }

  #addRead(
    entry: WalkEntry,
    stat: Stat,
    item: Item,
    extended: ExtendedMeta | null,
    contents: FileContents,
    changed: boolean,
  ): Awaitable<string> {
    if (extended !== null) Object.assign(item, extended);
    if (!changed && this.source.cache) {
      const { cache } = this.source;
      contents.onComplete = (chunks) => cache.remember(entry.path, stat, chunks, extended);
    }
    this.#rememberLink(stat, item);
    const added = this.#addFileItem(item, contents);
    if (!changed) return added;
    return typeof added === "string" ? "C" : added.then(() => "C");
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
