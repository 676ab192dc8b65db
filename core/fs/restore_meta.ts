/**
 * Owner, permissions, times, extended attributes, ACLs and flags of a restored item, in an order in which none undoes the
 * other: a change of owner takes the set-user-id bit and capabilities away, so these follow it; the mode's group bits are an
 * ACL's mask, so that follows the mode; anything else changes times, so they come late; a file flagged immutable takes
 * nothing more, so flags come last (borg 1.4, archive.py, restore_attrs).
 */
import {
  type Acls,
  type Attributes,
  type Files,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
  SF_APPEND,
  SF_IMMUTABLE,
  SF_NOUNLINK,
  UF_APPEND,
  UF_IMMUTABLE,
  UF_NOUNLINK,
  type Users,
} from "../platform/mod.ts";
import { OsError, type WarningCode } from "../errors.ts";
import { SourceError } from "./source_error.ts";

/** What of an archive item matters for restoring it. */
export interface RestoreItem {
  path: string;
  mode: number;
  uid?: number;
  gid?: number;
  user?: string | null;
  group?: string | null;
  /** Nanoseconds since 1970. */
  mtime: bigint;
  atime?: bigint;
  /** Target of a symbolic link. */
  source?: string;
  rdev?: number;
  size?: number;
  bsdflags?: number;
  /** Values are bytes, null for none. */
  xattrs?: ReadonlyMap<string | number, unknown>;
  acl_access?: Uint8Array;
  acl_default?: Uint8Array;
  acl_extended?: Uint8Array;
  acl_nfs4?: Uint8Array;
}

