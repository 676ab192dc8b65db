/**
 * What every implementation of Files must do. Uses no test framework, so that it runs under plain Node too: each case is a
 * name and a function that is given a fresh folder.
 */
import assert from "node:assert/strict";
import { OsError } from "../../core/errors.ts";
import { type Files, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG } from "../../core/platform/files.ts";

export interface FilesTraits {
  /** Finest step of times that can be set and read, in nanoseconds. */
  timeStepNs: bigint;
  /** Times before 1970 can be set. */
  before1970: boolean;
  /** Names that are not UTF-8 can be reached. */
  rawNames: boolean;
  /** A FIFO can be opened without waiting; else it is refused. */
  opensFifos: boolean;
  /** Paths over PATH_MAX can be reached. */
  longPaths: boolean;
}

export interface ContractCase {
  name: string;
  run(folder: string): void;
}

export const text = (value: string): Uint8Array => new TextEncoder().encode(value);

export function assertOsError(step: () => unknown, ...codes: string[]): void {
  assert.throws(step, (error: unknown) => {
    assert(error instanceof OsError, `not an OsError: ${error}`);
    assert(codes.includes(error.code), `${error.code} instead of ${codes.join(" or ")}`);
    assert(!error.message.includes("\0"));
    return true;
  });
}

/** All cases that apply to `files`. */
export function filesContract(files: Files, traits: FilesTraits): ContractCase[] {
  return [
    ...readingAndWriting(files, traits),
    ...names(files, traits),
    ...metadata(files, traits),
    ...errors(files),
  ];
}

