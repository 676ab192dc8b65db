/** Attributes on a real file system, against the system's own programs. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { decodeText, encodeText } from "../../core/bytes/mod.ts";
import { OsError } from "../../core/errors.ts";
import {
  LinuxAttributes,
  NoAttributes,
  openAttributes,
  openFiles,
  type Stat,
  UF_APPEND,
  UF_COMPRESSED,
  UF_IMMUTABLE,
  UF_NODUMP,
  Users,
} from "../../core/platform/mod.ts";
import { attributesTest, tool, unlock, whyNoAttributes } from "../fixtures/attributes.ts";
import { openBelow } from "../fixtures/open_files.ts";

const files = openFiles();
/** Loads the C library before the tests, each of which is to leave nothing behind. */
if (whyNoAttributes === null) openAttributes();
const users = new Users(files);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const byName = { names: users };
const byNumber = { names: users, numericIds: true };

/** A test with a folder that has a file, a folder and a link. */
function test(name: string, body: (attributes: LinuxAttributes, folder: string) => void): void {
  attributesTest(`LinuxAttributes: ${name}`, () => {
    const folder = Deno.makeTempDirSync();
    try {
      fs.writeFileSync(`${folder}/file`, "contents", { mode: 0o644 });
      fs.mkdirSync(`${folder}/sub`, { mode: 0o755 });
      fs.symlinkSync("file", `${folder}/link`);
      body(new LinuxAttributes(), folder);
    } finally {
      unlock(folder);
      fs.rmSync(folder, { recursive: true, force: true });
    }
  });
}

/** Runs with a descriptor of `path`. */
function opened<T>(path: string, body: (fd: number) => T): T {
  const fd = files.open(path, { noFollow: true });
  try {
    return body(fd);
  } finally {
    files.close(fd);
  }
}

const isOsError = (code: string) => (error: unknown): boolean =>
  error instanceof OsError && error.code === code;
/** As from a file system of which statx does not tell flags. */
const withoutFlags = (stat: Stat): Stat => ({ ...stat, flags: null });
const aclText = (acl: { access?: Uint8Array; default?: Uint8Array }): Record<string, string> => ({
  ...(acl.access && { access: decodeText(acl.access) }),
  ...(acl.default && { default: decodeText(acl.default) }),
});

test("xattrs() gives what setfattr set, in the order of the names' bytes", (attributes, folder) => {
  const file = `${folder}/file`;
  assert.deepEqual(attributes.xattrs(file), new Map());
  tool("setfattr", "-n", "user.b", "-v", "0x00ff0a", file);
  tool("setfattr", "-n", "user.a", file);
  tool("setfattr", "-n", "user.\u{10000}", "-v", "x", file);
  tool("setfattr", "-n", "user.\uffee", "-v", "y", file);
  const expected = [
    ["user.a", new Uint8Array()],
    ["user.b", Uint8Array.of(0, 255, 10)],
    ["user.\uffee", bytes("y")],
    ["user.\u{10000}", bytes("x")],
  ];
  assert.deepEqual([...attributes.xattrs(file)], expected);
  assert.deepEqual([...opened(file, (fd) => attributes.xattrs(fd))], expected);
});

test(
  "setXattr() sets names of any bytes and values of any, by path and by descriptor",
  (attributes, folder) => {
    const file = `${folder}/file`;
    const large = new Uint8Array(2000).map((_, i) => i);
    attributes.setXattr(file, "user.\udcff\udcfe", large);
    opened(file, (fd) => attributes.setXattr(fd, "user.empty", new Uint8Array()));
    attributes.setXattr(`${folder}/sub`, "user.folder", bytes("f"));
    attributes.setXattr(file, "user.twice", bytes("longer"));
    attributes.setXattr(file, "user.twice", bytes("new"));
    assert.deepEqual(
      [...attributes.xattrs(file)],
      [["user.empty", new Uint8Array()], ["user.twice", bytes("new")], ["user.\udcff\udcfe", large]],
    );
    assert.match(tool("getfattr", "-e", "text", "-n", "user.folder", `${folder}/sub`), /user\.folder="f"/);
  },
);

