/**
 * A repository at the other end of a transport, as a store (borg's remote protocol; `core/store/store.ts` is the
 * contract). Puts and deletes are sent without waiting, reads are asked for ahead, so a long way costs its delay once and
 * not for every object. The protocol cannot ask whether an object exists: that is looked up in a list of all ids, which is
 * fetched at the first question and kept for the next session if the repository is the same then.
 */
import { asChunkId, type ChunkId, equalBytes, ID_LENGTH, MANIFEST_ID, type Unpacked } from "../bytes/mod.ts";
import { AppError, IntegrityError } from "../errors.ts";
import type { Awaitable, CompactResult, StoreCheckResult, StoreDeleter, StoredObject } from "../store/mod.ts";
import type { RpcArguments, RpcConnection } from "./connection.ts";
import type { ServerVersion } from "./negotiate.ts";
import { type Answer, ReadAhead } from "./read_ahead.ts";
import { unexpected } from "./remote_errors.ts";
import { type IdSets, RemoteIds } from "./remote_ids.ts";

export interface RemoteStoreParts {
  connection: RpcConnection;
  version: ServerVersion;
  id: Uint8Array;
  /** For messages. */
  location: string;
  idSets: IdSets;
  /** Answers that were asked for on suspicion: the manifest, the key blob, and the first free nonce. */
  manifest?: Promise<Unpacked>;
  key?: Promise<Unpacked>;
  nonce?: Promise<Unpacked>;
  closed(): void;
}

/** Largest data of an object (`MAX_DATA_SIZE` of the store). */
const MAX_DATA_SIZE = 20_971_479;
/** Ids in one answer, as borg asks for them. */
const PAGE_IDS = 100_000;

export class RemoteStore implements StoreDeleter {
  readonly id: Uint8Array;
  readonly location: string;
  /** The server does not tell. */
  readonly appendOnly = false;
  readonly knowsSizes = false;
  readonly scan?: () => AsyncGenerator<StoredObject>;
  readonly #connection: RpcConnection;
  readonly #ahead = new ReadAhead((id) => this.#fetch(id));
  #closing: Promise<void> | null = null;
  /** The manifest, the key blob and the first free nonce, where they were asked for already. */
  #early: Promise<Unpacked> | null;
  #key: Promise<Unpacked> | null;
  #nonce: Promise<Unpacked> | null;
  readonly #ids: RemoteIds;

