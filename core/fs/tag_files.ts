/** Folders that say of themselves that they need no backup: CACHEDIR.TAG (bford.info/cachedir) and names of the user's. */
import type { Files } from "../platform/mod.ts";
import { OsError } from "../errors.ts";
import { joinPath } from "./archive_path.ts";

export const CACHE_TAG_NAME = "CACHEDIR.TAG";
/** How a cache tag begins, by its specification. */
export const CACHE_TAG_START = new TextEncoder().encode("Signature: 8a477f597d28d172789f06886806bc55");

export interface TagOptions {
  /** `--exclude-caches` */
  excludeCaches?: boolean;
  /** `--exclude-if-present`: names of files or folders. */
  ifPresent?: readonly string[];
}

/** The names in `folder` that mark it. */
export function tagsOf(files: Files, folder: string, options: TagOptions): string[] {
  const tags: string[] = [];
  if (options.excludeCaches && isCache(files, folder)) tags.push(CACHE_TAG_NAME);
  for (const name of options.ifPresent ?? []) {
    if (files.exists(joinPath(folder, name))) tags.push(name);
  }
  return tags;
}

function isCache(files: Files, folder: string): boolean {
  try {
    const fd = files.open(joinPath(folder, CACHE_TAG_NAME), { nonBlock: true });
    try {
      const start = new Uint8Array(CACHE_TAG_START.length);
      return files.pread(fd, start, 0) === start.length &&
        start.every((byte, i) => byte === CACHE_TAG_START[i]);
    } finally {
      files.close(fd);
    }
  } catch (error) {
    // No tag, or none that can be read: then it marks nothing.
    if (error instanceof OsError) return false;
    throw error;
  }
}
