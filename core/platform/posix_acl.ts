/**
 * POSIX ACLs in their two forms: the bytes that Linux keeps in extended attributes (linux/posix_acl_xattr.h), and the text
 * that borg stores in items (borg 1.4, platform/linux.pyx), which is what libacl's acl_to_text(3) prints, with the number
 * appended to each entry that has a name.
 *
 *     bytes  0 version 2 (u32), then entries: 0 tag(2) 2 permissions(2) 4 uid or gid(4), little-endian everywhere
 *     text   user::rw-\nuser:NAME:r--:UID\ngroup::r--\ngroup:NAME:rwx:GID\nmask::rwx\nother::r--
 */
import { decodeText, encodeText } from "../bytes/mod.ts";

export const ACL_ACCESS = "system.posix_acl_access";
export const ACL_DEFAULT = "system.posix_acl_default";

/** Permissions are bits as in a mode: 4 read, 2 write, 1 execute or search. */
export interface AclEntry {
  tag: number;
  permissions: number;
  /** Of {@link TAG_USER} and {@link TAG_GROUP} alone, {@link NO_ID} else. */
  id: number;
}

// Tags (linux/posix_acl.h); by ascending number they stand in the order that the kernel asks for.
export const TAG_USER_OBJ = 0x01;
export const TAG_USER = 0x02;
export const TAG_GROUP_OBJ = 0x04;
export const TAG_GROUP = 0x08;
export const TAG_MASK = 0x10;
export const TAG_OTHER = 0x20;
/** ACL_UNDEFINED_ID. */
export const NO_ID = 0xffffffff;

const VERSION = 2;
const HEADER_SIZE = 4;
const ENTRY_SIZE = 8;
/** An ACL of so many entries says what the mode says: owner, group, others. */
export const MINIMAL_ENTRIES = 3;

/** Names and numbers of users and groups; `Users` is one. */
export interface AclNames {
  userName(uid: number): string | null;
  groupName(gid: number): string | null;
  userId(name: string): number | null;
  groupId(name: string): number | null;
}

/** Null for bytes that are no ACL of this version. */
export function decodePosixAcl(bytes: Uint8Array): AclEntry[] | null {
  const rest = bytes.length - HEADER_SIZE;
  if (rest < 0 || rest % ENTRY_SIZE !== 0) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0, true) !== VERSION) return null;
  const entries: AclEntry[] = [];
  for (let at = HEADER_SIZE; at < bytes.length; at += ENTRY_SIZE) {
    entries.push({
      tag: view.getUint16(at, true),
      permissions: view.getUint16(at + 2, true),
      id: view.getUint32(at + 4, true),
    });
  }
  return entries;
}

/** Bytes of the entries in the kernel's order, whatever the order given. */
export function encodePosixAcl(entries: readonly AclEntry[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_SIZE + ENTRY_SIZE * entries.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, VERSION, true);
  let at = HEADER_SIZE;
  for (const { tag, permissions, id } of inOrder(entries)) {
    view.setUint16(at, tag, true);
    view.setUint16(at + 2, permissions, true);
    view.setUint32(at + 4, id, true);
    at += ENTRY_SIZE;
  }
  return bytes;
}

function inOrder(entries: readonly AclEntry[]): AclEntry[] {
  return [...entries].sort((a, b) => a.tag - b.tag || a.id - b.id);
}

/** The ACL that says what `mode` says. */
export function aclOfMode(mode: number): AclEntry[] {
  return [
    { tag: TAG_USER_OBJ, permissions: (mode >> 6) & 7, id: NO_ID },
    { tag: TAG_GROUP_OBJ, permissions: (mode >> 3) & 7, id: NO_ID },
    { tag: TAG_OTHER, permissions: mode & 7, id: NO_ID },
  ];
}

const WORDS: ReadonlyMap<number, string> = new Map([
  [TAG_USER_OBJ, "user"],
  [TAG_USER, "user"],
  [TAG_GROUP_OBJ, "group"],
  [TAG_GROUP, "group"],
  [TAG_MASK, "mask"],
  [TAG_OTHER, "other"],
]);

