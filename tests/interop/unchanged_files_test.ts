/** What changed about files that are otherwise as they were: with the walk in a thread and without it, by the same cache. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { attributesOf, attributesTest, tool, unlock } from "../fixtures/attributes.ts";
import { type Workplace, workplace } from "../fixtures/alcove.ts";
import { borgPython, borgTest, run } from "../fixtures/borg.ts";
import { assertSameTree, makeTree, writeNewest } from "../fixtures/tree.ts";

/** The rule about the newest time spares all but the file that is stored last. */
function settle(place: Workplace): void {
  writeNewest(join(place.path, "tree/zz newest"), String(process.hrtime.bigint()));
}

/** Enough files that the cache is worth a thread. */
function makeMany(place: Workplace): void {
  makeTree(join(place.path, "tree"));
  for (let folder = 0; folder < 40; folder++) {
    const path = join(place.path, `tree/many/${folder}`);
    fs.mkdirSync(path, { recursive: true });
    for (let file = 0; file < 85; file++) fs.writeFileSync(`${path}/${file}`, `${folder} ${file}`);
  }
  settle(place);
}

function extracted(place: Workplace, archive: string): string {
  const out = join(place.path, `out-${archive}`);
  fs.mkdirSync(out);
  place.borg(["extract", "--numeric-ids", `../repo::${archive}`], { cwd: out });
  return join(out, "tree");
}

function assertSame(place: Workplace, archive: string): void {
  const out = extracted(place, archive);
  assertSameTree(out, join(place.path, "tree"));
  const [found, wanted] = [attributesOf(out), attributesOf(join(place.path, "tree"))];
  assert.deepEqual(found.xattrs, wanted.xattrs);
  assert.equal(found.acls, wanted.acls);
  assert.deepEqual(found.flags, wanted.flags);
  unlock(out);
}

function cacheFile(place: Workplace): string {
  const caches = join(place.path, "home/.cache/alcove");
  const [repository] = fs.readdirSync(caches).filter((name) => /^[0-9a-f]{64}$/.test(name));
  return join(caches, repository!, "files");
}

const withAttributes = (name: string, body: (place: Workplace) => void): void =>
  attributesTest(name, () => {
    using place = workplace();
    try {
      place.borg(["init", "-e", "none", "repo"]);
      body(place);
    } finally {
      unlock(place.path);
    }
  });

for (const workers of [undefined, "0"]) {
  const how = workers === undefined ? "with threads" : "without threads";
  withAttributes(`attributes that come, change and go on unchanged files are seen, ${how}`, (place) => {
    const env = workers === undefined ? {} : { ALCOVE_WORKERS: workers };
    const at = (path: string): string => join(place.path, "tree", path);
    makeMany(place);
    tool("setfattr", "-n", "user.old", "-v", "old", at("many/1/1"));
    tool("setfacl", "-m", "u:1234:r", at("many/1/2"));
    settle(place);
    place.alcove(["create", "--numeric-ids", "repo::a", "tree"], { env });
    assert.ok(fs.statSync(cacheFile(place)).size > 256 * 1024);
    tool("setfattr", "-n", "user.new", "-v", "new", at("many/2/1"));
    tool("setfacl", "-m", "u:1234:rw", at("many/2/2"));
    tool("chattr", "+d", at("many/2/3"));
    tool("setfattr", "-x", "user.old", at("many/1/1"));
    tool("setfacl", "-b", at("many/1/2"));
    tool("setfattr", "-n", "user.folder", "-v", "new", at("many/3"));
    tool("setfacl", "-m", "d:u:1234:r", at("many/4"));
    tool("setfattr", "-h", "-n", "trusted.link", "-v", "new", at("dangling"));
    settle(place);
    place.alcove(["create", "--numeric-ids", "repo::b", "tree"], { env });
    assertSame(place, "b");
  });
}

withAttributes("what one backup was told to leave out is in the next", (place) => {
  makeTree(join(place.path, "tree"));
  const at = (path: string): string => join(place.path, "tree", path);
  tool("setfattr", "-n", "user.a", "-v", "b", at("text.txt"));
  tool("setfacl", "-m", "u:1234:r", at("random.bin"));
  for (const option of ["--noxattrs", "--noacls"]) {
    fs.rmSync(join(place.path, "home/.cache"), { recursive: true, force: true });
    settle(place);
    place.alcove(["create", "--numeric-ids", option, `repo::without${option}`, "tree"]);
    settle(place);
    const { stderr } = place.alcove(["create", "--numeric-ids", "--list", `repo::after${option}`, "tree"]);
    assert.match(stderr, /^U tree\/random.bin$/m);
    assertSame(place, `after${option}`);
  }
  // What was unchanged by its modification time may have other attributes nevertheless.
  const mtime = ["--files-cache", "mtime,size,inode"];
  settle(place);
  place.alcove(["create", "--numeric-ids", ...mtime, "repo::mtime1", "tree"]);
  tool("setfattr", "-n", "user.more", "-v", "b", at("copy.bin"));
  settle(place);
  const { stderr } = place.alcove(["create", "--numeric-ids", "--list", ...mtime, "repo::mtime2", "tree"]);
  assert.match(stderr, /^U tree\/copy.bin$/m);
  assertSame(place, "mtime2");
});

