/**
 * The walk over what is to be backed up. In: roots as the user gave them. Out, one by one as the caller pulls: each entry
 * with its stat, a folder before what is in it, names in the order of inode numbers, depth first. This is the order in which
 * borg walks, so that the item streams of both programs are the same. Nothing but the entry itself and its stat is made
 * per file; a folder's names are held while the walk is in it. Where the system can (`Files.at`), the walk goes by open
 * folders (`_open_folders.ts`), so that nobody can lead it elsewhere by exchanging a folder on the way, and no tree is too
 * deep for it; else by paths.
 */
import { type Files, type FilesAt, S_IFDIR, S_IFMT, type Stat } from "../platform/mod.ts";
import { OsError } from "../errors.ts";
import { OpenFolders } from "./_open_folders.ts";
import { joinPath, normalizePath, toArchivePath } from "./archive_path.ts";

/** What the matcher says of a path; "exclude" still looks for included paths below an excluded folder. */
export type WalkVerdict = "include" | "exclude" | "exclude-no-recurse";

/** A name in an open folder. */
export interface WalkPlace {
  /** Descriptor of the folder. */
  readonly dir: number;
  readonly name: string;
  /** Of a folder that the walk is going into: its own descriptor. */
  readonly folder?: number;
}

export interface WalkEntry {
  /** Where it is: the root, normalised, and names. */
  readonly path: string;
  /** Where it is in the archive. */
  readonly archivePath: string;
  readonly stat: Stat;
  /** How to reach it safely; good until the walker is asked for the next entry. Absent: by `path`. */
  readonly at?: WalkPlace | undefined;
  /**
   * Of a folder: the walk is in it until `onLeave` is called; or it is excluded by the marks in it, and `onExcluded` is called
   * when they have been yielded.
   */
  readonly inside?: "entered" | "marked";
  /** True where the walk saw already that there are no extended attributes and no ACLs. */
  readonly bare?: boolean;
  /** The entry with its stat as it is now, for those that were met some time ago. Throws SourceError. */
  refresh?(): WalkEntry;
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
  /** The same for a root that cannot be examined; default: `onError`. */
  onRootError?: (path: string, error: OsError) => void;
  /** Called for a folder that was yielded, after the last of what is in it. */
  onLeave?: (path: string) => void;
  onExcluded?: (path: string) => void;
  /** Called when the walk goes into a folder by an open descriptor, yielded or not, and when it leaves it (`walk_ahead.ts`). */
  onEnter?: (name: string, stat: Stat) => void;
  onExit?: () => void;
  /** Asked last: true excludes a file, or a folder and all that is in it (`--exclude-nodump` and its like). */
  leaveOut?: (path: string, stat: Stat) => boolean;
  /** How many folders are kept open at a time; default 32, at least 2. */
  maxOpenFolders?: number;
}

/** A folder that the walk is in. */
interface Frame {
  readonly path: string;
  readonly names: readonly string[];
  next: number;
  /** The walk holds a descriptor of it. */
  readonly open: boolean;
  /** As {@link WalkEntry.inside}; absent: it was not yielded. */
  readonly inside?: WalkEntry["inside"];
}

/** A folder that was just opened; `fd` -1 where the walk goes by paths. */
interface Opened {
  readonly stat: Stat;
  readonly fd: number;
}

export class Walker {
  readonly #options: WalkOptions;
  readonly #files: Files;
  readonly #at: FilesAt | null;
  readonly #folders: OpenFolders | null;
  readonly #stack: Frame[] = [];
  readonly #skip = new Set<string>();
  #nextRoot = 0;
  #rootStat: Stat | null = null;
  #lastWasFolder = false;