/** Text of the entries. `names`: null for numbers alone. */
export function formatAcl(entries: readonly AclEntry[], names: AclNames | null): Uint8Array {
  const mask = entries.find((entry) => entry.tag === TAG_MASK)?.permissions ?? 7;
  const lines: string[] = [];
  for (const { tag, permissions, id } of inOrder(entries)) {
    const word = WORDS.get(tag);
    if (word === undefined) continue;
    const shown = formatPermissions(permissions) + (isCut(tag, permissions, mask) ? "\t" : "");
    if (tag !== TAG_USER && tag !== TAG_GROUP) {
      lines.push(`${word}::${shown}`);
      continue;
    }
    const name = nameOf(tag, id, names);
    lines.push(`${word}:${name}:${shown}:${names === null ? id : numberOf(tag, name, names)}`);
  }
  return encodeText(lines.join("\n"));
}

/**
 * Whether the mask takes away some of the permissions. Then libacl appends a tab and a comment with what is left, and borg
 * takes away the comment only: the tab is in its archives.
 */
function isCut(tag: number, permissions: number, mask: number): boolean {
  return (tag === TAG_USER || tag === TAG_GROUP_OBJ || tag === TAG_GROUP) && (permissions & ~mask) !== 0;
}

function formatPermissions(bits: number): string {
  return ((bits & 4) !== 0 ? "r" : "-") + ((bits & 2) !== 0 ? "w" : "-") + ((bits & 1) !== 0 ? "x" : "-");
}

function nameOf(tag: number, id: number, names: AclNames | null): string {
  const name = tag === TAG_USER ? names?.userName(id) : names?.groupName(id);
  return name === null || name === undefined ? String(id) : quote(name);
}

/** The number that borg appends: that of whoever has the name as it is printed, else the name itself. */
function numberOf(tag: number, name: string, names: AclNames): string | number {
  return (tag === TAG_USER ? names.userId(name) : names.groupId(name)) ?? name;
}

/** libacl writes what would confuse its parser as \ooo (names of Windows domains have backslashes). */
function quote(name: string): string {
  return name.replace(/[\\:, \t\n\r]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, "0")}`);
}

function unquote(name: string): string {
  return name.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}

const TAGS: Readonly<Record<string, readonly [number, number | null]>> = {
  user: [TAG_USER_OBJ, TAG_USER],
  u: [TAG_USER_OBJ, TAG_USER],
  group: [TAG_GROUP_OBJ, TAG_GROUP],
  g: [TAG_GROUP_OBJ, TAG_GROUP],
  mask: [TAG_MASK, null],
  m: [TAG_MASK, null],
  other: [TAG_OTHER, null],
  o: [TAG_OTHER, null],
};

/**
 * Entries of a text, also of one without appended numbers (attic wrote those). Whoever is not known here by name gets the
 * number; `names` null: the number counts whatever the name says. Null where the text is no ACL or gives neither a name that
 * is known nor a number.
 */
export function parseAcl(text: Uint8Array, names: AclNames | null): AclEntry[] | null {
  const entries: AclEntry[] = [];
  for (const line of decodeText(text).split("\n")) {
    const content = line.replace(/#.*/, "").trim();
    if (content === "") continue;
    const entry = parseEntry(content.split(":"), names);
    if (entry === null) return null;
    entries.push(entry);
  }
  return entries;
}

function parseEntry(fields: readonly string[], names: AclNames | null): AclEntry | null {
  const [word = "", name = "", shown, number] = fields;
  const tags = Object.hasOwn(TAGS, word) ? TAGS[word] : undefined;
  const permissions = parsePermissions(shown);
  if (tags === undefined || permissions === null || fields.length > 4) return null;
  if (name === "") return { tag: tags[0], permissions, id: NO_ID };
  const tag = tags[1];
  if (tag === null) return null;
  const id = idOf(tag, name, number, names);
  return id === null ? null : { tag, permissions, id };
}

function parsePermissions(shown: string | undefined): number | null {
  const match = /^\s*([r-]?)([w-]?)([x-]?)\s*$/.exec(shown ?? "?");
  if (match === null) return null;
  return (match[1] === "r" ? 4 : 0) | (match[2] === "w" ? 2 : 0) | (match[3] === "x" ? 1 : 0);
}

function idOf(tag: number, name: string, number: string | undefined, names: AclNames | null): number | null {
  const find = (who: string): number | null =>
    names === null ? null : tag === TAG_USER ? names.userId(who) : names.groupId(who);
  return find(name) ?? find(unquote(name)) ?? parseId(number) ?? parseId(name);
}

function parseId(text: string | undefined): number | null {
  if (text === undefined || !/^\s*\d{1,10}\s*$/.test(text)) return null;
  const id = Number(text);
  return id < NO_ID ? id : null;
}
