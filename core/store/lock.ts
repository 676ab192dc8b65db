/**
 * Borg's locks on a repository (or a cache), honoured both ways. Exclusive: the folder `lock.exclusive` with one file
 * named `<hostid>.<pid>-<thread in hex>`, made under another name and renamed, which is the atomic step. Shared:
 * an entry in `lock.roster`, JSON {"shared": [[hostid, pid, thread], …], "exclusive": […]}, which is read and changed only by who
 * holds the exclusive lock for that moment. Locks of processes of this machine that live no more are removed on sight.
 */
import { encodeHex } from "../bytes/mod.ts";
import { LockError, OsError } from "../errors.ts";
import { log } from "../report.ts";
import type { StoreEnv } from "./env.ts";
import { type LockOwner, LockRoster } from "./_lock_roster.ts";
import { splitPath } from "./save_file.ts";

/** How long to pause between two attempts: a tenth of the time allowed, in these bounds. */
const MIN_PAUSE_MS = 20;
const MAX_PAUSE_MS = 1000;

export interface LockOptions {
  /** How long to wait for others, in seconds; 0 tries once, Infinity waits for ever. */
  waitSeconds: number;
  /** Thread number in the lock's name; borg always uses 0. */
  thread?: number;
}

/** A lock file's name taken apart, null if it is not one. */
function parseOwner(name: string): LockOwner | null {
  const match = /^(.*)\.([0-9]+)-([0-9a-fA-F]+)$/s.exec(name);
  return match && [match[1]!, Number(match[2]), parseInt(match[3]!, 16)];
}

export class Lock {
  readonly #folder: string;
  readonly #name: string;
  readonly #roster: LockRoster;
  #held: "no" | "shared" | "exclusive" = "no";
  /** Whoever waits for more of the lock must not get it then: a signal closed the repository. */
  #givenBack = false;
  #complained = false;

  /** `path` is the common start of the lock's files: `<repository>/lock`. Nothing is locked yet. */
  constructor(
    private readonly env: StoreEnv,
    path: string,
    private readonly options: LockOptions,
  ) {
    const owner: LockOwner = [env.hostId, env.pid, options.thread ?? 0];
    this.#folder = `${path}.exclusive`;
    this.#name = `${this.#folder}/${owner[0]}.${owner[1]}-${owner[2].toString(16)}`;
    this.#roster = new LockRoster(env, `${path}.roster`, owner);
  }

  get isExclusive(): boolean {
    return this.#held === "exclusive";
  }

  /**
   * Takes the lock. Throws LockTimeout when others keep it for longer than allowed, LockFailed where the lock's files
   * cannot be written.
   */
  async acquire(exclusive: boolean): Promise<void> {
    this.#givenBack = false;
    if (exclusive) await this.#acquireExclusive();
    else await this.#brieflyExclusive(() => this.#roster.add("shared"));
    this.#held = exclusive ? "exclusive" : "shared";
  }

