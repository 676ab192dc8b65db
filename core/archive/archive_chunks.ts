/**
 * Which chunks an archive holds, with counts and sizes. Read from the archive once, then kept per archive in the cache
 * directory: an archive never changes, so the list is valid as long as the archive's id exists. Everything that needs
 * reference counts (delete, prune, statistics) adds these lists up (`all_chunks.ts`).
 */
import type { ChunksIndex, ChunksIndexCache, FileTotals } from "../local/mod.ts";
import type { ObjectCodec } from "../object/mod.ts";
import type { StoreReader } from "../store/mod.ts";
import { asChunkId, type ChunkId, decodeHex, hexOfId, ID_LENGTH } from "../bytes/mod.ts";
import { AppError } from "../errors.ts";
import type { Archive } from "./archive.ts";
import { Archive as ArchiveClass } from "./archive.ts";
import type { ArchiveInfo, Manifest } from "./manifest.ts";
import type { ItemChunkCache } from "./item_chunk_cache.ts";
import { FIELD, ItemView } from "./item_view.ts";
import { streamItems } from "./items_reader.ts";

export interface ChunkListContext {
  store: StoreReader;
  codec: ObjectCodec;
  manifest: Manifest;
  /** Stored lists, by the archive's id; null: keep none. */
  cache: ChunksIndexCache;
  /** What the archives whose lists were asked for say of their files' sizes, by the hexadecimal id; null: nothing. */
  fileTotals: Map<string, FileTotals | null>;
  /** Chunks of item streams that other archives have in common with those that are read. */
  itemChunks?: ItemChunkCache;
  /** Makes an empty index. */
  newIndex(): ChunksIndex;
  /** Called now and then; may let the event loop turn, so that signals arrive. */
  breathe(): void | Promise<void>;
}

/**
 * Chunk list of one archive: its file contents, its item stream and its own object. With `untrusted` also that of an
 * archive whose TAM is wrong: what nobody may read still claims its chunks until it is deleted. Such a list is not kept, so
 * that each other use of the archive is refused as it should be. `opened`: the archive, where that was done already.
 */
export async function archiveChunks(
  context: ChunkListContext,
  info: ArchiveInfo,
  options: { untrusted?: boolean; opened?: Archive | undefined } = {},
): Promise<ChunksIndex> {
  const cached = context.cache.load(info.id);
  if (cached) {
    context.fileTotals.set(hexOfId(info.id), cached.files);
    return cached.chunks;
  }
  const { store, codec } = context;
  let kept = true;
  // By its id: another one may bear its name by now.
  const archive = options.opened ?? await ArchiveClass.load(store, codec, info).catch((error) => {
    const invalid = error instanceof AppError && error.code === "ArchiveTAMInvalid";
    if (!invalid || !options.untrusted) throw error;
    kept = false;
    return ArchiveClass.load(store, codec, info, { ignoreInvalidTam: true });
  });
  const chunks = await readChunks(context, archive);
  // From now on it is only added to others, and kept.
  chunks.trim();
  const { stats } = archive.meta;
  const files = stats ? { size: stats.size, csize: stats.csize } : null;
  context.fileTotals.set(hexOfId(info.id), files);
  if (kept) context.cache.save(info.id, { chunks, files });
  return chunks;
}

/** How many archives are opened before the first is read, where each would cost a round trip. */
const OPENED_AHEAD = 128;

/** What {@link archiveChunks} answers for one of many archives, or throws. */
export type ArchiveList = { info: ArchiveInfo; chunks: ChunksIndex } | { info: ArchiveInfo; error: unknown };

/** The chunk lists of many archives, in order; what is far away is asked for ahead. The caller disposes of them. */
export async function* manyArchiveChunks(
  context: ChunkListContext,
  infos: readonly ArchiveInfo[],
  options: { untrusted?: boolean } = {},
): AsyncGenerator<ArchiveList> {
  const step = context.store.preload ? OPENED_AHEAD : 1;
  for (let from = 0; from < infos.length; from += step) {
    const batch = infos.slice(from, from + step);
    const opened = context.store.preload ? await openAhead(context, batch) : null;
    for (const info of batch) {
      const wait = context.breathe();
      if (wait) await wait;
      let list: ArchiveList;
      try {
        const chunks = await archiveChunks(context, info, { ...options, opened: opened?.get(info) });
        list = { info, chunks };
      } catch (error) {
        list = { info, error };
      }
      yield list;
    }
  }
}

/** Opens the archives whose lists have to be read, and asks for their items. Those that fail are left out. */
async function openAhead(
  context: ChunkListContext,
  infos: readonly ArchiveInfo[],
): Promise<Map<ArchiveInfo, Archive>> {
  const { store, codec, cache } = context;
  const wanted = infos.filter(({ id }) => !cache.has(id));
  store.preload!(wanted.map(({ id }) => id));
  const opened = new Map<ArchiveInfo, Archive>();
  // What the archives share comes once: what was asked for ahead must be taken.
  const asked = new Set<string>();
  const isNew = (id: ChunkId): boolean => {
    if (context.itemChunks === undefined) return true;
    if (context.itemChunks.has(id) || asked.has(hexOfId(id))) return false;
    asked.add(hexOfId(id));
    return true;
  };
  for (const info of wanted) {
    try {
      const archive = await ArchiveClass.load(store, codec, info);
      opened.set(info, archive);
      store.preload!(archive.meta.items.filter(isNew));
    } catch (error) {
      // Whoever reads it meets the error again.
      if (!(error instanceof AppError)) throw error;
    }
  }
  return opened;
}

async function readChunks(context: ChunkListContext, archive: Archive): Promise<ChunksIndex> {
  const index = context.newIndex();
  index.add(archive.id, archive.metaSize.size, archive.metaSize.csize);
  const stream = streamItems(context.store, context.codec, archive.meta.items, {
    reuse: true,
    onChunk: (id, size, csize) => index.add(id, size, csize),
    cache: context.itemChunks,
  });
  for await (const items of stream) {
    const wait = context.breathe();
    if (wait) await wait;
    for (let item = items.next(); item !== null; item = items.next()) {
      // Where check replaced chunks, the true ones are still claimed: they may come back and heal the file.
      if (item instanceof ItemView) {
        addChunks(index, item, FIELD.chunks);
        addChunks(index, item, FIELD.chunks_healthy);
        continue;
      }
      for (const chunk of item.chunks ?? []) index.add(chunk.id, chunk.size, chunk.csize);
      for (const chunk of item.chunks_healthy ?? []) index.add(chunk.id, chunk.size, chunk.csize);
    }
  }
  return index;
}

const packedId = asChunkId(new Uint8Array(ID_LENGTH));

function addChunks(index: ChunksIndex, view: ItemView, field: number): void {
  for (let count = view.openChunks(field); count > 0; count--) {
    view.nextChunk();
    view.copyId(packedId);
    index.add(packedId, view.chunkSize, view.chunkCsize);
  }
}

/** Stored bytes that only this archive holds: chunks whose references all come from `chunks`. */
export function uniqueSize(chunks: ChunksIndex, all: ChunksIndex, except: readonly ChunkId[] = []): number {
  let bytes = chunks.csizeOfSole(all);
  for (const key of new Set(except.map(hexOfId))) {
    const id = asChunkId(decodeHex(key)!);
    if (chunks.has(id) && all.refcount(id) === chunks.refcount(id)) bytes -= chunks.csize(id);
  }
  return bytes;
}
