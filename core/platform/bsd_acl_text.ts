/**
 * Texts of the ACLs of macOS and FreeBSD, as borg keeps them in items (borg 1.4, platform/darwin.pyx, freebsd.pyx): what the
 * C library prints, changed where names and numbers of two machines meet.
 *
 *     acl_extended  !#acl 1\nuser:UUID:NAME:UID:allow,inherited:read,write\n    group, deny likewise; macOS, acl_to_text(3)
 *     acl_nfs4      owner@:rwxp--aARWcCos:-------:allow\nuser:NAME:r-----a-R-c--s:-------:allow:UID\n    each "who" filled up
 *                   on the left to 18 columns; FreeBSD, acl_to_text_np(3) with ACL_TEXT_APPEND_ID
 */
import { decodeText, encodeText } from "../bytes/mod.ts";
import { type AclNames, formatAcl, parseAcl } from "./posix_acl.ts";

/** Fields of an entry of acl_extended. */
const UUID = 1;
const NAME = 2;
const NUMBER = 3;
/** Field of an entry of acl_nfs4, where it is about one user or group that has a name. */
const APPENDED_ID = 5;

/** The fields of each line changed; empty lines go. */
function changeLines(text: Uint8Array, change: (fields: string[]) => string[]): Uint8Array {
  const lines = decodeText(text).split("\n").filter((line) => line !== "");
  return encodeText(lines.map((line) => change(line.split(":")).join(":")).join("\n"));
}

function isNamed(fields: readonly string[]): boolean {
  return fields[0] === "user" || fields[0] === "group";
}

/** acl_extended without names: UUIDs and numbers say who is meant. */
export function extendedWithoutNames(text: Uint8Array): Uint8Array {
  return changeLines(text, (fields) => isNamed(fields) ? fields.with(NAME, "") : fields);
}

/** acl_extended for this machine: whoever is known here by name is meant by it, so UUID and number of the other one go. */
export function extendedByName(text: Uint8Array, names: AclNames): Uint8Array {
  return changeLines(text, (fields) => {
    const name = fields[NAME];
    if (!isNamed(fields) || !name) return fields;
    const known = fields[0] === "user" ? names.userId(name) : names.groupId(name);
    return known === null ? fields : fields.with(UUID, "").with(NUMBER, "");
  });
}

/**
 * acl_nfs4 with the archived numbers in place of names. borg does not see the blanks before a name of less than 13 letters
 * and leaves it; this does what it means.
 */
export function nfs4ByNumber(text: Uint8Array): Uint8Array {
  return changeLines(text, (fields) => {
    const trimmed = fields.with(0, fields[0]!.trimStart());
    const id = trimmed[APPENDED_ID];
    return isNamed(trimmed) && id ? [...trimmed.with(1, id).slice(0, APPENDED_ID)] : trimmed;
  });
}

/**
 * A POSIX ACL of whatever system in a form that FreeBSD's acl_from_text(3) takes, which knows no appended numbers: with
 * numbers alone, those of this machine where `names` is given and knows the name. Null where the text is no ACL.
 */
export function posixForFreebsd(text: Uint8Array, names: AclNames, numericIds: boolean): Uint8Array | null {
  // FreeBSD's own texts may have nothing but the name.
  const entries = (numericIds ? parseAcl(text, null) : null) ?? parseAcl(text, names);
  return entries === null
    ? null
    : changeLines(formatAcl(entries, null), (fields) => fields.slice(0, 3).map((field) => field.trim()));
}
