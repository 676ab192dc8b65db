/**
 * Restoring under a umask, which belongs to the whole process: run by `restore_test.ts` in one of its own, because other
 * tests make files meanwhile.
 */
import assert from "node:assert/strict";
import { PortableFiles, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, setUmask } from "../../../core/platform/mod.ts";
import { bytes, files, inFolder, item, MTIME, restoreFile, restorer } from "./_restore.ts";

for (const [name, implementation] of [["", files], [", portable too", new PortableFiles()]] as const) {
  Deno.test(
    `Restorer restores files, folders, links, FIFOs with their metadata${name}`,
    inFolder((folder) => {
      const umask = setUmask(0o077);
      const to = restorer(folder, { files: implementation });
      const exact = implementation === files;
      to.directory(item(".", S_IFDIR | 0o750, { mtime: 1_000_000_000n }));
      to.directory(item("d", S_IFDIR | 0o555, { mtime: 2_000_000_000n }));
      restoreFile(to, "d/file", "contents", 0o4755);
      to.symlink(item("d/link", S_IFLNK | 0o777, { source: "../nowhere\n" }));
      to.special(item("d/fifo", S_IFIFO | 0o622));
      assert.equal(to.hardLink(item("hard", S_IFREG | 0o4755, { source: "d/file" }), "d/file"), true);
      to.finish();
      setUmask(umask);
      const stat = (path: string) => files.lstat(`${folder}/dest/${path}`);
      assert.deepEqual(files.readFile(`${folder}/dest/d/file`), bytes("contents"));
      assert.equal(stat("d/file").mode, S_IFREG | 0o4755);
      assert.equal(stat("d/file").nlink, 2);
      assert.equal(stat("hard").ino, stat("d/file").ino);
      assert.equal(files.readLink(`${folder}/dest/d/link`), "../nowhere\n");
      assert.equal(stat("d/fifo").mode, S_IFIFO | 0o622);
      assert.equal(stat("d").mode, S_IFDIR | 0o555);
      assert.equal(stat("d").mtimeNs, 2_000_000_000n);
      assert.equal(stat(".").mode, S_IFDIR | 0o750);
      assert.equal(stat(".").mtimeNs, 1_000_000_000n);
      for (const path of ["d/file", "d/link", "d/fifo"]) {
        const off = stat(path).mtimeNs - MTIME;
        assert(exact ? off === 0n : off > -1_000_000n && off < 1_000_000n, `${path} ${off}`);
      }
    }),
  );
}

Deno.test(
  "Restorer keeps what it restores to its maker until the metadata is there, and makes missing parents",
  inFolder((folder) => {
    const umask = setUmask(0);
    try {
      const to = restorer(folder);
      to.directory(item("d", S_IFDIR | 0o777));
      assert.equal(files.stat(`${folder}/dest/d`).mode & 0o777, 0o700);
      const file = item("d/deep/er/file", S_IFREG | 0o666, { atime: 77n });
      const sink = to.openFile(file);
      assert.equal(files.stat(`${folder}/dest/d/deep/er/file`).mode & 0o777, 0o600);
      sink.close();
      to.restoreMeta(file);
      assert.equal(files.stat(`${folder}/dest/d/deep/er/file`).mode & 0o777, 0o666);
      assert.equal(files.stat(`${folder}/dest/d/deep/er/file`).atimeNs, 77n);
      to.finish();
      assert.equal(files.stat(`${folder}/dest/d`).mode & 0o777, 0o777);
    } finally {
      setUmask(umask);
    }
  }),
);
