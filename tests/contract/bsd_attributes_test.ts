/**
 * Extended attributes and file flags of macOS and FreeBSD on a real file system: their code, with Linux's calls below their
 * functions, against the system's own programs; and through items from one tree to another.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { encodeText } from "../../core/bytes/mod.ts";
import { OsError } from "../../core/errors.ts";
import { extendedMeta, type RestoreItem, Restorer } from "../../core/fs/mod.ts";
import { DarwinAttributes } from "../../core/platform/darwin_attributes.ts";
import { FreebsdAttributes } from "../../core/platform/freebsd_attributes.ts";
import {
  type Attributes,
  type AttributeTarget,
  type Files,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  UF_APPEND,
  UF_IMMUTABLE,
  UF_NODUMP,
  Users,
} from "../../core/platform/mod.ts";
import { UnixFiles } from "../../core/platform/unix_files.ts";
import { attributesOf, attributesTest, tool, unlock, whyNoAttributes } from "../fixtures/attributes.ts";
import { darwinOnLinux, freebsdOnLinux } from "../fixtures/bsd_library.ts";
import { emulatedUnix } from "../fixtures/emulated_unix.ts";

const bytes = encodeText;

interface System {
  name: string;
  files: Files;
  attributes: Attributes;
  /** A name that a link may have on Linux, as this system calls it. */
  ofLink: string;
}

/** Loaded before the tests, each of which is to leave nothing behind. */
const systems: System[] = whyNoAttributes !== null ? [] : [
  {
    name: "DarwinAttributes",
    files: new UnixFiles(emulatedUnix("darwin")!),
    attributes: new DarwinAttributes(darwinOnLinux()),
    ofLink: "trusted.of-link",
  },
  {
    name: "FreebsdAttributes",
    files: new UnixFiles(emulatedUnix("freebsd")!),
    attributes: new FreebsdAttributes(freebsdOnLinux()),
    ofLink: "user.of-link",
  },
];

/** A test of both systems with a folder that has a file, a folder and a link. */
function test(name: string, body: (system: System, folder: string) => void): void {
  attributesTest(`attributes of macOS and FreeBSD on Linux: ${name}`, () => {
    for (const system of systems) {
      const folder = Deno.makeTempDirSync();
      try {
        fs.writeFileSync(`${folder}/file`, "contents", { mode: 0o644 });
        fs.mkdirSync(`${folder}/sub`, { mode: 0o755 });
        fs.symlinkSync("file", `${folder}/link`);
        body(system, folder);
      } catch (error) {
        throw new Error(system.name, { cause: error });
      } finally {
        unlock(folder);
        fs.rmSync(folder, { recursive: true, force: true });
      }
    }
  });
}

/** Runs by path, by descriptor and by the name in its folder. */
function everyWay(files: Files, path: string, body: (target: AttributeTarget) => void): void {
  body(path);
  const slash = path.lastIndexOf("/");
  const [fd, dir] = [path, path.slice(0, slash)].map((name) => files.open(name, { noFollow: true }));
  try {
    body(fd!);
    body({ dir: dir!, name: path.slice(slash + 1), path });
  } finally {
    files.close(fd!);
    files.close(dir!);
  }
}

const isOsError = (code: string) => (error: unknown): boolean =>
  error instanceof OsError && error.code === code;

test("what setfattr set is found, in the order of the names' bytes", ({ files, attributes }, folder) => {
  const file = `${folder}/file`;
  assert.deepEqual(attributes.xattrs(file), new Map());
  tool("setfattr", "-n", "user.b", "-v", "0x00ff0a", file);
  tool("setfattr", "-n", "user.a", file);
  tool("setfattr", "-n", "user.\u{10000}", "-v", "x", file);
  tool("setfattr", "-n", "user.\uffee", "-v", "y", file);
  everyWay(files, file, (target) => {
    assert.deepEqual([...attributes.xattrs(target)], [
      ["user.a", new Uint8Array()],
      ["user.b", Uint8Array.of(0, 255, 10)],
      ["user.\uffee", bytes("y")],
      ["user.\u{10000}", bytes("x")],
    ]);
  });
});

test("names of any bytes and values of any are set", ({ files, attributes }, folder) => {
  const file = `${folder}/file`;
  const large = new Uint8Array(2000).map((_, i) => i);
  everyWay(files, file, (target) => {
    attributes.setXattr(target, "user.\udcff\udcfe", large);
    attributes.setXattr(target, "user.empty", new Uint8Array());
    attributes.setXattr(target, "user.twice", bytes("longer"));
    attributes.setXattr(target, "user.twice", bytes("new"));
    assert.deepEqual([...attributes.xattrs(target)], [
      ["user.empty", new Uint8Array()],
      ["user.twice", bytes("new")],
      ["user.\udcff\udcfe", large],
    ]);
    for (const name of attributes.xattrs(file).keys()) {
      if (!name.includes("\udcff")) tool("setfattr", "-x", name, file);
    }
  });
  attributes.setXattr(`${folder}/sub`, "user.folder", bytes("f"));
  assert.match(tool("getfattr", "-e", "text", "-n", "user.folder", `${folder}/sub`), /user\.folder="f"/);
});

