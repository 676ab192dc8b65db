/**
 * The item stream of an archive on its way in: items are packed one after the other, the bytes are chunked with the
 * finer parameters of metadata, and the chunks are stored like any other, so that unchanged stretches of the file list
 * deduplicate (borg docs, internals/data-structures.rst, "Items").
 */
import { ITEMS_CHUNKER_PARAMS, StreamChunker } from "../chunk/mod.ts";
import type { ChunkId } from "../bytes/mod.ts";
import type { Item } from "./item.ts";
import { ItemEncoder } from "./item_encoder.ts";

/** Packed items are handed to the chunker in pieces of about this many bytes. */
const BATCH_BYTES = 64 * 1024;

export class ItemsWriter {
  /** Ids of the chunks so far, in order; complete after {@link flush}. */
  readonly ids: ChunkId[] = [];
  readonly #encoder = new ItemEncoder();
  readonly #chunker: StreamChunker;
  #ready: Uint8Array[] = [];

  /** `store` stores one chunk and answers its id; it may keep the buffer. */
  constructor(seed: number, private readonly store: (chunk: Uint8Array) => Promise<ChunkId>) {
    this.#chunker = new StreamChunker(ITEMS_CHUNKER_PARAMS, seed, (chunk) => this.#ready.push(chunk.slice()));
  }

  /** Appends an item; a returned promise must be awaited before the next call. */
  add(item: Item): void | Promise<void> {
    this.#encoder.add(item);
    if (this.#encoder.length < BATCH_BYTES) return;
    this.#chunker.push(this.#encoder.view());
    this.#encoder.reset();
    if (this.#ready.length > 0) return this.#storeReady();
  }

  /** Ends the last chunk. Later items start a new one (so a checkpoint costs a little deduplication). */
  async flush(): Promise<void> {
    this.#chunker.push(this.#encoder.view());
    this.#encoder.reset();
    this.#chunker.flush();
    await this.#storeReady();
  }

  async #storeReady(): Promise<void> {
    const chunks = this.#ready;
    this.#ready = [];
    for (const chunk of chunks) this.ids.push(await this.store(chunk));
  }

  dispose(): void {
    this.#chunker.dispose();
  }
}
