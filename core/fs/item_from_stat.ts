/**
 * From what stat tells to the metadata of an archive item (borg docs, internals/data-structures.rst, "Item"), with the
 * defaults of borg 1.4's create on this system, so that the items of both programs are the same bytes.
 */
import type { Stat, Users } from "../platform/mod.ts";

/** Metadata that every entry has; keys that are not to be stored are absent. */
export interface ItemMeta {
  path: string;
  mode: number;
  uid: number;
  gid: number;
  /** null: no such name, or numeric ids were asked for. */
  user: string | null;
  group: string | null;
  /** Nanoseconds since 1970. */
  mtime: bigint;
  atime?: bigint;
  ctime?: bigint;
  birthtime?: bigint;
}

export interface ItemMetaOptions {
  users: Users;
  /** `--atime`; default false. */
  atime?: boolean;
  /** Default true (`--noctime` turns it off). */
  ctime?: boolean;
  /**
   * Default false: on Linux borg knows no birth times, as Python's stat has none there, so storing them would keep the
   * metadata of the two programs from deduplicating.
   */
  birthtime?: boolean;
  /** `--numeric-ids`: no names. */
  numericIds?: boolean;
}

/** borg keeps times within 32-bit seconds less two days, and before 1970 is 1970 (helpers/time.py, MAX_NS, safe_ns). */
const MAX_TIME_NS = BigInt(2 ** 31 - 1 - 48 * 3600) * 1_000_000_000n;

export function clampTimeNs(ns: bigint): bigint {
  return ns < 0n ? 0n : ns > MAX_TIME_NS ? MAX_TIME_NS : ns;
}

export function itemFromStat(archivePath: string, stat: Stat, options: ItemMetaOptions): ItemMeta {
  const meta: ItemMeta = {
    path: archivePath,
    mode: stat.mode,
    uid: stat.uid,
    gid: stat.gid,
    user: options.numericIds ? null : options.users.userName(stat.uid),
    group: options.numericIds ? null : options.users.groupName(stat.gid),
    mtime: clampTimeNs(stat.mtimeNs),
  };
  if (options.atime) meta.atime = clampTimeNs(stat.atimeNs);
  if (options.ctime !== false) meta.ctime = clampTimeNs(stat.ctimeNs);
  if (options.birthtime && stat.birthtimeNs !== null) meta.birthtime = clampTimeNs(stat.birthtimeNs);
  return meta;
}
