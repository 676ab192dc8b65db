/**
 * What the last backups of this machine saw of each file, so that an unchanged file is not read again (borg docs,
 * internals/data-structures.rst, "Files cache"; usage/create on `--files-cache`). It may be deleted at any time, and a
 * damaged one is not believed: then files are read.
 *
 *     "ALCOVEFC" 8 | version u32 | records u32 | seed 16 | xxh64 of the rest, 16 hexadecimal digits | records
 *     record: path hash 16 | inode u64 | size u64 | time i64 | age u32 | bare 1 bit, chunks 31 | chunks of 40:
 *             id 32, size u32, csize u32
 *
 * All little-endian. Paths are not stored: their hash under a random seed is enough, because inode, size and time must fit
 * as well. One table over one buffer, no object per file.
 */
import { asChunkId, type ChunkId } from "../bytes/mod.ts";
import { OsError } from "../errors.ts";
import type { Files, Stat } from "../platform/mod.ts";
import { Xxh64 } from "../../wasm/mod.ts";
import { PathHash } from "./_path_hash.ts";

/** Which properties must be the same for a file to count as unchanged (`--files-cache`). */
export interface FilesCacheMode {
  time: "ctime" | "mtime";
  size: boolean;
  inode: boolean;
}

export interface CachedChunk {
  readonly id: ChunkId;
  readonly size: number;
  readonly csize: number;
}

export interface FilesCacheOptions {
  files: Files;
  /** Folder of the repository's caches, and the file in it. */
  directory: string;
  name: string;
  mode: FilesCacheMode;
  /** Backups that an entry survives without its file being seen. */
  ttl: number;
  randomBytes(length: number): Uint8Array;
}

const MAGIC = new TextEncoder().encode("ALCOVEFC");
const VERSION = 2;
const HEADER = 48;
const SEED_AT = 16;
const DIGEST_AT = 32;

const INODE = 16;
const SIZE = 24;
const TIME = 32;
const AGE = 40;
const COUNT = 44;
const CHUNKS = 48;
const CHUNK_BYTES = 40;
/** In COUNT: the file had neither extended attributes nor ACLs. */
const BARE = 0x80000000;
const COUNT_MASK = 0x7fffffff;
/** Records are that much apart at least, so an offset in units of 8 fits 32 bits for 32 GiB. */
const UNIT = 8;

export class FilesCache {
  #buffer: Uint8Array;
  #view: DataView;
  #length = HEADER;
  #records = 0;
  /** Offsets in units of 8 by hash, 0 for none; a power of two long. */
  #table: Uint32Array;
  readonly #hash: PathHash;
  /** Newest time among the files stored by this backup; -1 where there was none. */
  #newest = -1n;
  readonly #options: FilesCacheOptions;

  private constructor(options: FilesCacheOptions, bytes: Uint8Array | null) {
    this.#options = options;
    this.#buffer = bytes ?? new Uint8Array(1 << 16);
    this.#view = new DataView(this.#buffer.buffer, this.#buffer.byteOffset, this.#buffer.byteLength);
    if (bytes === null) this.#buffer.set(options.randomBytes(16), SEED_AT);
    this.#hash = new PathHash(this.#buffer.slice(SEED_AT, SEED_AT + 16));
    this.#table = new Uint32Array(1 << 12);
    if (bytes !== null) this.#index();
  }

  /** Loads what there is; what is missing or damaged counts as empty. */
  static load(options: FilesCacheOptions): FilesCache {
    let bytes: Uint8Array | null = null;
    try {
      bytes = options.files.readFile(`${options.directory}/${options.name}`);
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
    }
    if (bytes !== null && !isSound(bytes)) bytes = null;
    return new FilesCache(options, bytes);
  }

  get size(): number {
    return this.#records;
  }

