/** The walk by open folders: what happens to the folders around it, trees deeper than any path, how many stay open. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { OsError } from "../../../core/errors.ts";
import {
  FileReader,
  readSourceLink,
  type WalkEntry,
  Walker,
  type WalkOptions,
} from "../../../core/fs/mod.ts";
import {
  type Files,
  type FilesAt,
  openFiles,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from "../../../core/platform/mod.ts";
import { openBelow } from "../../fixtures/open_files.ts";

const files = openFiles();
/** Elsewhere the walk goes by paths and none of this holds. */
const byFolders = files.at !== undefined;

function inFolder(run: (folder: string) => void): () => void {
  return () => {
    const folder = Deno.makeTempDirSync();
    try {
      run(folder);
    } finally {
      spawnSync("rm", ["-rf", "--", folder]);
    }
  };
}

function test(name: string, run: (folder: string) => void): void {
  Deno.test({ name, ignore: !byFolders, fn: inFolder(run) });
}

function write(path: string, text: string): void {
  files.mkdirAll(path.slice(0, path.lastIndexOf("/")));
  files.writeFile(path, new TextEncoder().encode(text));
}

/** The same files, but folders are listed by name, so that a test knows what comes after what. */
function byName(): Files {
  const at: FilesAt = {
    openFolder: (dir, name) => files.at!.openFolder(dir, name),
    listFolder: (fd) => files.at!.listFolder(fd).sort(),
    lstatAt: (dir, name) => files.at!.lstatAt(dir, name),
    openAt: (dir, name, options) => files.at!.openAt(dir, name, options),
    readLinkAt: (dir, name) => files.at!.readLinkAt(dir, name),
  };
  const { lstat, fstat, close } = files;
  const own = { at, lstat: lstat.bind(files), fstat: fstat.bind(files), close: close.bind(files) };
  return own as Partial<Files> as Files;
}

function start(root: string, options: Partial<WalkOptions> = {}): Walker {
  return new Walker({ files, roots: [root], ...options });
}

/** Goes on until the entry of that path is yielded. */
function walkTo(walker: Walker, path: string): WalkEntry {
  for (let entry = walker.next(); entry !== null; entry = walker.next()) {
    if (entry.path === path) return entry;
  }
  assert.fail(`${path} was not yielded`);
}

function rest(walker: Walker): WalkEntry[] {
  const entries: WalkEntry[] = [];
  for (let entry = walker.next(); entry !== null; entry = walker.next()) entries.push(entry);
  return entries;
}

function contents(entry: WalkEntry, byPath = false): string {
  const reader = new FileReader({ files });
  const block = new Uint8Array(100);
  reader.open(entry.path, entry.stat, byPath ? undefined : entry.at);
  try {
    return new TextDecoder().decode(block.subarray(0, reader.read(block)));
  } finally {
    reader.close();
  }
}

test("Walker stays in the folder it opened when a link takes the folder's place", (folder) => {
  write(`${folder}/a/b/file`, "ours");
  files.symlink("our target", `${folder}/a/b/link`);
  write(`${folder}/a/b/sub/file`, "ours too");
  write(`${folder}/outside/file`, "secret");
  write(`${folder}/outside/sub/file`, "secret too");
  files.symlink("their target", `${folder}/outside/link`);
  const walker = start(`${folder}/a`);
  walkTo(walker, `${folder}/a/b`);
  files.rename(`${folder}/a/b`, `${folder}/moved`);
  files.symlink(`${folder}/outside`, `${folder}/a/b`);
  const seen = new Map<string, string>();
  for (let entry = walker.next(); entry !== null; entry = walker.next()) {
    const type = entry.stat.mode & S_IFMT;
    if (type === S_IFREG) {
      seen.set(entry.path, contents(entry));
      // By its path it would be the other one, which the reader refuses.
      assert.throws(() => contents(entry, true), /another file took its place/);
    } else if (type === S_IFLNK) seen.set(entry.path, readSourceLink(files, entry.path, entry.at));
  }
  assert.deepEqual([...seen].sort(), [
    [`${folder}/a/b/file`, "ours"],
    [`${folder}/a/b/link`, "our target"],
    [`${folder}/a/b/sub/file`, "ours too"],
  ]);
});

test("Walker reaches what lies deeper than any path can name", (folder) => {
  const depth = 70;
  let path = folder;
  for (let i = 0; i < depth; i++) {
    path += `/${"d".repeat(200)}`;
    files.mkdir(path);
  }
  files.writeFile(`${path}/file`, new TextEncoder().encode("very deep"));
  files.symlink("nowhere", `${path}/link`);
  assert(path.length > 14_000);
  const walker = start(folder);
  let folders = 0;
  let found = 0;
  for (let entry = walker.next(); entry !== null; entry = walker.next()) {
    const type = entry.stat.mode & S_IFMT;
    if (type === S_IFDIR) folders++;
    else if (type === S_IFREG) found += Number(contents(entry) === "very deep");
    else found += Number(readSourceLink(files, entry.path, entry.at) === "nowhere");
  }
  assert.equal(folders, depth + 1);
  assert.equal(found, 2);
  assert.equal(openBelow(folder), 0);
});

test("Walker keeps few folders open in a tree of 1,200 levels and comes back to each", (folder) => {
  const script = "import os,sys\nos.chdir(sys.argv[1])\nfor i in range(1200):\n" +
    " open('a','w').close(); os.mkdir('d'); open('z','w').close(); os.chdir('d')\n";
  assert.equal(spawnSync("python3", ["-c", script, folder]).status, 0);
  const walker = start(folder, { maxOpenFolders: 5 });
  let count = 0;
  let most = 0;
  for (let entry = walker.next(); entry !== null; entry = walker.next()) {
    if (++count % 500 === 0) most = Math.max(most, openBelow(folder));
  }
  assert.equal(count, 1 + 1200 * 3);
  assert(most > 1 && most <= 6, `${most} open`);
  assert.equal(openBelow(folder), 0);
});

