/**
 * Contents of files on their way from an old archive into a new one. In: items, then their stored chunks, which are opened
 * on all cores (`OpenPool`). Between: cut anew, or as they were. Out: chunks on their way through a sink, which hashes and
 * seals them on all cores, and the items that they complete, in the order of the archive.
 */
import type { PushChunker } from "../chunk/mod.ts";
import { type ObjectCodec, OpenPool, type PlainReceiver, type WorkerSpawner } from "../object/mod.ts";
import type { StoreReader } from "../store/mod.ts";
import type { ChunkId } from "../bytes/mod.ts";
import { AppError } from "../errors.ts";
import type { ArchiveWriter } from "./archive_writer.ts";
import type { ChunkEntry, Item } from "./item.ts";
import { FileContents, WaitingItems } from "./waiting_items.ts";

/** Where chunks go: the sink of new ones, or the repacker, which also stores again what is there. */
export interface ContentsSink {
  send(chunk: Uint8Array, receiver: FileContents): void | Promise<void>;
  drain(): void | Promise<void>;
  /** Stored size of a chunk that need not be sent again as it is; -1 where it must be. */
  done?(id: ChunkId): number;
}

export interface ContentsOptions {
  /** Cuts files anew; what it cuts is taken from `cut`. null: chunks stay as they are. */
  chunker: { push: PushChunker; cut: () => Uint8Array[] } | null;
  spawner?: WorkerSpawner | undefined;
  breathe(): void | Promise<void>;
  /** Called after each chunk. */
  onChunk(item: Item): void | Promise<void>;
  /** Whether it is time for a checkpoint; asked after each chunk. */
  checkpointDue(): boolean;
  /** Makes it: all that comes before is in the archive's item stream. */
  checkpoint(): Promise<void>;
}

/** So many items wait at most for chunks of a file before them. */
const MAX_WAITING = 1024;

interface File {
  readonly item: Item;
  readonly contents: FileContents;
  /** Of the old archive. */
  readonly chunks: readonly ChunkEntry[];
}

export class ContentsMove implements PlainReceiver {
  readonly #pool: OpenPool;
  readonly #waiting: WaitingItems;
  /** Files whose chunks have not all been opened. The first is the one whose turn it is. */
  #files: File[] = [];
  #turn = 0;
  /** Chunks of it that have come, and what of its new ones lies in parts that checkpoints have made. */
  #received = 0;
  #inParts = 0;
  #part = 0;

  constructor(
    private readonly from: { store: StoreReader; codec: ObjectCodec },
    private readonly writer: ArchiveWriter,
    private readonly sink: ContentsSink,
    private readonly options: ContentsOptions,
  ) {
    this.#pool = new OpenPool(from.codec, { spawner: options.spawner, breathe: options.breathe });
    this.#waiting = new WaitingItems((item) => writer.addItem(item));
  }

  /** Adds items, which may be changed, and sends their contents on the way. */
  async add(items: readonly Item[]): Promise<void> {
    this.#files = this.#files.slice(this.#turn);
    this.#turn = 0;
    const wanted: ChunkId[] = [];
    const sizes: number[] = [];
    for (const item of items) {
      const contents = item.chunks === undefined ? null : this.#plan(item, item.chunks);
      if (contents?.more) {
        for (const { id, size } of item.chunks!) {
          wanted.push(id);
          sizes.push(size);
        }
      }
      const wait = this.#waiting.add(item, contents);
      if (wait) await wait;
    }
    let next = 0;
    for await (const stored of this.from.store.getMany(wanted)) {
      const wait = this.#pool.push(wanted[next]!, stored, sizes[next]!, this);
      next++;
      if (wait) await wait;
    }
    if (this.#waiting.count >= MAX_WAITING) await this.settle();
  }

  #plan(item: Item, chunks: readonly ChunkEntry[]): FileContents {
    const { writer, sink, options } = this;
    const contents = new FileContents(writer.stats, 0);
    // Where chunks are cut anew, those that check replaced cannot come back.
    if (options.chunker !== null) delete item.chunks_healthy;
    else if (sink.done !== undefined && chunks.every(({ id }) => sink.done!(id) >= 0)) {
      contents.pushed = chunks.length;
      for (const { id, size } of chunks) {
        contents.size += size;
        contents.receive({ id, size, csize: sink.done(id), isNew: false });
      }
      return contents;
    }
    if (chunks.length === 0) return contents;
    contents.more = true;
    this.#files.push({ item, contents, chunks });
    return contents;
  }