export interface OwnerOptions {
  users: Users;
  /** Numbers as archived, whatever the names say. */
  numericIds?: boolean;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** An id that chown(2) leaves as it is. */
const UNCHANGED = -1;

/** Who shall own the item on this machine: by name where the name exists here, by number else. */
export function ownerOf(item: RestoreItem, options: OwnerOptions): Owner {
  const byName = !options.numericIds;
  const uid = byName && item.user ? options.users.userId(item.user) : null;
  const gid = byName && item.group ? options.users.groupId(item.group) : null;
  return { uid: uid ?? archivedId(item.uid), gid: gid ?? archivedId(item.gid) };
}

/** Negative numbers came from systems without owners. */
function archivedId(id: number | undefined): number {
  return id === undefined ? UNCHANGED : Math.max(id, 0);
}

/** The item that is to get its metadata: by name, or by an open descriptor where there is one. */
export interface MetaTarget {
  path: string;
  fd?: number;
  symlink?: boolean;
  /** Whose it is already, where that is known. */
  owner?: Owner | null;
}

export interface MetaOptions extends OwnerOptions {
  /** Absent: no extended attributes, ACLs and flags are set. */
  attributes?: Attributes;
  /** Each default true. */
  flags?: boolean;
  acls?: boolean;
  xattrs?: boolean;
  /** Told of single extended attributes that cannot be set. */
  warn: (code: WarningCode, path: string, message: string) => void;
}

/** Once these are set, a file can be removed or renamed no more, and with most of them get no further name or metadata. */
const LOCKING = UF_IMMUTABLE | UF_APPEND | UF_NOUNLINK | SF_IMMUTABLE | SF_APPEND | SF_NOUNLINK;

/**
 * Applies the metadata, but for the flags that {@link lockingFlags} tells of. Who is not root cannot give files away, and
 * some systems cannot set a link's times or flags: owner, times and flags are tried, permissions and ACL must work. Throws
 * the SourceError of these when all the rest is done.
 */
export function applyMeta(files: Files, target: MetaTarget, item: RestoreItem, options: MetaOptions): void {
  const { path, fd, owner } = target;
  const { uid, gid } = ownerOf(item, options);
  if (!owner || uid !== owner.uid || gid !== owner.gid) {
    try {
      if (fd === undefined) files.lchown(path, uid, gid);
      else files.fchown(fd, uid, gid);
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
    }
  }
  // After the owner, whose change takes capabilities away. Before the mode, which may keep us from writing (borg sets it
  // first and then fails on read-only files of ordinary users).
  applyXattrs(target, item, options);
  let failure: SourceError | null = null;
  if (!target.symlink) {
    try {
      if (fd === undefined) files.chmod(path, item.mode);
      else files.fchmod(fd, item.mode);
    } catch (error) {
      failure = failed(item, error);
    }
  }
  try {
    applyAcl(target, item, options);
  } catch (error) {
    failure ??= failed(item, error);
  }
  const atime = item.atime ?? item.mtime;
  try {
    if (fd === undefined) files.utimes(path, atime, item.mtime);
    else files.futimes(fd, atime, item.mtime);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
  }
  const flags = (item.bsdflags ?? 0) & ~LOCKING;
  if (flags !== 0 && options.flags !== false && isFlaggable(item, options)) {
    try {
      options.attributes?.setFlags(fd ?? path, flags);
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
    }
  }
  if (failure !== null) throw failure;
}

function failed(item: RestoreItem, error: unknown): SourceError {
  if (error instanceof OsError) return SourceError.fromOs("attrs", item.path, error);
  if (error instanceof SourceError) return error;
  throw error;
}

/** Flags to be set when nothing more is to be done to the item; 0 for nearly all. */
export function lockingFlags(item: RestoreItem, options: MetaOptions): number {
  const wanted = options.attributes !== undefined && options.flags !== false &&
    isFlaggable(item, options);
  const flags = item.bsdflags ?? 0;
  return wanted && (flags & LOCKING) !== 0 ? flags : 0;
}

/** On Linux, opening anything else may wait or do something; there is nothing to be set either. */
function isFlaggable(item: RestoreItem, { attributes }: MetaOptions): boolean {
  const type = item.mode & S_IFMT;
  return attributes?.flagsOnAll === true || type === S_IFREG || type === S_IFDIR;
}

function applyXattrs(target: MetaTarget, item: RestoreItem, options: MetaOptions): void {
  const { attributes } = options;
  if (attributes === undefined || options.xattrs === false || item.xattrs === undefined) return;
  for (const [key, value] of item.xattrs) {
    // An empty value is archived as nil.
    const bytes = value === null ? new Uint8Array() : value;
    const name = String(key);
    if (!(bytes instanceof Uint8Array)) {
      options.warn("BackupWarning", item.path, `extended attribute ${name} has no value that can be set`);
      continue;
    }
    try {
      attributes.setXattr(target.fd ?? target.path, name, bytes);
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      options.warn(
        "BackupWarning",
        item.path,
        `extended attribute ${name}: ${reasonOf(error, bytes.length)}`,
      );
    }
  }
}

function reasonOf(error: OsError, size: number): string {
  // ext4 says "no space" of an attribute that does not fit into its one block.
  if (error.code === "E2BIG" || error.code === "ERANGE" || error.code === "ENOSPC") {
    return `${size} bytes are too many for this file system, or it is full (${error.code})`;
  }
  return SourceError.fromOs("set", "", error).message;
}

function applyAcl(target: MetaTarget, item: RestoreItem, options: MetaOptions): void {
  const { attributes, users, numericIds = false } = options;
  if (attributes === undefined || options.acls === false) return;
  const acl: Acls = {};
  // Links have no POSIX ACLs.
  if (item.acl_access && !target.symlink) acl.access = item.acl_access;
  if (item.acl_default && !target.symlink) acl.default = item.acl_default;
  if (item.acl_extended) acl.extended = item.acl_extended;
  if (item.acl_nfs4) acl.nfs4 = item.acl_nfs4;
  if (Object.keys(acl).length === 0) return;
  try {
    attributes.setAcl(target.fd ?? target.path, acl, { names: users, numericIds });
  } catch (error) {
    if (!(error instanceof OsError && error.code === "ENOTSUP")) throw error;
  }
}