test("Walker finds back though the folders inside were moved elsewhere", (folder) => {
  for (const name of ["1", "2", "3"]) write(`${folder}/a/b/c/d/e/${name}`, name);
  write(`${folder}/a/b/c/late`, "c");
  write(`${folder}/a/b/late`, "b");
  write(`${folder}/a/late`, "a");
  files.mkdir(`${folder}/elsewhere`);
  const failed: string[] = [];
  const walker = start(`${folder}/a`, {
    files: byName(),
    maxOpenFolders: 2,
    onError: (path, error) => failed.push(`${path} ${error.code}`),
  });
  walkTo(walker, `${folder}/a/b/c/d/e`);
  // Out of `c` the way up by ".." now leads elsewhere.
  files.rename(`${folder}/a/b/c`, `${folder}/elsewhere/c`);
  const late = rest(walker).map((entry) => entry.path).filter((path) => path.endsWith("late"));
  assert.deepEqual(late, [`${folder}/a/b/c/late`, `${folder}/a/b/late`, `${folder}/a/late`]);
  assert.deepEqual(failed, []);
  assert.equal(openBelow(folder), 0);
});

test("Walker gives up a folder that it cannot find again, and no other in its place", (folder) => {
  for (const name of ["1", "2", "3"]) write(`${folder}/a/b/c/d/e/${name}`, name);
  write(`${folder}/a/b/late`, "ours");
  write(`${folder}/a/late`, "a");
  write(`${folder}/elsewhere/late`, "secret");
  const failed: string[] = [];
  const walker = start(`${folder}/a`, {
    files: byName(),
    maxOpenFolders: 2,
    onError: (path, error) => failed.push(`${path} ${error.code}`),
  });
  walkTo(walker, `${folder}/a/b/c/d/e`);
  files.rename(`${folder}/a/b/c`, `${folder}/c`);
  files.rename(`${folder}/a/b`, `${folder}/b`);
  files.rename(`${folder}/elsewhere`, `${folder}/a/b`);
  const paths = rest(walker).map((entry) => entry.path);
  assert.deepEqual(paths, [
    ...["1", "2", "3"].map((name) => `${folder}/a/b/c/d/e/${name}`),
    `${folder}/a/late`,
  ]);
  assert.deepEqual(failed, [`${folder}/a/b ESTALE`]);
});

test("Walker.close() leaves no folder open, and skipChildren() none of what it passes over", (folder) => {
  write(`${folder}/a/b/c/1`, "");
  write(`${folder}/z/1`, "");
  const walker = start(folder);
  walkTo(walker, `${folder}/a/b`);
  assert.equal(openBelow(folder), 3);
  walker.skipChildren();
  assert.equal(openBelow(folder), 2);
  walker.close();
  assert.equal(openBelow(folder), 0);
  assert.equal(walker.next(), null);
});

test("Walker goes by what it opened when a mount appears in a folder's place", (folder) => {
  write(`${folder}/a/mount/1`, "");
  write(`${folder}/a/skipped/1`, "");
  write(`${folder}/a/z`, "");
  const { ino } = files.lstat(`${folder}/a/mount`);
  const before = files.lstat(`${folder}/a/skipped`);
  const changing = byName();
  changing.fstat = (fd) => {
    const stat = files.fstat(fd);
    if (stat.ino === ino) return { ...stat, dev: stat.dev + 1 };
    return stat.ino === before.ino ? { ...stat, ino: 1n } : stat;
  };
  const skip = [{ dev: before.dev, ino: 1n }];
  const entries = rest(start(`${folder}/a`, { files: changing, oneFileSystem: true, skip }));
  assert.deepEqual(
    entries.map((entry) => entry.path),
    ["", "/mount", "/z"].map((name) => `${folder}/a${name}`),
  );
  assert.equal(entries[1]!.stat.dev, entries[0]!.stat.dev + 1);
  assert.equal(openBelow(folder), 0);
});

test("Walker with oneFileSystem stays on what an automounter put in the root's place", (folder) => {
  write(`${folder}/a/b/1`, "");
  const mounted = byName();
  mounted.fstat = (fd) => ({ ...files.fstat(fd), dev: 7 });
  mounted.at!.lstatAt = (dir, name) => ({ ...files.at!.lstatAt(dir, name), dev: 7 });
  const entries = rest(start(`${folder}/a`, { files: mounted, oneFileSystem: true }));
  assert.deepEqual(
    entries.map((entry) => entry.path),
    ["", "/b", "/b/1"].map((name) => `${folder}/a${name}`),
  );
});

test("Walker makes do with few descriptors where the process may have no more", (folder) => {
  for (const way of ["", "/b", "/b/b", "/b/b/b", "/b/b/b/b", "/b/b/b/b/b"]) write(`${folder}${way}/z`, way);
  const poor = byName();
  let open = 0;
  const openFolder = poor.at!.openFolder;
  poor.at!.openFolder = (dir, name) => {
    if (open === 3) throw new OsError("EMFILE", "open", name, "too many files open in this process");
    const fd = openFolder(dir, name);
    open++;
    return fd;
  };
  poor.close = (fd) => {
    files.close(fd);
    open--;
  };
  const failed: string[] = [];
  const onError = (path: string): number => failed.push(path);
  const paths = rest(start(folder, { files: poor, onError })).map((entry) => entry.path);
  assert.equal(paths.length, 12);
  assert.deepEqual(failed, []);
  assert.equal(open, 0);
});
