/**
 * Items on their way out, one after the other: whatever order chunks are opened in, what is on disk is made in the order of
 * the archive, and each item is finished before the next is begun. In: jobs, then the plain chunks of all of them in order.
 * Out: calls of a {@link Target}, or contents for standard output.
 */
import type { PlainReceiver } from "../object/mod.ts";
import { printable } from "../bytes/mod.ts";
import { AppError } from "../errors.ts";
import type { Reporter } from "../report.ts";
import type { Archive } from "./archive.ts";
import type { ContentSink, ExtractOptions, Target } from "./extract.ts";
import type { ChunkEntry, Item } from "./item.ts";
import { ReadProgress } from "./progress.ts";

/** The first of the names of a file, as it is archived. */
export interface FirstName {
  readonly item: Item;
  /** Whether a job is to bring its contents, under whichever of its names. */
  planned: boolean;
  /** Under which name they came; null where they did not. */
  extractedAs: string | null;
}

export interface Job {
  /** What is to be made; its path is what is left of the archive's. */
  item: Item;
  /** The path in the archive. */
  readonly original: string;
  /** For a file that may have further names. */
  first: FirstName | null;
  /** What is fetched for it: all chunks of the item, or none. */
  chunks: readonly ChunkEntry[];
}

const TYPE = 0o170000;
const REGULAR = 0o100000;
const DIRECTORY = 0o040000;
const SYMLINK = 0o120000;

export class ExtractJobs implements PlainReceiver {
  #jobs: Job[] = [];
  /** Of the job whose turn it is; what follows is about that. */
  #turn = 0;
  #begun = false;
  /** Nothing more is to be done: it is complete, or went wrong. Chunks that still come are not needed. */
  #settled = false;
  #sink: ContentSink | null = null;
  /** Chunks and bytes that have come. */
  #received = 0;
  #written = 0;
  #doneBytes = 0;
  readonly #progress: ReadProgress;

  constructor(
    private readonly archive: Archive,
    private readonly target: Target | null,
    private readonly reporter: Reporter,
    private readonly options: ExtractOptions,
  ) {
    this.#progress = new ReadProgress(reporter, "Extracting", options.totalBytes ?? 0);
  }

