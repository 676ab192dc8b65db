/**
 * From the items of an archive to a tar stream (borg docs, usage/tar, "export-tar"): the GNU format, the same bytes as
 * borg's. In: items, then their plain chunks, opened on all cores. Out: bytes, in order. What the format has no place for
 * (extended attributes, ACLs, flags, other times than that of the contents) is left out.
 */
import { OpenPool, type PlainReceiver, type WorkerSpawner } from "../object/mod.ts";
import { printable } from "../bytes/mod.ts";
import { AppError } from "../errors.ts";
import type { Reporter } from "../report.ts";
import type { Archive } from "./archive.ts";
import { ReadProgress } from "./progress.ts";
import { type ChunkEntry, type Item, itemSize } from "./item.ts";
import { devicePair, encodeTarHeader, paddedSize, TAR_BLOCK, type TarHeader, TarType } from "./tar_header.ts";

export interface TarExportOptions {
  /** Which items; absent: all. */
  select?: (item: Item) => boolean;
  /** Leading path elements to drop; items with fewer are left out. */
  stripComponents: number;
  parts: boolean;
  list?: (path: string) => void;
  /** Takes the next bytes of the stream; they are valid until it returns. */
  write(bytes: Uint8Array): void;
  /** Called now and then. */
  breathe(): void | Promise<void>;
  /** Total bytes for the progress display. */
  totalBytes?: number;
  spawner?: WorkerSpawner | undefined;
}

interface Entry {
  readonly path: string;
  readonly head: Uint8Array;
  readonly size: number;
  readonly chunks: readonly ChunkEntry[];
}

/** Of a file whose first name is not exported: its chunks, until another name has brought them. */
interface FirstName {
  item: Item;
  exportedAs: string | null;
}

const TYPE = 0o170000;
const REGULAR = 0o100000;
const TYPES: ReadonlyMap<number, number> = new Map<number, number>([
  [REGULAR, TarType.File],
  [0o040000, TarType.Directory],
  [0o120000, TarType.Symlink],
  [0o060000, TarType.Block],
  [0o020000, TarType.Character],
  [0o010000, TarType.Fifo],
]);
/** A tar stream ends with two blocks of zeros, filled up to a record. */
const RECORD = 20 * TAR_BLOCK;
const NO_CHUNKS: readonly ChunkEntry[] = [];

export class TarExport implements PlainReceiver {
  readonly #firstNames = new Map<string, FirstName>();
  #entries: Entry[] = [];
  /** Of the entry whose turn it is, and what came of it. */
  #turn = 0;
  #begun = false;
  #received = 0;
  #written = 0;
  #streamBytes = 0;
  #doneBytes = 0;
  readonly #progress: ReadProgress;

  constructor(
    private readonly archive: Archive,
    private readonly reporter: Reporter,
    private readonly options: TarExportOptions,
  ) {
    this.#progress = new ReadProgress(reporter, "Processing", options.totalBytes ?? 0);
  }

  async run(): Promise<void> {
    const pool = new OpenPool(this.archive.codec, { spawner: this.options.spawner });
    try {
      for await (const batch of this.archive.items({ parts: this.options.parts })) {
        const entries: Entry[] = [];
        for (const item of batch) {
          const entry = this.#plan(item);
          if (entry !== null) entries.push(entry);
        }
        this.#add(entries);
        await this.#fetch(pool, entries);
        await this.options.breathe();
      }
      await pool.drain();
    } finally {
      pool.dispose();
    }
    this.#write(new Uint8Array(2 * TAR_BLOCK));
    this.#write(new Uint8Array((RECORD - this.#streamBytes % RECORD) % RECORD));
    this.#progress.show(this.#doneBytes, "", true);
  }

