/**
 * Items on their way into the archive, in the order of the walk. A file is complete when its chunks are in the repository,
 * which takes a while where several threads work on them; what comes after it waits for it.
 */
import type { ChunkReceiver, SealedChunk } from "../object/mod.ts";
import type { Item } from "./item.ts";
import type { Stats } from "./stats.ts";

/** What became of a file's contents. */
export class FileContents implements ChunkReceiver {
  /** In the order of the file. */
  readonly chunks: SealedChunk[] = [];
  /** Those that are in the repository on this file's account, since {@link keep}. */
  fresh: SealedChunk[] = [];
  /** How many chunks were sent on their way, and whether there will be more. */
  pushed = 0;
  more = false;
  /** Called when they have all arrived. */
  onComplete: ((chunks: readonly SealedChunk[]) => void) | null = null;

  constructor(private readonly stats: Stats, public size: number) {}

  receive(chunk: SealedChunk): void {
    this.stats.addChunk(chunk.size, chunk.csize, chunk.isNew);
    this.chunks.push(chunk);
    if (chunk.isNew) this.fresh.push(chunk);
  }

  /** What came so far is referred to, and will stay. */
  keep(): void {
    this.fresh = [];
  }

  get complete(): boolean {
    return !this.more && this.chunks.length === this.pushed;
  }
}

/** Moving what still waits to the front costs little once for so many. */
const FORGET_FROM = 256;

interface Waiting {
  item: Item;
  contents: FileContents | null;
}

export class WaitingItems {
  #items: Waiting[] = [];
  /** Those before it are gone. */
  #head = 0;

  /** `write` puts an item into the archive's stream; a promise of it is awaited before the next. */
  constructor(private readonly write: (item: Item) => void | Promise<void>) {}

  get count(): number {
    return this.#items.length - this.#head;
  }

  /** Adds an item with the contents that complete it, and writes what is complete. Await before the next call. */
  add(item: Item, contents: FileContents | null): void | Promise<void> {
    if (this.count === 0 && (contents === null || contents.complete)) return this.#write({ item, contents });
    this.#items.push({ item, contents });
    return this.flush();
  }

  /** Writes what is complete, up to the first that is not. */
  flush(): void | Promise<void> {
    while (this.#head < this.#items.length) {
      const waiting = this.#items[this.#head]!;
      if (waiting.contents !== null && !waiting.contents.complete) return this.#forget();
      this.#head++;
      const wait = this.#write(waiting);
      if (wait) return wait.then(() => this.flush());
    }
    this.#items.length = 0;
    this.#head = 0;
  }

  /** Lets go of what was written, now and then: there may always be something that waits. */
  #forget(): void {
    if (this.#head < FORGET_FROM) return;
    this.#items.splice(0, this.#head);
    this.#head = 0;
  }

  #write({ item, contents }: Waiting): void | Promise<void> {
    if (contents !== null) {
      item.chunks = contents.chunks;
      item.size = contents.size;
      contents.onComplete?.(contents.chunks);
    }
    return this.write(item);
  }
}
