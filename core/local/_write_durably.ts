/** Replaces a small file so that a crash leaves the old or the new contents, readable by the owner alone. */
import { posix } from "node:path";
import { OsError } from "../errors.ts";
import type { Files } from "../platform/mod.ts";

const OWNER_ONLY_FILE = 0o600;
const OWNER_ONLY_FOLDER = 0o700;
const MAX_TRIES = 1000;

/** Creates the folder where it is missing. Throws OsError; a file written halfway is removed. */
export function writeDurably(files: Files, path: string, data: Uint8Array): void {
  const folder = posix.dirname(path);
  files.mkdirAll(folder, OWNER_ONLY_FOLDER);
  const temporary = createTemporary(files, path, data);
  try {
    files.rename(temporary, path);
  } catch (error) {
    removeIfThere(files, temporary);
    throw error;
  }
  files.syncDir(folder);
}

function createTemporary(files: Files, path: string, data: Uint8Array): string {
  for (let i = 0;; i++) {
    const temporary = `${path}-${i}.tmp`;
    try {
      // Exclusive, so that nobody can have put a file of theirs, open to others, in the way.
      files.writeFile(temporary, data, { mode: OWNER_ONLY_FILE, sync: true, exclusive: true });
      return temporary;
    } catch (error) {
      const taken = error instanceof OsError && error.code === "EEXIST";
      if (taken && i < MAX_TRIES) continue;
      if (!taken) removeIfThere(files, temporary);
      throw error;
    }
  }
}

export function removeIfThere(files: Files, path: string): void {
  try {
    files.unlink(path);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
  }
}