  /** null: not exported. */
  #plan(item: Item): Entry | null {
    const { select, stripComponents: strip } = this.options;
    const path = strip > 0 ? stripped(item.path, strip) : item.path;
    if (select !== undefined && !select(item) || path === "") {
      if (isFirstName(item)) this.#firstNames.set(item.path, { item, exportedAs: null });
      return null;
    }
    const type = TYPES.get(item.mode & TYPE);
    if (type === undefined) {
      this.reporter.warn("BackupError", printable(item.path), "tar has no such type of file");
      return null;
    }
    this.options.list?.(item.path);
    const header: TarHeader = {
      type,
      name: path,
      linkName: "",
      mode: item.mode & 0o7777,
      uid: item.uid,
      gid: item.gid,
      size: 0,
      mtime: wholeSeconds(item.mtime),
      user: item.user ?? "",
      group: item.group ?? "",
      ...devicePair(item.rdev ?? 0),
    };
    if (type === TarType.Symlink) header.linkName = item.source ?? "";
    const chunks = type === TarType.File ? this.#contents(item, path, header) : NO_CHUNKS;
    return { path, head: encodeTarHeader(header), size: header.size, chunks };
  }

  /** Makes `header` that of a further name, or says what its contents are. */
  #contents(item: Item, path: string, header: TarHeader): readonly ChunkEntry[] {
    let from = item;
    if (item.source !== undefined) {
      const first = this.#firstNames.get(item.source);
      const link = first === undefined
        ? stripped(item.source, this.options.stripComponents)
        : first.exportedAs ?? "";
      if (link !== "") {
        header.type = TarType.HardLink;
        header.linkName = link;
        return NO_CHUNKS;
      }
      if (first === undefined) return NO_CHUNKS;
      first.exportedAs = path;
      from = { ...item, chunks: first.item.chunks ?? NO_CHUNKS };
    }
    header.size = itemSize(from);
    return from.chunks ?? NO_CHUNKS;
  }

  async #fetch(pool: OpenPool, entries: readonly Entry[]): Promise<void> {
    const chunks = entries.flatMap((entry) => entry.chunks);
    let index = 0;
    for await (const stored of this.archive.store.getMany(chunks.map((chunk) => chunk.id))) {
      const { id, size } = chunks[index++]!;
      const wait = pool.push(id, stored, size, this);
      if (wait) await wait;
      if (index % 16 === 0) await this.options.breathe();
    }
  }

  #add(entries: readonly Entry[]): void {
    this.#entries = this.#entries.slice(this.#turn).concat(entries);
    this.#turn = 0;
    this.#advance();
  }

  /** The next chunk of the first entry that has not got all. */
  receive(plain: Uint8Array): void {
    const entry = this.#entries[this.#turn]!;
    this.#received++;
    // Never more than the header says: what follows would not be found.
    const bytes = plain.subarray(0, entry.size - this.#written);
    this.#written += bytes.length;
    this.#write(bytes);
    this.#doneBytes += bytes.length;
    if (this.reporter.progress) this.#progress.show(this.#doneBytes, entry.path, false);
    this.#advance();
  }

  fail(error: unknown): never {
    throw error;
  }

  /** Writes entries up to one that waits for chunks. */
  #advance(): void {
    for (; this.#turn < this.#entries.length; this.#turn++) {
      const entry = this.#entries[this.#turn]!;
      if (!this.#begun) {
        this.#write(entry.head);
        this.#begun = true;
        this.#received = this.#written = 0;
      }
      if (this.#received < entry.chunks.length) return;
      if (this.#written < entry.size) {
        const what = `${
          printable(entry.path)
        } has ${this.#written} bytes where the archive says ${entry.size}`;
        throw new AppError("IntegrityError", [what]);
      }
      this.#write(PADDING.subarray(0, paddedSize(entry.size) - entry.size));
      this.#begun = false;
    }
  }

  #write(bytes: Uint8Array): void {
    if (bytes.length > 0) this.options.write(bytes);
    this.#streamBytes += bytes.length;
  }
}

const PADDING = new Uint8Array(TAR_BLOCK);

const stripped = (path: string, count: number): string =>
  count === 0 ? path : path.split("/").slice(count).join("/");

function isFirstName(item: Item): boolean {
  return item.hardlink_master !== false && item.source === undefined && (item.mode & TYPE) === REGULAR;
}

/** Towards 1970; the nearest second that a double gives, as with borg. */
const wholeSeconds = (ns: bigint): number => Math.trunc(Number(ns) / 1e9);
