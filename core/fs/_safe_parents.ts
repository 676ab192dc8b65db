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

  constructor(private readonly files: Files, private readonly destination: string) {}

  /**
   * The path in the file system of the item `path`, whose folders all exist and are real or do not exist yet. Null for the
   * destination itself. Throws SourceError.
   */
  check(path: string, code?: WarningCode): string | null {
    const names = this.#names(path, code);
    if (names.length === 0) return null;
    let current = this.destination;
    for (let i = 0; i < names.length - 1; i++) {
      current = `${current}/${names[i]}`;
      if (this.#known.has(current)) continue;
      const mode = this.#modeOf(current, path);
      if (mode === null) break;
      if ((mode & S_IFMT) !== S_IFDIR) {
        throw new SourceError(
          code ?? "BackupSymlinkParentError",
          path,
          "not extracted: a folder on its way is a symbolic link or a file, it would not stay inside of the destination",
        );
      }
      this.#remember(current);
    }
    const full = `${this.destination}/${names.join("/")}`;
    // Whatever is there now is about to be replaced.
    this.#known.delete(full);
    return full;
  }

  /** Makes the folders on the way to `full`, which {@link check} answered. */
  make(full: string, path: string): void {
    const parent = full.slice(0, full.lastIndexOf("/"));
    if (parent === this.destination || this.#known.has(parent)) return;
    onSource("makedirs", path, () => this.files.mkdirAll(parent));
    this.#remember(parent);
  }

  #remember(folder: string): void {
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.add(folder);
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
