/**
 * Extended attributes and file flags of macOS and FreeBSD: which functions are called with what, what failures mean, and how
 * lists of names are taken apart.
 */
import assert from "node:assert/strict";
import { encodeText, equalBytes } from "../../../core/bytes/mod.ts";
import { OsError } from "../../../core/errors.ts";
import { darwinSymbols, FREEBSD_SYMBOLS } from "../../../core/platform/_bsd_library.ts";
import { flagsToSet, SETTABLE, splitByLengths, splitByZeros } from "../../../core/platform/bsd_attributes.ts";
import { DarwinAttributes } from "../../../core/platform/darwin_attributes.ts";
import { FreebsdAttributes, nameForFreebsd } from "../../../core/platform/freebsd_attributes.ts";
import { openFiles, S_IFLNK } from "../../../core/platform/mod.ts";
import { borgPython, noBorgPython } from "../../fixtures/borg_python.ts";
import { NotingLibrary } from "../../fixtures/noting_library.ts";

const bytes = encodeText;
const stat = { ...openFiles().lstat("."), mode: 0o100644, flags: 0 };
const isOsError = (code: string) => (error: unknown): boolean =>
  error instanceof OsError && error.code === code;
const place = { dir: 5, name: "link", path: "a/link" };
const SYSTEMS = { DarwinAttributes, FreebsdAttributes };
type SystemName = keyof typeof SYSTEMS;

/** A test of both systems. */
function both(
  name: string,
  body: (
    attributes: DarwinAttributes | FreebsdAttributes,
    library: NotingLibrary,
    system: SystemName,
  ) => void,
): void {
  for (const system of Object.keys(SYSTEMS) as SystemName[]) {
    Deno.test(`${system}: ${name}`, () => {
      const library = new NotingLibrary();
      body(new SYSTEMS[system](library), library, system);
      assert.equal(library.leaked, 0);
    });
  }
}

/** Names in a library's list: FreeBSD's have no namespace. */
const local = (system: SystemName, name: string): string =>
  system === "FreebsdAttributes" ? name.slice("user.".length) : name;

Deno.test("splitByZeros() takes each name that ends with a zero byte, and splitByLengths() each that is all there", () => {
  const a = bytes("a");
  const long = new Uint8Array(255).fill(0xff);
  assert.deepEqual(splitByZeros(bytes("")), []);
  assert.deepEqual(splitByZeros(bytes("a\0user.b\0")), [a, bytes("user.b")]);
  assert.deepEqual(splitByZeros(Uint8Array.of(...long, 0, 0, 97, 0)), [long, a]);
  assert.deepEqual(splitByZeros(bytes("a\0cut")), [a]);
  assert.deepEqual(splitByLengths(bytes("")), []);
  assert.deepEqual(splitByLengths(bytes("\x01a\x06user.b")), [a, bytes("user.b")]);
  assert.deepEqual(splitByLengths(Uint8Array.of(255, ...long, 0, 1, 97)), [long, a]);
  assert.deepEqual(splitByLengths(bytes("\x01a\x05cut")), [a]);
});

Deno.test({
  name: "splitByZeros() and splitByLengths() find what borg finds",
  ignore: noBorgPython,
  fn() {
    const lists: Uint8Array[] = [];
    let state = 1;
    const random = (below: number): number => (state = (state * 48271) % 0x7fffffff) % below;
    for (let i = 0; i < 40; i++) {
      const names = Array.from(
        { length: random(6) },
        () => Uint8Array.from({ length: 1 + random(i === 0 ? 255 : 12) }, () => 1 + random(255)),
      );
      lists.push(
        Uint8Array.from(names.flatMap((name) => [...name, 0])),
        Uint8Array.from(names.flatMap((name) => [name.length, ...name])),
      );
    }
    const hex = lists.map(hexOf);
    const said = borgPython(
      "import sys, json\nfrom borg.platform.xattr import split_string0, split_lstring\n" +
        "lists = [bytes.fromhex(a) for a in sys.argv[1].split(',')]\n" +
        "print(json.dumps([[n.hex() for n in (split_lstring if i % 2 else split_string0)(a)] for i, a in enumerate(lists)]))",
      hex.join(","),
    );
    const ours = lists.map((list, i) => (i % 2 === 1 ? splitByLengths : splitByZeros)(list).map(hexOf));
    assert.deepEqual(ours, JSON.parse(said));
  },
});