  /** Puts `jobs` behind those that are there, and does what can be done without their chunks. */
  add(jobs: readonly Job[]): void | Promise<void> {
    if (this.#turn === this.#jobs.length) this.#jobs = [];
    else this.#jobs = this.#jobs.slice(this.#turn);
    this.#turn = 0;
    for (const job of jobs) this.#jobs.push(job);
    return this.#run();
  }

  /** Whether the job whose turn it is needs no more chunks. */
  get settled(): boolean {
    return this.#settled;
  }

  /** No more chunks of the job whose turn it is will come. */
  skipRest(): void | Promise<void> {
    this.#received = this.#jobs[this.#turn]!.chunks.length;
    return this.#run();
  }

  /** The next chunk of the first job that has not got all. */
  receive(plain: Uint8Array): void | Promise<void> {
    const job = this.#jobs[this.#turn]!;
    const { size } = job.chunks[this.#received++]!;
    if (this.#settled) return this.#goOn(job);
    if (plain.length !== size) throw wrongSize(plain.length, size);
    try {
      const wait = this.#sink?.write(plain);
      if (wait) {
        const { length } = plain;
        return wait.then(() => this.#wrote(job, length), (error) => {
          this.#giveUp(job, error);
          return this.#goOn(job);
        });
      }
    } catch (error) {
      this.#giveUp(job, error);
      return this.#goOn(job);
    }
    return this.#wrote(job, plain.length);
  }

  fail(error: unknown): void | Promise<void> {
    if (!this.#settled) throw error;
    this.#received++;
    return this.#goOn(this.#jobs[this.#turn]!);
  }

  /** Lets go of the file that the end of the work found open. */
  close(): void {
    const sink = this.#sink;
    this.#sink = null;
    sink?.close();
  }

  /** Ends the progress display. */
  finish(): void {
    this.#progress.show(this.#doneBytes, "", true);
  }

  #goOn(job: Job): void | Promise<void> {
    if (this.#received === job.chunks.length) return this.#run();
  }

  #wrote(job: Job, length: number): void | Promise<void> {
    this.#count(job.item, length);
    return this.#goOn(job);
  }

  #count(item: Item, length: number): void {
    this.#written += length;
    this.#doneBytes += length;
    if (this.reporter.progress) this.#progress.show(this.#doneBytes, item.path, false);
  }

  /** Works on jobs until one waits for chunks. */
  #run(): void | Promise<void> {
    while (this.#turn < this.#jobs.length) {
      const job = this.#jobs[this.#turn]!;
      if (!this.#begun) {
        const wait = this.#begin(job);
        if (wait) return wait.then(() => this.#run());
      }
      if (this.#received < job.chunks.length) return;
      if (!this.#settled) this.#end(job);
      this.#turn++;
      this.#begun = false;
    }
  }

  #begin(job: Job): void | Promise<void> {
    this.#begun = true;
    this.#settled = false;
    this.#received = 0;
    this.#written = 0;
    this.options.list?.(job.item.path);
    try {
      return this.#make(job)?.catch((error) => this.#giveUp(job, error));
    } catch (error) {
      this.#giveUp(job, error);
    }
  }

  #make(job: Job): void | Promise<void> {
    const { item, first } = job;
    const { target } = this;
    const type = item.mode & TYPE;
    if (type === DIRECTORY || type === SYMLINK) {
      this.#settled = true;
      return type === DIRECTORY ? target?.directory(item) : target?.symlink(item);
    }
    if (item.source !== undefined && first !== null) {
      // Its contents were written or verified already, under the first name.
      if (first.extractedAs !== null && (target === null || target.hardLink(item, first.extractedAs))) {
        this.#settled = true;
        return;
      }
      job.item = { ...first.item, path: item.path };
    }
    if ((job.item.mode & TYPE) !== REGULAR) {
      target?.special(job.item);
      return this.#settle(job);
    }
    if (target?.isComplete(job.item)) return this.#settle(job);
    this.#sink = this.options.stdout && !this.options.dryRun
      ? { write: this.options.stdout, close() {} }
      : target?.openFile(job.item) ?? null;
    if (job.chunks.length === 0 && (job.item.chunks?.length ?? 0) > 0) return this.#fetchHere(job);
  }

  #settle(job: Job): void {
    this.#settled = true;
    if (job.first !== null) job.first.extractedAs = job.item.path;
  }

  /** For contents that nobody expected to be needed: of a further name where the first did not come into being. */
  async #fetchHere(job: Job): Promise<void> {
    const { store, codec } = this.archive;
    for (const { id, size } of job.item.chunks!) {
      // Not in the memory that views are made in: others are using it now.
      const plain = await codec.open(id, await store.get(id));
      if (plain.length !== size) throw wrongSize(plain.length, size);
      const wait = this.#sink?.write(plain);
      if (wait) await wait;
      this.#count(job.item, size);
    }
  }

  #end(job: Job): void {
    const { item } = job;
    try {
      this.close();
      if (item.size !== undefined && item.size !== this.#written) {
        this.#warn(item, `size in the archive is ${item.size}, its chunks have ${this.#written} bytes`);
      }
      if (item.chunks_healthy !== undefined) {
        this.#warn(item, "file has damaged (all-zero) chunks, it was repaired");
      }
      this.target?.restoreMeta(item);
      this.#settle(job);
    } catch (error) {
      this.#giveUp(job, error);
    }
  }

  #warn(item: Item, message: string): void {
    this.reporter.warn("BackupError", printable(item.path), message);
  }

  /** What is about the one item becomes a warning, and the others follow; anything else ends the work. */
  #giveUp(job: Job, cause: unknown): void {
    this.#settled = true;
    let error = cause;
    try {
      this.close();
    } catch (closing) {
      error = closing;
    }
    const warning = this.target?.warningOf(error);
    if (!warning) throw error;
    this.reporter.warn(warning.code, printable(job.original), warning.message);
  }
}

function wrongSize(length: number, size: number): AppError {
  return new AppError("IntegrityError", [`a chunk has ${length} bytes where the archive says ${size}`]);
}
