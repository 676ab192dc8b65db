/** Extended attributes, ACLs and flags through both programs, there and back; metadata of both is the same bytes. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { attributesOf, attributesTest, tool, unlock } from "../fixtures/attributes.ts";
import { borgPython, borgVersion, run } from "../fixtures/borg.ts";
import { assertSameTree, makeTree, snapshot } from "../fixtures/tree.ts";

const ODD_NAMES = `
import os, sys
root = os.fsencode(sys.argv[1])
os.setxattr(root + b'/one', b'user.\\xff\\xfe', bytes(range(256)))
os.setxattr(root + b'/one', 'user.\\U00010000'.encode(), b'high')
os.setxattr(root + b'/one', 'user.\\uffee'.encode(), b'higher by units, lower by bytes')
os.setxattr(root + b'/not-utf8-\\xff\\xfe', b'user.plain', b'v')
`;

/** The usual tree, and attributes of all kinds on all kinds of things. */
function decorate(tree: string): void {
  const at = (path: string): string => join(tree, path);
  tool("setfattr", "-n", "user.binary", "-v", "0x00ff0001", at("text.txt"));
  tool("setfattr", "-n", "user.empty", at("text.txt"));
  tool("setfattr", "-n", "user.large", "-v", "x".repeat(1500), at("random.bin"));
  tool("setfattr", "-n", "user.on folder", "-v", "yes", at("sub"));
  tool("setfattr", "-h", "-n", "trusted.on link", "-v", "yes", at("dangling"));
  tool("setfattr", "-n", "trusted.on fifo", "-v", "yes", at("fifo"));
  // cap_net_raw=ep, as ping has it.
  tool(
    "setfattr",
    "-n",
    "security.capability",
    "-v",
    "0x0100000200200000000000000000000000000000",
    at("empty"),
  );
  tool("python3", "-c", ODD_NAMES, tree);
  tool("setfacl", "-m", "u:1234:rwx,g:4321:r-x,u:daemon:rw,g:daemon:x,m:r", at("text.txt"));
  tool("setfacl", "-m", "u:4294967294:rx", at("fifo"));
  tool("setfacl", "-m", "u:daemon:rw", at("sub"));
  tool("setfacl", "-m", "d:u:1234:rwx,d:g:daemon:r", at("sub/deeper"));
  tool("setfacl", "-m", "u:1:x,d:g:2:x,d:o::-,m:---", at("empty folder"));
  tool("chattr", "+d", at("text.txt"), at("sub"), at("one"));
  // The folder's times were set before what changes them.
  fs.utimesSync(at("sub"), 1, 2);
}

/** What no restore can bring back while the tree is being compared: these lock it. */
function lock(tree: string): void {
  tool("chattr", "+i", join(tree, "one"), join(tree, "empty folder"));
  tool("chattr", "+a", join(tree, "zeros"));
}

function check(name: string, body: (place: Workplace) => void): void {
  attributesTest(name, () => {
    using place = workplace();
    try {
      makeTree(join(place.path, "tree"));
      decorate(join(place.path, "tree"));
      lock(join(place.path, "tree"));
      place.borg(["init", "-e", "none", "repo"]);
      body(place);
    } finally {
      unlock(place.path);
    }
  });
}

const MAIN = new URL("../../cli/main.ts", import.meta.url).pathname;
/** For a shell. */
const alcoveCommand = `'${Deno.execPath()}' run -A --no-prompt --quiet '${MAIN}'`;

function extract(
  place: Workplace,
  program: "alcove" | "borg",
  archive: string,
  ...options: string[]
): string {
  const out = join(place.path, `out-${program}-${archive}`);
  fs.mkdirSync(out);
  place[program](["extract", ...options, `../repo::${archive}`], { cwd: out });
  return join(out, "tree");
}

function assertSameAttributes(actual: string, expected: string): void {
  assertSameTree(actual, expected);
  const [found, wanted] = [attributesOf(actual), attributesOf(expected)];
  assert.deepEqual(found.xattrs, wanted.xattrs);
  assert.equal(found.acls, wanted.acls);
  assert.deepEqual(found.flags, wanted.flags);
}

