/**
 * From the items of an archive to files: this half chooses items and fetches their chunks, which are opened on all cores; the
 * other (`extract_jobs.ts`) makes of them what they were. What goes wrong with one item is a warning and the rest goes on;
 * the repository's trouble ends the work. Paths are the restorer's business: it never leaves the destination.
 */
import { type ObjectCodec, OpenPool, type WorkerSpawner } from "../object/mod.ts";
import type { StoreReader } from "../store/mod.ts";
import type { ChunkId } from "../bytes/mod.ts";
import { AppError, type WarningCode } from "../errors.ts";
import type { Reporter } from "../report.ts";
import type { Archive } from "./archive.ts";
import { ExtractJobs, type FirstName, type Job } from "./extract_jobs.ts";
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
  /** Threads that open chunks; without it this thread does it alone. */
  spawner?: WorkerSpawner | undefined;
}

const TYPE = 0o170000;
const REGULAR = 0o100000;
const DIRECTORY = 0o040000;
const SYMLINK = 0o120000;

const NO_CHUNKS: readonly ChunkEntry[] = [];

export class Extraction {
  /**
   * For files with several names: contents by the archive path of the first name, kept while extracting a part of an
   * archive, because the first name may not be among what is extracted.
   */
  readonly #firstNames = new Map<string, FirstName>();
  readonly #target: Target | null;
  readonly #jobs: ExtractJobs;

  constructor(
    private readonly archive: Archive,
    target: Target | null,
    reporter: Reporter,
    private readonly options: ExtractOptions,
  ) {
    this.#target = options.dryRun || options.stdout ? null : target;
    this.#jobs = new ExtractJobs(archive, this.#target, reporter, options);
  }

  async run(): Promise<void> {
    const pool = new OpenPool(this.archive.codec, { spawner: this.options.spawner });
    try {
      for await (const jobs of this.#batches()) {
        const wait = this.#jobs.add(jobs);
        if (wait) await wait;
        await this.#fetch(pool, jobs);
      }
      await pool.drain();
    } finally {
      pool.dispose();
      this.#jobs.close();
    }
    this.#target?.finish();
    this.#jobs.finish();
  }

  /** Jobs in batches. A store that is far away hears of the next batch before the one at hand is worked on. */
  async *#batches(): AsyncGenerator<Job[]> {
    const { store } = this.archive;
    let announced: Job[] | null = null;
    for await (const batch of this.archive.items(this.options.parts ? { parts: true } : {})) {
      const jobs: Job[] = [];
      for (const item of batch) {
        const job = this.#plan(item);
        if (job !== null) jobs.push(job);
      }
      if (!store.preload) {
        yield jobs;
        continue;
      }
      store.preload(chunkIds(jobs, 0));
      if (announced) yield announced;
      announced = jobs;
    }
    if (announced) yield announced;
  }

  /** What is to be done for `item`; null for nothing. */
  #plan(item: Item): Job | null {
    const { select, stripComponents = 0 } = this.options;
    const original = item.path;
    const type = item.mode & TYPE;
    if (item.hardlink_master === true || (item.hardlink_master === undefined && item.source === undefined)) {
      if (type !== DIRECTORY) {
        this.#firstNames.set(original, { item, planned: false, extractedAs: null });
      }
    }
    if (select !== undefined && !select(item)) return null;
    if (stripComponents > 0) {
      const path = original.split("/").slice(stripComponents).join("/");
      if (path === "") return null;
      item = { ...item, path };
    }
    const job: Job = { item, original, first: null, chunks: NO_CHUNKS };
    if (type === DIRECTORY || type === SYMLINK) return job;
    const first = this.#firstNames.get(item.source ?? original);
    if (first !== undefined) {
      job.first = first;
      const isFurther = item.source !== undefined;
      // Its contents are under way already, under another name.
      if (isFurther && first.planned) return job;
      // The first name is not among what is extracted: this one takes its place and its contents.
      if (isFurther) job.item = { ...first.item, path: item.path };
      first.planned = true;
    }
    if ((job.item.mode & TYPE) === REGULAR && !this.#seemsComplete(job.item)) {
      job.chunks = job.item.chunks ?? NO_CHUNKS;
    }
    return job;
  }

  /** Only what need not be fetched: the question is put again when it is the item's turn. */
  #seemsComplete(item: Item): boolean {
    try {
      return this.#target?.isComplete(item) === true;
    } catch (error) {
      if (!this.#target?.warningOf(error)) throw error;
      return false;
    }
  }

  /** Fetches the chunks of `jobs` and gives them to `pool`, which gives them to the jobs. */
  async #fetch(pool: OpenPool, jobs: readonly Job[]): Promise<void> {
    const { store } = this.archive;
    for (let from = 0; from < jobs.length;) {
      const source = store.getMany(chunkIds(jobs, from))[Symbol.asyncIterator]();
      let chunk = 0;
      for (;;) {
        while (from < jobs.length && chunk === jobs[from]!.chunks.length) {
          from++;
          chunk = 0;
        }
        if (from === jobs.length) break;
        let stored: Uint8Array;
        try {
          const next = await source.next();
          if (next.done) throw new Error("Cannot extract: the store gave too few objects");
          stored = next.value;
        } catch (error) {
          await pool.drain();
          // What was to become of it went wrong before: nobody needs it any more.
          if (!this.#jobs.settled) throw error;
          const wait = this.#jobs.skipRest();
          if (wait) await wait;
          from++;
          break;
        }
        const { id, size } = jobs[from]!.chunks[chunk++]!;
        const wait = pool.push(id, stored, size, this.#jobs);
        if (wait) await wait;
      }
    }
  }
}

function* chunkIds(jobs: readonly Job[], from: number): Generator<ChunkId> {
  for (let i = from; i < jobs.length; i++) {
    for (const { id } of jobs[i]!.chunks) yield id;
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
