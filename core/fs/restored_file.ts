/** A file that is being restored: takes its contents, and leaves holes where they are all zero and that is wished. */
import type { Files } from "../platform/mod.ts";
import { OsError } from "../errors.ts";
import type { RestoreItem } from "./restore_meta.ts";
import { onSource, SourceError } from "./source_error.ts";

/** Takes the contents of a file. */
export interface RestoredFile {
  /** Throws SourceError. */
  write(data: Uint8Array): void;
  /** After the last write. Safe to call twice. */
  close(): void;
}

export class OpenFile implements RestoredFile {
  readonly full: string;
  readonly fd: number;
  /** Made by us, not found. */
  readonly isNew: boolean;
  readonly #sparse: boolean;
  #position = 0;
  #hole = false;

  constructor(
    private readonly files: Files,
    readonly item: RestoreItem,
    options: { full: string; fd: number; isNew: boolean; sparse: boolean },
  ) {
    this.full = options.full;
    this.fd = options.fd;
    this.isNew = options.isNew;
    this.#sparse = options.sparse;
  }

  write(data: Uint8Array): void {
    this.#position += data.length;
    if (this.#sparse && data.length > 0 && isZero(data)) {
      this.#hole = true;
      return;
    }
    try {
      if (this.#hole) this.#digHole(this.#position - data.length);
      this.files.write(this.fd, data);
    } catch (error) {
      if (error instanceof OsError) throw SourceError.fromOs("write", this.item.path, error);
      throw error;
    }
  }

  close(): void {
    if (this.#hole) onSource("truncate", this.item.path, () => this.#digHole(this.#position));
  }

  /** Lengthens the file without writing, so that what comes next lies behind a hole. */
  #digHole(end: number): void {
    this.files.truncate(this.fd, end);
    this.files.seekEnd(this.fd);
    this.#hole = false;
  }
}

function isZero(data: Uint8Array): boolean {
  for (let i = 0; i < data.length; i++) if (data[i] !== 0) return false;
  return true;
}