/** Attributes of an archive's items by borg's own code. */
function items(place: Workplace, archive: string): Record<string, unknown> {
  return borgPython(
    `
import json, os, sys
from borg.archive import Archive
from borg.helpers import Manifest
from borg.logger import setup_logging
from borg.repository import Repository
setup_logging()
given = json.load(sys.stdin)
os.environ.update(given['env'])
with Repository(given['path'], lock=False) as repository:
    manifest, key = Manifest.load(repository, Manifest.NO_OPERATION_CHECK)
    out = {}
    for item in Archive(repository, key, manifest, given['archive']).iter_items():
        d = item.as_dict()
        xattrs = [[k.hex(), None if v is None else v.hex()] for k, v in d.get('xattrs', {}).items()]
        acls = {k: d[k].decode() for k in ('acl_access', 'acl_default') if k in d}
        found = dict(xattrs=sorted(xattrs), flags=d.get('bsdflags'), **acls)
        out[item.path.encode('utf-8', 'surrogateescape').hex()] = found
print(json.dumps(out))
`,
    { path: join(place.path, "repo"), archive, env: place.env },
  );
}

/** What borg lists of an archive. */
function listed(place: Workplace, archive: string): Record<string, unknown>[] {
  const { stdout } = place.borg(["list", "--json-lines", `repo::${archive}`]);
  return stdout.trim().split("\n").map((line) => JSON.parse(line));
}

/** Bytes that a backup of the tree adds to the repository's data. */
function bytesAdded(place: Workplace, backup: () => void): number {
  const size = (): number => {
    let total = 0;
    for (const folder of fs.readdirSync(join(place.path, "repo/data"))) {
      for (const name of fs.readdirSync(join(place.path, "repo/data", folder))) {
        total += fs.statSync(join(place.path, "repo/data", folder, name)).size;
      }
    }
    return total;
  };
  const before = size();
  backup();
  return size() - before;
}