  constructor(private readonly parts: RemoteStoreParts) {
    this.id = parts.id;
    this.location = parts.location;
    this.#connection = parts.connection;
    this.#ids = new RemoteIds(parts.idSets, {
      count: () => this.count(),
      page: (marker) => this.#page("list", PAGE_IDS, marker),
    });
    this.#early = parts.manifest ?? null;
    this.#key = parts.key ?? null;
    this.#nonce = parts.nonce ?? null;
    if (parts.version.atLeast(1, 1, 0)) this.scan = () => this.#scan();
  }

  /** Of the server: `1.2.4`. */
  get serverVersion(): string {
    return this.parts.version.text;
  }

  async get(id: ChunkId): Promise<Uint8Array> {
    const answer = await this.#ahead.take(asChunkId(id));
    if ("error" in answer) throw answer.error;
    return answer.data;
  }

  async #fetch(id: ChunkId): Promise<Uint8Array> {
    const isManifest = equalBytes(id, MANIFEST_ID);
    const early = isManifest ? this.#early : null;
    if (early) this.#early = null;
    const data = await (early ?? this.#connection.call("get", [["id", id]]));
    if (!(data instanceof Uint8Array)) throw unexpected("get");
    if (isManifest) this.#ids.sawManifest(data);
    return data;
  }

  async *getMany(ids: Iterable<ChunkId>): AsyncGenerator<Uint8Array> {
    for await (const answer of this.#answers(ids)) {
      if ("error" in answer) throw answer.error;
      yield answer.data;
    }
  }

  preload(ids: Iterable<ChunkId>): void {
    this.#ahead.announce(ids);
  }

  async *#answers(ids: Iterable<ChunkId>): AsyncGenerator<Answer> {
    const source = ids[Symbol.iterator]();
    const asked: Promise<Answer>[] = [];
    for (let more = true; more || asked.length > 0;) {
      while (more && asked.length < this.#ahead.window) {
        const { value, done } = source.next();
        if (done) more = false;
        else asked.push(this.#ahead.take(asChunkId(value.slice())));
      }
      const answer = await asked.shift();
      if (answer) yield answer;
    }
  }

  async *#scan(): AsyncGenerator<StoredObject> {
    for (
      let marker: ChunkId | undefined, page;
      (page = await this.#page("scan", PAGE_IDS, marker)).length > 0;
    ) {
      let next = 0;
      for await (const answer of this.#answers(page)) {
        const id = page[next++]!;
        if ("data" in answer) yield { id, data: answer.data };
        // A damaged object is left out; whoever misses it asks for it.
        else if (!isDamage(answer.error)) throw answer.error;
      }
      marker = page.at(-1)!;
    }
  }

  /** The protocol has no way to ask. */
  storedSize(): number {
    return -1;
  }

  has(id: ChunkId): Awaitable<boolean> {
    return this.#ids.has(id);
  }

  async count(): Promise<number> {
    const count = await this.#connection.call("__len__");
    if (typeof count !== "number" || count < 0) throw unexpected("__len__");
    return count;
  }

  async list(limit: number, marker?: ChunkId): Promise<Uint8Array> {
    const ids = await this.#page("list", limit, marker);
    const packed = new Uint8Array(ids.length * ID_LENGTH);
    ids.forEach((id, i) => packed.set(id, i * ID_LENGTH));
    return packed;
  }

  async #page(method: "list" | "scan", limit: number, marker?: ChunkId): Promise<ChunkId[]> {
    const ids = await this.#connection.call(method, [["limit", limit], ["marker", marker ?? null]]);
    if (!Array.isArray(ids) || ids.length > limit) throw unexpected(method);
    return ids.map((id) => {
      if (!(id instanceof Uint8Array) || id.length !== ID_LENGTH) throw unexpected(method);
      return asChunkId(id);
    });
  }

  preloadIds(): void {
    this.#ids.preload();
  }

  put(id: ChunkId, data: Uint8Array): void | Promise<void> {
    asChunkId(id);
    if (data.length > MAX_DATA_SIZE) {
      throw new IntegrityError("IntegrityError", [`an object of ${data.length} bytes is over the limit`]);
    }
    if (this.#ids.loading) {
      const [ownId, ownData] = [asChunkId(id.slice()), data.slice()];
      return this.#ids.loading.then(() => this.put(ownId, ownData));
    }
    const wait = this.#connection.post("put", [["id", id], ["data", data]]);
    this.#change(id, true);
    if (equalBytes(id, MANIFEST_ID)) this.#ids.sawManifest(data);
    return wait;
  }

  async delete(id: ChunkId): Promise<void> {
    await this.#ids.loading;
    await this.#connection.call("delete", [["id", asChunkId(id)]]);
    this.#change(id, false);
  }

  async deleteMany(ids: Uint8Array, onProgress?: (done: number) => void): Promise<void> {
    await this.#ids.loading;
    for (let at = 0; at < ids.length; at += ID_LENGTH) {
      const id = asChunkId(ids.subarray(at, at + ID_LENGTH));
      const wait = this.#connection.post("delete", [["id", id]], "Repository.ObjectNotFound");
      this.#change(id, false);
      if (wait) {
        onProgress?.(at / ID_LENGTH);
        await wait;
      }
    }
    await this.#connection.settle();
    onProgress?.(ids.length / ID_LENGTH);
  }

  #change(id: ChunkId, there: boolean): void {
    this.#ahead.forget();
    this.#early = null;
    this.#ids.change(id, there);
  }

  async commit(): Promise<void> {
    // borg's servers cannot commit what has not begun.
    if (!this.#ids.changed) return;
    await this.#commit({ compact: false, threshold: 0.1, cleanup_commits: false });
  }

  async #commit(options: { compact: boolean; threshold: number; cleanup_commits: boolean }): Promise<void> {
    const args: RpcArguments = [["save_space", false], ...Object.entries(options)];
    try {
      await this.#connection.settle();
      this.#ids.committing();
      await this.#connection.call("commit", args);
    } catch (error) {
      // The caller may go on with a new transaction; what the server has of this one must not come with it, nor what we know.
      await this.rollback().catch(() => {});
      throw error;
    }
    this.#ids.committed();
  }

  async rollback(): Promise<void> {
    this.#forget();
    await this.#connection.forgive();
    await this.#connection.call("rollback");
  }

  /** What was read may not be so any more. */
  #forget(options: { repaired?: boolean } = {}): void {
    this.#ids.forget(options);
    this.#early = null;
    this.#ahead.forget();
  }

  async loadKey(): Promise<Uint8Array | null> {
    const blob = await (this.#key ?? this.#connection.call("load_key"));
    this.#key = null;
    if (blob !== null && !(blob instanceof Uint8Array)) throw unexpected("load_key");
    return blob === null || blob.length === 0 ? null : blob;
  }

  async saveKey(blob: Uint8Array): Promise<void> {
    this.#key = null;
    await this.#connection.call("save_key", [["keydata", blob]]);
  }

  async getFreeNonce(): Promise<bigint | null> {
    const nonce = await (this.#nonce ?? this.#connection.call("get_free_nonce"));
    this.#nonce = null;
    if (nonce !== null && typeof nonce !== "number" && typeof nonce !== "bigint") {
      throw unexpected("get_free_nonce");
    }
    return nonce === null ? null : BigInt(nonce);
  }

  async commitNonceReservation(end: bigint, previous: bigint | null): Promise<void> {
    this.#nonce = null;
    await this.#connection.call("commit_nonce_reservation", [
      ["next_unreserved", end],
      ["start_nonce", previous],
    ]);
  }

  /** The server says itself how much it freed. */
  async compact(options: { thresholdPercent: number; cleanupCommits?: boolean }): Promise<CompactResult> {
    // borg's servers compact at the end of a transaction, and a change that fails begins one.
    await this.#connection.post("delete", [["id", NO_OBJECT]], "Repository.ObjectNotFound");
    await this.#commit({
      compact: true,
      threshold: options.thresholdPercent / 100,
      cleanup_commits: options.cleanupCommits ?? false,
    });
    return { freedBytes: null };
  }

  async check(
    options: { repair?: boolean; maxDurationSeconds?: number; saveSpace?: boolean },
  ): Promise<StoreCheckResult> {
    const { repair = false, saveSpace = false, maxDurationSeconds = 0 } = options;
    if (maxDurationSeconds > 0) this.parts.version.require("check max_duration", 1, 2, 0);
    if (repair) this.#forget({ repaired: true });
    const ok = await this.#connection.call("check", [
      ["repair", repair],
      ["save_space", saveSpace],
      ["max_duration", maxDurationSeconds],
    ]);
    if (typeof ok !== "boolean") throw unexpected("check");
    return { ok };
  }

  /** Removes the locks of the repository, whoever holds them. */
  async breakLock(): Promise<void> {
    await this.#connection.call("break_lock");
  }

  async destroy(): Promise<void> {
    await this.#connection.forgive();
    await this.#connection.call("destroy");
    this.#forget();
    await this.close();
  }

  /** Resolves when the server has ended, its lock given back: it rolls back what was not committed. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#ids.save();
    this.#ids.forget();
    try {
      await this.#connection.close();
    } finally {
      this.parts.closed();
    }
  }
}

/** No hash is ever that. */
const NO_OBJECT = asChunkId(new Uint8Array(ID_LENGTH).fill(0xff));

function isDamage(error: unknown): boolean {
  return error instanceof IntegrityError ||
    (error instanceof AppError && error.code === "Repository.ObjectNotFound");
}