test("a link's attributes are its own", ({ attributes, ofLink }, folder) => {
  attributes.setXattr(`${folder}/link`, ofLink, bytes("l"));
  assert.deepEqual([...attributes.xattrs(`${folder}/link`)], [[ofLink, bytes("l")]]);
  assert.deepEqual(attributes.xattrs(`${folder}/file`), new Map());
  assert.match(
    tool("getfattr", "-h", "-e", "text", "-n", "trusted.of-link", `${folder}/link`),
    /of-link="l"/,
  );
});

test("failures have their symbols, and where nothing can be there is nothing", (system, folder) => {
  const { files, attributes } = system;
  const file = `${folder}/file`;
  assert.throws(() => attributes.xattrs(`${folder}/none`), isOsError("ENOENT"));
  assert.throws(() => attributes.setXattr(`${folder}/none`, "user.a", bytes("b")), isOsError("ENOENT"));
  assert.throws(() => attributes.setXattr(file, "user.a", new Uint8Array(70_000)), isOsError("E2BIG"));
  assert.throws(() => attributes.setXattr(file, `user.${"a".repeat(300)}`, bytes("b")), isOsError("ERANGE"));
  const stat = files.lstat("/proc/self/status");
  assert.equal(attributes.read("/proc/self/status", stat, {}), null);
  attributes.setFlags("/proc/self/status", UF_NODUMP);
  attributes.setFlags(`${folder}/link`, UF_NODUMP);
  attributes.setFlags(`${folder}/none`, UF_NODUMP);
});

test("flags are set and taken away, and no others", ({ files, attributes }, folder) => {
  const file = `${folder}/file`;
  const shown = (path: string): string => tool("lsattr", "-d", path).split(" ")[0]!.replace(/[-eE]/g, "");
  tool("chattr", "+A", file);
  everyWay(files, file, (target) => {
    attributes.setFlags(target, UF_NODUMP | UF_IMMUTABLE);
    assert.equal(shown(file), "idA");
    attributes.setFlags(target, UF_NODUMP);
    assert.equal(shown(file), "dA");
    attributes.setFlags(target, 0);
    assert.equal(shown(file), "A");
  });
  attributes.setFlags(`${folder}/sub`, UF_APPEND);
  assert.equal(shown(`${folder}/sub`), "a");
});

test("a tree's attributes come through items into another tree", ({ files, attributes, ofLink }, folder) => {
  const [from, to] = [`${folder}/from`, `${folder}/to`];
  fs.mkdirSync(`${from}/sub`, { recursive: true });
  fs.mkdirSync(to);
  fs.writeFileSync(`${from}/sub/file`, "contents", { mode: 0o440 });
  fs.symlinkSync("file", `${from}/sub/link`);
  tool("setfattr", "-n", "user.a", "-v", "0x00ff", `${from}/sub/file`);
  tool("setfattr", "-n", "user.none", `${from}/sub/file`);
  tool("setfattr", "-n", "user.folder", "-v", "f", `${from}/sub`);
  attributes.setXattr(`${from}/sub/link`, ofLink, bytes("of link"));
  tool("chattr", "+d", "+i", `${from}/sub/file`);
  tool("chattr", "+a", `${from}/sub`);
  // The structs of the emulated systems carry no flags.
  const flags: Record<string, number> = {
    sub: UF_APPEND,
    "sub/file": UF_NODUMP | UF_IMMUTABLE,
    "sub/link": 0,
  };
  const users = new Users(files);
  const restorer = new Restorer({
    files,
    attributes,
    users,
    destination: to,
    warn: (...words) => assert.fail(words.join(" ")),
  });
  for (const [path, bsdflags] of Object.entries(flags)) {
    const stat = { ...files.lstat(`${from}/${path}`), flags: bsdflags };
    const meta = extendedMeta({ path: `${from}/${path}` }, stat, { attributes, users })!;
    const { mode, uid, gid, mtimeNs: mtime } = stat;
    const item: RestoreItem = { path, mode, uid, gid, mtime, ...meta };
    const type = mode & S_IFMT;
    if (type === S_IFDIR) restorer.directory(item);
    else if (type === S_IFLNK) restorer.symlink({ ...item, source: files.readLink(`${from}/${path}`) });
    else {
      const file = restorer.openFile(item);
      file.write(fs.readFileSync(`${from}/${path}`));
      file.close();
      restorer.restoreMeta(item);
    }
  }
  restorer.finish();
  assert.deepEqual(attributesOf(to), attributesOf(from));
  assert.match(JSON.stringify(attributesOf(to)), /00ff/);
});
