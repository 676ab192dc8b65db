/**
 * Texts of macOS's and FreeBSD's ACLs as acl_to_text(3) of macOS and acl_to_text_np(3) of FreeBSD print them, for another
 * machine. What comes of those of macOS is what borg 1.4's platform/darwin.pyx makes of them.
 */
import assert from "node:assert/strict";
import { decodeText, encodeText } from "../../../core/bytes/mod.ts";
import {
  extendedByName,
  extendedWithoutNames,
  nfs4ByNumber,
  posixForFreebsd,
} from "../../../core/platform/bsd_acl_text.ts";
import type { AclNames } from "../../../core/platform/mod.ts";

const names: AclNames = {
  userName: (uid) => uid === 1000 ? "zoë" : null,
  groupName: (gid) => gid === 20 ? "staff" : null,
  userId: (name) => name === "zoë" ? 1000 : name === "root" ? 0 : null,
  groupId: (name) => name === "staff" ? 20 : null,
};
const text = (change: (text: Uint8Array) => Uint8Array | null, from: string): string | null => {
  const changed = change(encodeText(from));
  return changed === null ? null : decodeText(changed);
};

const EXTENDED = [
  "!#acl 1 inherited",
  "user:FFFFEEEE-DDDD-CCCC-BBBB-AAAA000003E8:zoë:1000:allow:read,write",
  "user:FFFFEEEE-DDDD-CCCC-BBBB-AAAA000001F5:unknown:501:deny,file_inherit:delete",
  "group:ABCDEFAB-CDEF-ABCD-EFAB-CDEF00000014:staff:20:allow:read",
  "group:ABCDEFAB-CDEF-ABCD-EFAB-CDEF0000000C:everyone:12:deny:delete",
  "",
].join("\n");

Deno.test("extendedByName() drops UUIDs and numbers of those who are known here by name", () => {
  assert.equal(
    text((acl) => extendedByName(acl, names), EXTENDED),
    [
      "!#acl 1 inherited",
      "user::zoë::allow:read,write",
      "user:FFFFEEEE-DDDD-CCCC-BBBB-AAAA000001F5:unknown:501:deny,file_inherit:delete",
      "group::staff::allow:read",
      "group:ABCDEFAB-CDEF-ABCD-EFAB-CDEF0000000C:everyone:12:deny:delete",
    ].join("\n"),
  );
  // Users are not looked for among groups, and who has no name stays.
  const others = "!#acl 1\nuser:U:staff:20:allow:read\ngroup:G:root:0:allow:read\nuser:U::1000:allow:read";
  assert.equal(text((acl) => extendedByName(acl, names), others), others);
});

Deno.test("extendedWithoutNames() leaves UUIDs and numbers", () => {
  assert.equal(
    text(extendedWithoutNames, EXTENDED),
    [
      "!#acl 1 inherited",
      "user:FFFFEEEE-DDDD-CCCC-BBBB-AAAA000003E8::1000:allow:read,write",
      "user:FFFFEEEE-DDDD-CCCC-BBBB-AAAA000001F5::501:deny,file_inherit:delete",
      "group:ABCDEFAB-CDEF-ABCD-EFAB-CDEF00000014::20:allow:read",
      "group:ABCDEFAB-CDEF-ABCD-EFAB-CDEF0000000C::12:deny:delete",
    ].join("\n"),
  );
});

Deno.test("nfs4ByNumber() puts appended numbers in the place of names, blanks before them or not", () => {
  const printed = [
    "         user:zoë:rwxp--aARWcCos:-------:allow:1000",
    "user:somebody-with-a-long-name:r-----a-R-c--s:fd-----:deny:1001",
    "       group:staff:rwxpDdaARWcCos:fdinSFI:allow:20",
    "            owner@:rwxp--aARWcCos:-------:allow",
    "            group@:rwxp--a-R-c--s:-------:allow",
    "         everyone@:r-x---a-R-c--s:-------:allow",
    "         user:1002:r-----a-R-c--s:-------:allow",
    "",
  ].join("\n");
  assert.equal(
    text(nfs4ByNumber, printed),
    [
      "user:1000:rwxp--aARWcCos:-------:allow",
      "user:1001:r-----a-R-c--s:fd-----:deny",
      "group:20:rwxpDdaARWcCos:fdinSFI:allow",
      "owner@:rwxp--aARWcCos:-------:allow",
      "group@:rwxp--a-R-c--s:-------:allow",
      "everyone@:r-x---a-R-c--s:-------:allow",
      "user:1002:r-----a-R-c--s:-------:allow",
    ].join("\n"),
  );
});

Deno.test("posixForFreebsd() takes texts of Linux and of FreeBSD and says by numbers who is meant", () => {
  const linux =
    "user::rw-\nuser:zoë:rw-\t:7\nuser:gone:r--:8\ngroup::r--\ngroup:staff:r-x:9\nmask::r--\nother::---";
  const byName = "user::rw-\nuser:8:r--\nuser:1000:rw-\ngroup::r--\ngroup:20:r-x\nmask::r--\nother::---";
  const byNumber = "user::rw-\nuser:7:rw-\nuser:8:r--\ngroup::r--\ngroup:9:r-x\nmask::r--\nother::---";
  assert.equal(text((acl) => posixForFreebsd(acl, names, false), linux), byName);
  assert.equal(text((acl) => posixForFreebsd(acl, names, true), linux), byNumber);
  const freebsd = "user::rw-\nuser:root:rw-\t\t# effective: r--\ngroup::r--\nmask::r--\nother::r--\n";
  const local = "user::rw-\nuser:0:rw-\ngroup::r--\nmask::r--\nother::r--";
  assert.equal(text((acl) => posixForFreebsd(acl, names, false), freebsd), local);
  // Nothing but a name says who is meant.
  assert.equal(text((acl) => posixForFreebsd(acl, names, true), freebsd), local);
  assert.equal(text((acl) => posixForFreebsd(acl, names, false), "owner@:rwx:-------:allow"), null);
});