test("a link's attributes are its own", (attributes, folder) => {
  attributes.setXattr(`${folder}/link`, "trusted.of-link", bytes("l"));
  assert.deepEqual([...attributes.xattrs(`${folder}/link`).keys()], ["trusted.of-link"]);
  assert.deepEqual(attributes.xattrs(`${folder}/file`), new Map());
  // Links take no attributes of users.
  assert.throws(() => attributes.setXattr(`${folder}/link`, "user.a", bytes("b")), isOsError("EPERM"));
});

test("failures have their symbols", (attributes, folder) => {
  const file = `${folder}/file`;
  assert.throws(() => attributes.xattrs(`${folder}/none`), isOsError("ENOENT"));
  assert.throws(() => attributes.setXattr(file, "nowhere.a", bytes("b")), isOsError("ENOTSUP"));
  assert.throws(() => attributes.setXattr(file, "user.a\0b", bytes("b")), isOsError("EINVAL"));
  assert.throws(() => attributes.setXattr(file, "user.a", new Uint8Array(70_000)), isOsError("E2BIG"));
  assert.throws(() => attributes.setXattr(file, `user.${"a".repeat(300)}`, bytes("b")), isOsError("ERANGE"));
});

test("a file system without attributes is one where nothing is set", (attributes) => {
  const stat = files.lstat("/proc/self/status");
  assert.equal(attributes.read("/proc/self/status", stat, { acls: byName }), null);
  assert.deepEqual(attributes.acl("/proc/self/status", stat, byName), {});
  assert.equal(attributes.flags("/proc/self/status", withoutFlags(stat)), 0);
});

test("flags() asks a file system without flags but once", (attributes, folder) => {
  tool("chattr", "+d", `${folder}/file`);
  const stat = withoutFlags(files.lstat("/proc/self/status"));
  assert.equal(attributes.flags(`${folder}/file`, stat), UF_NODUMP);
  assert.equal(attributes.flags("/proc/self/status", stat), 0);
  assert.equal(attributes.flags(`${folder}/file`, stat), 0);
  // Folders of the same device may have some (FUSE).
  tool("chattr", "+d", `${folder}/sub`);
  assert.equal(attributes.flags(`${folder}/sub`, { ...stat, mode: files.lstat(folder).mode }), UF_NODUMP);
});

test("acl() gives borg's text of what setfacl set", (attributes, folder) => {
  const file = `${folder}/file`;
  assert.deepEqual(attributes.acl(file, files.lstat(file), byName), {});
  tool("setfacl", "-m", "u:1234:rwx,g:4321:r-x,u:daemon:rw,m:r", file);
  const access = "user::rw-\nuser:daemon:rw-\t:1\nuser:1234:rwx\t:1234\ngroup::r--\ngroup:4321:r-x\t:4321\n" +
    "mask::r--\nother::r--";
  assert.deepEqual(aclText(attributes.acl(file, files.lstat(file), byName)), { access });
  assert.deepEqual(aclText(attributes.acl(file, files.lstat(file), byNumber)), {
    access: access.replace("daemon", "1"),
  });
  assert.deepEqual(aclText(opened(file, (fd) => attributes.acl(fd, files.fstat(fd), byName))), { access });
  const sub = `${folder}/sub`;
  tool("setfacl", "-d", "-m", "u:1234:rwx", sub);
  const initial = "user::rwx\nuser:1234:rwx:1234\ngroup::r-x\nmask::rwx\nother::r-x";
  assert.deepEqual(aclText(attributes.acl(sub, files.lstat(sub), byName)), {
    access: "user::rwx\ngroup::r-x\nother::r-x",
    default: initial,
  });
  tool("setfacl", "-k", sub);
  tool("setfacl", "-m", "g:daemon:x", sub);
  assert.deepEqual(aclText(attributes.acl(sub, files.lstat(sub), byName)), {
    access: "user::rwx\ngroup::r-x\ngroup:daemon:--x:1\nmask::r-x\nother::r-x",
    default: "",
  });
});

