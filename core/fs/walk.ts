/**
 * The walk over what is to be backed up. In: roots as the user gave them. Out, one by one as the caller pulls: each entry
 * with its stat, a folder before what is in it, names in the order of inode numbers, depth first. This is the order in which
 * borg walks, so that the item streams of both programs are the same. Nothing but the entry itself and its stat is made
 * per file; a folder's names are held while the walk is in it.
 */
import { type Files, S_IFDIR, S_IFMT, type Stat } from "../platform/mod.ts";
import { OsError } from "../errors.ts";
import { joinPath, normalizePath, toArchivePath } from "./archive_path.ts";

/** What the matcher says of a path; "exclude" still looks for included paths below an excluded folder. */
export type WalkVerdict = "include" | "exclude" | "exclude-no-recurse";

export interface WalkEntry {
  /** Where it is: the root, normalised, and names. */
  readonly path: string;
  /** Where it is in the archive. */
  readonly archivePath: string;
  readonly stat: Stat;
}

export interface WalkOptions {
  files: Files;
  roots: readonly string[];
  /** Does not go into folders on another device than their root's; they themselves are yielded. */
  oneFileSystem?: boolean;
  /** Default: everything is included. The path is the entry's `path`. */
  matcher?: (path: string) => WalkVerdict;
  /**
   * Names in a folder that mark it as not to be backed up (`tag_files.ts`); none: it is an ordinary folder. Asked for every
   * folder that the walk would go into.
   */
  tagsOf?: (folder: string) => readonly string[];
  /** Of a marked folder, yields the folder and the marks instead of nothing. */
  keepTags?: boolean;
  /** Files and folders (the repository, the cache) that are passed over without a word. */
  skip?: readonly { dev: number; ino: bigint }[];
  /** Called for a path that cannot be examined or a folder that cannot be read; the walk goes on without it. */
  onError?: (path: string, error: OsError) => void;
  onExcluded?: (path: string) => void;
  /** Asked last: true excludes a file, or a folder and all that is in it (`--exclude-nodump`). */
  leaveOut?: (path: string, stat: Stat) => boolean;
}

/** A folder that the walk is in. */
interface Frame {
  readonly path: string;
  readonly names: readonly string[];
  next: number;
}

export class Walker {
  readonly #options: WalkOptions;
  readonly #files: Files;
  readonly #stack: Frame[] = [];
  readonly #skip = new Set<string>();
  #nextRoot = 0;
  #rootStat: Stat | null = null;
  #lastWasFolder = false;

  constructor(options: WalkOptions) {
    this.#options = options;
    this.#files = options.files;
    for (const file of options.skip ?? []) this.#skip.add(inodeKey(file));
  }

  /** The next entry, null at the end. */
  next(): WalkEntry | null {
    this.#lastWasFolder = false;
    for (;;) {
      const frame = this.#stack.at(-1);
      if (frame === undefined) {
        if (!this.#startRoot()) return null;
        continue;
      }
      if (frame.next === frame.names.length) {
        this.#stack.pop();
        continue;
      }
      const path = joinPath(frame.path, frame.names[frame.next++]!);
      const entry = this.#visit(path);
      if (entry !== null) return entry;
    }
  }

  /** Passes over everything in the folder that {@link next} yielded last. Throws TypeError where that was no folder. */
  skipChildren(): void {
    if (!this.#lastWasFolder) throw new TypeError("Cannot skip children: the last entry is not a folder");
    this.#lastWasFolder = false;
    this.#stack.pop();
  }

  /** A root is walked as the only name in a frame of its own. */
  #startRoot(): boolean {
    // Whoever names a folder twice, or a folder in it afterwards, gets it once.
    if (this.#rootStat !== null) this.#skip.add(inodeKey(this.#rootStat));
    this.#rootStat = null;
    while (this.#nextRoot < this.#options.roots.length) {
      const path = normalizePath(this.#options.roots[this.#nextRoot++]!);
      this.#rootStat = this.#lstat(path);
      if (this.#rootStat === null) continue;
      this.#stack.push({ path: ".", names: [path], next: 0 });
      return true;
    }
    return false;
  }

  #visit(path: string): WalkEntry | null {
    const verdict = this.#options.matcher?.(path) ?? "include";
    if (verdict !== "include") {
      this.#options.onExcluded?.(path);
      // What is excluded for good is not even looked at: that alone could fail.
      if (verdict === "exclude-no-recurse") return null;
    }
    const stat = this.#lstat(path);
    if (stat === null) return null;
    if (this.#skip.size > 0 && this.#skip.has(inodeKey(stat))) return null;
    if (this.#options.leaveOut?.(path, stat)) {
      this.#options.onExcluded?.(path);
      return null;
    }
    if ((stat.mode & S_IFMT) !== S_IFDIR) return verdict === "include" ? toEntry(path, stat) : null;
    return this.#visitFolder(path, stat, verdict === "include");
  }

  #visitFolder(path: string, stat: Stat, included: boolean): WalkEntry | null {
    const recurse = !this.#options.oneFileSystem || stat.dev === this.#rootStat?.dev;
    let names: readonly string[] = [];
    if (recurse) {
      const tags = this.#options.tagsOf?.(path) ?? [];
      if (tags.length > 0) {
        if (!included) return null;
        this.#options.onExcluded?.(path);
        if (!this.#options.keepTags) return null;
        names = tags;
      } else {
        // Read before the folder is yielded: one that cannot be read is not stored as if it were empty.
        const read = this.#readDir(path);
        if (read === null) return null;
        names = read;
      }
    }
    this.#stack.push({ path, names, next: 0 });
    this.#lastWasFolder = included;
    return included ? toEntry(path, stat) : null;
  }

  #lstat(path: string): Stat | null {
    try {
      return this.#files.lstat(path);
    } catch (error) {
      return this.#failed(path, error);
    }
  }

  #readDir(path: string): string[] | null {
    try {
      return this.#files.readDir(path, { byInode: true, noFollow: true, noAtime: true });
    } catch (error) {
      return this.#failed(path, error);
    }
  }

  #failed(path: string, error: unknown): null {
    if (!(error instanceof OsError)) throw error;
    this.#options.onError?.(path, error);
    return null;
  }
}

function toEntry(path: string, stat: Stat): WalkEntry {
  return { path, archivePath: toArchivePath(path), stat };
}

function inodeKey(file: { dev: number; ino: bigint }): string {
  return `${file.dev}:${file.ino}`;
}