function readingAndWriting(files: Files, traits: FilesTraits): ContractCase[] {
  return [
    {
      name: "writeFile() and readFile() give back the bytes",
      run(folder) {
        const data = Uint8Array.from({ length: 100_000 }, (_, i) => i * 7);
        files.writeFile(`${folder}/a`, data, { sync: true, mode: 0o600 });
        assert.deepEqual(files.readFile(`${folder}/a`), data);
        assert.equal(files.stat(`${folder}/a`).mode & 0o777, 0o600);
        files.writeFile(`${folder}/a`, text("short"));
        assert.deepEqual(files.readFile(`${folder}/a`), text("short"));
        files.syncDir(folder);
      },
    },
    {
      name: "readFile() reads files whose stat tells no size",
      run() {
        assert(files.readFile("/proc/self/status").length > 100);
      },
    },
    {
      name: "read() moves the position, pread() does not, seekEnd() goes to the end",
      run(folder) {
        files.writeFile(`${folder}/a`, text("0123456789"));
        const fd = files.open(`${folder}/a`, { read: true, write: true });
        const buffer = new Uint8Array(4);
        assert.equal(files.read(fd, buffer), 4);
        assert.deepEqual(buffer, text("0123"));
        assert.equal(files.pread(fd, buffer, 8), 2);
        assert.deepEqual(buffer.subarray(0, 2), text("89"));
        assert.equal(files.read(fd, buffer), 4);
        assert.deepEqual(buffer, text("4567"));
        assert.equal(files.seekEnd(fd), 10);
        assert.equal(files.read(fd, buffer), 0);
        files.write(fd, text("ab"));
        assert.equal(files.fstat(fd).size, 12);
        files.truncate(fd, 3);
        files.sync(fd);
        files.dropCache(fd, 0, 0);
        files.close(fd);
        assert.deepEqual(files.readFile(`${folder}/a`), text("012"));
      },
    },
    {
      name: "truncate() beyond the end and seekEnd() leave a hole of zeros",
      run(folder) {
        const fd = files.open(`${folder}/a`, { write: true, create: true });
        files.write(fd, text("x"));
        files.truncate(fd, 1 << 20);
        assert.equal(files.seekEnd(fd), 1 << 20);
        files.write(fd, text("y"));
        files.close(fd);
        const data = files.readFile(`${folder}/a`);
        assert.equal(data.length, (1 << 20) + 1);
        assert.equal(data[0], 0x78);
        assert.equal(data.at(-1), 0x79);
        assert(data.subarray(1, -1).every((byte) => byte === 0));
      },
    },
    {
      name: "dataMap() tells data and holes up to the end, or null, and leaves the position",
      run(folder) {
        const fd = files.open(`${folder}/a`, { write: true, read: true, create: true });
        const map = (from: number): string | null =>
          files.dataMap(fd, from)?.map(({ length, isData }) => `${isData ? "data" : "hole"} ${length}`)
            .join() ?? null;
        const known = map(0) !== null;
        if (known) assert.equal(map(0), "");
        // Sizes that are whole blocks of any file system.
        const step = 1 << 20;
        files.truncate(fd, step);
        files.seekEnd(fd);
        files.write(fd, new Uint8Array(step).fill(1));
        files.truncate(fd, 3 * step + 5);
        if (known) {
          // A file system without holes has data alone.
          const sparse = files.fstat(fd).blocks * 512 < 2 * step;
          const holes = [`hole ${step}`, `data ${step}`, `hole ${step + 5}`].join();
          assert.equal(map(0), sparse ? holes : `data ${3 * step + 5}`);
          assert.equal(
            map(step + 7),
            sparse ? [`data ${step - 7}`, `hole ${step + 5}`].join() : `data ${2 * step - 2}`,
          );
          assert.equal(map(3 * step + 5), "");
          assert.equal(map(9 * step), "");
        } else assert.equal(map(9 * step), null);
        files.close(fd);
        files.writeFile(`${folder}/b`, text("before and after"));
        const other = files.open(`${folder}/b`);
        const half = new Uint8Array(7);
        files.read(other, half);
        files.dataMap(other, 0);
        files.read(other, half);
        assert.deepEqual(half, text("and aft"));
        files.close(other);
      },
    },
    {
      name: "dataMap() of what has no positions is null",
      run(folder) {
        if (!traits.opensFifos) return;
        files.mkfifo(`${folder}/f`, 0o600);
        const fd = files.open(`${folder}/f`, { nonBlock: true });
        assert.equal(files.dataMap(fd, 0), null);
        files.close(fd);
        const device = files.open("/dev/zero");
        assert.equal(files.dataMap(device, 0), null);
        files.close(device);
      },
    },
    {
      name: "open() with append writes at the end whatever others wrote",
      run(folder) {
        const fd = files.open(`${folder}/a`, { append: true, create: true });
        files.write(fd, text("one"));
        const other = files.open(`${folder}/a`, { append: true });
        files.write(other, text("two"));
        files.write(fd, text("three"));
        files.close(fd);
        files.close(other);
        assert.deepEqual(files.readFile(`${folder}/a`), text("onetwothree"));
      },
    },
    {
      name: "open() with nonBlock does not wait for a FIFO's writer",
      run(folder) {
        files.mkfifo(`${folder}/f`, 0o600);
        const options = { nonBlock: true, noFollow: true, noAtime: true };
        if (!traits.opensFifos) return assertOsError(() => files.open(`${folder}/f`, options), "ENXIO");
        const fd = files.open(`${folder}/f`, options);
        assert.equal(files.fstat(fd).mode & S_IFMT, S_IFIFO);
        assert.equal(files.read(fd, new Uint8Array(10)), 0);
        files.close(fd);
      },
    },
  ];
}

