/**
 * The file `lock.roster`: who holds a lock, and of which kind. Only to be used while the exclusive lock folder is held.
 * A missing, empty or unreadable roster counts as empty, and entries of dead processes of this machine are left out.
 */
import { decodeText, encodeText } from "../bytes/mod.ts";
import { OsError } from "../errors.ts";
import { log } from "../report.ts";
import type { StoreEnv } from "./env.ts";
import { removeIfThere } from "./save_file.ts";

/** Host id, process id, thread number. */
export type LockOwner = readonly [host: string, pid: number, thread: number];
export type LockKind = "shared" | "exclusive";
type Roster = Partial<Record<LockKind, LockOwner[]>>;

const KINDS: readonly LockKind[] = ["shared", "exclusive"];

function isOwner(value: unknown): value is LockOwner {
  return Array.isArray(value) && value.length === 3 && typeof value[0] === "string" &&
    Number.isInteger(value[1]) && Number.isInteger(value[2]);
}

const same = (a: LockOwner, b: LockOwner) => a[0] === b[0] && a[1] === b[1] && a[2] === b[2];

export class LockRoster {
  constructor(
    private readonly env: StoreEnv,
    private readonly path: string,
    private readonly owner: LockOwner,
  ) {}

  /** How many hold a lock of this kind, ourselves included. */
  holders(kind: LockKind): number {
    return this.#load()[kind]?.length ?? 0;
  }

  /** Whether we are among them. */
  includes(kind: LockKind): boolean {
    return this.#load()[kind]?.some((owner) => same(owner, this.owner)) ?? false;
  }

  add(kind: LockKind): void {
    const roster = this.#load();
    roster[kind] = [...(roster[kind] ?? []).filter((owner) => !same(owner, this.owner)), this.owner];
    this.#save(roster);
  }

  /** Takes us out; the file goes with the last entry, which needs no space on a full disk. */
  remove(kind: LockKind): void {
    const roster = this.#load();
    roster[kind] = (roster[kind] ?? []).filter((owner) => !same(owner, this.owner));
    if (KINDS.every((each) => !roster[each]?.length)) this.destroy();
    else this.#save(roster);
  }

  destroy(): void {
    removeIfThere(this.env.files, this.path);
  }

  /** Whether the process may live: of other machines, and of threads we know nothing of, we cannot tell. */
  isAlive([host, pid, thread]: LockOwner): boolean {
    return host !== this.env.hostId || thread !== 0 || this.env.isProcessAlive(pid);
  }

  #save(roster: Roster): void {
    // JSON as Python writes and reads it in any locale: plain ASCII.
    const text = JSON.stringify(roster).replace(
      /[\u007f-\uffff]/g,
      (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
    // Not in place: a disk that is full in the middle of it would take the locks of others away.
    const { files } = this.env;
    const temporary = `${this.path}.tmp`;
    try {
      files.writeFile(temporary, encodeText(text));
      files.rename(temporary, this.path);
    } catch (error) {
      removeIfThere(files, temporary);
      throw error;
    }
  }

  #load(): Roster {
    let parsed: unknown;
    try {
      parsed = JSON.parse(decodeText(this.env.files.readFile(this.path)));
    } catch (error) {
      if (error instanceof SyntaxError || (error instanceof OsError && error.code === "ENOENT")) return {};
      throw error;
    }
    const roster: Roster = {};
    if (typeof parsed !== "object" || parsed === null) return roster;
    for (const kind of KINDS) {
      const owners: unknown = (parsed as Roster)[kind];
      if (Array.isArray(owners)) {
        roster[kind] = owners.filter(isOwner).filter((owner) => this.#keep(kind, owner));
      }
    }
    return roster;
  }

  #keep(kind: LockKind, owner: LockOwner): boolean {
    if (this.isAlive(owner)) return true;
    log(
      this.env.reporter,
      "WARNING",
      `Removed the stale ${kind} lock of process ${owner[1]} on ${owner[0]}: it lives no more`,
    );
    return false;
  }
}
