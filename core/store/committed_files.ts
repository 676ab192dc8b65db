/**
 * The files beside the log that describe one committed transaction N: `index.N`, `hints.N`, `integrity.N` (borg docs,
 * data-structures.rst, "Index, hints and integrity"). All three can be made again from the segments, so whatever is
 * missing or damaged reads as null. The order of writing lets a crash at any point leave either a set that checks out or
 * one that is seen to be none: integrity first, folder synced, then hints, then index, folder synced.
 */
import { MsgpackError } from "../bytes/mod.ts";
import { IntegrityError, OsError } from "../errors.ts";
import type { StoreFiles } from "./env.ts";
import { type DecodedHints, decodeHints, encodeHints, type Hints } from "./hints.ts";
import {
  decodeIntegrity,
  digestFile,
  encodeIntegrity,
  type FilePiece,
  HEADER_PART,
  isIntact,
} from "./integrity.ts";
import { INDEX_FILE_HEADER_BYTES } from "../../wasm/mod.ts";
import { StoreIndex } from "./store_index.ts";

const INDEX_NAME = /^index\.([0-9]+)$/;
const FAMILY = /^(index|hints|integrity)\./;
/** A table of many millions of entries goes out in parts, so that a full disk is noticed early. */
const WRITE_BYTES = 16 << 20;

const isAbsent = (error: unknown) => error instanceof OsError && error.code === "ENOENT";

export class CommittedFiles {
  constructor(private readonly files: StoreFiles, private readonly repository: string) {}

  /** The newest transaction that an index file is there for; null without any. */
  latestIndex(): number | null {
    let latest: number | null = null;
    for (const name of this.files.readDir(this.repository)) {
      const match = INDEX_NAME.exec(name);
      if (!match) continue;
      const transaction = Number(match[1]);
      if (latest !== null && transaction <= latest) continue;
      if (this.files.stat(this.#path(name)).size > 0) latest = transaction;
    }
    return latest;
  }

  /** The index of `transaction`, null where it is missing or not to be trusted. */
  readIndex(transaction: number): StoreIndex | null {
    return this.#orNull(() => {
      const name = `index.${transaction}`;
      const fd = this.files.open(this.#path(name));
      try {
        const { size: length } = this.files.fstat(fd);
        const header = new Uint8Array(Math.min(length, INDEX_FILE_HEADER_BYTES));
        this.#readAll(fd, header, 0);
        return StoreIndex.load({
          header,
          length,
          fill: (buckets) => {
            this.#readAll(fd, buckets, header.length);
            this.#requireIntact(name, [{ bytes: header, part: HEADER_PART }, { bytes: buckets }]);
          },
        });
      } finally {
        this.files.close(fd);
      }
    });
  }

  /** The hints of `transaction`, null where they are missing or not to be trusted. */
  readHints(transaction: number): DecodedHints | null {
    return this.#orNull(() => {
      const name = `hints.${transaction}`;
      const bytes = this.files.readFile(this.#path(name));
      this.#requireIntact(name, [{ bytes }]);
      return decodeHints(bytes);
    });
  }

  /** Writes all three files of `transaction` durably, then removes those of other transactions. */
  write(transaction: number, state: { index: StoreIndex; hints: Hints }): void {
    const hints = encodeHints(state.hints);
    const [header, buckets] = state.index.encodeParts();
    const integrity = encodeIntegrity({
      hints: digestFile(`hints.${transaction}`, [{ bytes: hints }]),
      index: digestFile(`index.${transaction}`, [{ bytes: header, part: HEADER_PART }, { bytes: buckets }]),
    });
    this.#writeTemporary(`hints.${transaction}`, [hints]);
    this.#writeTemporary(`index.${transaction}`, [header, buckets]);
    this.#writeTemporary(`integrity.${transaction}`, [integrity]);
    this.#rename(`integrity.${transaction}`);
    this.files.syncDir(this.repository);
    this.#rename(`hints.${transaction}`);
    this.#rename(`index.${transaction}`);
    this.files.syncDir(this.repository);
    this.#removeOthers(transaction);
  }

  /** Adds a line to the `transactions` file, by which an append-only repository can be turned back by hand. */
  logTransaction(transaction: number, nowMs: number): void {
    const time = new Date(nowMs).toISOString().replace("Z", "000");
    const line = new TextEncoder().encode(`transaction ${transaction}, UTC time ${time}\n`);
    const fd = this.files.open(this.#path("transactions"), { write: true, create: true, append: true });
    try {
      this.files.write(fd, line);
    } finally {
      this.files.close(fd);
    }
  }

  #path(name: string): string {
    return `${this.repository}/${name}`;
  }

  #orNull<T>(read: () => T): T | null {
    try {
      return read();
    } catch (error) {
      // A bad spot on the disk (EIO) is as good as a missing file here: both are made again.
      if (isAbsent(error) || (error instanceof OsError && error.code === "EIO")) return null;
      if (error instanceof IntegrityError || error instanceof MsgpackError) return null;
      throw error;
    }
  }

  #readAll(fd: number, into: Uint8Array, position: number): void {
    if (this.files.pread(fd, into, position) < into.length) {
      throw new IntegrityError("IntegrityError", ["an index file ends too early"]);
    }
  }

  /** Throws IntegrityError where the contents of `index.N` or `hints.N` are not what `integrity.N` promises. */
  #requireIntact(name: string, pieces: readonly FilePiece[]): void {
    const [kind, transaction] = name.split(".");
    let integrity: Uint8Array;
    try {
      integrity = this.files.readFile(this.#path(`integrity.${transaction}`));
    } catch (error) {
      // Repositories from before borg 1.1 have no such file.
      if (isAbsent(error)) return;
      throw error;
    }
    if (!isIntact(decodeIntegrity(integrity, kind!), name, pieces)) {
      throw new IntegrityError("IntegrityError", [`${name} is not what integrity.${transaction} promises`]);
    }
  }

  #writeTemporary(name: string, pieces: readonly Uint8Array[]): void {
    const fd = this.files.open(this.#path(`${name}.tmp`), { write: true, create: true, truncate: true });
    try {
      for (const piece of pieces) {
        for (let at = 0; at < piece.length; at += WRITE_BYTES) {
          this.files.write(fd, piece.subarray(at, at + WRITE_BYTES));
        }
      }
      this.files.sync(fd);
    } finally {
      this.files.close(fd);
    }
  }

  #rename(name: string): void {
    this.files.rename(this.#path(`${name}.tmp`), this.#path(name));
  }

  #removeOthers(transaction: number): void {
    for (const name of this.files.readDir(this.repository)) {
      if (FAMILY.test(name) && !name.endsWith(`.${transaction}`)) this.files.unlink(this.#path(name));
    }
  }
}
