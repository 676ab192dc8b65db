/**
 * The item stream of an archive on its way out: chunks are fetched, opened and cut into items again. Items come in
 * batches, one per chunk, so that reading a million of them does not cost a promise each; who needs but a few fields of
 * each takes the stream of views, which costs no object either.
 */
import type { ObjectCodec } from "../object/mod.ts";
import type { StoreReader } from "../store/mod.ts";
import { type ChunkId, MsgpackError, MsgpackReader, MsgpackTruncated } from "../bytes/mod.ts";
import { IntegrityError } from "../errors.ts";
import { decodeItem, type Item } from "./item.ts";
import type { ItemChunkCache, OpenedChunk } from "./item_chunk_cache.ts";
import { CUT_OFF, ItemView, VIEW_SLACK } from "./item_view.ts";

/** An item that spans more than this many bytes is a forgery or damage (chunk list of a file of 400 TB). */
const MAX_ITEM_BYTES = 1 << 30;

/** The bytes that are not read yet, and room behind them that an {@link ItemView} may look at. */
export class PieceBuffer {
  bytes: Uint8Array = new Uint8Array(VIEW_SLACK);
  /** Of the next byte to read, and of the end. */
  position = 0;
  limit = 0;

  /** `reuse`: the memory is used again by the next {@link push}, so views of it end there. */
  constructor(private readonly reuse: boolean) {}

  /** Appends a copy of `piece`. */
  push(piece: Uint8Array): void {
    const rest = this.limit - this.position;
    const needed = rest + piece.length + VIEW_SLACK;
    if (this.reuse && needed <= this.bytes.length) this.bytes.copyWithin(0, this.position, this.limit);
    else {
      const larger = new Uint8Array(this.reuse ? Math.max(needed, 2 * this.bytes.length) : needed);
      larger.set(this.bytes.subarray(this.position, this.limit));
      this.bytes = larger;
    }
    this.bytes.set(piece, rest);
    this.position = 0;
    this.limit = rest + piece.length;
  }

  get rest(): Uint8Array {
    return this.bytes.subarray(this.position, this.limit);
  }
}

/** Cuts a byte stream into items, whatever the pieces it arrives in. Throws IntegrityError where it is damaged. */
export class ItemStream {
  readonly #view = new ItemView();
  readonly #buffer: PieceBuffer;

  /** `reuse`: views, and what was taken out of them as bytes, are valid until the next {@link push} only. */
  constructor(options: { reuse: boolean }) {
    this.#buffer = new PieceBuffer(options.reuse);
  }

  push(piece: Uint8Array): void {
    this.#buffer.push(piece);
  }

  /**
   * The next item that is complete: the view, always the same one; or an object, where the item is of an unusual form.
   * null: more pieces are needed.
   */
  next(): ItemView | Item | null {
    const buffer = this.#buffer;
    const { position, limit } = buffer;
    if (position >= limit) return null;
    const end = this.#view.read(buffer.bytes, position, limit);
    if (end >= 0) {
      buffer.position = end;
      return this.#view;
    }
    try {
      return end === CUT_OFF ? this.#cutOff() : this.#decode();
    } catch (error) {
      if (!(error instanceof MsgpackError)) throw error;
      const what = `the item list of an archive is damaged: ${error.message}`;
      throw new IntegrityError("IntegrityError", [what], { cause: error });
    }
  }

  #decode(): Item | null {
    const reader = new MsgpackReader(this.#buffer.rest, true);
    let object;
    try {
      object = reader.read();
    } catch (error) {
      if (error instanceof MsgpackTruncated) return this.#cutOff();
      throw error;
    }
    if (!(object instanceof Map)) throw new MsgpackError("an item is not a map");
    this.#buffer.position += reader.position;
    return decodeItem(object);
  }

  #cutOff(): null {
    if (this.#buffer.limit - this.#buffer.position > MAX_ITEM_BYTES) throw new MsgpackTruncated();
    return null;
  }

  /** Nothing comes any more. Throws IntegrityError where an item is not complete. */
  end(): void {
    if (this.#buffer.position < this.#buffer.limit) {
      throw new IntegrityError("IntegrityError", ["the item list of an archive ends within an item"]);
    }
  }
}

export interface StreamItemsOptions {
  /** See {@link ItemStream}. */
  reuse: boolean;
  /** Is told the sizes of each chunk. */
  onChunk?: (id: ChunkId, size: number, csize: number) => void;
  /** Chunks that are opened already, of other archives; what is opened here goes in. */
  cache?: ItemChunkCache | undefined;
}

/**
 * The stream whose chunks are `ids`, after each chunk: what is complete by then is to be taken out of it before the next
 * step.
 */
export async function* streamItems(
  store: StoreReader,
  codec: ObjectCodec,
  ids: readonly ChunkId[],
  options: StreamItemsOptions,
): AsyncGenerator<ItemStream> {
  const stream = new ItemStream(options);
  for await (const { id, plain, csize } of openedChunks(store, codec, ids, options.cache)) {
    options.onChunk?.(id, plain.length, csize);
    stream.push(plain);
    yield stream;
  }
  stream.end();
}

/** The chunks in order. Each is valid until the next step. */
async function* openedChunks(
  store: StoreReader,
  codec: ObjectCodec,
  ids: readonly ChunkId[],
  cache?: ItemChunkCache,
): AsyncGenerator<OpenedChunk & { id: ChunkId }> {
  cache?.nextArchive();
  const known = ids.map((id) => cache?.get(id) ?? null);
  let index = 0;
  for await (const stored of store.getMany(ids.filter((_, i) => known[i] === null))) {
    for (; known[index]; index++) yield { id: ids[index]!, ...known[index]! };
    const id = ids[index++]!;
    const csize = stored.length;
    const plain = await codec.openView(id, stored);
    cache?.add(id, plain, csize);
    yield { id, plain, csize };
  }
  for (; known[index]; index++) yield { id: ids[index]!, ...known[index]! };
}

/** The items of the stream whose chunks are `ids`, in order, in batches. They may be kept. */
export async function* readItems(
  store: StoreReader,
  codec: ObjectCodec,
  ids: readonly ChunkId[],
): AsyncGenerator<Item[]> {
  for await (const stream of streamItems(store, codec, ids, { reuse: false })) {
    const items: Item[] = [];
    for (let next = stream.next(); next !== null; next = stream.next()) {
      items.push(next instanceof ItemView ? next.item() : next);
    }
    yield items;
  }
}
