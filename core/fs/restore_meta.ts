/**
 * Owner, permissions and times of a restored item, in an order in which none undoes the other: a change of owner takes the
 * set-user-id bit away, so permissions follow it; anything else changes times, so they come last (borg 1.4, archive.py,
 * restore_attrs).
 */
import type { Files, Users } from "../platform/mod.ts";
import { OsError } from "../errors.ts";
import { onSource } from "./source_error.ts";

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
}

export interface OwnerOptions {
  users: Users;
  /** Numbers as archived, whatever the names say. */
  numericIds?: boolean;
}

/** An id that chown(2) leaves as it is. */
const UNCHANGED = -1;

/** Who shall own the item on this machine: by name where the name exists here, by number else. */
export function ownerOf(item: RestoreItem, options: OwnerOptions): { uid: number; gid: number } {
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
}

/**
 * Applies the metadata. Who is not root cannot give files away, and some systems cannot set a link's times: owner and times
 * are tried, permissions must work. Throws SourceError.
 */
export function applyMeta(files: Files, target: MetaTarget, item: RestoreItem, options: OwnerOptions): void {
  const { path, fd } = target;
  const { uid, gid } = ownerOf(item, options);
  attempt(() => fd === undefined ? files.lchown(path, uid, gid) : files.fchown(fd, uid, gid));
  if (!target.symlink) {
    onSource(
      "attrs",
      item.path,
      () => fd === undefined ? files.chmod(path, item.mode) : files.fchmod(fd, item.mode),
    );
  }
  const atime = item.atime ?? item.mtime;
  attempt(() =>
    fd === undefined ? files.utimes(path, atime, item.mtime) : files.futimes(fd, atime, item.mtime)
  );
}

function attempt(step: () => void): void {
  try {
    step();
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
  }
}