test("setAcl() sets both ACLs as getfacl shows them, and leaves what is absent", (attributes, folder) => {
  const access = encodeText(
    "user::rw-\nuser:daemon:rw-:77\nuser:nobody here:r--:1234\ngroup::r--\nmask::rw-\nother::---",
  );
  const shown = "user::rw-\nuser:1:rw-\nuser:1234:r--\ngroup::r--\nmask::rw-\nother::---\n\n";
  const show = (...args: string[]): string => tool("getfacl", "-n", "-c", "-p", ...args);
  attributes.setAcl(`${folder}/file`, { access }, byName);
  assert.equal(show(`${folder}/file`), shown);
  opened(`${folder}/sub`, (fd) => attributes.setAcl(fd, { access, default: access }, byNumber));
  assert.equal(show("-d", `${folder}/sub`), shown.replace("user:1:", "user:77:"));
  attributes.setAcl(`${folder}/sub`, { access: encodeText("user::rwx\ngroup::---\nother::---") }, byName);
  attributes.setAcl(`${folder}/sub`, { default: new Uint8Array() }, byName);
  assert.equal(show("-a", `${folder}/sub`), "user::rwx\ngroup::---\nother::---\n\n");
  assert.equal(show("-d", `${folder}/sub`), shown.replace("user:1:", "user:77:"));
  const set = (text: string) => () =>
    attributes.setAcl(`${folder}/file`, { access: encodeText(text) }, byName);
  assert.throws(set("no acl"), isOsError("EINVAL"));
  // Without a mask the kernel refuses it.
  assert.throws(set("user::rw-\nuser:1:rw-:1\ngroup::r--\nother::---"), isOsError("EINVAL"));
});

test("flags() gives what chattr set, whether stat tells it or not", (attributes, folder) => {
  const file = `${folder}/file`;
  const both = (path: string): number[] => {
    const stat = files.lstat(path);
    return [attributes.flags(path, stat), attributes.flags(path, withoutFlags(stat))];
  };
  assert.deepEqual(both(file), [0, 0]);
  for (const [letter, flag] of [["d", UF_NODUMP], ["i", UF_IMMUTABLE], ["a", UF_APPEND]] as const) {
    tool("chattr", `+${letter}`, file, `${folder}/sub`);
    assert.deepEqual(both(file), [flag, flag]);
    assert.deepEqual(both(`${folder}/sub`), [flag, flag]);
    assert.equal(opened(file, (fd) => attributes.flags(fd, withoutFlags(files.fstat(fd)))), flag);
    tool("chattr", `-${letter}`, file, `${folder}/sub`);
  }
  assert.deepEqual(both(`${folder}/link`), [0, 0]);
  files.mkfifo(`${folder}/fifo`, 0o600);
  assert.deepEqual(both(`${folder}/fifo`), [0, 0]);
  assert.deepEqual(both("/dev/null"), [0, 0]);
});

test("setFlags() sets and takes away borg's flags and no others", (attributes, folder) => {
  const file = `${folder}/file`;
  const shown = (path: string): string => tool("lsattr", "-d", path).split(" ")[0]!.replace(/[-eE]/g, "");
  tool("chattr", "+A", file);
  attributes.setFlags(file, UF_NODUMP | UF_IMMUTABLE);
  assert.equal(shown(file), "idA");
  attributes.setFlags(file, UF_APPEND);
  assert.equal(shown(file), "aA");
  opened(file, (fd) => attributes.setFlags(fd, UF_COMPRESSED));
  assert.match(shown(file), /^c?A$|^Ac?$/);
  attributes.setFlags(`${folder}/sub`, UF_NODUMP);
  assert.equal(shown(`${folder}/sub`), "d");
  attributes.setFlags(`${folder}/sub`, 0);
  assert.equal(shown(`${folder}/sub`), "");
  attributes.setFlags("/proc/self/status", UF_NODUMP);
  assert.throws(() => attributes.setFlags(`${folder}/link`, UF_NODUMP), isOsError("ELOOP"));
});

test("read() gives the kinds that are asked for", (attributes, folder) => {
  const file = `${folder}/file`;
  attributes.setXattr(file, "user.a", bytes("b"));
  tool("setfacl", "-m", "u:1234:r", file);
  const stat = files.lstat(file);
  const all = attributes.read(file, stat, { acls: byName })!;
  assert.deepEqual([...all.xattrs.keys()], ["user.a"]);
  assert.deepEqual(Object.keys(all.acl), ["access"]);
  assert.deepEqual(attributes.read(file, stat, { xattrs: false, acls: byName })!.xattrs, new Map());
  assert.deepEqual(attributes.read(file, stat, {})!.acl, {});
  assert.equal(attributes.read(file, stat, { xattrs: false }), null);
});

