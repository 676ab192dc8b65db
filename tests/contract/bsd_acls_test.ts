/** FreeBSD's ACLs with Linux's libacl in the place of its own library: real pointers, texts and files. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { decodeText, encodeText } from "../../core/bytes/mod.ts";
import { OsError } from "../../core/errors.ts";
import { type Acls, FreebsdAttributes, openFiles, Users } from "../../core/platform/mod.ts";
import { freebsdOnLibacl } from "../fixtures/acl_library.ts";
import { attributesTest, tool, whyNoAttributes } from "../fixtures/attributes.ts";

const files = openFiles();
/** Loaded before the tests, each of which is to leave nothing behind. */
const libacl = whyNoAttributes === null ? freebsdOnLibacl() : null;
const options = { names: new Users(files), numericIds: false };

function test(name: string, body: (attributes: FreebsdAttributes, folder: string) => void): void {
  attributesTest(`FreebsdAttributes on libacl: ${name}`, () => {
    const folder = Deno.makeTempDirSync();
    try {
      fs.writeFileSync(`${folder}/file`, "", { mode: 0o644 });
      fs.mkdirSync(`${folder}/sub`, { mode: 0o755 });
      body(new FreebsdAttributes(libacl), folder);
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });
}

/** Runs by path and by an open descriptor. */
function bothWays(path: string, body: (target: string | number) => void): void {
  body(path);
  const fd = files.open(path, {});
  try {
    body(fd);
  } finally {
    files.close(fd);
  }
}

const texts = (acls: Acls): Record<string, string> =>
  Object.fromEntries(Object.entries(acls).map(([name, text]) => [name, decodeText(text)]));

test("reads what setfacl set, and nothing where the mode says it all", (attributes, folder) => {
  const [file, sub] = [files.lstat(`${folder}/file`), files.lstat(`${folder}/sub`)];
  bothWays(`${folder}/file`, (target) => assert.deepEqual(attributes.acl(target, file, options), {}));
  bothWays(`${folder}/sub`, (target) => assert.equal(attributes.read(target, sub, { acls: options }), null));
  tool("setfacl", "-m", "u:daemon:rw,g:4321:r", `${folder}/file`);
  tool("setfacl", "-m", "d:u:4321:rx", `${folder}/sub`);
  const access = "user::rw-\nuser:daemon:rw-\ngroup::r--\ngroup:4321:r--\nmask::rw-\nother::r--\n";
  bothWays(`${folder}/file`, (target) => {
    assert.deepEqual(texts(attributes.read(target, file, { acls: options })!.acl), { access });
  });
  const initial = "user::rwx\nuser:4321:r-x\ngroup::r-x\nmask::r-x\nother::r-x\n";
  bothWays(`${folder}/sub`, (target) => {
    assert.deepEqual(texts(attributes.acl(target, sub, options)), {
      access: "user::rwx\ngroup::r-x\nother::r-x\n",
      default: initial,
    });
  });
  assert.throws(
    () => attributes.acl(`${folder}/none`, file, options),
    (error) => error instanceof OsError && error.code === "ENOENT",
  );
});

test("sets texts of Linux, which getfacl then shows", (attributes, folder) => {
  const access = encodeText(
    "user::rw-\nuser:daemon:rw-\t:99\nuser:nobody-here:r--:77\ngroup::r--\nmask::r--\nother::---",
  );
  const initial = encodeText("user::rwx\ngroup::r-x\ngroup:nobody-here:rwx:88\nmask::rwx\nother::---");
  const shown = (path: string): string[] => tool("getfacl", "-cnp", path).trim().split("\n");
  const daemon = options.names.userId("daemon");
  bothWays(`${folder}/file`, (target) => {
    tool("setfacl", "-b", `${folder}/file`);
    attributes.setAcl(target, { access, extended: encodeText("?") }, options);
    const lines = shown(`${folder}/file`).map((line) => line.replace(/\t.*/, ""));
    assert.deepEqual(lines, [
      "user::rw-",
      `user:${daemon}:rw-`,
      "user:77:r--",
      "group::r--",
      "mask::r--",
      "other::---",
    ]);
  });
  bothWays(`${folder}/sub`, (target) => {
    tool("setfacl", "-b", `${folder}/sub`);
    attributes.setAcl(target, { default: initial }, options);
    assert(shown(`${folder}/sub`).includes("default:group:88:rwx"));
  });
  attributes.setAcl(`${folder}/file`, { access }, { ...options, numericIds: true });
  assert(shown(`${folder}/file`).some((line) => line.startsWith("user:99:rw-")));
});