  /**
   * Turns a shared lock into an exclusive one; on failure the shared one is still held. Throws NotLocked or NotMyLock where
   * what is held was broken.
   */
  async upgrade(): Promise<void> {
    this.requireUnbroken();
    if (this.#held !== "shared") return;
    await this.#acquireExclusive(() => this.#leaveShared(), () => this.#roster.add("shared"));
    this.#held = "exclusive";
  }

  /** Whoever broke a shared lock may have changed what its holder has read. */
  #leaveShared(): void {
    if (!this.#roster.includes("shared")) throw new LockError("NotLocked", [this.#folder]);
    this.#roster.remove("shared");
  }

  /** Throws NotLocked or NotMyLock where an exclusive lock is believed to be held and was broken. */
  requireUnbroken(): void {
    if (this.#held !== "exclusive" || this.env.files.exists(this.#name)) return;
    throw this.#broken();
  }

  #broken(): LockError {
    return new LockError(this.env.files.exists(this.#folder) ? "NotMyLock" : "NotLocked", [this.#folder]);
  }

  /** Turns an exclusive lock into a shared one. */
  downgrade(): void {
    if (this.#held !== "exclusive") return;
    this.#roster.remove("exclusive");
    this.#roster.add("shared");
    this.#removeFolder();
    this.#held = "shared";
  }

  /**
   * Gives the lock back; nothing happens if it is not held. Throws NotMyLock or NotLocked where it was broken. Where the
   * lock's files cannot be written (a full disk) that is a warning: what stays behind is stale once this process ends.
   */
  async release(): Promise<void> {
    const held = this.#held;
    this.#held = "no";
    this.#givenBack = true;
    try {
      if (held === "exclusive") this.#releaseExclusive();
      else if (held === "shared") await this.#brieflyExclusive(() => this.#roster.remove("shared"));
    } catch (error) {
      const cannotWrite = error instanceof OsError ||
        (error instanceof LockError && error.code === "LockFailed");
      if (!cannotWrite) throw error;
      log(this.env.reporter, "WARNING", `Cannot give back the lock ${this.#folder}: ${error.message}`);
    }
  }

  #releaseExclusive(): void {
    try {
      this.#roster.remove("exclusive");
    } finally {
      this.#removeFolder();
    }
  }

  /** Removes the lock of whoever has it. */
  breakLock(): void {
    const { files } = this.env;
    this.#roster.destroy();
    let names: string[];
    try {
      names = files.readDir(this.#folder);
    } catch (error) {
      if (error instanceof OsError && error.code === "ENOENT") return;
      throw error;
    }
    for (const name of names) files.unlink(`${this.#folder}/${name}`);
    files.rmdir(this.#folder);
  }

  /** `leave` takes back what we hold already, `restore` undoes that while we wait. */
  async #acquireExclusive(leave = () => {}, restore = () => {}): Promise<void> {
    const deadline = this.#deadline();
    for (;;) {
      await this.#acquireFolder();
      try {
        if (this.#givenBack) throw new TypeError("Cannot take the lock: it was given back meanwhile");
        leave();
        if (this.#roster.holders("shared") === 0) {
          this.#roster.add("exclusive");
          return;
        }
        restore();
      } catch (error) {
        this.#removeFolder();
        throw error;
      }
      this.#removeFolder();
      await this.#pause(deadline);
    }
  }

  async #brieflyExclusive(change: () => void): Promise<void> {
    await this.#acquireFolder();
    try {
      change();
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      throw new LockError("LockFailed", [this.#folder, error.message], { cause: error });
    } finally {
      this.#removeFolder();
    }
  }

  async #acquireFolder(): Promise<void> {
    const deadline = this.#deadline();
    for (let first = true; !this.#takeFolder(first); first = false) {
      // Where a dead process was in the way, the next attempt need not wait.
      if (!this.#removeStale()) await this.#pause(deadline);
    }
  }

  /**
   * One attempt; where it fails, nothing of it stays. Without a pause in it: a signal ends the process in none but those, and
   * leaves no half-made lock behind. The first one is made in any case, for the errors of a disk that cannot be written.
   */
  #takeFolder(first: boolean): boolean {
    const { files } = this.env;
    if (!first && this.#isTaken()) return files.exists(this.#name);
    const temporary = `${this.#folder}.${encodeHex(this.env.randomBytes(4))}.tmp`;
    const inTemporary = `${temporary}/${splitPath(this.#name)[1]}`;
    let renamed = false;
    try {
      files.mkdir(temporary, 0o700);
      files.writeFile(inTemporary, new Uint8Array(0));
      renamed = this.#tryRename(temporary);
      return renamed || files.exists(this.#name);
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      throw new LockError("LockFailed", [this.#folder, error.message], { cause: error });
    } finally {
      if (!renamed) this.#removeQuietly(inTemporary, temporary);
    }
  }

  #tryRename(temporary: string): boolean {
    try {
      this.env.files.rename(temporary, this.#folder);
      return true;
    } catch (error) {
      if (error instanceof OsError) return false;
      throw error;
    }
  }

  /** An emptied folder is in nobody's way. */
  #isTaken(): boolean {
    try {
      return this.env.files.readDir(this.#folder).length > 0;
    } catch (error) {
      if (error instanceof OsError) return false;
      throw error;
    }
  }

  /** Removes the exclusive lock if every process named in it is known to be dead; true if it is gone. */
  #removeStale(): boolean {
    const { files } = this.env;
    let names: string[];
    try {
      names = files.readDir(this.#folder);
    } catch (error) {
      if (error instanceof OsError) return false;
      throw error;
    }
    for (const name of names) {
      const owner = parseOwner(name);
      if (!owner) {
        return this.#complain(`Cannot understand the lock file ${name} in ${this.#folder}`);
      }
      if (this.#roster.isAlive(owner)) return false;
      try {
        files.unlink(`${this.#folder}/${name}`);
      } catch (error) {
        if (!(error instanceof OsError)) throw error;
        return this.#complain(`Cannot remove the stale lock ${name}: ${error.message}`);
      }
      log(this.env.reporter, "WARNING", `Removed the stale lock ${name}: its process lives no more`);
    }
    this.#removeQuietly(null, this.#folder);
    return !files.exists(this.#folder);
  }

  #complain(message: string): false {
    if (!this.#complained) log(this.env.reporter, "ERROR", message);
    this.#complained = true;
    return false;
  }

  #removeFolder(): void {
    const { files } = this.env;
    if (!files.exists(this.#name)) throw this.#broken();
    files.unlink(this.#name);
    // Someone else may have renamed a folder of their own into the emptied place: then it is theirs.
    this.#removeQuietly(null, this.#folder);
  }

  #removeQuietly(file: string | null, folder: string): void {
    for (
      const remove of [() => file !== null && this.env.files.unlink(file), () => this.env.files.rmdir(folder)]
    ) {
      try {
        remove();
      } catch (error) {
        if (!(error instanceof OsError)) throw error;
      }
    }
  }

  #deadline(): number {
    return this.env.nowMs() + this.options.waitSeconds * 1000;
  }

  async #pause(deadline: number): Promise<void> {
    if (this.env.nowMs() >= deadline) throw new LockError("LockTimeout", [this.#folder]);
    const wanted = this.options.waitSeconds * 100;
    await this.env.sleep(Math.min(Math.max(wanted, MIN_PAUSE_MS), MAX_PAUSE_MS));
  }
}
