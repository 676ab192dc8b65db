/** All objects of a store, whether it has an order of its own or must be asked for one by one. */
import { asChunkId, type ChunkId, ID_LENGTH } from "../core/bytes/mod.ts";
import type { StoredObject, StoreReader } from "../core/store/mod.ts";

/** Ids fetched per listing call. */
const LIST_LIMIT = 10_000;

/** See {@link StoreReader.scan}; where there is none, a damaged object ends it with its error. */
export async function* everyObject(store: StoreReader): AsyncGenerator<StoredObject> {
  if (store.scan) return yield* store.scan();
  let marker: ChunkId | undefined;
  for (;;) {
    const packed = await store.list(LIST_LIMIT, marker);
    if (packed.length === 0) return;
    const ids: ChunkId[] = [];
    for (let at = 0; at < packed.length; at += ID_LENGTH) {
      ids.push(asChunkId(packed.subarray(at, at + ID_LENGTH)));
    }
    marker = ids.at(-1)!;
    let index = 0;
    for await (const data of store.getMany(ids)) yield { id: ids[index++]!, data };
  }
}
