/** ACLs as the kernel's bytes and as borg's text; the texts are what borg 1.2.4 stored of ACLs set by setfacl. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { decodeText, encodeText } from "../../../core/bytes/mod.ts";
import {
  type AclEntry,
  type AclNames,
  aclOfMode,
  decodePosixAcl,
  encodePosixAcl,
  formatAcl,
  NO_ID,
  parseAcl,
  TAG_GROUP,
  TAG_GROUP_OBJ,
  TAG_MASK,
  TAG_OTHER,
  TAG_USER,
  TAG_USER_OBJ,
} from "../../../core/platform/posix_acl.ts";

const USERS: ReadonlyMap<number, string> = new Map([[1, "daemon"], [7, "CORP\\jane doe"], [70, "1234"]]);
const GROUPS: ReadonlyMap<number, string> = new Map([[1, "daemon"], [100, "users"]]);

function find(table: ReadonlyMap<number, string>, name: string): number | null {
  for (const [id, known] of table) if (known === name) return id;
  return null;
}

const names: AclNames = {
  userName: (uid) => USERS.get(uid) ?? null,
  groupName: (gid) => GROUPS.get(gid) ?? null,
  userId: (name) => find(USERS, name),
  groupId: (name) => find(GROUPS, name),
};

const entry = (tag: number, permissions: number, id = NO_ID): AclEntry => ({ tag, permissions, id });
const text = (entries: readonly AclEntry[], who: AclNames | null): string =>
  decodeText(formatAcl(entries, who));
const parsed = (acl: string, who: AclNames | null = names): AclEntry[] | null =>
  parseAcl(encodeText(acl), who);

/** setfacl -m u:1234:rwx,g:4321:r-x,u:daemon:rw,m:r on a file of mode 644. */
const ENTRIES = [
  entry(TAG_USER_OBJ, 6),
  entry(TAG_USER, 6, 1),
  entry(TAG_USER, 7, 1234),
  entry(TAG_GROUP_OBJ, 4),
  entry(TAG_GROUP, 5, 4321),
  entry(TAG_MASK, 4),
  entry(TAG_OTHER, 4),
];
const BYTES = "0200000001000600ffffffff020006000100000002000700d204000004000400ffffffff08000500e1100000" +
  "10000400ffffffff20000400ffffffff";

Deno.test("encodePosixAcl() writes the kernel's bytes in the kernel's order", () => {
  assert.equal(Buffer.from(encodePosixAcl(ENTRIES)).toString("hex"), BYTES);
  assert.equal(Buffer.from(encodePosixAcl(ENTRIES.toReversed())).toString("hex"), BYTES);
});

Deno.test("decodePosixAcl() reads them, and knows what is no ACL", () => {
  const bytes = Uint8Array.from(Buffer.from(BYTES, "hex"));
  assert.deepEqual(decodePosixAcl(bytes), ENTRIES);
  for (let length = 0; length < bytes.length; length++) {
    const cut = decodePosixAcl(bytes.subarray(0, length));
    if (length % 8 === 4) assert.deepEqual(cut, ENTRIES.slice(0, (length - 4) / 8));
    else assert.equal(cut, null);
  }
  bytes[0] = 1;
  assert.equal(decodePosixAcl(bytes), null);
});

Deno.test("formatAcl() writes borg's text, with a tab where the mask cuts permissions", () => {
  assert.equal(
    text(ENTRIES, names),
    "user::rw-\nuser:daemon:rw-\t:1\nuser:1234:rwx\t:70\ngroup::r--\ngroup:4321:r-x\t:4321\nmask::r--\nother::r--",
    // borg takes the number 1234 for a name, and here somebody is called so.
  );
  assert.equal(
    text(ENTRIES, null),
    "user::rw-\nuser:1:rw-\t:1\nuser:1234:rwx\t:1234\ngroup::r--\ngroup:4321:r-x\t:4321\nmask::r--\nother::r--",
  );
  assert.equal(text([entry(TAG_GROUP_OBJ, 7), entry(TAG_MASK, 5)], names), "group::rwx\t\nmask::r-x");
  assert.equal(text([], names), "");
  assert.equal(text(aclOfMode(0o100751), names), "user::rwx\ngroup::r-x\nother::--x");
});

