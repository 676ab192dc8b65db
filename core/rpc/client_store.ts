/**
 * A repository at the other end of a transport, as a store (borg's remote protocol; `core/store/store.ts` is the
 * contract). Puts and deletes are sent without waiting, reads are asked for ahead, so a long way costs its delay once and
 * not for every object. The protocol cannot ask whether an object exists: that is looked up in a list of all ids, which is
 * fetched at the first question and kept for the next session if the repository is the same then.
 */
import { createHash } from "node:crypto";
import { asChunkId, type ChunkId, equalBytes, ID_LENGTH, MANIFEST_ID, type Unpacked } from "../bytes/mod.ts";
import { AppError, IntegrityError, RemoteError } from "../errors.ts";
import type { Awaitable, CompactResult, StoreCheckResult, StoreDeleter, StoredObject } from "../store/mod.ts";
import type { RpcArguments, RpcConnection } from "./connection.ts";
import type { ServerVersion } from "./negotiate.ts";
import { type Answer, ReadAhead } from "./read_ahead.ts";

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
}

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
const MAX_FIRST_CAPACITY = 1 << 20;

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
  #ids: IdSet | null = null;
  /** What is remembered, with this session's changes, where nobody asked whether it is right: for the next session. */
  #followed: IdSet | null = null;
  #loading: Promise<void> | null = null;
  /** Digest of the manifest as it is stored, null where it was not seen. */
  #manifest: Uint8Array | null = null;
  #changed = false;
  /** After a repair the same manifest may stand for other objects. */
  #repaired = false;
  /** Whether the ids differ from those that are remembered. */
  #newIds = false;

  constructor(private readonly parts: RemoteStoreParts) {
    this.id = parts.id;
    this.location = parts.location;
    this.#connection = parts.connection;
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
    if (isManifest) this.#manifest = digestOf(data);
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
    if (this.#ids) return this.#ids.has(asChunkId(id));
    const own = asChunkId(id.slice());
    return this.#loadIds().then(() => this.has(own));
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
    // Whoever asks hears of its failure, when it is tried again.
    if (!this.#ids) this.#loadIds().catch(() => {});
  }

  #loadIds(): Promise<void> {
    return this.#loading ??= this.#fetchIds().finally(() => this.#loading = null);
  }

  async #fetchIds(): Promise<void> {
    const asked = this.count();
    const { idSets } = this.parts;
    // What is not committed yet is known to nobody but the server.
    const known = this.#remembered();
    // Where nothing is known, the list will be needed whatever the number is.
    let coming = known ? null : this.#page("list", PAGE_IDS);
    coming?.catch(() => {});
    const count = await asked;
    if (known && known.size === count) {
      this.#ids = known;
      return;
    }
    known?.[Symbol.dispose]();
    coming ??= this.#page("list", PAGE_IDS);
    // It grows; a server may claim to have more than fits into the memory.
    const ids = idSets.create(Math.min(count, MAX_FIRST_CAPACITY));
    let marker: ChunkId | undefined;
    for (let page; (page = await coming).length > 0; coming = this.#page("list", PAGE_IDS, marker)) {
      const before = ids.size;
      for (const id of page) ids.add(id);
      // A server that answers for ever would fill the memory, or the time.
      if (ids.size > count || ids.size === before) throw unexpected("list");
      marker = page.at(-1)!;
      if (ids.size === count) break;
    }
    this.#ids = ids;
    this.#newIds = true;
    this.#forgetFollowed();
  }

  #remembered(): IdSet | null {
    const trusted = this.#manifest !== null && !this.#changed && !this.#repaired;
    return trusted ? this.parts.idSets.load(this.#manifest!) : null;
  }

  put(id: ChunkId, data: Uint8Array): void | Promise<void> {
    asChunkId(id);
    if (data.length > MAX_DATA_SIZE) {
      throw new IntegrityError("IntegrityError", [`an object of ${data.length} bytes is over the limit`]);
    }
    // While the ids are on their way it is not clear whether they include this one.
    if (this.#loading) {
      const [ownId, ownData] = [asChunkId(id.slice()), data.slice()];
      return this.#loading.then(() => this.put(ownId, ownData));
    }
    const wait = this.#connection.post("put", [["id", id], ["data", data]]);
    this.#change(id, true);
    if (equalBytes(id, MANIFEST_ID)) this.#manifest = digestOf(data);
    return wait;
  }

  async delete(id: ChunkId): Promise<void> {
    await this.#loading;
    await this.#connection.call("delete", [["id", asChunkId(id)]]);
    this.#change(id, false);
  }

  async deleteMany(ids: Uint8Array, onProgress?: (done: number) => void): Promise<void> {
    await this.#loading;
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
    // Who only deletes does not ask for the ids; the next backup would have to fetch them all.
    if (!this.#changed && !this.#ids && !this.#followed) this.#followed = this.#remembered();
    this.#early = null;
    this.#changed = this.#newIds = true;
    const ids = this.#ids ?? this.#followed;
    if (there) ids?.add(id);
    else ids?.remove(id);
  }

  async commit(): Promise<void> {
    // borg's servers cannot commit what has not begun.
    if (!this.#changed) return;
    await this.#commit({ compact: false, threshold: 0.1, cleanup_commits: false });
  }

  async #commit(options: { compact: boolean; threshold: number; cleanup_commits: boolean }): Promise<void> {
    const args: RpcArguments = [["save_space", false], ...Object.entries(options)];
    try {
      await this.#connection.settle();
      await this.#connection.call("commit", args);
    } catch (error) {
      // The caller may go on with a new transaction; what the server has of this one must not come with it, nor what we know.
      await this.rollback().catch(() => {});
      throw error;
    }
    this.#changed = false;
  }

  async rollback(): Promise<void> {
    this.#forgetAll();
    this.#changed = false;
    await this.#connection.forgive();
    await this.#connection.call("rollback");
  }

  /** What was read may not be so any more. */
  #forgetAll(): void {
    this.#forgetIds();
    this.#manifest = this.#early = null;
    this.#ahead.forget();
  }

  #forgetIds(): void {
    this.#ids?.[Symbol.dispose]();
    this.#ids = null;
    this.#newIds = false;
    this.#forgetFollowed();
  }

  #forgetFollowed(): void {
    this.#followed?.[Symbol.dispose]();
    this.#followed = null;
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
    if (repair) this.#forgetAll();
    this.#repaired ||= repair;
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
    this.#forgetIds();
    await this.close();
  }

  /** Resolves when the server has ended, its lock given back: it rolls back what was not committed. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    const ids = this.#ids ?? this.#followed;
    if (ids && this.#newIds && !this.#changed && this.#manifest) this.parts.idSets.save(this.#manifest, ids);
    this.#forgetIds();
    try {
      await this.#connection.close();
    } finally {
      this.parts.closed();
    }
  }
}

/** No hash is ever that. */
const NO_OBJECT = asChunkId(new Uint8Array(ID_LENGTH).fill(0xff));

const digestOf = (data: Uint8Array): Uint8Array => new Uint8Array(createHash("sha256").update(data).digest());

function isDamage(error: unknown): boolean {
  return error instanceof IntegrityError ||
    (error instanceof AppError && error.code === "Repository.ObjectNotFound");
}

/** A well-formed answer that makes no sense. */
export function unexpected(method: string): RemoteError {
  return new RemoteError("UnexpectedRPCDataFormatFromServer", [`an answer to ${method} that makes no sense`]);
}
