/**
 * Replaces a file in one step: after a crash either the old or the new contents are there, never a mixture (borg keeps
 * config, nonce and recovered segments so). The temporary file lies beside it under borg's naming, `<name>-<random>.tmp`.
 */
import { encodeHex } from "../bytes/mod.ts";
import { OsError } from "../errors.ts";
import type { StoreEnv } from "./env.ts";

/** Folder and name of a path with at least one slash. */
export function splitPath(path: string): [folder: string, name: string] {
  const slash = path.lastIndexOf("/");
  return [path.slice(0, slash) || "/", path.slice(slash + 1)];
}

/** Writes the new contents through `write`; durable when it returns. On failure the old file is as before. */
export function replaceFile(
  env: Pick<StoreEnv, "files" | "randomBytes">,
  path: string,
  write: (fd: number) => void,
): void {
  const { files } = env;
  const [folder] = splitPath(path);
  const temporary = `${path}-${encodeHex(env.randomBytes(4))}.tmp`;
  const fd = files.open(temporary, { write: true, create: true, exclusive: true });
  try {
    try {
      write(fd);
      files.sync(fd);
    } finally {
      files.close(fd);
    }
    files.rename(temporary, path);
  } catch (error) {
    removeIfThere(files, temporary);
    throw error;
  }
  files.syncDir(folder);
}

/** Removes a file that may be missing. */
export function removeIfThere(files: StoreEnv["files"], path: string): void {
  try {
    files.unlink(path);
  } catch (error) {
    if (!(error instanceof OsError) || error.code !== "ENOENT") throw error;
  }
}

/**
 * Removes a file that held a secret, after random bytes were written over it; contents shared with another hard link are
 * left alone. On copying file systems and flash this is an attempt, not a promise.
 */
export function eraseFile(env: Pick<StoreEnv, "files" | "randomBytes">, path: string): void {
  const { files } = env;
  const fd = files.open(path, { write: true });
  try {
    const { nlink, size } = files.fstat(fd);
    if (nlink <= 1) {
      files.write(fd, env.randomBytes(size));
      files.sync(fd);
    }
  } finally {
    files.close(fd);
  }
  files.unlink(path);
}
