/** Restoring: everything as it was, nothing outside of the destination. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { dirname } from "node:path";
import process from "node:process";
import { SourceError } from "../../../core/fs/mod.ts";
import type { WarningCode } from "../../../core/errors.ts";
import { openBelow } from "../../fixtures/open_files.ts";
import { S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, Users } from "../../../core/platform/mod.ts";
import { bytes, files, inFolder, item, MTIME, restoreFile, restorer } from "./_restore.ts";

const isRoot = process.getuid?.() === 0;

function assertRefused(step: () => unknown, code: WarningCode): void {
  assert.throws(step, (error) => {
    assert(error instanceof SourceError, String(error));
    assert.equal(error.warningCode, code, error.message);
    return true;
  });
}

Deno.test("Restorer is not led by the umask, neither by a strict one nor by none", () => {
  const cases = new URL("_restore_umask.ts", import.meta.url).pathname;
  const run = spawnSync(Deno.execPath(), ["test", "-A", "--no-prompt", "--no-check", cases], {
    cwd: dirname(cases),
    env: { ...process.env, NO_COLOR: "1" },
    encoding: "utf8",
  });
  assert.equal(run.status, 0, run.stdout + run.stderr);
  assert.match(run.stdout, /^ok \| 3 passed \| 0 failed/m);
});

Deno.test(
  "Restorer applies a folder's metadata as soon as the items leave it",
  inFolder((folder) => {
    const to = restorer(folder);
    const mtime = (path: string): bigint => files.stat(`${folder}/dest/${path}`).mtimeNs;
    to.directory(item("a", S_IFDIR | 0o755));
    to.directory(item("a/b", S_IFDIR | 0o755));
    restoreFile(to, "a/b/file", "x");
    // "ab" begins like "a" but lies outside.
    restoreFile(to, "ab", "x");
    assert.equal(mtime("a/b"), MTIME);
    assert.equal(mtime("a"), MTIME);
    to.finish();
    assert.equal(mtime("a"), MTIME);
  }),
);

Deno.test(
  "Restorer refuses absolute paths and every '..'",
  inFolder((folder) => {
    const to = restorer(folder);
    for (
      const path of [
        `${folder}/outside/file`,
        "../outside/file",
        "a/../../outside/file",
        "..",
        "a/..",
        "../outside/new",
      ]
    ) {
      assertRefused(() => to.openFile(item(path, S_IFREG | 0o777)), "BackupPathTraversalError");
      assertRefused(() => to.directory(item(path, S_IFDIR | 0o777)), "BackupPathTraversalError");
      assertRefused(() => to.symlink(item(path, S_IFLNK, { source: "x" })), "BackupPathTraversalError");
      assertRefused(() => to.special(item(path, S_IFIFO)), "BackupPathTraversalError");
      assertRefused(() => to.hardLink(item(path, S_IFREG), "x"), "BackupPathTraversalError");
      assertRefused(() => to.hardLink(item("stolen", S_IFREG), path), "BackupHardlinkSourceError");
    }
    assertRefused(() => to.openFile(item(".", S_IFREG)), "BackupError");
    assertRefused(() => to.symlink(item("", S_IFLNK, { source: "/" })), "BackupError");
    to.finish();
    assert.deepEqual(files.readDir(`${folder}/dest`), []);
  }),
);

Deno.test(
  "Restorer does not go through a symbolic link that the archive put in a folder's place",
  inFolder((folder) => {
    const to = restorer(folder);
    to.directory(item("a", S_IFDIR | 0o755));
    to.symlink(item("a/out", S_IFLNK, { source: "../../outside" }));
    assertRefused(() => to.openFile(item("a/out/file", S_IFREG)), "BackupSymlinkParentError");
    assertRefused(() => to.directory(item("a/out/new/deep", S_IFDIR)), "BackupSymlinkParentError");
    assertRefused(() => to.special(item("a/out/fifo", S_IFIFO)), "BackupSymlinkParentError");
    assertRefused(() => to.hardLink(item("a/stolen", S_IFREG), "a/out/file"), "BackupHardlinkSourceError");
    assertRefused(() => to.hardLink(item("a/out/x", S_IFREG), "a"), "BackupSymlinkParentError");
    // A folder that was known to be real, exchanged for a link afterwards.
    to.directory(item("b", S_IFDIR | 0o755));
    to.directory(item("b/c", S_IFDIR | 0o755));
    restoreFile(to, "b/c/x", "x");
    files.unlink(`${folder}/dest/b/c/x`);
    to.symlink(item("b/c", S_IFLNK, { source: `${folder}/outside` }));
    assertRefused(() => to.openFile(item("b/c/file", S_IFREG)), "BackupSymlinkParentError");
    // A hard link to a link is a link, and harmless.
    assert.equal(to.hardLink(item("a/twin", S_IFREG), "a/out"), true);
    assert.equal(files.readLink(`${folder}/dest/a/twin`), "../../outside");
    to.finish();
  }),
);

Deno.test(
  "Restorer is not led astray by odd spellings and by neighbours of what it replaced",
  inFolder((folder) => {
    const dest = `${folder}/dest`;
    const to = restorer(folder);
    // "x/." is x itself: what lies in x is none of its neighbours.
    to.directory(item("x/.", S_IFDIR | 0o755));
    restoreFile(to, "x/one", "1");
    restoreFile(to, "./x//two", "2");
    restoreFile(to, "x/./three", "3");
    restoreFile(to, "x/four", "4");
    assertRefused(() => to.openFile(item("x/..", S_IFREG)), "BackupPathTraversalError");
    restoreFile(to, "top", "t");
    // A neighbour that takes a folder's place.
    to.directory(item("y", S_IFDIR | 0o755));
    to.symlink(item("y", S_IFLNK, { source: "../outside" }));
    restoreFile(to, "z", "z");
    assertRefused(() => to.openFile(item("y/file", S_IFREG)), "BackupSymlinkParentError");
    assertRefused(() => to.openFile(item("y/new", S_IFREG)), "BackupSymlinkParentError");
    restoreFile(to, "made/on/the way", "m");
    restoreFile(to, "made/on/too", "n");
    to.finish();
    assert.deepEqual(files.readDir(dest).sort(), ["made", "top", "x", "y", "z"]);
    assert.deepEqual(files.readDir(`${dest}/x`).sort(), ["four", "one", "three", "two"]);
    assert.deepEqual(files.readDir(`${dest}/made/on`).sort(), ["the way", "too"]);
  }),
);

Deno.test(
  "Restorer gives a folder's metadata to no link that the archive puts in its place under another spelling",
  inFolder((folder) => {
    for (const [i, spelling] of ["d/.", "d//", "./d", "d/./", "d//."].entries()) {
      const to = restorer(folder);
      to.directory(item(`${i}`, S_IFDIR | 0o755));
      to.directory(item(`${i}/d`, S_IFDIR | 0o777));
      to.symlink(item(`${i}/${spelling}`, S_IFLNK, { source: `${folder}/outside/file` }));
      to.finish();
      assert.equal(files.readLink(`${folder}/dest/${i}/d`), `${folder}/outside/file`);
      assert.equal(files.stat(`${folder}/outside/file`).mode & 0o7777, 0o640, spelling);
    }
  }),
);

Deno.test(
  "Restorer neither follows nor changes a link that was there before",
  inFolder((folder) => {
    files.symlink("../outside", `${folder}/dest/dir`);
    files.symlink("../outside/file", `${folder}/dest/file`);
    files.symlink("../outside/new", `${folder}/dest/new`);
    const to = restorer(folder);
    assertRefused(() => to.openFile(item("dir/file", S_IFREG)), "BackupSymlinkParentError");
    restoreFile(to, "file", "mine", 0o777);
    restoreFile(to, "new", "mine too");
    to.directory(item("dir", S_IFDIR | 0o755));
    restoreFile(to, "dir/file", "inside");
    to.finish();
    assert.deepEqual(files.readFile(`${folder}/dest/dir/file`), bytes("inside"));
    assert.deepEqual(files.readFile(`${folder}/dest/file`), bytes("mine"));
  }),
);

Deno.test(
  "Restorer touches the file it wrote, not what took its name meanwhile",
  inFolder((folder) => {
    const to = restorer(folder);
    const file = item("a", S_IFREG | 0o777);
    const sink = to.openFile(file);
    files.unlink(`${folder}/dest/a`);
    files.symlink("../outside/file", `${folder}/dest/a`);
    sink.write(bytes("lost"));
    sink.close();
    to.restoreMeta(file);
  }),
);

Deno.test(
  "Restorer removes what is in the way, except folders with something in them",
  inFolder((folder) => {
    const dest = `${folder}/dest`;
    files.writeFile(`${dest}/file`, bytes("old, and longer"));
    files.link(`${dest}/file`, `${dest}/other name`);
    files.mkdir(`${dest}/empty`);
    files.mkdirAll(`${dest}/full/x`);
    files.mkfifo(`${dest}/fifo`, 0o600);
    files.writeFile(`${dest}/was file`, bytes("x"));
    const to = restorer(folder);
    restoreFile(to, "file", "new");
    restoreFile(to, "empty", "new");
    restoreFile(to, "fifo", "new");
    to.symlink(item("link", S_IFLNK, { source: "a" }));
    to.symlink(item("link", S_IFLNK, { source: "b" }));
    to.directory(item("was file", S_IFDIR | 0o755));
    to.directory(item("full", S_IFDIR | 0o755));
    assertRefused(() => to.openFile(item("full", S_IFREG)), "BackupOSError");
    assertRefused(() => to.symlink(item("full", S_IFLNK, { source: "x" })), "BackupOSError");
    to.finish();
    for (const name of ["file", "empty", "fifo"]) {
      assert.deepEqual(files.readFile(`${dest}/${name}`), bytes("new"));
    }
    // A further name of the old file keeps the old contents.
    assert.deepEqual(files.readFile(`${dest}/other name`), bytes("old, and longer"));
    assert.equal(files.readLink(`${dest}/link`), "b");
    assert.deepEqual(files.readDir(`${dest}/full`), ["x"]);
  }),
);

Deno.test(
  "Restorer.hardLink() says where there is nothing to link to",
  inFolder((folder) => {
    const to = restorer(folder);
    assert.equal(to.hardLink(item("a", S_IFREG), "none"), false);
    assert.equal(to.hardLink(item("a", S_IFREG), "none/deeper"), false);
    to.directory(item("d", S_IFDIR | 0o755));
    assert.equal(to.hardLink(item("a", S_IFREG), "d"), false);
    restoreFile(to, "self", "x");
    assert.equal(to.hardLink(item("other", S_IFREG), "self"), true);
    to.finish();
  }),
);

Deno.test(
  "Restorer with sparse leaves holes, with the same contents",
  inFolder((folder) => {
    const zeros = new Uint8Array(1 << 20);
    for (const sparse of [true, false]) {
      const to = restorer(folder, { sparse });
      const path = `sparse ${sparse}`;
      const file = item(path, S_IFREG | 0o600);
      const sink = to.openFile(file);
      for (const part of [zeros, bytes("a"), zeros, zeros, bytes("b"), zeros]) sink.write(part);
      sink.close();
      to.restoreMeta(file);
      to.finish();
      const data = files.readFile(`${folder}/dest/${path}`);
      assert.equal(data.length, (4 << 20) + 2);
      assert.equal(data[1 << 20], 0x61);
      assert.equal(data[(3 << 20) + 1], 0x62);
      assert.equal(data.reduce((sum, byte) => sum + byte, 0), 0x61 + 0x62);
      const { blocks, mtimeNs } = files.stat(`${folder}/dest/${path}`);
      assert.equal(mtimeNs, MTIME);
      if (sparse) assert(blocks * 512 < 1 << 20, `${blocks} blocks`);
    }
  }),
);

Deno.test(
  "Restorer closes a file whose restore was given up",
  inFolder((folder) => {
    const to = restorer(folder);
    for (let i = 0; i < 5; i++) {
      const given = to.openFile(item(`given up ${i}`, S_IFREG));
      given.write(bytes("x"));
      given.close();
    }
    assert.throws(() => to.restoreMeta(item("never opened", S_IFREG)), TypeError);
    to.finish();
    assert.equal(openBelow(folder), 0);
  }),
);

Deno.test(
  "Restorer warns of a folder whose metadata cannot be set, and goes on",
  inFolder((folder) => {
    const warned: string[] = [];
    const to = restorer(folder, { warn: (code, path) => warned.push(`${code} ${path}`) });
    to.directory(item("a", S_IFDIR | 0o755));
    to.directory(item("a/b", S_IFDIR | 0o755));
    files.rmdir(`${folder}/dest/a/b`);
    to.finish();
    assert.deepEqual(warned, ["BackupFileNotFoundError a/b"]);
    assert.equal(files.stat(`${folder}/dest/a`).mtimeNs, MTIME);
  }),
);

Deno.test({
  name: "Restorer gives files the archived group where a folder gives them its own, as root",
  ignore: !isRoot,
  fn: inFolder((folder) => {
    const dest = `${folder}/dest`;
    files.mkdir(`${dest}/common`);
    files.lchown(`${dest}/common`, 0, 4321);
    files.chmod(`${dest}/common`, 0o2770);
    const to = restorer(folder);
    const group = (path: string) => files.lstat(`${dest}/${path}`).gid;
    const one = (path: string, gid: number): void => {
      const file = item(path, S_IFREG | 0o644, { uid: 0, gid });
      to.openFile(file).close();
      to.restoreMeta(file);
      assert.equal(group(path), gid, path);
    };
    one("first", 0);
    for (const name of ["a", "b", "c"]) one(`common/${name}`, 0);
    one("common/d", 4321);
    one("last", 0);
    one("common/e", 0);
    // What is there already may be anybody's.
    files.writeFile(`${dest}/common/a`, bytes("x"));
    files.lchown(`${dest}/common/a`, 77, 78);
    one("common/a", 0);
    to.finish();
  }),
});

Deno.test({
  name: "Restorer restores owners by name, else by number, and devices, as root",
  ignore: !isRoot,
  fn: inFolder((folder) => {
    const passwd = `${folder}/dest/passwd`;
    files.writeFile(passwd, bytes("ann:x:4711:1::/:\n"));
    const some = new Users(files, { passwdPath: passwd, groupPath: passwd, nameService: false });
    files.unlink(passwd);
    const owner = (path: string): [number, number] => {
      const { uid, gid } = files.lstat(`${folder}/dest/${path}`);
      return [uid, gid];
    };
    const to = restorer(folder, { users: some });
    to.symlink(item("named", S_IFLNK, { source: "x", user: "ann", group: "ann", uid: 5, gid: 6 }));
    to.symlink(item("unknown", S_IFLNK, { source: "x", user: "bob", group: null, uid: 5, gid: 6 }));
    to.symlink(item("negative", S_IFLNK, { source: "x", user: "", uid: -1, gid: -1 }));
    const setuid = item("setuid", S_IFREG | 0o6755, { user: "ann", group: "ann" });
    to.openFile(setuid).close();
    to.restoreMeta(setuid);
    to.finish();
    const numeric = restorer(folder, { users: some, numericIds: true });
    numeric.symlink(item("numeric", S_IFLNK, { source: "x", user: "ann", group: "ann", uid: 5, gid: 6 }));
    numeric.special(item("null", S_IFCHR | 0o666, { rdev: 0x103 }));
    numeric.finish();
    assert.deepEqual(owner("named"), [4711, 4711]);
    assert.deepEqual(owner("unknown"), [5, 6]);
    assert.deepEqual(owner("negative"), [0, 0]);
    assert.deepEqual(owner("numeric"), [5, 6]);
    assert.deepEqual(owner("setuid"), [4711, 4711]);
    // The change of owner took the bits away; they are set after it.
    assert.equal(files.stat(`${folder}/dest/setuid`).mode & 0o7777, 0o6755);
    const device = files.lstat(`${folder}/dest/null`);
    assert.equal(device.mode, S_IFCHR | 0o666);
    assert.equal(device.rdev, 0x103);
  }),
});
