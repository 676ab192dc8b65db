/**
 * From the items of an archive to files. What goes wrong with one item is a warning and the rest goes on; the
 * repository's trouble ends the work. Paths are the restorer's business: it never leaves the destination.
 */
import type { ObjectCodec } from "../object/mod.ts";
import type { StoreReader } from "../store/mod.ts";
import { printable } from "../bytes/mod.ts";
import { AppError, type WarningCode } from "../errors.ts";
import type { Reporter } from "../report.ts";
import type { Archive } from "./archive.ts";
import { type ChunkEntry, type Item, itemSize } from "./item.ts";

/** Where contents go. */
export interface ContentSink {
  write(data: Uint8Array): void | Promise<void>;
  close(): void;
}

/** What extract needs of the file system; the restorer of the room `fs` is one. */
export interface Target {
  directory(item: Item): void;
  symlink(item: Item): void;
  special(item: Item): void;
  /** A further name of a file that was extracted as `item.source`; false where that file is not there. */
  hardLink(item: Item, source: string): boolean;
  openFile(item: Item): ContentSink;
  /** Whether an earlier extraction has completed this file: then it is left alone. */
  isComplete(item: Item): boolean;
  /** After the contents. */
  restoreMeta(item: Item): void;
  /** Postponed metadata of folders. */
  finish(): void;
  /** The warning that an error stands for, null where it is not about what is being restored. */
  warningOf(error: unknown): { code: WarningCode; message: string } | null;
}

export interface ExtractOptions {
  /** Which items; default all. `item.path` is the archive's. */
  select?: (item: Item) => boolean;
  /** Leading path elements to drop; items with fewer are skipped. */
  stripComponents?: number;
  /** Fetch and check everything, write nothing. */
  dryRun?: boolean;
  /** All contents go here instead of into files. */
  stdout?: (data: Uint8Array) => void | Promise<void>;
  parts?: boolean;
  list?: (path: string) => void;
  /** Total bytes for the progress display. */
  totalBytes?: number;
}

const TYPE = 0o170000;
const REGULAR = 0o100000;
const DIRECTORY = 0o040000;
const SYMLINK = 0o120000;

export class Extraction {
  /**
   * For files with several names: contents by the archive path of the first name, kept while extracting a part of an
   * archive, because the first name may not be among what is extracted; and where the first extracted name is.
   */
  readonly #masters = new Map<string, { item: Item; extractedAs: string | null }>();
  #doneBytes = 0;
  #lastShown = -1;

  constructor(
    private readonly archive: Archive,
    private readonly target: Target | null,
    private readonly reporter: Reporter,
    private readonly options: ExtractOptions,
  ) {}

  async run(): Promise<void> {
    for await (const batch of this.archive.items(this.options.parts ? { parts: true } : {})) {
      for (const item of batch) await this.#item(item);
    }
    this.target?.finish();
    this.#progress("", true);
  }

  async #item(item: Item): Promise<void> {
    const { select, stripComponents = 0 } = this.options;
    const selected = select === undefined || select(item);
    if (item.hardlink_master === true || (item.hardlink_master === undefined && item.source === undefined)) {
      if ((item.mode & TYPE) !== DIRECTORY) this.#masters.set(item.path, { item, extractedAs: null });
    }
    if (!selected) return;
    const original = item.path;
    if (stripComponents > 0) {
      const path = original.split("/").slice(stripComponents).join("/");
      if (path === "") return;
      item = { ...item, path };
    }
    this.options.list?.(item.path);
    try {
      await this.#extract(item, original);
    } catch (error) {
      this.#warnOrThrow(error, original);
    }
  }

  #warnOrThrow(error: unknown, path: string): void {
    const warning = this.target?.warningOf(error);
    if (!warning) throw error;
    this.reporter.warn(warning.code, printable(path), warning.message);
  }

  async #extract(item: Item, original: string): Promise<void> {
    const target = this.options.dryRun || this.options.stdout ? null : this.target;
    const type = item.mode & TYPE;
    if (type === DIRECTORY) return target?.directory(item);
    if (type === SYMLINK) return target?.symlink(item);
    const first = this.#masters.get(item.source ?? original);
    if (item.source !== undefined && first) {
      if (first.extractedAs !== null) {
        // Its contents were written or verified already, under the first name.
        if (!target || target.hardLink(item, first.extractedAs)) return;
      }
      // The first name is not among what is extracted: this one takes its place and its contents.
      item = { ...first.item, path: item.path };
    }
    await this.#extractWhole(item, target);
    if (first) first.extractedAs = item.path;
  }

  async #extractWhole(item: Item, target: Target | null): Promise<void> {
    if ((item.mode & TYPE) !== REGULAR) return target?.special(item);
    if (target?.isComplete(item)) return;
    const sink = this.options.stdout && !this.options.dryRun
      ? { write: this.options.stdout, close() {} }
      : target?.openFile(item) ?? null;
    let written = 0;
    try {
      for await (const data of fetchContents(this.archive.store, this.archive.codec, item.chunks ?? [])) {
        written += data.length;
        const wait = sink?.write(data);
        if (wait) await wait;
        this.#doneBytes += data.length;
        if (this.reporter.progress) this.#progress(item.path, false);
      }
    } finally {
      sink?.close();
    }
    if (item.size !== undefined && item.size !== written) {
      this.reporter.warn(
        "BackupError",
        printable(item.path),
        `size in the archive is ${item.size}, its chunks have ${written} bytes`,
      );
    }
    if (item.chunks_healthy !== undefined) {
      this.reporter.warn(
        "BackupError",
        printable(item.path),
        "file has damaged (all-zero) chunks, it was repaired",
      );
    }
    target?.restoreMeta(item);
  }

  #progress(path: string, finished: boolean): void {
    if (!this.reporter.progress) return;
    const total = this.options.totalBytes ?? 0;
    const percent = total > 0 ? Math.floor(1000 * this.#doneBytes / total) : 0;
    if (!finished && percent === this.#lastShown) return;
    this.#lastShown = percent;
    this.reporter.emit({
      type: "progress_percent",
      operation: 1,
      msgid: "extract",
      finished,
      current: this.#doneBytes,
      total,
      message: finished ? "" : `${(percent / 10).toFixed(1).padStart(5)}% Extracting: ${printable(path)}`,
      info: [printable(path)],
    });
  }
}

/**
 * The plain bytes of `chunks`, in order, each valid until the next is asked for; a missing chunk is the repository's trouble.
 */
export async function* fetchContents(
  store: StoreReader,
  codec: ObjectCodec,
  chunks: readonly ChunkEntry[],
): AsyncGenerator<Uint8Array> {
  let index = 0;
  for await (const stored of store.getMany(chunks.map((chunk) => chunk.id))) {
    const chunk = chunks[index++]!;
    const data = await codec.openView(chunk.id, stored);
    if (data.length !== chunk.size) {
      throw new AppError("IntegrityError", [
        `a chunk has ${data.length} bytes where the archive says ${chunk.size}`,
      ]);
    }
    yield data;
  }
}

/** Bytes that an extraction will write, for its progress display. */
export async function extractionSize(archive: Archive, select: (item: Item) => boolean): Promise<number> {
  let total = 0;
  for await (const batch of archive.items()) {
    for (const item of batch) if ((item.mode & TYPE) === REGULAR && select(item)) total += itemSize(item);
  }
  return total;
}