function hexOf(list: Uint8Array): string {
  return [...list].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

Deno.test("macOS's functions get their arguments in its order: position, then options", () => {
  const library = new NotingLibrary();
  const attributes = new DarwinAttributes(library);
  for (const key of ["file", "fd 9", "a/link"]) library.xattrs.set(key, [["com.apple.x", bytes("value")]]);
  for (const target of ["file", 9, place]) {
    assert.deepEqual(attributes.xattrs(target), new Map([["com.apple.x", bytes("value")]]));
    attributes.setXattr(target, "com.apple.x", bytes("ab"));
  }
  assert.deepEqual(library.calls, [
    "listxattr file 65536 1",
    "getxattr file com.apple.x 65536 0 1",
    "setxattr file com.apple.x [97,98] 2 0 1",
    "flistxattr fd 9 65536 0",
    "fgetxattr fd 9 com.apple.x 65536 0 0",
    "fsetxattr fd 9 com.apple.x [97,98] 2 0 0",
    "listxattr a/link 65536 1",
    "getxattr a/link com.apple.x 65536 0 1",
    "setxattr a/link com.apple.x [97,98] 2 0 1",
  ]);
});

Deno.test("FreeBSD's functions get the namespace as a number and names without it", () => {
  const library = new NotingLibrary();
  const attributes = new FreebsdAttributes(library);
  for (const key of ["file", "fd 9", "a/link"]) library.xattrs.set(key, [["x.y", bytes("value")]]);
  for (const target of ["file", 9, place]) {
    assert.deepEqual(attributes.xattrs(target), new Map([["user.x.y", bytes("value")]]));
    attributes.setXattr(target, "user.x.y", bytes("ab"));
  }
  assert.deepEqual(library.calls, [
    "extattr_list_link file 1 65536",
    "extattr_get_link file 1 x.y 65536",
    "extattr_set_link file x.y [97,98] 2 1",
    "extattr_list_fd fd 9 1 65536",
    "extattr_get_fd fd 9 1 x.y 65536",
    "extattr_set_fd fd 9 x.y [97,98] 2 1",
    "extattr_list_link a/link 1 65536",
    "extattr_get_link a/link 1 x.y 65536",
    "extattr_set_link a/link x.y [97,98] 2 1",
  ]);
});

Deno.test("FreeBSD takes names of users and those of an old borg, and leaves others out without a word", () => {
  assert.equal(nameForFreebsd("user.a.b"), "a.b");
  assert.equal(nameForFreebsd("old"), "old");
  assert.equal(nameForFreebsd("user"), "user");
  for (const name of ["com.apple.x", "security.capability", "system.a", "users.a", ".a"]) {
    assert.equal(nameForFreebsd(name), null);
  }
  const library = new NotingLibrary();
  new FreebsdAttributes(library).setXattr("file", "com.apple.x", bytes("ab"));
  assert.deepEqual(library.calls, []);
});

both("names come in the order of their bytes, empty values are values", (attributes, library, system) => {
  const names = ["user.b", "user.\uffee", "user.a", "user.\u{10000}"];
  library.xattrs.set("file", names.map((name) => [local(system, name), bytes("")]));
  const found = attributes.read("file", stat, {})!;
  assert.deepEqual(
    [...found.xattrs],
    ["user.a", "user.b", "user.\uffee", "user.\u{10000}"].map((name) => [name, bytes("")]),
  );
  assert.deepEqual(found.acl, {});
  library.calls.length = 0;
  attributes.setXattr(9, "user.none", new Uint8Array());
  assert.match(library.calls[0]!, / none| user\.none \[\] 0 /);
  assert.throws(() => attributes.setXattr(9, "user.a\0b", bytes("c")), isOsError("EINVAL"));
  assert.equal(library.calls.length, 1);
});

both(
  "values and lists of any size up to 16 MiB are read, and what is larger is left out",
  (attributes, library, system) => {
    const value = (size: number) => new Uint8Array(size).fill(size % 251, 1);
    const sizes = {
      "user.a": 65535,
      "user.b": 65536,
      "user.c": 1_000_000,
      "user.d": 2 ** 24 - 1,
      "user.e": 3,
    };
    library.xattrs.set("file", [
      ...Object.entries(sizes).map((
        [name, size],
      ): [string, Uint8Array] => [local(system, name), value(size)]),
      [local(system, "user.large"), value(2 ** 24)],
    ]);
    const told: string[] = [];
    const onUnreadable = (name: string, error: OsError): unknown => told.push(`${name} ${error.code}`);
    const { xattrs } = attributes.read("file", stat, { onUnreadable })!;
    assert.deepEqual([...xattrs].map(([name, { length }]) => [name, length]), Object.entries(sizes));
    for (const [name, found] of xattrs) assert(equalBytes(found, value(found.length)), name);
    assert.deepEqual(told, ["user.large E2BIG"]);
    assert.throws(() => attributes.xattrs("file"), isOsError("E2BIG"));
    const many = Array.from({ length: 2000 }, (_, i) => `user.${String(i).padStart(100, "0")}`);
    library.xattrs.set("file", many.map((name) => [local(system, name), bytes("x")]));
    assert.deepEqual([...new SYSTEMS[system](library).xattrs("file").keys()], many);
  },
);

both(
  "nothing is found where the file system has no attributes, or none for us",
  (attributes, library, system) => {
    const [list, flist] = system === "DarwinAttributes"
      ? ["listxattr", "flistxattr"]
      : ["extattr_list_link", "extattr_list_fd"];
    library.failing.add(list!).add(flist!);
    for (const code of ["ENOTSUP", "EPERM"]) {
      library.failure = code;
      assert.equal(attributes.read("file", stat, {}), null);
      assert.deepEqual(attributes.xattrs(9), new Map());
    }
    library.failure = "ENAMETOOLONG";
    assert.equal(attributes.read(place, stat, {}), null);
    assert.throws(() => attributes.read("a/link", stat, {}), isOsError("ENAMETOOLONG"));
    library.failure = "EIO";
    assert.throws(() => attributes.read("file", stat, {}), isOsError("EIO"));
  },
);

both(
  "an attribute that vanished is none, one that cannot be read is told of",
  (attributes, library, system) => {
    library.xattrs.set("file", [[local(system, "user.a"), bytes("b")]]);
    library.failing.add("getxattr").add("extattr_get_link");
    const told: string[] = [];
    const options = {
      onUnreadable: (name: string, error: OsError): unknown => told.push(`${name} ${error.code}`),
    };
    library.failure = "ENOATTR";
    assert.equal(attributes.read("file", stat, options), null);
    assert.deepEqual(told, []);
    library.failure = "EPERM";
    assert.equal(attributes.read("file", stat, options), null);
    assert.deepEqual(told, ["user.a EPERM"]);
    assert.equal(attributes.read("file", stat, {}), null);
    library.failing.add("setxattr").add("extattr_set_link");
    assert.throws(() => attributes.setXattr("file", "user.a", bytes("b")), isOsError("EPERM"));
    library.calls.length = 0;
    assert.equal(attributes.read("file", stat, { xattrs: false }), null);
    assert.deepEqual(library.calls, []);
  },
);

both("flags are those that stat told, of links too", (attributes, library) => {
  assert.equal(attributes.flagsOnAll, true);
  assert.equal(attributes.flags("link", { ...stat, mode: S_IFLNK | 0o777, flags: 0x8022 }), 0x8022);
  assert.equal(attributes.flags("file", { ...stat, flags: null }), 0);
  assert.deepEqual(library.calls, []);
});

Deno.test("flagsToSet() changes what can be set and leaves the system's own flags", () => {
  // UF_: nodump, immutable, append, opaque, nounlink, hidden; SF_: archived, immutable, append, nounlink.
  assert.equal(SETTABLE, 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x8000 | 0x10000 | 0x20000 | 0x40000 | 0x100000);
  assert.equal(flagsToSet(0, 0xffffffff), SETTABLE);
  assert.equal(flagsToSet(0xffffffff, 0), (~SETTABLE) >>> 0);
  // UF_COMPRESSED and SF_DATALESS of the one, nothing of the other.
  assert.equal(flagsToSet(0x40000020, 0x1), 0x40000021);
  assert.equal(flagsToSet(0x8001, 0x40000020 + 0x2), 0x2);
});

both(
  "setFlags() asks for the old flags and sets the others, of links by themselves",
  (attributes, library, system) => {
    const type = system === "DarwinAttributes" ? "number" : "bigint";
    const [cwd, noFollow] = system === "DarwinAttributes" ? [-2, 0x20] : [-100, 0x200];
    library.stFlags = 0x80000021;
    attributes.setFlags("link", 0x20002);
    attributes.setFlags(9, 0x8001);
    attributes.setFlags(9, 0x1);
    assert.deepEqual(library.calls, [
      `fstatat ${cwd} link ${noFollow}`,
      `lchflags link ${type} 80020022`,
      "fstat fd 9",
      `fchflags fd 9 ${type} 80008021`,
      // Nothing to change.
      "fstat fd 9",
    ]);
    library.failing.add("fchflags");
    library.failure = "ENOTSUP";
    attributes.setFlags(9, 0);
    library.failure = "EPERM";
    assert.throws(() => attributes.setFlags(9, 0), isOsError("EPERM"));
    library.calls.length = 0;
    library.stFlags = null;
    attributes.setFlags(9, 0x1);
    assert.deepEqual(library.calls, ["fstat fd 9"]);
  },
);

Deno.test("the symbols have the widths of the headers", () => {
  const { getxattr, fgetxattr, setxattr, fsetxattr, lchflags } = darwinSymbols("aarch64");
  const darwin = ["buffer", "buffer", "usize", "u32", "i32"];
  for (const call of [getxattr, setxattr]) assert.deepEqual(call.parameters, ["buffer", ...darwin]);
  for (const call of [fgetxattr, fsetxattr]) assert.deepEqual(call.parameters, ["i32", ...darwin]);
  assert.deepEqual(lchflags.parameters, ["buffer", "u32"]);
  // unsigned long
  assert.deepEqual(FREEBSD_SYMBOLS.fchflags.parameters, ["i32", "u64"]);
  assert.equal(darwinSymbols("x86_64").fstat.name, "fstat$INODE64");
  assert.equal(darwinSymbols("aarch64").fstat.name, "fstat");
});