withAttributes("an attribute that could not be read once is read by the next backup", (place) => {
  if (run("strace", ["-V"]).code !== 0) return console.log("skipped: strace is not there");
  makeTree(join(place.path, "tree"));
  const file = join(place.path, "tree/random.bin");
  tool("setfattr", "-n", "user.a", "-v", "b", file);
  settle(place);
  const main = new URL("../../cli/main.ts", import.meta.url).pathname;
  const create = [Deno.execPath(), "run", "-A", "--no-prompt", "--quiet", main, "create", "repo::a", "tree"];
  const faults = ["-f", "-qq", "-o", "/dev/null", "-P", file, "-e", "inject=fgetxattr:error=EIO"];
  const { stderr } = run("strace", [...faults, ...create], { cwd: place.path, env: place.env });
  assert.match(stderr, /extended attribute user\.a: EIO/);
  settle(place);
  place.alcove(["create", "--numeric-ids", "repo::b", "tree"]);
  assertSame(place, "b");
});

/** All of each item of an archive, by borg's own code. */
function items(place: Workplace, archive: string): string[] {
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
    print(json.dumps([repr(sorted(item.as_dict().items()))
        for item in Archive(repository, key, manifest, given['archive']).iter_items()]))
`,
    { path: join(place.path, "repo"), archive, env: place.env },
  );
}

borgTest("create with the walk in a thread and without it makes the same archive, after many changes", () => {
  using place = workplace();
  const at = (path: string): string => join(place.path, "tree", path);
  place.borg(["init", "-e", "none", "repo"]);
  makeMany(place);
  place.alcove(["create", "repo::base", "tree"]);
  const cache = cacheFile(place);
  assert.ok(fs.statSync(cache).size > 256 * 1024);
  const known = fs.readFileSync(cache);

  fs.writeFileSync(at("many/1/new"), "new");
  fs.writeFileSync(at("many/1/1"), "changed");
  fs.rmSync(at("many/2"), { recursive: true });
  fs.rmSync(at("many/3/3"));
  fs.mkdirSync(at("many/3/3"));
  fs.rmSync(at("many/3/4"));
  fs.symlinkSync("5", at("many/3/4"));
  fs.rmSync(at("many/3/5"));
  run("mkfifo", [at("many/3/5")]);
  fs.writeFileSync(at("many/3/6.new"), "3 6");
  fs.renameSync(at("many/3/6.new"), at("many/3/6"));
  fs.linkSync(at("many/4/1"), at("many/5/link"));
  fs.renameSync(at("many/6"), at("many/moved"));
  fs.writeFileSync(at("many/7/large"), new Uint8Array(9_000_000).fill(7));
  fs.chmodSync(at("many/8/1"), 0o600);
  fs.writeFileSync(at("many/9/.nobackup"), "");
  settle(place);

  const options = ["--list", "--exclude", "sh:**/many/10/*1", "--exclude-if-present", ".nobackup"];
  const roots = ["tree/many/11", "tree", "missing", "tree/text.txt"];
  const create = (archive: string, workers: Record<string, string>) => {
    fs.writeFileSync(cache, known);
    return place.alcove(["create", ...options, `repo::${archive}`, ...roots], { env: workers, code: 1 });
  };
  const ahead = create("ahead", {});
  const alone = create("alone", { ALCOVE_WORKERS: "0" });
  assert.equal(ahead.stderr, alone.stderr);
  assert.match(ahead.stderr, /^x tree\/many\/9$/m);
  assert.match(ahead.stderr, /^missing: .*No such file/m);
  assert.equal(place.borg(["diff", "repo::ahead", "alone"]).stdout, "");
  assert.deepEqual(items(place, "ahead"), items(place, "alone"));
  const theirs = place.borg(["create", ...options.slice(1), "repo::borg", ...roots], { code: 1 });
  assert.match(theirs.stderr, /missing/);
  assert.equal(place.borg(["diff", "repo::ahead", "borg"]).stdout, "");
  place.borg(["check", "--verify-data", "repo"]);
});
