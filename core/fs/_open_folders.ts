/**
 * The folders that a walk is in, by descriptors: a name in one is reached through the open folder and never through a path
 * whose folders somebody may exchange meanwhile. Only the innermost stay open; one further out is opened again by ".." from
 * the one inside it, and if that was moved away, by going down once more from one that is still open or from the root. Either
 * way it must prove by device and inode to be the folder that it was.
 */
import type { Files, FilesAt, Stat } from "../platform/mod.ts";
import { OsError } from "../errors.ts";

/** A folder of the walk; the first in a stack is a root, whose name is a path. */
interface OpenFolder {
  readonly name: string;
  readonly dev: number;
  readonly ino: bigint;
  /** -1: closed for now. */
  fd: number;
}

/** How many stay open. A process may often have 256, and the repository has some. */
const MAX_OPEN = 32;

export class OpenFolders {
  readonly #stack: OpenFolder[] = [];

  /** `maxOpen`: at least 2, so that the folder around the innermost is open too. */
  constructor(
    private readonly files: Pick<Files, "fstat" | "close">,
    private readonly at: FilesAt,
    private maxOpen: number = MAX_OPEN,
  ) {}

  /** Enters an open folder, and closes the outermost if there are too many. `fd` is owned by the stack from now on. */
  push(name: string, stat: Stat, fd: number): void {
    this.#stack.push({ name, dev: stat.dev, ino: stat.ino, fd });
    const outer = this.#stack[this.#stack.length - 1 - this.maxOpen];
    if (outer !== undefined) this.#close(outer);
  }

  /**
   * Leaves the innermost folder. The one around it is opened again if it was closed; where that fails, {@link current} throws
   * until it is left too.
   */
  pop(): void {
    const inner = this.#stack.pop();
    if (inner === undefined) return;
    const outer = this.#stack.at(-1);
    if (outer !== undefined && outer.fd < 0 && inner.fd >= 0) {
      try {
        outer.fd = this.#open(inner.fd, "..", outer);
      } catch (error) {
        if (!(error instanceof OsError)) throw error;
      }
    }
    this.#close(inner);
  }

  /**
   * The innermost folder's descriptor, null outside of all. Throws OsError where it cannot be reached any more: EMFILE where
   * {@link economise} may help.
   */
  current(): number | null {
    const inner = this.#stack.at(-1);
    if (inner === undefined) return null;
    if (inner.fd < 0) this.#descend();
    return inner.fd;
  }

  /** Keeps but two open from now on, for a process that may have no more. False where that gave none back. */
  economise(): boolean {
    this.maxOpen = 2;
    let closed = false;
    for (const folder of this.#stack.slice(0, -1)) {
      closed ||= folder.fd >= 0;
      this.#close(folder);
    }
    return closed;
  }

  /** Leaves all. */
  clear(): void {
    for (const folder of this.#stack) this.#close(folder);
    this.#stack.length = 0;
  }

  /** Opens the innermost again, from the innermost that is open. */
  #descend(): void {
    let at = this.#stack.length - 1;
    while (at > 0 && this.#stack[at - 1]!.fd < 0) at--;
    let from = at === 0 ? null : this.#stack[at - 1]!.fd;
    let owned = -1;
    for (; at < this.#stack.length; at++) {
      const folder = this.#stack[at]!;
      let fd = -1;
      try {
        fd = this.#open(from, folder.name, folder);
      } catch (error) {
        if (!(error instanceof OsError) || error.code === "EMFILE") throw error;
      } finally {
        if (owned >= 0) this.files.close(owned);
      }
      if (fd < 0) {
        throw new OsError("ESTALE", "open", folder.name, "the folder was moved or exchanged meanwhile");
      }
      from = owned = fd;
    }
    this.#stack.at(-1)!.fd = owned;
  }

  /** A descriptor of `expected`, -1 where it is another folder. Throws OsError where there is none. */
  #open(dir: number | null, name: string, expected: OpenFolder): number {
    const fd = this.at.openFolder(dir, name);
    const { dev, ino } = this.files.fstat(fd);
    if (dev === expected.dev && ino === expected.ino) return fd;
    this.files.close(fd);
    return -1;
  }

  #close(folder: OpenFolder): void {
    if (folder.fd < 0) return;
    this.files.close(folder.fd);
    folder.fd = -1;
  }
}