function names(files: Files, traits: FilesTraits): ContractCase[] {
  const cases: ContractCase[] = [
    {
      name: "names with newlines, blanks, quotes and characters of all planes survive",
      run(folder) {
        const list = ["a\nb", " ", "'\"\\", "ü€😀", "-rf", "\x01\x7f", "\u00e4", "a\u0308", "￿"];
        for (const name of list) files.writeFile(`${folder}/${name}`, text(name));
        assert.deepEqual(files.readDir(folder).sort(), [...list].sort());
        for (const name of list) assert.deepEqual(files.readFile(`${folder}/${name}`), text(name));
        files.symlink("ü\n€", `${folder}/link`);
        assert.equal(files.readLink(`${folder}/link`), "ü\n€");
      },
    },
    {
      name: "readDir() with byInode gives ascending inode numbers",
      run(folder) {
        for (let i = 0; i < 300; i++) files.writeFile(`${folder}/${(i * 7919) % 1000}`, new Uint8Array());
        for (let i = 0; i < 1000; i += 3) if (files.exists(`${folder}/${i}`)) files.unlink(`${folder}/${i}`);
        for (let i = 0; i < 50; i++) files.writeFile(`${folder}/late${i}`, new Uint8Array());
        const inodes = files.readDir(folder, { byInode: true }).map((name) =>
          files.lstat(`${folder}/${name}`).ino
        );
        assert(inodes.length > 100);
        for (let i = 1; i < inodes.length; i++) assert(inodes[i - 1]! < inodes[i]!);
      },
    },
    {
      name: "a path with a zero character is refused, not cut short",
      run(folder) {
        files.writeFile(`${folder}/a`, text("a"));
        assertOsError(() => files.readFile(`${folder}/a\0b`), "EINVAL");
        assertOsError(() => files.unlink(`${folder}/a\0`), "EINVAL");
        assertOsError(() => files.symlink("a\0b", `${folder}/l`), "EINVAL");
        assert(files.exists(`${folder}/a`));
      },
    },
    {
      name: "paths just below PATH_MAX work, longer names are refused",
      run(folder) {
        let path = folder;
        while (path.length + 201 < 4095) {
          path += `/${"d".repeat(200)}`;
          files.mkdir(path);
        }
        const full = `${path}/${"f".repeat(4095 - path.length - 1)}`;
        assert.equal(full.length, 4095);
        files.writeFile(full, text("deep"));
        assert.deepEqual(files.readFile(full), text("deep"));
        assertOsError(() => files.stat(`${folder}/${"n".repeat(300)}`), "ENAMETOOLONG");
        assertOsError(() => files.stat(`${folder}/${"n".repeat(9000)}`), "ENAMETOOLONG");
        files.unlink(full);
      },
    },
  ];
  if (traits.rawNames) cases.push(rawNames(files));
  if (traits.longPaths) cases.push(longPaths(files));
  return cases;
}

function rawNames(files: Files): ContractCase {
  return {
    name: "names that are not UTF-8 are listed, opened, linked, renamed and removed",
    run(folder) {
      const raw = "x\udcff\udc80ü";
      files.writeFile(`${folder}/${raw}`, text("raw"));
      assert.deepEqual(files.readDir(folder), [raw]);
      assert.deepEqual(files.readFile(`${folder}/${raw}`), text("raw"));
      files.symlink(raw, `${folder}/l\udcfe`);
      assert.equal(files.readLink(`${folder}/l\udcfe`), raw);
      assert.equal(files.stat(`${folder}/l\udcfe`).size, 3);
      files.rename(`${folder}/${raw}`, `${folder}/\udc81`);
      files.link(`${folder}/\udc81`, `${folder}/\udc82`);
      assert.equal(files.stat(`${folder}/\udc82`).nlink, 2);
      for (const name of files.readDir(folder)) files.unlink(`${folder}/${name}`);
      assert.deepEqual(files.readDir(folder), []);
    },
  };
}

function longPaths(files: Files): ContractCase {
  return {
    name: "paths over PATH_MAX can be made, walked, read and removed",
    run(folder) {
      const folders = [folder];
      while (folders.at(-1)!.length < 9000) {
        folders.push(`${folders.at(-1)}/${"ü".repeat(100)}`);
        files.mkdir(folders.at(-1)!);
      }
      const deepest = folders.pop()!;
      files.writeFile(`${deepest}/f`, text("very deep"));
      assert.deepEqual(files.readDir(deepest), ["f"]);
      assert.deepEqual(files.readFile(`${deepest}/f`), text("very deep"));
      files.rename(`${deepest}/f`, `${folder}/f`);
      files.link(`${folder}/f`, `${deepest}/g`);
      assert.equal(files.lstat(`${deepest}/g`).nlink, 2);
      files.utimes(`${deepest}/g`, 5n, 6n);
      files.unlink(`${deepest}/g`);
      files.rmdir(deepest);
      while (folders.length > 1) files.rmdir(folders.pop()!);
    },
  };
}

