/**
 * From archive items to what they were: files, folders, links, FIFOs, devices below one destination. Nothing is ever made,
 * changed or removed outside of it, whatever the items say (`_safe_parents.ts`). What is in the way of an item is removed,
 * except folders with something in them. Until its metadata is applied, a file or folder is its maker's alone. Failures are
 * {@link SourceError}: a warning, and the next item follows.
 */
import {
  type Files,
  type OpenOptions,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFMT,
  S_IFREG,
} from "../platform/mod.ts";
import { OsError, type WarningCode } from "../errors.ts";
import { SafeParents } from "./_safe_parents.ts";
import { OpenFile, type RestoredFile } from "./restored_file.ts";
import { applyMeta, lockingFlags, type MetaOptions, type Owner, type RestoreItem } from "./restore_meta.ts";
import { onSource, SourceError, warningOf } from "./source_error.ts";

export interface RestorerOptions extends MetaOptions {
  files: Files;
  /** An existing folder. */
  destination: string;
  /** Leaves files alone that an earlier, interrupted extraction has completed. */
  continue?: boolean;
  /** Leaves holes where a written block is all zero. */
  sparse?: boolean;
  /** Told of failures with single attributes and with the postponed metadata of folders. */
  warn: (code: WarningCode, path: string, message: string) => void;
}

/** Errors for which a further name cannot be had, but a copy can. */
const NO_LINKS: ReadonlySet<string> = new Set(["ENOENT", "EXDEV", "EMLINK", "EPERM", "ENOTSUP", "ENOSYS"]);

const NEW_FILE: OpenOptions = { write: true, exclusive: true, noFollow: true, mode: 0o600 };
/** Which flags are to be set when all is done, and by what the one that gets them is known. */
interface Lock {
  full: string;
  dev: number;
  ino: bigint;
  type: number;
  flags: number;
}

export class Restorer {
  readonly #files: Files;
  readonly #options: RestorerOptions;
  readonly #parents: SafeParents;
  /** Without a slash at its end: "" for the root. */
  readonly #destination: string;
  /** Folders that items are still expected in, and where: each lies in the one before. */
  readonly #folders: { item: RestoreItem; full: string }[] = [];
  /** What is to be flagged immutable or append only when all is done: its other names and folders may be still to come. */
  readonly #locks: Lock[] = [];
  #open: OpenFile | null = null;
  /** Whose files are that are made in the folder of the visit: the group may be the folder's. */
  #owner: Owner | null = null;
  #ownerVisit = -1;

  constructor(options: RestorerOptions) {
    this.#files = options.files;
    this.#options = options;
    this.#destination = options.destination.replace(/\/+$/, "");
    this.#parents = new SafeParents(options.files, this.#destination);
  }

  /** Its metadata follows when the next item lies outside of it, or at {@link finish}. */
  directory(item: RestoreItem): void {
    const { path } = item;
    const full = this.#way(path);
    if (full !== null) {
      this.#makeFolder(full, path);
      this.#parents.remember(full);
    }
    this.#folders.push({ item, full: full ?? this.#destination });
  }

