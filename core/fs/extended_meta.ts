/**
 * What an item keeps of a file beside contents and stat: extended attributes, ACLs, file flags, under the rules of borg 1.4's
 * create (archive.py, stat_ext_attrs), so that the items of both programs are the same bytes.
 */
import type { Attributes, AttributeTarget, Stat, Users } from "../platform/mod.ts";
import type { UnpackedMap } from "../bytes/mod.ts";
import { onSource } from "./source_error.ts";
import type { WalkPlace } from "./walk.ts";

/** Keys of an item; what a file does not have is absent. */
export interface ExtendedMeta {
  bsdflags?: number;
  /** In the order of the names' bytes. An empty value is null, as borg has it. */
  xattrs?: UnpackedMap;
  acl_access?: Uint8Array;
  /** Empty for a folder that has but the other one. */
  acl_default?: Uint8Array;
  /** macOS's. */
  acl_extended?: Uint8Array;
  /** FreeBSD's, on file systems with ACLs of NFSv4. */
  acl_nfs4?: Uint8Array;
}

export interface ExtendedMetaOptions {
  attributes: Attributes;
  users: Users;
  numericIds?: boolean;
  /** Each default true. */
  flags?: boolean;
  acls?: boolean;
  xattrs?: boolean;
  /** Told of a single extended attribute that cannot be read: the file is stored without it. */
  onUnreadable?: (path: string, message: string) => void;
}

/** What a file is asked by: its open descriptor where there is one, else its place where the walk tells. */
export interface ExtendedTarget {
  path: string;
  fd?: number | undefined;
  at?: WalkPlace | undefined;
}

function targetOf({ path, fd, at }: ExtendedTarget): AttributeTarget {
  if (fd !== undefined) return fd;
  if (at === undefined) return path;
  return at.folder ?? { dir: at.dir, name: at.name, path };
}

/** Null where there is nothing to store, the usual case. Throws SourceError. */
export function extendedMeta(
  what: ExtendedTarget,
  stat: Stat,
  options: ExtendedMetaOptions,
): ExtendedMeta | null {
  const { path } = what;
  const target = targetOf(what);
  const { attributes, users, numericIds } = options;
  const flags = options.flags === false ? 0 : attributes.flags(target, stat);
  const read = onSource("extended attributes", path, () =>
    attributes.read(target, stat, {
      xattrs: options.xattrs !== false,
      ...(options.acls === false ? {} : { acls: { names: users, numericIds: numericIds === true } }),
      onUnreadable: (name, error) =>
        options.onUnreadable?.(path, `extended attribute ${name}: ${error.code}`),
    }));
  if (flags === 0 && read === null) return null;
  const meta: ExtendedMeta = {};
  if (flags !== 0) meta.bsdflags = flags;
  if (read === null) return meta;
  if (read.xattrs.size > 0) {
    meta.xattrs = new Map();
    for (const [name, value] of read.xattrs) meta.xattrs.set(name, value.length === 0 ? null : value);
  }
  if (read.acl.access !== undefined) meta.acl_access = read.acl.access;
  if (read.acl.default !== undefined) meta.acl_default = read.acl.default;
  if (read.acl.extended !== undefined) meta.acl_extended = read.acl.extended;
  if (read.acl.nfs4 !== undefined) meta.acl_nfs4 = read.acl.nfs4;
  return meta;
}