  /** Walks the records of a loaded file, whose digest is right, and ages them. */
  #index(): void {
    const records = this.#view.getUint32(12, true);
    this.#resize(records);
    for (let at = HEADER; at < this.#buffer.length; at += this.#recordBytes(at)) {
      this.#view.setUint32(at + AGE, this.#view.getUint32(at + AGE, true) + 1, true);
      this.#insert(at);
    }
    this.#length = this.#buffer.length;
    this.#records = records;
  }

  #recordBytes(at: number): number {
    return CHUNKS + CHUNK_BYTES * (this.#view.getUint32(at + COUNT, true) & COUNT_MASK);
  }

  #resize(records: number): void {
    let length = 1 << 12;
    while (length < records * 2) length *= 2;
    this.#table = new Uint32Array(length);
  }

  #insert(at: number): void {
    const mask = this.#table.length - 1;
    let slot = this.#view.getUint32(at, true) & mask;
    while (this.#table[slot] !== 0) slot = (slot + 1) & mask;
    this.#table[slot] = at / UNIT;
  }

  /** Offset of the record of the path hashed last, 0 for none; `#slot` is where it stands or would stand. */
  #slot = 0;
  #find(): number {
    const { words } = this.#hash;
    const mask = this.#table.length - 1;
    let slot = words[0]! & mask;
    for (let unit = this.#table[slot]!; unit !== 0; unit = this.#table[slot]!) {
      const at = unit * UNIT;
      if (
        this.#view.getUint32(at, true) === words[0] && this.#view.getUint32(at + 4, true) === words[1] &&
        this.#view.getUint32(at + 8, true) === words[2] && this.#view.getUint32(at + 12, true) === words[3]
      ) {
        this.#slot = slot;
        return at;
      }
      slot = (slot + 1) & mask;
    }
    this.#slot = slot;
    return 0;
  }

  /**
   * The chunks of the file at the absolute `path` if it is unchanged; "changed" for a file that was known otherwise, null for
   * one that was not. The caller makes sure that the repository still has the chunks.
   */
  lookup(path: string, stat: Stat): CachedChunk[] | "changed" | null {
    this.#hash.update(path);
    const at = this.#find();
    if (at === 0) return null;
    const { mode } = this.#options;
    const view = this.#view;
    if (view.getBigInt64(at + TIME, true) !== this.#timeOf(stat)) return "changed";
    if (mode.size && Number(view.getBigUint64(at + SIZE, true)) !== stat.size) return "changed";
    if (mode.inode && view.getBigUint64(at + INODE, true) !== stat.ino) return "changed";
    view.setBigUint64(at + INODE, stat.ino, true);
    view.setUint32(at + AGE, 0, true);
    this.#foundBare = mode.time === "ctime" && mode.inode && (view.getUint32(at + COUNT, true) & BARE) !== 0;
    return this.#chunks(at);
  }

  /**
   * Whether the file that {@link lookup} found unchanged has, as it had when it was remembered, neither extended attributes
   * nor ACLs: to set one changes the ctime (POSIX, "file times"), so only that mode can tell.
   */
  get foundBare(): boolean {
    return this.#foundBare;
  }
  #foundBare = false;

  #timeOf(stat: Stat): bigint {
    return this.#options.mode.time === "ctime" ? stat.ctimeNs : stat.mtimeNs;
  }

  #chunks(at: number): CachedChunk[] {
    const count = this.#view.getUint32(at + COUNT, true) & COUNT_MASK;
    const chunks = new Array<CachedChunk>(count);
    for (let i = 0; i < count; i++) {
      const chunk = at + CHUNKS + CHUNK_BYTES * i;
      chunks[i] = {
        // A view: records are never written again, and an outgrown buffer lives on.
        id: asChunkId(this.#buffer.subarray(chunk, chunk + 32)),
        size: this.#view.getUint32(chunk + 32, true),
        csize: this.#view.getUint32(chunk + 36, true),
      };
    }
    return chunks;
  }

  /**
   * Remembers a file that was read to its end without changing meanwhile. `stat` is that of the open file; `bare` says that it
   * surely has neither extended attributes nor ACLs.
   */
  remember(path: string, stat: Stat, chunks: readonly CachedChunk[], bare = false): void {
    this.#hash.update(path);
    const known = this.#find() !== 0;
    const time = this.#timeOf(stat);
    if (time > this.#newest) this.#newest = time;
    const at = this.#append(CHUNKS + CHUNK_BYTES * chunks.length);
    const view = this.#view;
    for (let i = 0; i < 4; i++) view.setUint32(at + 4 * i, this.#hash.words[i]!, true);
    view.setBigUint64(at + INODE, stat.ino, true);
    view.setBigUint64(at + SIZE, BigInt(stat.size), true);
    view.setBigInt64(at + TIME, time, true);
    view.setUint32(at + AGE, 0, true);
    view.setUint32(at + COUNT, chunks.length + (bare ? BARE : 0), true);
    for (const [i, { id, size, csize }] of chunks.entries()) {
      const chunk = at + CHUNKS + CHUNK_BYTES * i;
      this.#buffer.set(id, chunk);
      view.setUint32(chunk + 32, size, true);
      view.setUint32(chunk + 36, csize, true);
    }
    // An older record of the path is no longer reachable, and so not saved.
    this.#table[this.#slot] = at / UNIT;
    if (!known && ++this.#records * 2 > this.#table.length) this.#grow();
  }

  #append(bytes: number): number {
    const at = this.#length;
    if (at + bytes > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(at + bytes, this.#buffer.length * 2));
      larger.set(this.#buffer.subarray(0, at));
      this.#buffer = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#length = at + bytes;
    return at;
  }

  #grow(): void {
    const old = this.#table;
    this.#table = new Uint32Array(old.length * 2);
    for (const unit of old) if (unit !== 0) this.#insert(unit * UNIT);
  }

  /**
   * Writes the cache for the next backup. Left out are files as new as the newest stored one: a change in the same tick of
   * the clock could not be seen from their time; and files that {@link FilesCacheOptions.ttl} backups have not seen. Best
   * effort: a full disk costs only time, next time.
   */
  save(): void {
    const { files, directory, name } = this.#options;
    const bytes = this.#compact();
    const path = `${directory}/${name}`;
    try {
      files.mkdirAll(directory, 0o700);
      files.writeFile(`${path}.tmp`, bytes, { mode: 0o600 });
      files.rename(`${path}.tmp`, path);
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
    }
  }

  #kept(at: number): boolean {
    const age = this.#view.getUint32(at + AGE, true);
    if (age > 0) return age < this.#options.ttl;
    return this.#newest < 0n || this.#view.getBigInt64(at + TIME, true) < this.#newest;
  }

  /** The file's bytes with the records that are kept, in the order in which they were stored. */
  #compact(): Uint8Array {
    // By offset, not by hash: the next backup walks in much the same order.
    const offsets = this.#table.filter((unit) => unit !== 0).sort();
    let length = HEADER;
    for (const unit of offsets) if (this.#kept(unit * UNIT)) length += this.#recordBytes(unit * UNIT);
    const out = new Uint8Array(length);
    let end = HEADER;
    let records = 0;
    for (const unit of offsets) {
      const at = unit * UNIT;
      if (!this.#kept(at)) continue;
      const bytes = this.#recordBytes(at);
      out.set(this.#buffer.subarray(at, at + bytes), end);
      end += bytes;
      records++;
    }
    const view = new DataView(out.buffer);
    out.set(MAGIC);
    view.setUint32(8, VERSION, true);
    view.setUint32(12, records, true);
    out.set(this.#hash.seed, SEED_AT);
    out.set(new TextEncoder().encode(digest(out)), DIGEST_AT);
    return out;
  }
}

/** Over everything but the digest itself. */
function digest(bytes: Uint8Array): string {
  return new Xxh64().update(bytes.subarray(0, DIGEST_AT)).update(bytes.subarray(HEADER)).digestHex();
}

/** Whether `bytes` is a file that {@link FilesCache.save} wrote, whole and unchanged. */
function isSound(bytes: Uint8Array): boolean {
  if (bytes.length < HEADER || !MAGIC.every((byte, i) => bytes[i] === byte)) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(8, true) !== VERSION) return false;
  return new TextDecoder().decode(bytes.subarray(DIGEST_AT, HEADER)) === digest(bytes);
}
