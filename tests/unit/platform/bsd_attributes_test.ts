/** ACLs of macOS and FreeBSD: which functions are called with what, what failures mean, and that all is freed. */
import assert from "node:assert/strict";
import { decodeText, encodeText } from "../../../core/bytes/mod.ts";
import { OsError } from "../../../core/errors.ts";
import { ACL_TYPE_EXTENDED, DarwinAttributes } from "../../../core/platform/darwin_attributes.ts";
import {
  ACL_TEXT_APPEND_ID,
  ACL_TEXT_NUMERIC_IDS,
  ACL_TYPE_ACCESS,
  ACL_TYPE_DEFAULT,
  ACL_TYPE_NFS4,
  FreebsdAttributes,
  PC_ACL_EXTENDED,
  PC_ACL_NFS4,
} from "../../../core/platform/freebsd_attributes.ts";
import {
  type AclNames,
  type Acls,
  LinuxAttributes,
  openAttributes,
  openFiles,
  S_IFDIR,
} from "../../../core/platform/mod.ts";
import { NotingLibrary } from "../../fixtures/noting_library.ts";

/** Before the tests, each of which is to leave nothing behind. */
const here = openAttributes();
const names: AclNames = {
  userName: () => null,
  groupName: () => null,
  userId: (name) => name === "zoe" ? 7 : null,
  groupId: () => null,
};
const byName = { names };
const byNumber = { names, numericIds: true };
const file = { ...openFiles().lstat("."), mode: 0o100644, flags: 0x40 };
const folder = { ...file, mode: S_IFDIR | 0o755 };
const isOsError = (code: string) => (error: unknown): boolean =>
  error instanceof OsError && error.code === code;
const texts = (acls: Acls): Record<string, string> =>
  Object.fromEntries(Object.entries(acls).map(([name, text]) => [name, decodeText(text)]));

Deno.test("numbers of types, flags and questions are those of the headers", () => {
  assert.equal(ACL_TYPE_EXTENDED, 256);
  assert.deepEqual([ACL_TYPE_ACCESS, ACL_TYPE_DEFAULT, ACL_TYPE_NFS4], [2, 3, 4]);
  assert.deepEqual([ACL_TEXT_NUMERIC_IDS, ACL_TEXT_APPEND_ID], [2, 4]);
  assert.deepEqual([PC_ACL_EXTENDED, PC_ACL_NFS4], [59, 64]);
});

const EXTENDED = "!#acl 1\nuser:UUID:zoe:501:allow:read\n";

Deno.test("DarwinAttributes reads by path, descriptor and place, and with numeric ids leaves names out", () => {
  const library = new NotingLibrary();
  const attributes = new DarwinAttributes(library);
  library.acls.set("a/file 256", EXTENDED).set("fd 9 256", EXTENDED);
  assert.deepEqual(texts(attributes.acl("a/file", file, byName)), { extended: EXTENDED });
  assert.deepEqual(texts(attributes.read(9, file, { xattrs: false, acls: byNumber })!.acl), {
    extended: "!#acl 1\nuser:UUID::501:allow:read",
  });
  const place = { dir: 5, name: "file", path: "a/file" };
  assert.deepEqual(texts(attributes.acl(place, file, byName)), { extended: EXTENDED });
  assert.deepEqual(library.calls, [
    "acl_get_link_np a/file 256",
    "acl_to_text",
    "acl_get_fd_np fd 9 256",
    "acl_to_text",
    "acl_get_link_np a/file 256",
    "acl_to_text",
  ]);
  assert.equal(library.leaked, 0);
  library.calls.length = 0;
  assert.equal(attributes.read("a/file", file, { xattrs: false }), null);
  assert.deepEqual(library.calls, []);
  assert.equal(attributes.flags("a/file", file), 0x40);
});

