/**
 * Chunks of item streams, opened. Archives of a tree that hardly changes share most of them: who reads many archives one
 * after the other, for their chunk lists, fetches and opens each but once. The memory is bounded: once it is full, only what
 * none of the last archives has used makes room, so that even of longer streams the part that was kept stays of use.
 */
import { type ChunkId, hexOfId } from "../bytes/mod.ts";

export interface OpenedChunk {
  readonly plain: Uint8Array;
  /** Stored bytes. */
  readonly csize: number;
}

const MAX_BYTES = 32 << 20;
/** For so many archives a chunk is kept that they do not use: archives of several trees may alternate. */
const KEPT_FOR = 8;

export class ItemChunkCache {
  readonly #entries = new Map<string, OpenedChunk & { used: number }>();
  readonly #maxBytes: number;
  #bytes = 0;
  #archives = 0;

  constructor(options: { maxBytes?: number } = {}) {
    this.#maxBytes = options.maxBytes ?? MAX_BYTES;
  }

  /** From here on it is another archive that is read. */
  nextArchive(): void {
    this.#archives++;
  }

  has(id: ChunkId): boolean {
    return this.#entries.has(hexOfId(id));
  }

  get(id: ChunkId): OpenedChunk | null {
    const entry = this.#entries.get(hexOfId(id));
    if (entry === undefined) return null;
    entry.used = this.#archives;
    return entry;
  }

  /** Keeps a copy of `plain`, where there is room. */
  add(id: ChunkId, plain: Uint8Array, csize: number): void {
    if (this.has(id)) return;
    if (this.#bytes + plain.length > this.#maxBytes) this.#makeRoom();
    if (this.#bytes + plain.length > this.#maxBytes) return;
    this.#entries.set(hexOfId(id), { plain: plain.slice(), csize, used: this.#archives });
    this.#bytes += plain.length;
  }

  #makeRoom(): void {
    for (const [key, { plain, used }] of this.#entries) {
      if (this.#archives - used <= KEPT_FOR) continue;
      this.#entries.delete(key);
      this.#bytes -= plain.length;
    }
  }
}
