/**
 * What the {@link Attributes} of macOS and FreeBSD have in common: extended attributes and file flags, as borg 1.4 keeps them
 * (xattr.py, platform/darwin.pyx, freebsd.pyx). The calls themselves, and ACLs, are each system's own.
 */
import { decodeText } from "../bytes/mod.ts";
import type { OsError } from "../errors.ts";
import { type BsdCalls, type BsdLibrary, type BsdPlace, bsdPlace } from "./_bsd_library.ts";
import { compareBytes } from "./_compare_bytes.ts";
import { osError } from "./_errno.ts";
import {
  type AclOptions,
  type Acls,
  type Attributes,
  type AttributeTarget,
  isUnreachable,
  type ReadAttributes,
  type ReadOptions,
  SF_APPEND,
  SF_ARCHIVED,
  SF_IMMUTABLE,
  SF_NOUNLINK,
  targetName,
  UF_APPEND,
  UF_HIDDEN,
  UF_IMMUTABLE,
  UF_NODUMP,
  UF_NOUNLINK,
  UF_OPAQUE,
} from "./attributes.ts";
import type { Stat } from "./files.ts";

/** Enough for nearly all; {@link LARGEST} for resource forks and their like. */
const USUAL = 64 * 1024;
/** From here on borg does not read an attribute either. */
const LARGEST = 16 * 1024 * 1024;

/** What borg restores, of files and all else; the others are the system's own business (chflags(2)) and stay. */
export const SETTABLE = UF_NODUMP | UF_IMMUTABLE | UF_APPEND | UF_OPAQUE | UF_NOUNLINK | UF_HIDDEN |
  SF_ARCHIVED |
  SF_IMMUTABLE | SF_APPEND | SF_NOUNLINK;

/** A file's flags after a restoration: those of the archive where they can be set. */
export function flagsToSet(old: number, archived: number): number {
  return ((old & ~SETTABLE) | (archived & SETTABLE)) >>> 0;
}

/** The names in what listxattr(2) of macOS fills in: each with a zero byte at its end. */
export function splitByZeros(list: Uint8Array): Uint8Array[] {
  const names: Uint8Array[] = [];
  for (let start = 0; start < list.length;) {
    const end = list.indexOf(0, start);
    if (end < 0) break;
    if (end > start) names.push(list.slice(start, end));
    start = end + 1;
  }
  return names;
}

/** The names in what extattr_list_fd(2) of FreeBSD fills in: each after a byte that says its length. */
export function splitByLengths(list: Uint8Array): Uint8Array[] {
  const names: Uint8Array[] = [];
  for (let start = 0; start < list.length;) {
    const end = start + 1 + list[start]!;
    if (end > list.length) break;
    if (end > start + 1) names.push(list.slice(start + 1, end));
    start = end;
  }
  return names;
}

type Bytes = Uint8Array<ArrayBuffer>;

export abstract class BsdAttributes<C extends BsdCalls> implements Attributes {
  readonly flagsOnAll = true;
  /** Of all names in items. */
  protected readonly prefix: string = "";
  protected readonly library: BsdLibrary<C>;
  protected readonly c: C;
  /** Kept and reused; grows with what there is to read. */
  #buffer = new Uint8Array(USUAL);

  /** Throws TypeError where there is no library: another system, or FFI is not permitted. */
  constructor(library: BsdLibrary<C> | null, system: string) {
    if (library === null) {
      throw new TypeError(`Cannot use the C library: not ${system}, or FFI is not permitted`);
    }
    this.library = library;
    this.c = library.c;
  }

  abstract acl(target: AttributeTarget, stat: Stat, options: AclOptions): Acls;
  abstract setAcl(target: AttributeTarget, acl: Acls, options: AclOptions): void;

