/**
 * What a file has beside contents, owner, mode and times: extended attributes, ACLs, file flags. In and out: values as they
 * stand in an archive's items. Implementations: `linux_attributes.ts`, `darwin_attributes.ts` and `freebsd_attributes.ts`,
 * and for systems whose attributes this version does not know, {@link NoAttributes}.
 */
import { osError } from "./_errno.ts";
import type { OsError } from "../errors.ts";
import type { AclNames } from "./posix_acl.ts";
import type { Stat } from "./files.ts";

// File flags by BSD's numbers (FreeBSD and macOS, sys/stat.h), in which borg stores them on every system.
export const UF_NODUMP = 0x1;
export const UF_IMMUTABLE = 0x2;
export const UF_APPEND = 0x4;
export const UF_OPAQUE = 0x8;
export const UF_NOUNLINK = 0x10;
export const UF_COMPRESSED = 0x20;
export const UF_HIDDEN = 0x8000;
// Of the superuser.
export const SF_ARCHIVED = 0x10000;
export const SF_IMMUTABLE = 0x20000;
export const SF_APPEND = 0x40000;
export const SF_NOUNLINK = 0x100000;
/** Of macOS: the contents are not on this machine, reading fetches them. */
export const SF_DATALESS = 0x40000000;

/**
 * A path, a name in an open folder, or an open descriptor. Of the first two a symbolic link in the last place is meant
 * itself.
 */
export type AttributeTarget = string | number | AttributePlace;

/** A name in an open folder, which stays the same whatever happens to the folders above it. */
export interface AttributePlace {
  /** Descriptor of the folder. */
  dir: number;
  name: string;
  /** For messages, and where the system cannot go by open folders. */
  path: string;
}

/** POSIX ACLs in borg's text form (`posix_acl.ts`). */
export interface PosixAcl {
  access?: Uint8Array;
  /** Of folders alone; empty where a folder has just the other one. */
  default?: Uint8Array;
}

/** Of every system; each keeps its own kinds and leaves the others alone. Texts as in borg's items (`bsd_acl_text.ts`). */
export interface Acls extends PosixAcl {
  /** macOS. */
  extended?: Uint8Array;
  /** FreeBSD, on file systems with ACLs of NFSv4. */
  nfs4?: Uint8Array;
}

export interface ReadOptions {
  /** Default true. */
  xattrs?: boolean;
  /** Who has which number; absent: no ACLs are read. */
  acls?: AclOptions;
  /** Told of a single attribute that cannot be read; it is left out. */
  onUnreadable?: (name: string, error: OsError) => void;
}

export interface AclOptions {
  names: AclNames;
  /** Numbers alone, as archived, whatever the names say. */
  numericIds?: boolean;
}

/** Both kinds of attributes of one file. */
export interface ReadAttributes {
  /** By name, in the order of the names' bytes; without those that are ACLs. */
  xattrs: Map<string, Uint8Array>;
  acl: Acls;
}

/** Failures are OsErrors. A file system that has no such thing counts as one where nothing is set. */
export interface Attributes {
  /** Whether links, devices and their like have flags too, not files and folders alone. */
  readonly flagsOnAll: boolean;
  /**
   * Extended attributes and ACLs for the price of one listing where there are none, which answers null. `stat` is that of
   * the target.
   */
  read(target: AttributeTarget, stat: Stat, options: ReadOptions): ReadAttributes | null;
  /** True where there surely are none of both; false also where this cannot be told quickly. */
  isBare(target: AttributeTarget): boolean;
  xattrs(target: AttributeTarget): Map<string, Uint8Array>;
  /** ENOTSUP where the file system has none. A name that means nothing on this system may be left out without a word. */
  setXattr(target: AttributeTarget, name: string, value: Uint8Array): void;
  /** Empty where the ACL says no more than the mode. */
  acl(target: AttributeTarget, stat: Stat, options: AclOptions): Acls;
  /** What is absent or empty stays as it is. EINVAL for text that is no ACL. */
  setAcl(target: AttributeTarget, acl: Acls, options: AclOptions): void;
  /** UF_… and SF_… bits; 0 for what has none or cannot be opened. */
  flags(target: AttributeTarget, stat: Stat): number;
  /** Sets and takes away what borg restores on this system. Does nothing where the file system has no flags. */
  setFlags(target: AttributeTarget, flags: number): void;
}

/** Finds nothing and keeps nothing, but for the flags that stat tells of. */
export class NoAttributes implements Attributes {
  readonly flagsOnAll: boolean = false;

  read(_target: AttributeTarget, _stat: Stat, _options: ReadOptions): ReadAttributes | null {
    return null;
  }

  isBare(): boolean {
    return false;
  }

  xattrs(): Map<string, Uint8Array> {
    return new Map();
  }

  setXattr(target: AttributeTarget): void {
    throw osError("ENOTSUP", "setxattr", targetName(target));
  }

  acl(_target: AttributeTarget, _stat: Stat, _options: AclOptions): Acls {
    return {};
  }

  setAcl(target: AttributeTarget, _acl: Acls, _options: AclOptions): void {
    throw osError("ENOTSUP", "setacl", targetName(target));
  }

  flags(_target: AttributeTarget, stat: Stat): number {
    return stat.flags ?? 0;
  }

  setFlags(): void {}
}

export function targetName(target: AttributeTarget): string {
  if (typeof target === "object") return target.path;
  return typeof target === "number" ? `descriptor ${target}` : target;
}

/** Whether `code` says that the path is too long where the name in its open folder is not: a place that nobody can ask. */
export function isUnreachable(target: AttributeTarget, code: string): boolean {
  return typeof target === "object" && code === "ENAMETOOLONG";
}
