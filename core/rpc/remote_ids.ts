/**
 * Which ids a far repository holds. The protocol cannot ask for one: all are listed at the first question, and kept for the
 * next session, valid for the manifest that they were seen with and for that number of objects. What this session changes
 * is followed; what a rollback or a repair may have changed is forgotten.
 */
import { createHash } from "node:crypto";
import { asChunkId, type ChunkId } from "../bytes/mod.ts";
import type { Awaitable } from "../store/mod.ts";
import { unexpected } from "./remote_errors.ts";

/** A set of ids. */
export interface IdSet extends Disposable {
  readonly size: number;
  has(id: ChunkId): boolean;
  add(id: ChunkId): void;
  remove(id: ChunkId): void;
}

/** Where ids are remembered between sessions, under the digest of the manifest that they were seen with. */
export interface IdSets {
  create(capacity: number): IdSet;
  /** Null where nothing is known for this manifest. */
  load(manifest: Uint8Array): IdSet | null;
  save(manifest: Uint8Array, ids: IdSet): void;
  /** Nothing is known any more. */
  forget(): void;
}

/** The server's own words. */
export interface IdSource {
  count(): Promise<number>;
  /** Some ids after `marker`; none at the end. */
  page(marker?: ChunkId): Promise<ChunkId[]>;
}

/** A server may claim to have more than fits into the memory: the table grows with what it shows. */
const MAX_FIRST_CAPACITY = 1 << 20;

export class RemoteIds {
  #ids: IdSet | null = null;
  /** What is remembered, with this session's changes, where nobody asked whether it is right: for the next session. */
  #followed: IdSet | null = null;
  #loading: Promise<void> | null = null;
  /** Digest of the manifest as it is stored, null where it was not seen. */
  #manifest: Uint8Array | null = null;
  /** Whether a transaction is open. */
  #changed = false;
  /** After a repair the same manifest may stand for other objects. */
  #repaired = false;
  /** Whether the ids differ from those that are remembered. */
  #newIds = false;

  constructor(private readonly sets: IdSets, private readonly source: IdSource) {}

  /** Whether something was put or deleted since the last commit. */
  get changed(): boolean {
    return this.#changed;
  }

  /** While the ids are on their way it is not clear which changes they include: wait before making one. */
  get loading(): Promise<void> | null {
    return this.#loading;
  }

  has(id: ChunkId): Awaitable<boolean> {
    if (this.#ids) return this.#ids.has(asChunkId(id));
    const own = asChunkId(id.slice());
    return this.#load().then(() => this.has(own));
  }

  preload(): void {
    // Whoever asks hears of its failure, when it is tried again.
    if (!this.#ids) this.#load().catch(() => {});
  }

  /** The manifest as it is stored now. */
  sawManifest(data: Uint8Array): void {
    this.#manifest = new Uint8Array(createHash("sha256").update(data).digest());
  }

  /** `id` was put, or deleted. */
  change(id: ChunkId, there: boolean): void {
    // Who only deletes does not ask for the ids; the next backup would have to fetch them all.
    if (!this.#changed && !this.#ids && !this.#followed) this.#followed = this.#remembered();
    this.#changed = this.#newIds = true;
    const ids = this.#ids ?? this.#followed;
    if (there) ids?.add(id);
    else ids?.remove(id);
  }

  /**
   * A commit is about to be asked for. What changes objects and not the manifest leaves it as it was remembered with: then as
   * many other objects would be taken for those.
   */
  committing(): void {
    if (this.#changed && this.#manifest === null) this.sets.forget();
  }

  committed(): void {
    this.#changed = false;
  }

  /** Nothing is certain any more, the manifest neither. */
  forget(options: { repaired?: boolean } = {}): void {
    if (options.repaired) {
      this.#repaired = true;
      this.sets.forget();
    }
    this.#ids?.[Symbol.dispose]();
    this.#followed?.[Symbol.dispose]();
    this.#ids = this.#followed = this.#manifest = null;
    this.#newIds = this.#changed = false;
  }

  /** Remembers what is certain, at the end of the session. */
  save(): void {
    const ids = this.#ids ?? this.#followed;
    if (ids && this.#newIds && !this.#changed && this.#manifest) this.sets.save(this.#manifest, ids);
  }

  #load(): Promise<void> {
    return this.#loading ??= this.#fetch().finally(() => this.#loading = null);
  }

  async #fetch(): Promise<void> {
    const asked = this.source.count();
    const known = this.#remembered();
    // Where nothing is known, the list will be needed whatever the number is.
    let coming = known ? null : this.source.page();
    coming?.catch(() => {});
    const count = await asked;
    if (known && known.size === count) {
      this.#ids = known;
      return;
    }
    known?.[Symbol.dispose]();
    coming ??= this.source.page();
    const ids = this.sets.create(Math.min(count, MAX_FIRST_CAPACITY));
    let marker: ChunkId | undefined;
    for (let page; (page = await coming).length > 0; coming = this.source.page(marker)) {
      const before = ids.size;
      for (const id of page) ids.add(id);
      // A server that answers for ever would fill the memory, or the time.
      if (ids.size > count || ids.size === before) throw unexpected("list");
      marker = page.at(-1)!;
      if (ids.size === count) break;
    }
    this.#ids = ids;
    this.#newIds = true;
    this.#followed?.[Symbol.dispose]();
    this.#followed = null;
  }

  /** What is not committed yet is known to nobody but the server. */
  #remembered(): IdSet | null {
    const trusted = this.#manifest !== null && !this.#changed && !this.#repaired;
    return trusted ? this.sets.load(this.#manifest!) : null;
  }
}