  constructor(options: WalkOptions) {
    this.#options = options;
    this.#files = options.files;
    this.#at = options.files.at ?? null;
    this.#folders = this.#at && new OpenFolders(options.files, this.#at, options.maxOpenFolders);
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
        this.#leave();
        continue;
      }
      let dir: number | null = null;
      if (frame.open) {
        try {
          dir = this.#folders!.current();
        } catch (error) {
          this.#failed(frame.path, error);
          frame.next = frame.names.length;
          continue;
        }
      }
      const name = frame.names[frame.next++]!;
      const entry = this.#visit(joinPath(frame.path, name), dir, name);
      if (entry !== null) return entry;
    }
  }

  /** Passes over everything in the folder that {@link next} yielded last. Throws TypeError where that was no folder. */
  skipChildren(): void {
    if (!this.#lastWasFolder) throw new TypeError("Cannot skip children: the last entry is not a folder");
    this.#lastWasFolder = false;
    this.#leave();
  }

  /** Ends the walk before its end: no descriptor stays open. */
  close(): void {
    this.#folders?.clear();
    this.#stack.length = 0;
    this.#nextRoot = this.#options.roots.length;
  }

  #leave(): void {
    const left = this.#stack.pop();
    if (left?.open) {
      this.#folders!.pop();
      this.#options.onExit?.();
    }
    if (left?.inside === "entered") this.#options.onLeave?.(left.path);
    else if (left?.inside === "marked") this.#options.onExcluded?.(left.path);
  }

  /** A root is walked as the only name in a frame of its own. */
  #startRoot(): boolean {
    // Whoever names a folder twice, or a folder in it afterwards, gets it once.
    if (this.#rootStat !== null) this.#skip.add(inodeKey(this.#rootStat));
    this.#rootStat = null;
    while (this.#nextRoot < this.#options.roots.length) {
      const path = normalizePath(this.#options.roots[this.#nextRoot++]!);
      try {
        this.#rootStat = this.#files.lstat(path);
      } catch (error) {
        this.#failed(path, error, this.#options.onRootError);
        continue;
      }
      this.#stack.push({ path: ".", names: [path], next: 0, open: false });
      return true;
    }
    return false;
  }

  /** `dir`: descriptor of the folder that `name` is in; null for a root, and where paths have to do. */
  #visit(path: string, dir: number | null, name: string): WalkEntry | null {
    const verdict = this.#options.matcher?.(path) ?? "include";
    if (verdict !== "include") {
      this.#options.onExcluded?.(path);
      // What is excluded for good is not even looked at: that alone could fail.
      if (verdict === "exclude-no-recurse") return null;
    }
    const stat = this.#lstat(path, dir, name);
    if (stat === null) return null;
    if (this.#skip.size > 0 && this.#skip.has(inodeKey(stat))) return null;
    if (this.#options.leaveOut?.(path, stat)) {
      this.#options.onExcluded?.(path);
      return null;
    }
    const included = verdict === "include";
    if ((stat.mode & S_IFMT) !== S_IFDIR) return included ? toEntry(path, stat, dir, name, -1) : null;
    const inside = included ? "entered" : undefined;
    if (!this.#recurses(stat)) return this.#push(path, dir, name, { stat, fd: -1 }, [], inside);
    const opened = this.#open(path, dir, name, stat);
    return opened === null ? null : this.#visitFolder(path, dir, name, opened, included);
  }

  #recurses(stat: Stat): boolean {
    return !this.#options.oneFileSystem || stat.dev === this.#rootStat?.dev;
  }

  #visitFolder(
    path: string,
    dir: number | null,
    name: string,
    opened: Opened,
    included: boolean,
  ): WalkEntry | null {
    const inside = included ? "entered" : undefined;
    if (!this.#recurses(opened.stat)) return this.#push(path, dir, name, opened, [], inside);
    const tags = this.#options.tagsOf?.(path) ?? [];
    if (tags.length > 0 && included) {
      if (this.#options.keepTags) return this.#push(path, dir, name, opened, tags, "marked");
      this.#options.onExcluded?.(path);
    }
    // Read before the folder is yielded: one that cannot be read is not stored as if it were empty.
    const names = tags.length === 0 ? this.#list(path, opened.fd) : null;
    if (names !== null) return this.#push(path, dir, name, opened, names, inside);
    if (opened.fd >= 0) this.#files.close(opened.fd);
    return null;
  }

  /** Goes into a folder. Answers its entry if it is to be yielded. */
  #push(
    path: string,
    dir: number | null,
    name: string,
    { stat, fd }: Opened,
    names: readonly string[],
    inside: WalkEntry["inside"],
  ): WalkEntry | null {
    if (fd >= 0) {
      this.#folders!.push(name, stat, fd);
      this.#options.onEnter?.(name, stat);
    }
    const frame = { path, names, next: 0, open: fd >= 0 };
    this.#lastWasFolder = inside !== undefined;
    if (inside === undefined) {
      this.#stack.push(frame);
      return null;
    }
    this.#stack.push({ ...frame, inside });
    return { ...toEntry(path, stat, dir, name, fd), inside };
  }

  #lstat(path: string, dir: number | null, name: string): Stat | null {
    try {
      return dir === null ? this.#files.lstat(path) : this.#at!.lstatAt(dir, name);
    } catch (error) {
      return this.#failed(path, error);
    }
  }

  /**
   * Null where that fails, or where it is to be passed over. What was opened counts, whatever `seen` was: another folder may
   * take its place, and an automounter puts one there.
   */
  #open(path: string, dir: number | null, name: string, seen: Stat): Opened | null {
    if (this.#at === null) return { stat: seen, fd: -1 };
    try {
      const fd = this.#openFolder(this.#at, dir, name);
      const stat = this.#files.fstat(fd);
      if (stat.ino === seen.ino && stat.dev === seen.dev) return { stat, fd };
      if (this.#stack.length === 1) this.#rootStat = stat;
      if (!this.#skip.has(inodeKey(stat))) return { stat, fd };
      this.#files.close(fd);
      return null;
    } catch (error) {
      return this.#failed(path, error);
    }
  }

  #openFolder(at: FilesAt, dir: number | null, name: string): number {
    try {
      return at.openFolder(dir, name);
    } catch (error) {
      if (!(error instanceof OsError && error.code === "EMFILE" && this.#folders!.economise())) throw error;
      return at.openFolder(dir, name);
    }
  }

  #list(path: string, fd: number): string[] | null {
    try {
      return this.#at === null
        ? this.#files.readDir(path, { byInode: true, noFollow: true, noAtime: true })
        : this.#at.listFolder(fd);
    } catch (error) {
      return this.#failed(path, error);
    }
  }

  #failed(path: string, error: unknown, tell = this.#options.onError): null {
    if (!(error instanceof OsError)) throw error;
    tell?.(path, error);
    return null;
  }
}

function toEntry(path: string, stat: Stat, dir: number | null, name: string, folder: number): WalkEntry {
  const archivePath = toArchivePath(path);
  if (dir === null) return { path, archivePath, stat };
  return { path, archivePath, stat, at: folder < 0 ? { dir, name } : { dir, name, folder } };
}

function inodeKey(file: { dev: number; ino: bigint }): string {
  return `${file.dev}:${file.ino}`;
}