  // The calls: what they answer is C's, a length or less than 0.
  protected abstract list(place: BsdPlace, into: Bytes, size: bigint): number;
  protected abstract get(place: BsdPlace, name: string, into: Bytes, size: bigint): number;
  /** Null for a name that this system has no place for: it is left out without a word. */
  protected abstract set(place: BsdPlace, name: string, value: Bytes, size: bigint): number | null;
  protected abstract chflags(place: BsdPlace, flags: number): number;
  protected abstract split(list: Uint8Array): Uint8Array[];
  /** st_flags; null after a failure. */
  protected abstract statFlags(place: BsdPlace): number | null;

  read(target: AttributeTarget, stat: Stat, options: ReadOptions): ReadAttributes | null {
    const { xattrs = true, acls, onUnreadable = () => {} } = options;
    const values = xattrs ? this.#values(target, onUnreadable) : new Map<string, Uint8Array>();
    const acl = acls === undefined ? {} : this.acl(target, stat, acls);
    return values.size === 0 && Object.keys(acl).length === 0 ? null : { xattrs: values, acl };
  }

  isBare(): boolean {
    // Two calls at least, and another thread would ask no quicker.
    return false;
  }

  xattrs(target: AttributeTarget): Map<string, Uint8Array> {
    return this.#values(target, (_, error) => {
      throw error;
    });
  }

  setXattr(target: AttributeTarget, name: string, value: Uint8Array): void {
    if (name.includes("\0")) throw osError("EINVAL", "setxattr", targetName(target));
    const place = bsdPlace(target);
    // An empty array may have no address.
    const bytes = (value.length === 0 ? new Uint8Array(1) : value) as Bytes;
    const size = BigInt(value.length);
    let result: number | null;
    let code = "";
    do {
      result = this.set(place, name, bytes, size);
      code = result !== null && result < 0 ? this.library.error() : "";
    } while (code === "EINTR");
    if (code !== "") throw osError(code, "setxattr", targetName(target));
  }

  flags(_target: AttributeTarget, stat: Stat): number {
    return stat.flags ?? 0;
  }

  setFlags(target: AttributeTarget, flags: number): void {
    const place = bsdPlace(target);
    const old = this.statFlags(place);
    // Without the old ones the system's own would be lost.
    if (old === null) return;
    const wanted = flagsToSet(old, flags);
    if (wanted === old || this.chflags(place, wanted) >= 0) return;
    const code = this.library.error();
    if (code !== "ENOTSUP") throw osError(code, "setflags", targetName(target));
  }

  #values(
    target: AttributeTarget,
    onUnreadable: (name: string, error: OsError) => void,
  ): Map<string, Uint8Array> {
    const values = new Map<string, Uint8Array>();
    const place = bsdPlace(target);
    for (const name of this.#names(target, place)) {
      const value = this.#fill((into, size) => this.get(place, name, into, size));
      if (typeof value !== "string") values.set(name, value);
      // Vanished meanwhile.
      else if (value !== "ENOATTR") onUnreadable(name, osError(value, "getxattr", targetName(target)));
    }
    return values;
  }

  /** In the order of their bytes, in which borg packs them. */
  #names(target: AttributeTarget, place: BsdPlace): string[] {
    const list = this.#fill((into, size) => this.list(place, into, size));
    if (typeof list !== "string") {
      return this.split(list).sort(compareBytes).map((name) => this.prefix + decodeText(name));
    }
    // The second: nothing of this type has attributes, or none for the likes of us.
    if (list === "ENOTSUP" || list === "EPERM" || isUnreachable(target, list)) return [];
    throw osError(list, "listxattr", targetName(target));
  }

  /** What `call` fills in, or the symbol of its failure, E2BIG for more than anybody can read. */
  #fill(call: (into: Bytes, size: bigint) => number): Uint8Array | string {
    for (;;) {
      const size = this.#buffer.length;
      const length = call(this.#buffer, BigInt(size));
      const code = length < 0 ? this.library.error() : "";
      if (code === "EINTR") continue;
      // FreeBSD cuts off what finds no room and says nothing, so a full buffer may not be all.
      if (code !== "ERANGE" && length < size) return code === "" ? this.#buffer.slice(0, length) : code;
      if (size >= LARGEST) return "E2BIG";
      this.#buffer = new Uint8Array(2 * size);
    }
  }
}