  /** The next chunk of the file whose turn it is. */
  receive(plain: Uint8Array): void | Promise<void> {
    const file = this.#files[this.#turn]!;
    const { size } = file.chunks[this.#received]!;
    if (plain.length !== size) {
      throw new AppError("IntegrityError", [
        `a chunk has ${plain.length} bytes where the archive says ${size}`,
      ]);
    }
    const wait = this.options.chunker === null ? this.#send(file, plain) : this.#cut(file, plain);
    return wait ? wait.then(() => this.#came(file)) : this.#came(file);
  }

  fail(error: unknown): never {
    throw error;
  }

  #send({ contents }: File, chunk: Uint8Array): void | Promise<void> {
    contents.pushed++;
    contents.size += chunk.length;
    return this.sink.send(chunk, contents);
  }

  async #cut(file: File, plain: Uint8Array): Promise<void> {
    const { push, cut } = this.options.chunker!;
    push.push(plain);
    if (this.#received === file.chunks.length - 1) push.flush();
    for (const chunk of cut()) await this.#send(file, chunk);
  }

  #came(file: File): void | Promise<void> {
    const { options } = this;
    this.#received++;
    const wait = options.onChunk(file.item);
    if (wait) return wait.then(() => options.checkpointDue() ? this.#checkpoint(file) : this.#end(file));
    return options.checkpointDue() ? this.#checkpoint(file) : this.#end(file);
  }

  /** Goes on to the next file where this one is complete. */
  #end(file: File): void | Promise<void> {
    if (this.#received < file.chunks.length) return;
    if (this.#part > 0) return this.#endParts(file).then(() => this.#next(file));
    this.#next(file);
  }

  #next({ contents }: File): void {
    contents.more = false;
    this.#turn++;
    this.#received = this.#inParts = this.#part = 0;
  }

  /** What is stored of a file so far goes into the checkpoint as a part of it. */
  async #checkpoint(file: File): Promise<void> {
    await this.sink.drain();
    if (this.#received < file.chunks.length) {
      await this.#waiting.flush();
      await this.#addPart(file);
    } else {
      await this.#end(file);
      await this.#waiting.flush();
    }
    await this.options.checkpoint();
  }

  async #addPart({ item, contents }: File): Promise<void> {
    const chunks = contents.chunks.slice(this.#inParts);
    if (chunks.length === 0) return;
    this.#inParts = contents.chunks.length;
    const part = ++this.#part;
    const size = chunks.reduce((sum, chunk) => sum + chunk.size, 0);
    await this.writer.addItem({ ...item, path: `${item.path}.borg_part_${part}`, part, chunks, size });
  }

  /** The rest of a file that was stored in parts is a part, too, so that all of them together are the file. */
  async #endParts(file: File): Promise<void> {
    await this.sink.drain();
    await this.#waiting.flush();
    await this.#addPart(file);
    const { stats } = this.writer;
    for (const { size, csize } of file.contents.chunks) {
      stats.originalSizeParts += size;
      stats.compressedSizeParts += csize;
    }
    stats.filesParts += this.#part;
  }

  /** Everything up to here is in the archive's item stream. */
  async settle(): Promise<void> {
    await this.#pool.drain();
    await this.sink.drain();
    await this.#waiting.flush();
  }

  /** Ends the worker threads. */
  dispose(): void {
    this.#pool.dispose();
  }
}