Deno.test("DarwinAttributes finds nothing where there is no ACL or the file system has none", () => {
  const library = new NotingLibrary();
  const attributes = new DarwinAttributes(library);
  for (const code of ["ENOENT", "ENOTSUP"]) {
    library.failure = code;
    assert.equal(attributes.read("file", file, { acls: byName }), null);
    assert.deepEqual(attributes.acl(3, file, byName), {});
  }
  library.failure = "ENAMETOOLONG";
  assert.deepEqual(attributes.acl({ dir: 5, name: "file", path: "long/file" }, file, byName), {});
  assert.throws(() => attributes.acl("long/file", file, byName), isOsError("ENAMETOOLONG"));
  library.failure = "EACCES";
  assert.throws(() => attributes.acl("file", file, byName), isOsError("EACCES"));
  library.acls.set("file 256", EXTENDED);
  library.failing.add("acl_to_text");
  assert.throws(() => attributes.acl("file", file, byName), isOsError("EACCES"));
  assert.equal(library.leaked, 0);
});

Deno.test("DarwinAttributes sets its own kind alone, for whoever has the name here", () => {
  const library = new NotingLibrary();
  const attributes = new DarwinAttributes(library);
  const others = { access: encodeText("user::rw-"), nfs4: encodeText("owner@:r:-:allow") };
  attributes.setAcl("file", others, byName);
  assert.deepEqual(library.calls, []);
  attributes.setAcl("file", { ...others, extended: encodeText(EXTENDED) }, byName);
  attributes.setAcl(9, { extended: encodeText(EXTENDED) }, byNumber);
  assert.deepEqual(library.calls, [
    'acl_set_link_np file 256 "!#acl 1\\nuser::zoe::allow:read"',
    `acl_set_fd_np fd 9 256 ${JSON.stringify(EXTENDED)}`,
  ]);
  library.failure = "EPERM";
  library.failing.add("acl_set_fd_np");
  assert.throws(() => attributes.setAcl(9, { extended: encodeText(EXTENDED) }, byName), isOsError("EPERM"));
  library.failing.add("acl_from_text");
  assert.throws(() => attributes.setAcl(9, { extended: encodeText("?") }, byName), isOsError("EINVAL"));
  assert.equal(library.leaked, 0);
});

const NFS4 =
  "            owner@:rwxp--aARWcCos:-------:allow\n          user:zoe:r-----a-R-c--s:-------:allow:501\n";

Deno.test("FreebsdAttributes reads ACLs of NFSv4 where the file system has them", () => {
  const library = new NotingLibrary();
  const attributes = new FreebsdAttributes(library);
  library.pathconf = (name) => name === PC_ACL_NFS4 ? 1 : 0;
  library.acls.set("file 4", NFS4).set("fd 9 4", NFS4);
  assert.deepEqual(texts(attributes.acl("file", file, byName)), { nfs4: NFS4 });
  assert.deepEqual(texts(attributes.read(9, folder, { xattrs: false, acls: byNumber })!.acl), { nfs4: NFS4 });
  assert.deepEqual(library.calls, [
    "lpathconf file 64",
    "acl_get_link_np file 4",
    "acl_to_text_np 4",
    "fpathconf fd 9 64",
    "acl_get_fd_np fd 9 4",
    "acl_to_text_np 6",
  ]);
  library.isTrivial = true;
  assert.equal(attributes.read("file", file, { acls: byName }), null);
  assert.equal(library.leaked, 0);
});

Deno.test("FreebsdAttributes reads POSIX ACLs, of folders both kinds", () => {
  const library = new NotingLibrary();
  const attributes = new FreebsdAttributes(library);
  library.acls.set("file 2", "user::rw-\n").set("folder 2", "user::rwx\n").set("folder 3", "");
  assert.deepEqual(texts(attributes.acl("file", file, byName)), { access: "user::rw-\n" });
  assert.deepEqual(texts(attributes.acl("folder", folder, byName)), { access: "user::rwx\n", default: "" });
  library.isTrivial = true;
  assert.deepEqual(attributes.acl("folder", folder, byName), {});
  assert.equal(attributes.read("file", file, { acls: byName }), null);
  // A default ACL alone is one worth keeping.
  library.acls.set("folder 3", "user::r--\n");
  assert.deepEqual(texts(attributes.acl("folder", folder, byName)), {
    access: "user::rwx\n",
    default: "user::r--\n",
  });
  assert.equal(library.leaked, 0);
});

