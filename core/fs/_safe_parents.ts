/**
 * The way down to an item inside the destination. An archive may come from an enemy: a path with "..", or one that leads
 * through a symbolic link which the archive itself put there, would reach outside. So every folder on the way must be a
 * real one (borg 1.4 refuses the same; no backup ever contains such paths).
 */
import { type Files, S_IFDIR, S_IFMT } from "../platform/mod.ts";
import { OsError, type WarningCode } from "../errors.ts";
import { onSource, SourceError } from "./source_error.ts";

/** Folders remembered as real; beyond that all are looked at anew. */
const MAX_KNOWN = 65_536;

export class SafeParents {
  readonly #known = new Set<string>();
  /** What stands before the name in the path asked for last, and where that is; null where it is not known to be there. */
  #near: string | null = null;
  #nearFull = "";
  #visits = 0;

  constructor(private readonly files: Files, private readonly destination: string) {}

  /** Another number for each stay in a folder: as long as it is the same, all items lie beside each other. */
  get visit(): number {
    return this.#visits;
  }

  /**
   * The path in the file system of the item `path`, whose folders all exist and are real or do not exist yet. Null for the
   * destination itself. Throws SourceError.
   */
  check(path: string, code?: WarningCode): string | null {
    const cut = path.lastIndexOf("/") + 1;
    let full = this.#beside(path, cut);
    if (full === null) {
      this.#near = null;
      this.#visits++;
      const names = this.#names(path, code);
      if (names.length === 0) return null;
      const last = names.pop()!;
      const folder = this.#folder(names, path, code);
      full = `${this.destination}/${[...names, last].join("/")}`;
      // Not for "folder/." and the like, where what stands before the slash is the item itself.
      if (folder !== null && path.endsWith(last) && path.length === cut + last.length) {
        this.#near = path.slice(0, cut);
        this.#nearFull = `${folder}/`;
      }
    }
    // Whatever is there now is about to be replaced.
    this.#known.delete(full);
    return full;
  }

  /** For a neighbour of the item before: nothing on the way to it is replaced while only neighbours follow each other. */
  #beside(path: string, cut: number): string | null {
    if (this.#near === null || cut !== this.#near.length || !path.startsWith(this.#near)) return null;
    const name = cut === 0 ? path : path.slice(cut);
    return name === "" || name === "." || name === ".." ? null : this.#nearFull + name;
  }

  /** The folder below the destination that `names` lead to, all of them real; null where not all exist. */
  #folder(names: readonly string[], path: string, code?: WarningCode): string | null {
    let current = this.destination;
    for (const name of names) {
      current = `${current}/${name}`;
      if (this.#known.has(current)) continue;
      const mode = this.#modeOf(current, path);
      if (mode === null) return null;
      if ((mode & S_IFMT) !== S_IFDIR) {
        throw new SourceError(
          code ?? "BackupSymlinkParentError",
          path,
          "not extracted: a folder on its way is a symbolic link or a file, it would not stay inside of the destination",
        );
      }
      this.remember(current);
    }
    return current;
  }

  /** Makes the folders on the way to `full`, which {@link check} answered for `path` just now. */
  make(full: string, path: string): void {
    if (this.#near !== null) return;
    const parent = full.slice(0, full.lastIndexOf("/"));
    if (parent === this.destination || this.#known.has(parent)) return;
    onSource("makedirs", path, () => this.files.mkdirAll(parent));
    this.remember(parent);
  }

  /** `folder` was seen to be a real one, or made. */
  remember(folder: string): void {
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.add(folder);
  }

  /** A folder was removed: none is known to be there any more. */
  forget(): void {
    this.#known.clear();
  }

  #names(path: string, code?: WarningCode): string[] {
    const names = path.split("/").filter((name) => name !== "" && name !== ".");
    if (path.startsWith("/") || names.includes("..")) {
      throw new SourceError(
        code ?? "BackupPathTraversalError",
        path,
        'not extracted: the path is absolute or contains "..", it would not stay inside of the destination',
      );
    }
    return names;
  }

  #modeOf(folder: string, path: string): number | null {
    try {
      return this.files.lstat(folder).mode;
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      if (error.code === "ENOENT") return null;
      throw SourceError.fromOs("stat", path, error);
    }
  }
}