function metadata(files: Files, traits: FilesTraits): ContractCase[] {
  return [
    {
      name: "lstat() tells of the link, stat() of its target",
      run(folder) {
        files.writeFile(`${folder}/a`, text("abc"));
        files.symlink("a", `${folder}/l`);
        files.symlink("nothing", `${folder}/broken`);
        assert.equal(files.lstat(`${folder}/l`).mode & S_IFMT, S_IFLNK);
        const stat = files.stat(`${folder}/l`);
        assert.equal(stat.mode & S_IFMT, S_IFREG);
        assert.equal(stat.size, 3);
        assert.equal(stat.ino, files.lstat(`${folder}/a`).ino);
        assert.equal(files.lstat(folder).mode & S_IFMT, S_IFDIR);
        assert(files.exists(`${folder}/l`));
        assert(!files.exists(`${folder}/broken`));
        const fd = files.open(`${folder}/a`);
        assert.deepEqual(files.fstat(fd), files.stat(`${folder}/a`));
        files.close(fd);
      },
    },
    {
      name: "utimes() and futimes() set times, of a link itself too",
      run(folder) {
        files.writeFile(`${folder}/a`, text("a"));
        files.symlink("a", `${folder}/l`);
        const round = (ns: bigint): bigint => ns - ns % traits.timeStepNs;
        const close = (a: bigint, b: bigint): void => {
          const off = round(a) - round(b);
          assert(off <= traits.timeStepNs && off >= -traits.timeStepNs, `${a} is not ${b}`);
        };
        for (
          const [atime, mtime] of [[1_600_000_000_123_456_789n, 1_700_000_000_987_654_321n], [
            1n,
            0n,
          ]] as const
        ) {
          files.utimes(`${folder}/a`, atime, mtime);
          close(files.stat(`${folder}/a`).mtimeNs, mtime);
          close(files.stat(`${folder}/a`).atimeNs, atime);
        }
        const before = files.stat(`${folder}/a`).mtimeNs;
        files.utimes(`${folder}/l`, 7_000_000_000n, 8_000_000_000n);
        assert.equal(files.lstat(`${folder}/l`).mtimeNs, 8_000_000_000n);
        assert.equal(files.stat(`${folder}/a`).mtimeNs, before);
        if (traits.before1970) {
          files.utimes(`${folder}/a`, 0n, -2_500_000_000n);
          assert.equal(files.stat(`${folder}/a`).mtimeNs, -2_500_000_000n);
        }
        const fd = files.open(`${folder}/a`);
        files.futimes(fd, 3_000_000_000n, 4_000_000_000n);
        files.close(fd);
        assert.equal(files.stat(`${folder}/a`).mtimeNs, 4_000_000_000n);
      },
    },
    {
      name: "chmod() and fchmod() set all twelve bits whatever the umask is",
      run(folder) {
        files.writeFile(`${folder}/a`, text("a"));
        files.chmod(`${folder}/a`, 0o100777);
        assert.equal(files.stat(`${folder}/a`).mode & 0o7777, 0o777);
        const fd = files.open(`${folder}/a`);
        files.fchmod(fd, 0o4755);
        files.fchown(fd, -1, -1);
        files.fchmod(fd, 0o5711);
        files.close(fd);
        assert.equal(files.stat(`${folder}/a`).mode & 0o7777, 0o5711);
        files.lchown(`${folder}/a`, -1, -1);
      },
    },
    {
      name: "link(), rename(), mkdirAll(), rmdir() and unlink() work on folders and files",
      run(folder) {
        files.mkdirAll(`${folder}/x/y/z`, 0o700);
        files.mkdirAll(`${folder}/x/y/z`);
        assert.equal(files.stat(`${folder}/x/y/z`).mode & 0o777, 0o700);
        files.writeFile(`${folder}/x/a`, text("a"));
        files.link(`${folder}/x/a`, `${folder}/b`);
        assert.equal(files.stat(`${folder}/b`).nlink, 2);
        files.rename(`${folder}/b`, `${folder}/x/y/b`);
        files.unlink(`${folder}/x/y/b`);
        files.rmdir(`${folder}/x/y/z`);
        assert.deepEqual(files.readDir(`${folder}/x/y`), []);
        assert(files.freeSpace(folder) > 0);
      },
    },
    {
      name: "mkfifo() makes a FIFO with its permissions",
      run(folder) {
        files.mkfifo(`${folder}/f`, 0o600);
        const stat = files.lstat(`${folder}/f`);
        assert.equal(stat.mode & S_IFMT, S_IFIFO);
        assert.equal(stat.mode & 0o777, 0o600);
        assertOsError(() => files.mkfifo(`${folder}/f`, 0o600), "EEXIST");
      },
    },
  ];
}