Deno.test("formatAcl() quotes names as libacl does", () => {
  assert.equal(text([entry(TAG_USER, 4, 7)], names), "user:CORP\\134jane\\040doe:r--:CORP\\134jane\\040doe");
  assert.deepEqual(parsed("user:CORP\\134jane\\040doe:r--:CORP\\134jane\\040doe"), [entry(TAG_USER, 4, 7)]);
});

Deno.test("parseAcl() prefers the name, falls back to the number, and goes by the number alone where told", () => {
  assert.deepEqual(parsed("user:daemon:rw-:55"), [entry(TAG_USER, 6, 1)]);
  assert.deepEqual(parsed("user:daemon:rw-:55", null), [entry(TAG_USER, 6, 55)]);
  assert.deepEqual(parsed("group:nobody here:rw-:55"), [entry(TAG_GROUP, 6, 55)]);
  assert.deepEqual(parsed("user:1234:rw-:1234"), [entry(TAG_USER, 6, 70)]);
  assert.deepEqual(parsed("user:0:r--:0"), [entry(TAG_USER, 4, 0)]);
});

Deno.test("parseAcl() reads texts without numbers, with comments and blank lines", () => {
  assert.deepEqual(
    parsed("user::rw-\n\nuser:daemon:rwx\t#effective:r-x\ngroup:users:r-x\nmask::r-x\n# end\nother::---\n"),
    [
      entry(TAG_USER_OBJ, 6),
      entry(TAG_USER, 7, 1),
      entry(TAG_GROUP, 5, 100),
      entry(TAG_MASK, 5),
      entry(TAG_OTHER, 0),
    ],
  );
  assert.deepEqual(parsed("u::rw-\ng:7:--x"), [entry(TAG_USER_OBJ, 6), entry(TAG_GROUP, 1, 7)]);
});

Deno.test("parseAcl() refuses what is no ACL", () => {
  for (
    const bad of [
      "user",
      "user:",
      "user::rwz",
      "user::wr-",
      "owner::rwx",
      "constructor::rwx",
      "mask:daemon:rwx",
      "user:nobody here:rwx",
      "user:nobody here:rwx:someone",
      "user:daemon:rwx:1:2",
      "user:4294967295:r--",
      "group:-1:r--:-1",
    ]
  ) assert.equal(parsed(bad), null, bad);
});

const anyEntry = fc.record({
  tag: fc.constantFrom(TAG_USER_OBJ, TAG_USER, TAG_GROUP_OBJ, TAG_GROUP, TAG_MASK, TAG_OTHER),
  permissions: fc.nat(7),
  id: fc.oneof(fc.nat(3000), fc.integer({ min: 0, max: NO_ID - 1 })),
}).map(({ tag, permissions, id }) =>
  entry(tag, permissions, tag === TAG_USER || tag === TAG_GROUP ? id : NO_ID)
);

/** No two for the same one, in the kernel's order. */
const anyAcl = fc.uniqueArray(anyEntry, { selector: ({ tag, id }) => `${tag}:${id}`, maxLength: 20 })
  .map((entries) => entries.sort((a, b) => a.tag - b.tag || a.id - b.id));

Deno.test("encodePosixAcl() and decodePosixAcl() undo each other", () => {
  fc.assert(fc.property(anyAcl, (acl) => assert.deepEqual(decodePosixAcl(encodePosixAcl(acl)), acl)));
});

Deno.test("formatAcl() and parseAcl() undo each other by number, and by name where none looks like a number", () => {
  fc.assert(fc.property(anyAcl, (acl) => assert.deepEqual(parseAcl(formatAcl(acl, null), null), acl)));
  const tame: AclNames = { ...names, userId: (name) => name === "1234" ? null : names.userId(name) };
  const acls = anyAcl.filter((acl) => acl.every(({ tag, id }) => tag !== TAG_USER || id !== 70));
  fc.assert(fc.property(acls, (acl) => assert.deepEqual(parseAcl(formatAcl(acl, tame), tame), acl)));
});
