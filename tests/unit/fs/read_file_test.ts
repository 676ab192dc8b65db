/** Reading files that change under the reader, and metadata of items. Changes are made between the reader's calls. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  clampTimeNs,
  FileReader,
  type FileReaderOptions,
  itemFromStat,
  onSource,
  readSourceLink,
  SourceError,
  warningOf,
} from "../../../core/fs/mod.ts";
import { OsError, type WarningCode } from "../../../core/errors.ts";
import { openFiles, S_IFREG, Users } from "../../../core/platform/mod.ts";

const files = openFiles();
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

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

function reader(options: Partial<FileReaderOptions> = {}): FileReader {
  return new FileReader({ files, ...options });
}

function readAll(from: FileReader, blockSize = 1000): Uint8Array {
  const parts: number[] = [];
  const block = new Uint8Array(blockSize);
  for (let got = from.read(block); got > 0; got = from.read(block)) parts.push(...block.subarray(0, got));
  return Uint8Array.from(parts);
}

function assertWarning(step: () => unknown, code: WarningCode): void {
  assert.throws(step, (error) => {
    assert(error instanceof SourceError, String(error));
    assert.equal(error.warningCode, code);
    assert.equal(warningOf(error)?.code, code);
    return true;
  });
}

Deno.test(
  "FileReader reads a file block by block and says that it did not change",
  inFolder((folder) => {
    const data = Uint8Array.from({ length: 12_345 }, (_, i) => i * 31);
    files.writeFile(`${folder}/a`, data);
    files.utimes(`${folder}/a`, 1_000_000_000n, 2_000_000_000n);
    const seen = files.lstat(`${folder}/a`);
    const from = reader();
    assert.deepEqual(from.open(`${folder}/a`, seen), seen);
    assert.deepEqual(readAll(from, 4096), data);
    assert.equal(from.changedSinceOpen(), false);
    from.close();
    from.close();
    // It can be used for the next one, an empty file.
    files.writeFile(`${folder}/b`, new Uint8Array());
    from.open(`${folder}/b`, files.lstat(`${folder}/b`));
    assert.throws(() => from.open(`${folder}/b`, files.lstat(`${folder}/b`)), TypeError);
    assert.equal(readAll(from).length, 0);
    from.close();
    // The owner's reading leaves the access time alone.
    assert.equal(files.lstat(`${folder}/a`).atimeNs, 1_000_000_000n);
  }),
);

Deno.test(
  "FileReader with sparse tells of holes, skips them, and drops from the page cache up to the end",
  inFolder((folder) => {
    const step = 1 << 20;
    const fd = files.open(`${folder}/a`, { write: true, create: true });
    files.truncate(fd, step);
    files.seekEnd(fd);
    files.write(fd, bytes("data"));
    files.close(fd);
    const seen = files.lstat(`${folder}/a`);
    const dropped: number[][] = [];
    // What another file system would do, whatever this one's is.
    const watched = Object.assign(Object.create(files) as typeof files, {
      isCached: () => false,
      dropCache: (_fd: number, offset: number, length: number) => void dropped.push([offset, length]),
      fstat: (fd: number) => files.fstat(fd),
      dataMap: (fd: number, from: number) => files.dataMap(fd, from),
      pread: (fd: number, into: Uint8Array, position: number) => files.pread(fd, into, position),
      read: (fd: number, into: Uint8Array) => files.read(fd, into),
      open: (path: string, options: object) => files.open(path, options),
      close: (fd: number) => files.close(fd),
    });
    const from = reader({ files: watched, sparse: true });
    from.open(`${folder}/a`, seen);
    const ranges = from.ranges(0);
    if (ranges?.length === 2) {
      assert.deepEqual(ranges, [{ length: step, isData: false }, { length: 4, isData: true }]);
      from.skip(step);
      const block = new Uint8Array(4);
      assert.equal(from.read(block), 4);
      assert.deepEqual(block, bytes("data"));
      assert.deepEqual(dropped, [[step, 0]]);
    } else console.log("not all shown: this file system does not tell of holes");
    from.close();
    // The next file is read from its start, and without the option nothing is told.
    files.writeFile(`${folder}/b`, bytes("next"));
    from.open(`${folder}/b`, files.lstat(`${folder}/b`));
    assert.deepEqual(readAll(from), bytes("next"));
    from.close();
    const plain = reader();
    plain.open(`${folder}/a`, seen);
    assert.equal(plain.ranges(0), null);
    assert.equal(readAll(plain, 1 << 15).length, step + 4);
    plain.close();
  }),
);

Deno.test(
  "FileReader warns of a file that vanished before it was opened",
  inFolder((folder) => {
    files.writeFile(`${folder}/a`, bytes("x"));
    const seen = files.lstat(`${folder}/a`);
    files.unlink(`${folder}/a`);
    assertWarning(() => reader().open(`${folder}/a`, seen), "BackupFileNotFoundError");
  }),
);

Deno.test(
  "FileReader reads on in a file that vanishes, shrinks or grows, and says that it changed",
  inFolder((folder) => {
    const changes: [string, (path: string) => void, number][] = [
      ["vanish", (path) => files.unlink(path), 10_000],
      ["shrink", (path) => spawnSync("truncate", ["-s", "3000", path]), 3000],
      ["grow", (path) => spawnSync("truncate", ["-s", "20000", path]), 20_000],
    ];
    for (const [name, change, length] of changes) {
      const path = `${folder}/${name}`;
      files.writeFile(path, new Uint8Array(10_000).fill(1));
      const from = reader();
      from.open(path, files.lstat(path));
      const block = new Uint8Array(2000);
      assert.equal(from.read(block), 2000);
      change(path);
      assert.equal(2000 + readAll(from).length, length, name);
      assert.equal(from.changedSinceOpen(), true, name);
      from.close();
    }
  }),
);

Deno.test(
  "FileReader goes by mtime or not at all where told so",
  inFolder((folder) => {
    files.writeFile(`${folder}/a`, bytes("x"));
    const changed = (changedBy: "ctime" | "mtime" | "disabled", change: () => void): boolean => {
      const from = reader({ changedBy });
      from.open(`${folder}/a`, files.lstat(`${folder}/a`));
      change();
      const answer = from.changedSinceOpen();
      from.close();
      return answer;
    };
    const chmod = (): void => files.chmod(`${folder}/a`, 0o600);
    const touch = (): void => files.utimes(`${folder}/a`, 0n, 5n);
    assert.equal(changed("ctime", chmod), true);
    assert.equal(changed("mtime", chmod), false);
    assert.equal(changed("mtime", touch), true);
    assert.equal(changed("disabled", touch), false);
  }),
);

Deno.test(
  "FileReader neither waits for a FIFO nor follows a link nor takes another file in a file's place",
  inFolder((folder) => {
    const path = `${folder}/a`;
    const exchanged = (exchange: () => void): void => {
      files.writeFile(path, bytes("x"));
      files.link(path, `${folder}/keeps the inode in use`);
      const seen = files.lstat(path);
      files.unlink(path);
      exchange();
      const from = reader();
      try {
        from.open(path, seen);
      } finally {
        // Nothing stays open: the next open would be refused.
        assert.doesNotThrow(() => {
          from.open(path.replace(/a$/, "keeps the inode in use"), seen);
          from.close();
        });
        files.unlink(path);
        files.unlink(`${folder}/keeps the inode in use`);
      }
    };
    assertWarning(() => exchanged(() => files.mkfifo(path, 0o600)), "BackupRaceConditionError");
    assertWarning(() => exchanged(() => files.writeFile(path, bytes("y"))), "BackupRaceConditionError");
    assertWarning(() => exchanged(() => files.symlink("/etc/passwd", path)), "BackupOSError");
  }),
);

Deno.test(
  "FileReader drops from the page cache what was not in it before, and leaves what was",
  inFolder((folder) => {
    const path = `${folder}/a`;
    const size = 300_000;
    const fd = files.open(path, { read: true, write: true, create: true });
    files.write(fd, new Uint8Array(size).fill(1));
    files.sync(fd);
    const readOnce = (): void => {
      const from = reader();
      from.open(path, files.lstat(path));
      assert.equal(readAll(from, 100_000).length, size);
      from.close();
    };
    // A system or a file system without a page cache of its own cannot show it.
    const tells = files.isCached(fd, size) === true;
    if (tells) {
      readOnce();
      assert.equal(files.isCached(fd, size), true);
      files.dropCache(fd, 0, 0);
      if (files.isCached(fd, size) === false) {
        readOnce();
        assert.equal(files.isCached(fd, size), false);
      }
    }
    files.close(fd);
  }),
);

Deno.test(
  "FileReader with special reads a FIFO to its end",
  inFolder((folder) => {
    files.mkfifo(`${folder}/f`, 0o600);
    const writer = new Deno.Command("sh", { args: ["-c", `echo through > "${folder}/f"`] }).spawn();
    const from = reader({ special: true });
    from.open(`${folder}/f`, files.lstat(`${folder}/f`));
    assert.deepEqual(readAll(from), bytes("through\n"));
    from.close();
    writer.unref();
  }),
);

Deno.test({
  name: "FileReader turns a read error into a warning",
  // Reading here gives EIO for everyone: there is no page at address zero.
  ignore: !files.exists("/proc/self/mem"),
  fn() {
    const from = reader();
    from.open("/proc/self/mem", files.lstat("/proc/self/mem"));
    assertWarning(() => from.read(new Uint8Array(10)), "BackupIOError");
    from.close();
  },
});

Deno.test("SourceError has the warning of its errno and a message without the path", () => {
  const codes: [string, WarningCode][] = [
    ["EACCES", "BackupPermissionError"],
    ["EPERM", "BackupPermissionError"],
    ["EBUSY", "BackupPermissionError"],
    ["ENOENT", "BackupFileNotFoundError"],
    ["EIO", "BackupIOError"],
    ["ELOOP", "BackupOSError"],
  ];
  for (const [code, warning] of codes) {
    const error = SourceError.fromOs("open", "a/b", new OsError(code, "open", "/x/a/b", "cannot be had"));
    assert.equal(error.warningCode, warning);
    assert.equal(error.message, "open: cannot be had");
    assert.equal(error.path, "a/b");
  }
  assert.equal(warningOf(new OsError("EIO", "read", "repository")), null);
  assert.throws(() => onSource("step", "a", () => assert.fail("a bug")), assert.AssertionError);
  assertWarning(() => readSourceLink(files, "/nowhere"), "BackupFileNotFoundError");
});

Deno.test("itemFromStat() stores what borg stores by default, and the rest on demand", () => {
  const users = new Users(files, {
    passwdPath: "/nonexistent",
    groupPath: "/nonexistent",
    nameService: false,
  });
  const stat = {
    mode: S_IFREG | 0o4644,
    dev: 1,
    ino: 2n,
    nlink: 1,
    uid: 1000,
    gid: 50,
    rdev: 0,
    size: 3,
    blocks: 8,
    mtimeNs: 1_700_000_000_123_456_789n,
    atimeNs: 5n,
    ctimeNs: 6n,
    birthtimeNs: 7n,
  };
  const base = { path: "a/b", mode: 0o104644, uid: 1000, gid: 50, user: null, group: null };
  const mtime = 1_700_000_000_123_456_789n;
  assert.deepEqual(itemFromStat("a/b", stat, { users }), { ...base, mtime, ctime: 6n });
  assert.deepEqual(
    itemFromStat("a/b", stat, { users, atime: true, ctime: false, birthtime: true }),
    { ...base, mtime, atime: 5n, birthtime: 7n },
  );
  const known = new Users(files);
  const root = { ...stat, uid: 0, gid: 0, mtimeNs: -1n, birthtimeNs: null };
  const named = itemFromStat("a", root, { users: known, birthtime: true });
  assert.deepEqual([named.user, named.group, named.mtime, named.birthtime], ["root", "root", 0n, undefined]);
  assert.equal(itemFromStat("a", root, { users: known, numericIds: true }).user, null);
});

Deno.test("clampTimeNs() keeps times within what borg stores", () => {
  assert.equal(clampTimeNs(-1n), 0n);
  assert.equal(clampTimeNs(0n), 0n);
  assert.equal(clampTimeNs(2n ** 62n), 2_147_310_847_000_000_000n);
  assert.equal(clampTimeNs(2_147_310_846_999_999_999n), 2_147_310_846_999_999_999n);
});