function errors(files: Files): ContractCase[] {
  return [
    {
      name: "what fails is an OsError with its symbol",
      run(folder) {
        files.writeFile(`${folder}/a`, text("a"));
        files.mkdir(`${folder}/d`);
        files.symlink("a", `${folder}/l`);
        files.symlink("loop", `${folder}/loop`);
        assertOsError(() => files.lstat(`${folder}/none`), "ENOENT");
        assertOsError(() => files.open(`${folder}/none`), "ENOENT");
        assertOsError(() => files.readDir(`${folder}/none`), "ENOENT");
        assertOsError(() => files.mkfifo(`${folder}/none/f`, 0o600), "ENOENT");
        assertOsError(() => files.mkdir(`${folder}/d`), "EEXIST");
        assertOsError(() => files.mkdirAll(`${folder}/a`), "EEXIST");
        assertOsError(() => files.open(`${folder}/a`, { write: true, exclusive: true }), "EEXIST");
        assertOsError(() => files.symlink("x", `${folder}/l`), "EEXIST");
        assertOsError(() => files.open(`${folder}/l`, { noFollow: true }), "ELOOP");
        assertOsError(() => files.stat(`${folder}/loop`), "ELOOP");
        assertOsError(() => files.lstat(`${folder}/a/b`), "ENOTDIR");
        assertOsError(() => files.readDir(`${folder}/a`), "ENOTDIR");
        assertOsError(() => files.readDir(`${folder}/l`, { noFollow: true }), "ENOTDIR", "ELOOP");
        assertOsError(() => files.open(`${folder}/d`, { write: true }), "EISDIR");
        assertOsError(() => files.readLink(`${folder}/a`), "EINVAL");
        // Nobody may give a folder a second name, root neither.
        assertOsError(() => files.link(`${folder}/d`, `${folder}/e`), "EPERM");
        assertOsError(() => files.rmdir(folder), "ENOTEMPTY");
        assertOsError(() => files.rename(`${folder}/none`, `${folder}/x`), "ENOENT");
        assertOsError(() => files.read(9999, new Uint8Array(1)), "EBADF");
        assertOsError(() => files.close(9999), "EBADF");
      },
    },
    {
      name: "write() reports a full device",
      run() {
        const fd = files.open("/dev/full", { write: true });
        assertOsError(() => files.write(fd, text("x")), "ENOSPC");
        files.close(fd);
        try {
          files.writeFile("/dev/full", text("x"));
        } catch (error) {
          assert(error instanceof OsError);
          assert.match(error.message, /^No space left on device/);
          return;
        }
        assert.fail("nothing thrown");
      },
    },
  ];
}
