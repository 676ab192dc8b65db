/**
 * What the store needs from the outside world, named by the store (design: consumer-side interfaces): files, identity of
 * this process, clock, random numbers, and where events go. The command line fills it from `core/platform`.
 */
import type { Files } from "../platform/mod.ts";
import type { Reporter } from "../report.ts";

/** The part of the machine's files that a repository lives on. */
export type StoreFiles = Pick<
  Files,
  | "close"
  | "dropCache"
  | "exists"
  | "freeSpace"
  | "fstat"
  | "link"
  | "lstat"
  | "mkdir"
  | "mkdirAll"
  | "open"
  | "pread"
  | "readDir"
  | "readFile"
  | "rename"
  | "rmdir"
  | "stat"
  | "sync"
  | "syncDir"
  | "truncate"
  | "unlink"
  | "write"
  | "writeFile"
>;

export interface StoreEnv {
  readonly files: StoreFiles;
  /** This machine's name in lock files: `fqdn@number`, as borg computes it. */
  readonly hostId: string;
  readonly pid: number;
  randomBytes(length: number): Uint8Array;
  nowMs(): number;
  sleep(ms: number): Promise<void>;
  /** Whether a process of this machine lives (also one that we may not signal). */
  isProcessAlive(pid: number): boolean;
  readonly reporter: Reporter;
}