  #makeFolder(full: string, path: string): void {
    try {
      return this.#files.mkdir(full, 0o700);
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      const mode = this.#modeOf(full);
      if (mode !== null && (mode & S_IFMT) === S_IFDIR) return;
      if (mode === null || !this.#clear(full)) throw SourceError.fromOs("mkdir", path, error);
    }
    onSource("mkdir", path, () => this.#files.mkdir(full, 0o700));
  }

  symlink(item: RestoreItem): void {
    const full = this.#place(item);
    if (item.source === undefined) throw new SourceError("BackupError", item.path, "a link without a target");
    const target = item.source;
    this.#makeAt(full, item, { operation: "symlink", make: () => this.#files.symlink(target, full) });
    this.#lockLater(full, item);
    applyMeta(this.#files, { path: full, symlink: true }, item, this.#options);
  }

  /** A FIFO or a device file. */
  special(item: RestoreItem): void {
    const type = item.mode & S_IFMT;
    if (type !== S_IFIFO && type !== S_IFCHR && type !== S_IFBLK) {
      throw new SourceError("BackupError", item.path, `unknown file type ${type.toString(8)}`);
    }
    const full = this.#place(item);
    const make = (): void => {
      if (type === S_IFIFO) this.#files.mkfifo(full, 0o600);
      else this.#files.mknod(full, type | 0o600, item.rdev ?? 0);
    };
    this.#makeAt(full, item, { operation: "mknod", make });
    this.#lockLater(full, item);
    applyMeta(this.#files, { path: full }, item, this.#options);
  }

  /**
   * Makes the item a further name of the file that was restored as the item path `source`. False where that is not there or
   * the file system has no such thing: then restore a copy.
   */
  hardLink(item: RestoreItem, source: string): boolean {
    this.#closeOpen();
    const existing = this.#parents.check(source, "BackupHardlinkSourceError");
    if (existing === null) return false;
    const full = this.#place(item);
    if (full === existing) return false;
    try {
      this.#makeAt(full, item, { operation: "link", make: () => this.#files.link(existing, full) });
      return true;
    } catch (error) {
      const cause = error instanceof SourceError ? error.cause : null;
      if (cause instanceof OsError && NO_LINKS.has(cause.code)) return false;
      throw error;
    }
  }

  /**
   * With {@link RestorerOptions.continue}: whether the file is there already, complete. Its time is set last of all, so a file
   * of the right size and time was extracted to its end.
   */
  isComplete(item: RestoreItem): boolean {
    if (!this.#options.continue || item.size === undefined) return false;
    const full = this.#parents.check(item.path);
    if (full === null) return false;
    try {
      const stat = this.#files.lstat(full);
      return (stat.mode & S_IFMT) === S_IFREG && stat.size === item.size && stat.mtimeNs === item.mtime;
    } catch (error) {
      if (error instanceof OsError) return false;
      throw error;
    }
  }

  /** A new file; {@link restoreMeta} is to follow when it is complete. One at a time. */
  openFile(item: RestoreItem): RestoredFile {
    const full = this.#place(item);
    let fd: number;
    let isNew = true;
    try {
      fd = this.#files.open(full, NEW_FILE);
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      if (!this.#clear(full)) throw SourceError.fromOs("open", item.path, error);
      isNew = false;
      fd = onSource("open", item.path, () => this.#create(full));
    }
    this.#open = new OpenFile(this.#files, item, { full, fd, isNew, sparse: this.#options.sparse === true });
    return this.#open;
  }

  /** Who a file is of that was made just now, in the folder of the last item. */
  #ownerOfNew(fd: number): Owner | null {
    const { visit } = this.#parents;
    if (visit !== this.#ownerVisit) {
      this.#ownerVisit = visit;
      try {
        this.#owner = this.#files.fstat(fd);
      } catch (error) {
        if (!(error instanceof OsError)) throw error;
        this.#owner = null;
      }
    }
    return this.#owner;
  }

  #create(full: string): number {
    try {
      return this.#files.open(full, NEW_FILE);
    } catch (error) {
      if (!(error instanceof OsError && error.code === "EEXIST")) throw error;
    }
    // It could not be removed (a folder that we may not write to), but perhaps it can be written. Never wait for the reader
    // of a FIFO.
    const fd = this.#files.open(full, { write: true, noFollow: true, nonBlock: true });
    try {
      if ((this.#files.fstat(fd).mode & S_IFMT) !== S_IFREG) {
        throw new OsError("EEXIST", "open", full, "something else is in the way");
      }
      this.#files.truncate(fd, 0);
      return fd;
    } catch (error) {
      this.#files.close(fd);
      throw error;
    }
  }

  /** Applies the metadata of the file opened last and closes it. */
  restoreMeta(item: RestoreItem): void {
    const open = this.#open;
    if (open === null || open.item.path !== item.path) {
      throw new TypeError("Cannot restore metadata: the file was not opened last");
    }
    try {
      open.close();
      this.#lockLater(open.full, item);
      const owner = open.isNew ? this.#ownerOfNew(open.fd) : null;
      applyMeta(this.#files, { path: open.full, fd: open.fd, owner }, item, this.#options);
    } finally {
      this.#closeOpen();
    }
  }

  /** The metadata of the folders that are left. Call it at the end, also after a failure. */
  finish(): void {
    this.#closeOpen();
    while (this.#folders.length > 0) this.#finishFolder();
    for (const lock of this.#locks.splice(0)) this.#lock(lock);
  }

  #lockLater(full: string, item: RestoreItem): void {
    const flags = lockingFlags(item, this.#options);
    if (flags === 0) return;
    try {
      const { dev, ino, mode } = this.#files.lstat(full);
      this.#locks.push({ full, dev, ino, type: mode & S_IFMT, flags });
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
    }
  }

  /** Flags are tried: they take root, and few file systems have all of them. */
  #lock({ full, dev, ino, type, flags }: Lock): void {
    let fd = -1;
    try {
      if (!canOpen(type)) {
        const found = this.#files.lstat(full);
        const isSame = found.dev === dev && found.ino === ino && (found.mode & S_IFMT) === type;
        if (isSame) this.#options.attributes?.setFlags(full, flags);
        return;
      }
      fd = this.#files.open(full, { noFollow: true, nonBlock: true, noAtime: true });
      const stat = this.#files.fstat(fd);
      // Later items may have put something else there, even a link to the world outside.
      if (stat.dev === dev && stat.ino === ino) this.#options.attributes?.setFlags(fd, flags);
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
    } finally {
      if (fd >= 0) this.#files.close(fd);
    }
  }

  warningOf(error: unknown): { code: WarningCode; message: string } | null {
    return warningOf(error);
  }

  #closeOpen(): void {
    const open = this.#open;
    this.#open = null;
    if (open === null) return;
    try {
      this.#files.close(open.fd);
    } catch (error) {
      if (error instanceof OsError) throw SourceError.fromOs("close", open.item.path, error);
      throw error;
    }
  }

  #finishFolder(): void {
    const { item, full } = this.#folders.pop()!;
    this.#lockLater(full || "/", item);
    try {
      applyMeta(this.#files, { path: full || "/" }, item, this.#options);
    } catch (error) {
      const warning = warningOf(error);
      if (warning === null) throw error;
      this.#options.warn(warning.code, item.path, warning.message);
    }
  }

  /** {@link #way} for what cannot be the destination itself. */
  #place(item: RestoreItem): string {
    const full = this.#way(item.path);
    if (full === null) {
      throw new SourceError("BackupError", item.path, "the destination itself must be a folder");
    }
    return full;
  }

  /** Checks the way and makes it. Null for the destination itself. */
  #way(path: string): string | null {
    this.#closeOpen();
    const full = this.#parents.check(path);
    // By where it leads, not by how it is written: "folder/." is the folder itself, and may be about to replace it.
    const to = full ?? this.#destination;
    while (this.#folders.length > 0 && !to.startsWith(`${this.#folders.at(-1)!.full}/`)) this.#finishFolder();
    if (full !== null) this.#parents.make(full, path);
    return full;
  }

  /** Makes the item, if need be in place of what is in the way. */
  #makeAt(full: string, item: RestoreItem, step: { operation: string; make: () => void }): void {
    try {
      return step.make();
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      if (!this.#clear(full)) throw SourceError.fromOs(step.operation, item.path, error);
    }
    onSource(step.operation, item.path, step.make);
  }

  /** Removes what is at `full`, if that is possible; false where nothing is. */
  #clear(full: string): boolean {
    const mode = this.#modeOf(full);
    if (mode === null) return false;
    try {
      if ((mode & S_IFMT) === S_IFDIR) {
        this.#files.rmdir(full);
        // Where upper and lower case are the same, it has more names than this one.
        this.#parents.forget();
      } else this.#files.unlink(full);
    } catch (error) {
      // Making the item will say why it does not work.
      if (!(error instanceof OsError)) throw error;
    }
    return true;
  }

  #modeOf(full: string): number | null {
    try {
      return this.#files.lstat(full).mode;
    } catch (error) {
      if (error instanceof OsError) return null;
      throw error;
    }
  }
}

/** Links cannot be opened, and to open devices and their like may do something. */
function canOpen(type: number): boolean {
  return type === S_IFREG || type === S_IFDIR;
}
