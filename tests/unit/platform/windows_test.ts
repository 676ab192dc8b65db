/** What is decided for Windows about names and stats, which needs no Windows. */
import assert from "node:assert/strict";
import { isWindowsName, WindowsFiles, withoutFalseLinks } from "../../../core/platform/windows.ts";
import { OsError } from "../../../core/errors.ts";

Deno.test("isWindowsName() refuses whatever Windows would not take for one name in this folder", () => {
  for (const name of ["", ".", "..", "a", ".hidden", "a.b", "ü€", "console", "com10", "lpt", "nul1", "a b"]) {
    assert(isWindowsName(name), name);
  }
  const refused = [
    "a\\b",
    "..\\..\\x",
    "a:b",
    "a:$DATA",
    ".. ",
    "...",
    "a.",
    "a ",
    "NUL",
    "nul.txt",
    "Com1",
    "LPT9.x",
  ];
  for (const name of [...refused, "con .txt", "com\u00b9", "a?", "a*", "a<b", "a|b", 'a"b', "\x01", "a\nb"]) {
    assert(!isWindowsName(name), name);
  }
});

Deno.test("WindowsFiles never leaves the folder that a name was joined to", () => {
  const files = new WindowsFiles();
  const folder = Deno.makeTempDirSync();
  try {
    const refused = (path: string): void =>
      assert.throws(
        () => files.writeFile(path, new Uint8Array(1)),
        (error) => error instanceof OsError && error.code === "EINVAL",
      );
    for (const name of ["..\\..\\evil", "a\\b", "file:stream", "NUL", "a."]) refused(`${folder}/${name}`);
    refused("C:\\backup/..\\y");
    refused("C:/backup/c:/x");
    // What stands before the first slash is the user's.
    for (const path of ["C:\\backup\\none/x", "C:/backup/none"]) {
      assert.throws(() => files.lstat(path), (error) => error instanceof OsError && error.code === "ENOENT");
    }
    files.writeFile(`${folder}/fine`, new Uint8Array(3));
    assert.equal(files.stat(`${folder}/fine`).size, 3);
    assert.throws(() => files.mkfifo(`${folder}/f`), OsError);
    files.lchown();
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("withoutFalseLinks() takes no two files without ids for one", () => {
  const files = new WindowsFiles();
  const stat = { ...files.stat("."), nlink: 2 };
  assert.equal(withoutFalseLinks({ ...stat, ino: 0n }).nlink, 1);
  assert.equal(withoutFalseLinks({ ...stat, ino: 7n }).nlink, 2);
});