if (borgVersion === null) console.log("skipped, borg is not installed: attributes through both programs");
else {
  check("attributes go through create and are restored by both programs", (place) => {
    const tree = join(place.path, "tree");
    place.alcove(["create", "repo::a", "tree"]);
    assertSameAttributes(extract(place, "alcove", "a"), tree);
    assertSameAttributes(extract(place, "borg", "a"), tree);
  });

  check("attributes of borg's archives are restored", (place) => {
    place.borg(["create", "repo::b", "tree"]);
    assertSameAttributes(extract(place, "alcove", "b"), join(place.path, "tree"));
  });

  check("create stores the same attributes as borg, byte for byte", (place) => {
    const first = bytesAdded(place, () => place.borg(["create", "repo::b", "tree"]));
    const second = bytesAdded(place, () => place.alcove(["create", "repo::a", "tree"]));
    assert.deepEqual(items(place, "a"), items(place, "b"));
    // The archive's record, the manifest and two commits; the items and their contents are there already.
    assert(second < 2500 && first > 100_000, `${first} ${second}`);
    const third = bytesAdded(place, () => place.alcove(["create", "repo::a2", "tree"]));
    assert(third < 2500, `unchanged files: ${third}`);
    place.borg(["create", "--numeric-ids", "repo::bn", "tree"]);
    place.alcove(["create", "--numeric-ids", "repo::an", "tree"]);
    assert.deepEqual(items(place, "an"), items(place, "bn"));
    assert.notDeepEqual(items(place, "an"), items(place, "a"));
    assert.deepEqual(listed(place, "a"), listed(place, "b"));
    place.borg(["check", "--verify-data", "repo"]);
  });

  check("create and extract leave out what they are told to", (place) => {
    const found = (archive: string): Record<string, unknown>[] =>
      Object.values(items(place, archive)) as Record<string, unknown>[];
    place.alcove(["create", "--noflags", "repo::f", "tree"]);
    assert(found("f").every(({ flags }) => flags === null));
    place.alcove(["create", "--nobsdflags", "--noacls", "repo::fa", "tree"]);
    assert(found("fa").every(({ flags, acl_access }) => flags === null && acl_access === undefined));
    assert(found("fa").some(({ xattrs }) => (xattrs as unknown[]).length > 0));
    place.alcove(["create", "--noxattrs", "repo::x", "tree"]);
    assert(found("x").every(({ xattrs }) => (xattrs as unknown[]).length === 0));
    assert(found("x").some(({ acl_access }) => acl_access !== undefined));
    place.borg(["create", "--noxattrs", "repo::bx", "tree"]);
    assert.deepEqual(items(place, "x"), items(place, "bx"));
    place.alcove(["create", "repo::all", "tree"]);
    const bare = attributesOf(extract(place, "alcove", "all", "--noflags", "--noacls", "--noxattrs"));
    assert(
      Object.values(bare.xattrs as Record<string, unknown>).every((of) =>
        Object.keys(of as object).length === 0
      ),
    );
    assert(!bare.flags.some((line) => /^[a-zA-Z]+ \.\//.test(line)));
    assert.doesNotMatch(bare.acls, /mask|default/);
  });

  check("create with --exclude-nodump leaves out flagged files and folders as borg does", (place) => {
    tool("chattr", "+d", join(place.path, "tree/control\x01\x7f"));
    const statuses = (text: string): string[] =>
      text.split("\n").filter((line) => line.startsWith("x ")).sort();
    const ours = place.alcove(["create", "--list", "--exclude-nodump", "repo::a", "tree"]).stderr;
    const theirs = place.borg(["create", "--list", "--exclude-nodump", "repo::b", "tree"]).stderr;
    assert.deepEqual(statuses(ours), statuses(theirs));
    assert.equal(statuses(ours).filter((line) => / tree\/(sub|one|text\.txt)$/.test(line)).length, 3);
    assert.deepEqual(listed(place, "a"), listed(place, "b"));
    assert(!listed(place, "a").some((item) => String(item["path"]).startsWith("tree/sub")));
  });

  check("a file system without attributes costs a warning for each, and the rest is restored", (place) => {
    const tree = join(place.path, "tree");
    place.borg(["create", "repo::b", "tree"]);
    fs.mkdirSync(join(place.path, "out"));
    // A ramfs of our own: it goes with the namespace.
    const inside = (script: string) =>
      run("unshare", ["-m", "sh", "-c", `mount -t ramfs none out && cd out && ${script}`], {
        cwd: place.path,
        env: place.env,
      });
    if (inside("true").code !== 0) {
      console.log("skipped, no mount namespaces here: a file system without attributes");
      return;
    }
    const compare = `cd tree && find . -type f -printf '%P %m %T@ %s\\n' | sort`;
    const { stdout, stderr, code } = inside(`${alcoveCommand} extract ../repo::b; echo code $?; ${compare}`);
    assert.equal(code, 0, stderr);
    const expected = run("sh", ["-c", compare], { cwd: join(tree, "..") }).stdout;
    assert.equal(stdout, `code 1\n${expected}`);
    const warnings = stderr.trim().split("\n");
    // text.txt and one have several; ACLs and flags go silently, as borg does it.
    assert.equal(warnings.length, 11, stderr);
    for (const line of warnings) {
      assert.match(line, /: extended attribute .*Not supported by this file system$/);
    }
    // Backing up from there finds nothing and says nothing.
    const { stderr: silent } = inside(
      `mkdir tree && echo a > tree/file && ${alcoveCommand} create ../repo::c tree`,
    );
    assert.equal(silent, "");
    assert.deepEqual(Object.values(items(place, "c")), [{ xattrs: [], flags: null }, {
      xattrs: [],
      flags: null,
    }]);
  });

  check("extract keeps the names of an immutable file together", (place) => {
    const tree = join(place.path, "tree");
    unlock(place.path);
    fs.linkSync(join(tree, "one"), join(tree, "sub/also one"));
    tool("chattr", "+i", join(tree, "one"));
    place.alcove(["create", "repo::a", "tree"]);
    const out = extract(place, "alcove", "a");
    assert.equal(fs.statSync(join(out, "one")).nlink, 2);
    assert.deepEqual(snapshot(out), snapshot(tree));
    assert.match(tool("lsattr", join(out, "one")), /^[^ ]*i/);
  });
}
