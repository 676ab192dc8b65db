/**
 * The item stream of an archive on its way out: chunks are fetched, opened and cut into items again. Items come in
 * batches, one per chunk, so that reading a million of them does not cost a promise each.
 */
import type { ObjectCodec } from "../object/mod.ts";
import type { StoreReader } from "../store/mod.ts";
import {
  type ChunkId,
  concatBytes,
  MsgpackError,
  MsgpackReader,
  MsgpackTruncated,
  type Unpacked,
} from "../bytes/mod.ts";
import { IntegrityError } from "../errors.ts";
import { decodeItem, type Item } from "./item.ts";

/** An item that spans more than this many bytes is a forgery or damage (chunk list of a file of 400 TB). */
const MAX_ITEM_BYTES = 1 << 30;

/** Cuts a byte stream into msgpack objects, whatever the pieces it arrives in. */
export class ObjectStream {
  #rest: Uint8Array = new Uint8Array(0);

  /** The objects that are complete after `piece`. Throws MsgpackError where it is none. */
  push(piece: Uint8Array): Unpacked[] {
    // One copy for all: the objects are views of it.
    const buffer = concatBytes(this.#rest, piece);
    const reader = new MsgpackReader(buffer, true);
    const objects: Unpacked[] = [];
    try {
      while (!reader.atEnd) objects.push(reader.read());
    } catch (error) {
      if (!(error instanceof MsgpackTruncated) || buffer.length - reader.position > MAX_ITEM_BYTES) {
        throw error;
      }
    }
    this.#rest = buffer.slice(reader.position);
    return objects;
  }

  /** Bytes of an object that is not complete yet. */
  get pending(): number {
    return this.#rest.length;
  }
}

/** The items of the stream whose chunks are `ids`, in order, in batches. */
export async function* readItems(
  store: StoreReader,
  codec: ObjectCodec,
  ids: readonly ChunkId[],
): AsyncGenerator<Item[]> {
  const stream = new ObjectStream();
  let index = 0;
  for await (const stored of store.getMany(ids)) {
    const plain = await codec.openView(ids[index++]!, stored);
    yield decodeBatch(stream, plain);
  }
  if (stream.pending > 0) {
    throw new IntegrityError("IntegrityError", ["the item list of an archive ends within an item"]);
  }
}

function decodeBatch(stream: ObjectStream, plain: Uint8Array): Item[] {
  try {
    return stream.push(plain).map((object) => {
      if (!(object instanceof Map)) throw new MsgpackError("an item is not a map");
      return decodeItem(object);
    });
  } catch (error) {
    if (!(error instanceof MsgpackError)) throw error;
    throw new IntegrityError("IntegrityError", [`the item list of an archive is damaged: ${error.message}`], {
      cause: error,
    });
  }
}
