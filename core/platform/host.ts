/**
 * Who we are among the machines and processes that share a repository. Locks carry (host id, process, thread) as borg
 * writes them, so each program recognises the other's stale locks; the host id is `<full name>@<hardware address>`, the
 * address as the integer that Python's uuid module gets from libuuid.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import os from "node:os";
import process from "node:process";
import { canonicalName } from "./_fqdn.ts";
import type { Users } from "./users.ts";

export interface HostOptions {
  /** BORG_HOST_ID: taken as it is in the place of the computed one. */
  hostId?: string | undefined;
  users: Users;
}

export class Host {
  readonly #options: HostOptions;
  #fqdn: string | undefined;
  #hostId: string | undefined;

  constructor(options: HostOptions) {
    this.#options = options;
  }

  /** Without the domain. */
  get hostname(): string {
    return os.hostname().split(".")[0]!;
  }

  /** With the domain. Asked for once; may wait for a name server. */
  get fqdn(): string {
    return this.#fqdn ??= canonicalName(os.hostname());
  }

  get hostId(): string {
    return this.#hostId ??= this.#options.hostId || `${this.fqdn}@${nodeNumber()}`;
  }

  get pid(): number {
    return process.pid;
  }

  /** borg always writes 0. */
  readonly threadId = 0;

  /** The effective user's name, or the number where it has none. */
  get userName(): string {
    const uid = this.uid;
    return uid === null ? os.userInfo().username : this.#options.users.userName(uid) ?? String(uid);
  }

  /** null where the system has no such numbers. */
  get uid(): number | null {
    return process.getuid?.() ?? null;
  }

  get isRoot(): boolean {
    return process.geteuid?.() === 0;
  }

  get homeDir(): string {
    return os.homedir();
  }

  /** Whether the owner of a lock may still live: of other hosts and of threads we cannot know, so yes. */
  isProcessAlive(hostId: string, pid: number, threadId: number): boolean {
    return hostId !== this.hostId || threadId !== 0 || isLocalProcessAlive(pid);
  }
}

/** Whether there is a process of that number on this machine, also one that is not ours. */
export function isLocalProcessAlive(pid: number): boolean {
  // Zero and negative numbers mean groups of processes to kill(2).
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: unknown }).code !== "ESRCH";
  }
}

/** Sets the mask of permissions that new files do not get, and answers the one before. */
export function setUmask(mask: number): number {
  const deno = (globalThis as { Deno?: typeof Deno }).Deno;
  // The node layer of older Denos answers, but does not set.
  return deno !== undefined && process.platform !== "win32" ? deno.umask(mask) : process.umask(mask);
}

/**
 * The machine's number: the hardware address of the first interface that has an IPv4 address, for that is where libuuid
 * looks (SIOCGIFCONF lists no others). Without any, libuuid draws lots anew in each process; we take a number that stays
 * the same, from machine-id(5), with the multicast bit set as RFC 4122 4.5 asks, so that it is no real address.
 */
export function nodeNumber(): bigint {
  for (const addresses of Object.values(os.networkInterfaces())) {
    for (const { family, mac } of addresses ?? []) {
      const number = family === "IPv4" ? BigInt(`0x${mac.replaceAll(":", "") || "0"}`) : 0n;
      if (number !== 0n) return number;
    }
  }
  const digest = createHash("sha256").update(`alcove host ${machineId()}`).digest();
  return BigInt(`0x${digest.subarray(0, 6).toString("hex")}`) | 1n << 40n;
}

function machineId(): string {
  for (const path of ["/etc/machine-id", "/var/lib/dbus/machine-id"]) {
    try {
      return readFileSync(path, "utf8").trim();
    } catch {
      // Try the next; a machine without any is known by its name.
    }
  }
  return os.hostname();
}
