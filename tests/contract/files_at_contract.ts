/** What every implementation of FilesAt must do: the part of the contract of Files that goes by open folders. */
import assert from "node:assert/strict";
import { assertOsError, type ContractCase, text } from "./files_contract.ts";
import { type Files, S_IFLNK, S_IFMT } from "../../core/platform/files.ts";

/** None where there is nothing of the kind. */
export function openFolderCases(files: Files): ContractCase[] {
  const at = files.at;
  return at === undefined ? [] : [
    {
      name:
        "at.lstatAt(), openAt(), readLinkAt() and listFolder() go by the open folder, wherever it is moved",
      run(folder) {
        files.mkdirAll(`${folder}/a/b`);
        files.writeFile(`${folder}/a/b/file`, text("inside"));
        files.symlink("target", `${folder}/a/b/link`);
        const outer = at.openFolder(null, `${folder}/a`);
        const inner = at.openFolder(outer, "b");
        files.close(outer);
        files.rename(`${folder}/a`, `${folder}/c`);
        files.mkdirAll(`${folder}/a/b`);
        assert.deepEqual(at.lstatAt(inner, "file"), files.lstat(`${folder}/c/b/file`));
        assert.equal(at.lstatAt(inner, "link").mode & S_IFMT, S_IFLNK);
        assert.equal(at.readLinkAt(inner, "link"), "target");
        const fd = at.openAt(inner, "file", { noFollow: true, noAtime: true });
        const into = new Uint8Array(20);
        assert.deepEqual(into.subarray(0, files.read(fd, into)), text("inside"));
        files.close(fd);
        assert.deepEqual(at.listFolder(inner).sort(), ["file", "link"]);
        const around = at.openFolder(inner, "..");
        assert.equal(files.fstat(around).ino, files.lstat(`${folder}/c`).ino);
        files.close(around);
        files.close(inner);
      },
    },
    {
      name: "at.openFolder() refuses links and files, and all say what fails",
      run(folder) {
        files.mkdir(`${folder}/d`);
        files.writeFile(`${folder}/file`, text("x"));
        files.symlink("d", `${folder}/l`);
        const dir = at.openFolder(null, folder);
        for (const name of ["l", "file"]) assertOsError(() => at.openFolder(dir, name), "ENOTDIR", "ELOOP");
        assertOsError(() => at.openFolder(null, `${folder}/l`), "ENOTDIR", "ELOOP");
        assertOsError(() => at.openAt(dir, "l", { noFollow: true }), "ELOOP");
        assertOsError(() => at.lstatAt(dir, "none"), "ENOENT");
        assertOsError(() => at.readLinkAt(dir, "file"), "EINVAL");
        assertOsError(() => at.lstatAt(dir, "a\0b"), "EINVAL");
        files.close(dir);
        assertOsError(() => at.listFolder(dir), "EBADF");
      },
    },
  ];
}
