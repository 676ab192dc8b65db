/** What a backup takes its items from, as `archive` sees it: a walk over a file system, pipes, entries of a tar stream. */
import type { ExtendedMeta, FileReader, ItemMeta, WalkEntry } from "../fs/mod.ts";
import type { Stat } from "../platform/mod.ts";
import type { WarningCode } from "../errors.ts";
import type { ChunkEntry, Item } from "./item.ts";

/** What comes through a pipe rather than out of a file: standard input, what a command prints, entries of a tar stream. */
export interface PipeEntry {
  readonly pipe: true;
  /** Default "i". */
  readonly status?: string;
  /** Present: there are no contents. */
  readonly bare?: true;
  /** Complete but for contents. */
  readonly item: Item;
  /** A ReadBlock; a negative number: nothing is there at the moment. */
  read(into: Uint8Array): number;
  /** After that: resolves when there may be something, and after some time in any case. */
  wait?(): Promise<void>;
  /** After the last byte. Throws where what came is not to be kept (a command that failed). */
  end(): Promise<void>;
  /** Instead of {@link end}, where it is not read to its end. */
  abort?(): Promise<void>;
}

/** What the backup needs of the file system; `cli` fills it in from the rooms `fs` and `platform`. */
export interface Source {
  /**
   * The next thing to back up, null at the end; a promise where nothing is there at the moment: ask again when it is settled.
   * `onLeave` is told of each folder that is left on the way there.
   */
  next(onLeave: (path: string) => void): WalkEntry | PipeEntry | Promise<void> | null;
  reader: FileReader;
  /** Reads devices and FIFOs as if they were files; absent: they are stored as what they are. */
  specialReader?: FileReader;
  meta(archivePath: string, stat: Stat): ItemMeta;
  /**
   * Extended attributes, ACLs and flags, by `fd` where the file is open; null where there are none. `stat` is what the item
   * is made of. Absent: none are stored. Throws the error of `isSourceError`.
   */
  extended?(entry: WalkEntry, stat: Stat, fd?: number): ExtendedMeta | null;
  /** The same of a file that surely has neither extended attributes nor ACLs. */
  bareExtended?(entry: WalkEntry, stat: Stat): ExtendedMeta | null;
  /** Throws the error of `isSourceError`. */
  readLink(path: string, at?: WalkEntry["at"]): string;
  /** What earlier backups saw of a file at a path (as the walk has it); absent: every file is read. */
  cache?: {
    lookup(path: string, stat: Stat): ChunkEntry[] | "changed" | null;
    /** Whether the file found last surely has neither extended attributes nor ACLs. */
    foundBare(): boolean;
    remember(path: string, stat: Stat, chunks: readonly ChunkEntry[], extended: ExtendedMeta | null): void;
  };
  /** The warning that an error stands for, null where it is not about a source file. */
  warningOf(error: unknown): { code: WarningCode; message: string } | null;
}
