/** What the tests of restoring share: a destination, what lies outside of it, and items. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { type RestoreItem, Restorer, type RestorerOptions } from "../../../core/fs/mod.ts";
import type { WarningCode } from "../../../core/errors.ts";
import { openFiles, S_IFREG, Users } from "../../../core/platform/mod.ts";

export const files = openFiles();
export const users = new Users(files);
export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const MTIME = 1_600_000_000_123_456_789n;

/** Runs with a folder that has an empty `dest` and an `outside` with a file in it; checks the latter afterwards. */
export function inFolder(run: (folder: string) => void): () => void {
  return () => {
    const folder = Deno.makeTempDirSync();
    try {
      files.mkdir(`${folder}/dest`);
      files.mkdir(`${folder}/outside`);
      files.writeFile(`${folder}/outside/file`, bytes("precious"), { mode: 0o640 });
      run(folder);
      assert.deepEqual(files.readFile(`${folder}/outside/file`), bytes("precious"));
      assert.deepEqual(files.readDir(`${folder}/outside`), ["file"]);
      assert.equal(files.stat(`${folder}/outside/file`).nlink, 1);
      assert.equal(files.stat(`${folder}/outside/file`).mode & 0o7777, 0o640);
      assert.deepEqual(files.readDir(folder).sort(), ["dest", "outside"]);
    } finally {
      spawnSync("rm", ["-rf", "--", folder]);
    }
  };
}

export function restorer(folder: string, options: Partial<RestorerOptions> = {}): Restorer {
  const warn = (code: WarningCode, path: string, message: string): void =>
    assert.fail(`${code} ${path} ${message}`);
  return new Restorer({ files, users, destination: `${folder}/dest`, warn, ...options });
}

export function item(path: string, mode: number, extra: Partial<RestoreItem> = {}): RestoreItem {
  return { path, mode, uid: process.getuid!(), gid: process.getgid!(), mtime: MTIME, ...extra };
}

export function restoreFile(to: Restorer, path: string, content: string, mode = 0o644): void {
  const file = item(path, S_IFREG | mode);
  const sink = to.openFile(file);
  sink.write(bytes(content));
  sink.close();
  to.restoreMeta(file);
}
