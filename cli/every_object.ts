/** All objects of a repository: in the order of its log where the store has one, else in that of its index. */
import { asChunkId, type ChunkId, ID_LENGTH } from "../core/bytes/mod.ts";
import type { StoredObject, StoreReader } from "../core/store/mod.ts";

const PAGE_IDS = 10_000;

export async function* everyObject(store: StoreReader): AsyncGenerator<StoredObject> {
  if (store.scan) return yield* store.scan();
  let marker: ChunkId | undefined;
  for (let page; (page = await store.list(PAGE_IDS, marker)).length > 0;) {
    for (let at = 0; at < page.length; at += ID_LENGTH) {
      marker = asChunkId(page.slice(at, at + ID_LENGTH));
      yield { id: marker, data: await store.get(marker) };
    }
  }
}
