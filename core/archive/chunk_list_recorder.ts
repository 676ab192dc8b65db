/**
 * The chunk list of an archive that is being made, so that nobody has to read the archive again for it: what
 * `archiveChunks` would find, counted as it goes out. Only for archives of a usual size: the list lies in memory until the
 * archive is complete, and a backup is to be had with little of it.
 */
import type { ChunksIndex, FileTotals } from "../local/mod.ts";
import type { ChunkId } from "../bytes/mod.ts";
import type { ChunkListContext } from "./archive_chunks.ts";
import type { ChunkEntry, Item } from "./item.ts";

/** Different chunks of which a list is kept; with more, some 30 MB, it is given up. */
const MAX_CHUNKS = 1 << 19;

export class ChunkListRecorder {
  /** null: too many chunks, or handed over. */
  #list: ChunksIndex | null;
  readonly #maxChunks: number;

  constructor(newIndex: () => ChunksIndex, options: { maxChunks?: number } = {}) {
    this.#list = newIndex();
    this.#maxChunks = options.maxChunks ?? MAX_CHUNKS;
  }

  /** An item that was written to the archive. */
  addItem({ chunks, chunks_healthy }: Item): void {
    if (chunks !== undefined) this.#addAll(chunks);
    // As in reading: what check replaced is still claimed.
    if (chunks_healthy !== undefined) this.#addAll(chunks_healthy);
  }

  /** A chunk of the archive's own: of its item stream, or the archive object. */
  addChunk({ id, size, csize }: ChunkEntry): void {
    if (this.#list === null) return;
    this.#list.add(id, size, csize);
    if (this.#list.count > this.#maxChunks) this.dispose();
  }

  #addAll(chunks: readonly ChunkEntry[]): void {
    for (let i = 0; i < chunks.length; i++) this.addChunk(chunks[i]!);
  }

  /** Keeps the list as that of the archive `id`, which is complete and committed. `files`: what it says of its files' sizes. */
  keep(context: Pick<ChunkListContext, "cache">, id: ChunkId, files: FileTotals): void {
    const list = this.#list;
    if (list === null) return;
    list.trim();
    context.cache.save(id, { chunks: list, files: { size: files.size, csize: files.csize } });
    this.dispose();
  }

  dispose(): void {
    this.#list?.dispose();
    this.#list = null;
  }
}