test("paths over PATH_MAX have attributes too", (attributes, folder) => {
  const deep = `${folder}/sub/${`${"d".repeat(200)}/`.repeat(30)}`.slice(0, -1);
  files.mkdirAll(deep);
  files.writeFile(`${deep}/file`, bytes("deep"));
  attributes.setXattr(`${deep}/file`, "user.deep", bytes("yes"));
  assert.deepEqual([...attributes.xattrs(`${deep}/file`)], [["user.deep", bytes("yes")]]);
  attributes.setFlags(`${deep}/file`, UF_NODUMP);
  assert.equal(attributes.flags(`${deep}/file`, withoutFlags(files.lstat(`${deep}/file`))), UF_NODUMP);
});

test("a name in an open folder is found there, whatever took the folder's place", (attributes, folder) => {
  fs.writeFileSync(`${folder}/sub/file`, "");
  fs.symlinkSync("file", `${folder}/sub/link`);
  opened(`${folder}/sub`, (dir) => {
    const place = (name: string) => ({ dir, name, path: `${folder}/sub/${name}` });
    const read = (name: string, options = { acls: byName }) =>
      attributes.read(place(name), files.lstat(`${folder}/moved/${name}`), options);
    fs.renameSync(`${folder}/sub`, `${folder}/moved`);
    fs.mkdirSync(`${folder}/sub`);
    fs.writeFileSync(`${folder}/sub/file`, "");
    tool("setfattr", "-n", "user.wrong", "-v", "x", `${folder}/sub/file`);
    tool("chattr", "+a", `${folder}/sub/file`);
    assert.equal(read("file"), null);
    attributes.setXattr(place("link"), "trusted.a", bytes("of link"));
    assert.deepEqual([...read("link")!.xattrs], [["trusted.a", bytes("of link")]]);
    attributes.setXattr(place("file"), "user.a", bytes("b"));
    tool("setfacl", "-m", "u:1234:r", `${folder}/moved/file`);
    tool("chattr", "+d", `${folder}/moved/file`);
    assert.deepEqual([...read("file")!.xattrs], [["user.a", bytes("b")]]);
    assert.match(String(aclText(read("file")!.acl)["access"]), /user:1234:r--/);
    const stat = withoutFlags(files.lstat(`${folder}/moved/file`));
    assert.equal(attributes.flags(place("file"), stat), UF_NODUMP);
    assert.throws(() => attributes.xattrs(place("none")), isOsError("ENOENT"));
    assert.throws(() => attributes.read(place("none"), stat, {}), isOsError("ENOENT"));
  });
});

test("nothing leaves a descriptor open", (attributes, folder) => {
  const deep = `${folder}/${"deep/".repeat(900)}`.slice(0, -1);
  files.mkdirAll(deep);
  const stat = withoutFlags(files.lstat(`${folder}/file`));
  for (let i = 0; i < 5; i++) {
    attributes.flags(`${folder}/file`, stat);
    attributes.setFlags(`${folder}/file`, 0);
    assert.throws(() => attributes.setFlags(`${folder}/none`, 0));
    assert.throws(() => attributes.xattrs(`${folder}/${"d/".repeat(3000)}file`));
    attributes.setXattr(deep, "user.a", bytes("b"));
    attributes.read(deep, stat, { acls: byName });
    attributes.acl(deep, stat, byName);
    attributes.flags(deep, { ...stat, mode: files.lstat(folder).mode });
  }
  assert.equal(openBelow(folder), 0);
});

Deno.test("NoAttributes finds nothing and says so when asked to keep something", () => {
  const attributes = new NoAttributes();
  const stat = files.lstat(".");
  assert.equal(attributes.read(".", stat, { acls: byName }), null);
  assert.deepEqual(attributes.xattrs(), new Map());
  assert.deepEqual(attributes.acl(".", stat, byName), {});
  assert.equal(attributes.flags(".", { ...stat, flags: UF_NODUMP }), UF_NODUMP);
  assert.equal(attributes.flags(".", withoutFlags(stat)), 0);
  attributes.setFlags();
  assert.throws(() => attributes.setXattr("."), isOsError("ENOTSUP"));
  assert.throws(() => attributes.setAcl(".", {}, byName), isOsError("ENOTSUP"));
});

Deno.test({
  name: "openAttributes() takes the C library where there is one",
  ignore: Deno.build.os !== "linux",
  fn() {
    assert(openAttributes() instanceof LinuxAttributes);
  },
});
