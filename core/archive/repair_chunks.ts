/**
 * Are all chunks of a file there? A lost one is replaced, in repair, by as many zeros, and the true list is kept as
 * `chunks_healthy`: when a later backup brings the chunk back, the file is healed (borg docs, data-structures.rst,
 * "chunks_healthy").
 */
import { type ChunkId, equalBytes, hexOfId, printable } from "../bytes/mod.ts";
import type { ChunkEntry, Item } from "./item.ts";

/** Counts references while archives are checked. */
export interface References {
  has(id: ChunkId): boolean;
  add(id: ChunkId, size: number, csize: number): void;
  /** Notes that this id may have lost its last reference by the repair. */
  supersede(id: ChunkId): void;
  /** Counts `plain` as referenced, storing it first where it is missing and repair is on. */
  store(plain: Uint8Array): Promise<ChunkEntry>;
}

export interface Findings {
  error(message: string): void;
  note(message: string): void;
}

export class FileChunkCheck {
  constructor(
    private readonly references: References,
    private readonly archiveName: string,
    private readonly repair: boolean,
    private readonly findings: Findings,
  ) {}

  /** Checks `item.chunks` and, in repair, changes the item. Every chunk it ends up with is counted. */
  async check(item: Item): Promise<void> {
    const current = item.chunks!;
    let healthy = item.chunks_healthy ?? current;
    if (healthy.length !== current.length) {
      this.findings.note(
        `${this.#where(item)}: the list of true chunks does not fit and is dropped by repair`,
      );
      healthy = current;
      delete item.chunks_healthy;
    }
    const chunks: ChunkEntry[] = [];
    let offset = 0;
    for (const [i, truth] of healthy.entries()) {
      const now = current[i]!;
      chunks.push(await this.#checkChunk(item, truth, now, offset));
      offset += truth.size;
    }
    if (!this.repair) return;
    const same = chunks.every((chunk, i) => equalBytes(chunk.id, healthy[i]!.id));
    if (!same) item.chunks_healthy = healthy;
    else if (item.chunks_healthy) {
      this.findings.note(`${this.#where(item)}: the damaged file is whole again`);
      delete item.chunks_healthy;
    }
    item.chunks = chunks;
  }

  #where(item: Item): string {
    return `${this.archiveName}: ${printable(item.path)}`;
  }

  async #checkChunk(item: Item, truth: ChunkEntry, now: ChunkEntry, offset: number): Promise<ChunkEntry> {
    const replaced = !equalBytes(truth.id, now.id);
    const range = `bytes ${offset} to ${offset + truth.size}, chunk ${hexOfId(truth.id)}`;
    if (this.references.has(truth.id)) {
      if (replaced) {
        this.findings.note(`${this.#where(item)}: a missing chunk is back (${range})`);
        this.references.supersede(now.id);
      }
      this.references.add(truth.id, truth.size, truth.csize);
      return truth;
    }
    if (replaced && this.references.has(now.id)) {
      this.findings.note(`${this.#where(item)}: a chunk is still missing and replaced by zeros (${range})`);
      this.references.add(now.id, now.size, now.csize);
      return now;
    }
    const cure = this.repair ? "it is replaced by zeros" : "--repair would replace it by zeros";
    this.findings.error(`${this.#where(item)}: a chunk is missing (${range}), ${cure}`);
    if (!this.repair) return now;
    return await this.references.store(new Uint8Array(truth.size));
  }
}