Deno.test("FreebsdAttributes finds nothing where the file system has no ACLs, and tells of other failures", () => {
  const library = new NotingLibrary();
  const attributes = new FreebsdAttributes(library);
  library.failure = "ENOTSUP";
  assert.equal(attributes.read("file", file, { acls: byName }), null);
  library.failing.add("lpathconf");
  for (const code of ["EINVAL", "ENOTSUP"]) {
    library.failure = code;
    library.acls.set("file 2", "user::rw-\n");
    assert.deepEqual(texts(attributes.acl("file", file, byName)), { access: "user::rw-\n" });
  }
  library.failure = "EACCES";
  assert.throws(() => attributes.acl("file", file, byName), isOsError("EACCES"));
  library.failing.clear();
  assert.throws(() => attributes.acl("none", file, byName), isOsError("EACCES"));
  library.failing.add("acl_to_text_np");
  assert.throws(() => attributes.acl("file", file, byName), isOsError("EACCES"));
  assert.equal(library.leaked, 0);
});

Deno.test("FreebsdAttributes sets the kinds that the file system has", () => {
  const all = {
    access: encodeText("user::rw-\nuser:zoe:r--:501\ngroup::r--\nmask::r--\nother::---"),
    default: encodeText(""),
    extended: encodeText(EXTENDED),
    nfs4: encodeText(NFS4),
  };
  const set = (kind: number, options: typeof byNumber | typeof byName, target: string | number = "file") => {
    const library = new NotingLibrary();
    library.pathconf = (name) => name === kind ? 1 : 0;
    new FreebsdAttributes(library).setAcl(target, all, options);
    assert.equal(library.leaked, 0);
    return library.calls.filter((call) => call.startsWith("acl_set"));
  };
  assert.deepEqual(set(PC_ACL_NFS4, byName), [`acl_set_link_np file 4 ${JSON.stringify(NFS4)}`]);
  const numbers = "owner@:rwxp--aARWcCos:-------:allow\nuser:501:r-----a-R-c--s:-------:allow";
  assert.deepEqual(set(PC_ACL_NFS4, byNumber, 9), [`acl_set_fd_np fd 9 4 ${JSON.stringify(numbers)}`]);
  const posix = (id: number) =>
    JSON.stringify(`user::rw-\nuser:${id}:r--\ngroup::r--\nmask::r--\nother::---`);
  assert.deepEqual(set(PC_ACL_EXTENDED, byName), [`acl_set_link_np file 2 ${posix(7)}`]);
  assert.deepEqual(set(PC_ACL_EXTENDED, byNumber, 9), [`acl_set_fd_np fd 9 2 ${posix(501)}`]);
  assert.deepEqual(set(0, byName), []);
  const attributes = new FreebsdAttributes(Object.assign(new NotingLibrary(), { pathconf: () => 1 }));
  assert.throws(() => attributes.setAcl("file", { access: encodeText("?") }, byName), isOsError("EINVAL"));
});

Deno.test({
  name: "openAttributes() finds no library of another system",
  ignore: Deno.build.os !== "linux",
  fn() {
    for (const platform of ["darwin", "freebsd", "win32"]) {
      assert.equal(openAttributes(platform).constructor.name, "NoAttributes");
    }
    assert(here instanceof LinuxAttributes);
    assert.throws(() => new DarwinAttributes(), TypeError);
    assert.throws(() => new FreebsdAttributes(), TypeError);
  },
});
