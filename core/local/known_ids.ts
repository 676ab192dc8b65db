/**
 * Which objects a repository holds that is far away, as this machine last saw it: a file for each repository, in its cache
 * folder. It may be deleted at any time. It counts only while the repository's manifest is the very same.
 *
 *     0           16         48           56
 *     | digest    | manifest | count u64  | ids, 32 bytes each |       digest: xxh64 of the rest, hexadecimal; LE
 */
import { HashIndex, Xxh64 } from "../../wasm/mod.ts";
import { asChunkId, type ChunkId, equalBytes, ID_LENGTH } from "../bytes/mod.ts";
import { OsError } from "../errors.ts";
import type { Files } from "../platform/mod.ts";

const DIGEST_BYTES = 16;
const HEAD_BYTES = 56;
/** Ids that are written at a time. */
const IDS_PER_WRITE = 1 << 15;

/** A set of ids without an object for each. */
export class IdTable implements Disposable {
  readonly #table: HashIndex;

  constructor(capacity: number) {
    this.#table = HashIndex.create({ valueWords: 2, capacity });
  }

  get size(): number {
    return this.#table.size;
  }

  has(id: ChunkId): boolean {
    return this.#table.find(id) >= 0;
  }

  add(id: ChunkId): void {
    this.#table.set(id, 0, 0);
  }

  remove(id: ChunkId): void {
    this.#table.remove(id);
  }

  /** All ids, packed, in pieces that are valid until the next is asked for. */
  *pieces(): Generator<Uint8Array> {
    const piece = new Uint8Array(IDS_PER_WRITE * ID_LENGTH);
    let length = 0;
    for (let slot = this.#table.next(-1); slot >= 0; slot = this.#table.next(slot)) {
      this.#table.copyId(slot, piece, length);
      length += ID_LENGTH;
      if (length < piece.length) continue;
      yield piece;
      length = 0;
    }
    if (length > 0) yield piece.subarray(0, length);
  }

  [Symbol.dispose](): void {
    this.#table.dispose();
  }
}

/** The file of one repository. */
export class KnownIds {
  constructor(private readonly files: Files, private readonly path: string) {}

  create(capacity: number): IdTable {
    return new IdTable(capacity);
  }

  /** `manifest` is 32 bytes. Null where there is no sound file of that manifest. */
  load(manifest: Uint8Array): IdTable | null {
    let bytes: Uint8Array;
    try {
      bytes = this.files.readFile(this.path);
    } catch (error) {
      if (error instanceof OsError) return null;
      throw error;
    }
    if (bytes.length < HEAD_BYTES || (bytes.length - HEAD_BYTES) % ID_LENGTH !== 0) return null;
    if (!equalBytes(bytes.subarray(DIGEST_BYTES, DIGEST_BYTES + 32), manifest)) return null;
    const count = (bytes.length - HEAD_BYTES) / ID_LENGTH;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (view.getBigUint64(HEAD_BYTES - 8, true) !== BigInt(count)) return null;
    const hash = new Xxh64();
    hash.update(bytes.subarray(DIGEST_BYTES));
    if (hash.digestHex() !== new TextDecoder().decode(bytes.subarray(0, DIGEST_BYTES))) return null;
    const ids = new IdTable(count);
    for (let at = HEAD_BYTES; at < bytes.length; at += ID_LENGTH) {
      ids.add(asChunkId(bytes.subarray(at, at + ID_LENGTH)));
    }
    return ids;
  }

  /** Removes the file. Throws OsError where that cannot be done: it must not count any more. */
  forget(): void {
    try {
      this.files.unlink(this.path);
    } catch (error) {
      if (!(error instanceof OsError && (error.code === "ENOENT" || error.code === "ENOTDIR"))) throw error;
    }
  }

  /** Replaces the file. Best effort: a full disk or a read-only home must not stop a backup. */
  save(manifest: Uint8Array, ids: IdTable): void {
    const head = new Uint8Array(HEAD_BYTES);
    head.set(manifest, DIGEST_BYTES);
    new DataView(head.buffer).setBigUint64(HEAD_BYTES - 8, BigInt(ids.size), true);
    const hash = new Xxh64();
    hash.update(head.subarray(DIGEST_BYTES));
    for (const piece of ids.pieces()) hash.update(piece);
    head.set(new TextEncoder().encode(hash.digestHex()));
    try {
      this.files.mkdirAll(this.path.slice(0, this.path.lastIndexOf("/")), 0o700);
      const fd = this.files.open(`${this.path}.tmp`, {
        write: true,
        create: true,
        truncate: true,
        mode: 0o600,
      });
      try {
        this.files.write(fd, head);
        for (const piece of ids.pieces()) this.files.write(fd, piece);
      } finally {
        this.files.close(fd);
      }
      this.files.rename(`${this.path}.tmp`, this.path);
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
    }
  }
}
