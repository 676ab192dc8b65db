/** `--files-cache`: what it says, and the cache that comes of it. */
import { FilesCache, type FilesCacheMode } from "../core/local/mod.ts";
import { randomBytes } from "../core/platform/mod.ts";
import type { CommandContext } from "./context.ts";
import type { Session } from "./session.ts";

export interface FilesCacheChoice {
  /** null: no cache at all. */
  mode: FilesCacheMode | null;
  /** Files are read again although the cache knows them. */
  rechunk: boolean;
}

/** Backups that an entry survives without its file being seen (borg's default). */
const DEFAULT_TTL = 20;

const WORDS = new Set(["ctime", "mtime", "size", "inode", "rechunk", "disabled"]);

/** Throws RangeError where the words do not go together. */
export function parseFilesCacheMode(text: string): FilesCacheChoice {
  const words = new Set(text.split(","));
  for (const word of words) {
    if (WORDS.has(word)) continue;
    throw new RangeError(`unknown files cache mode '${word}', known are: ${[...WORDS].join(", ")}`);
  }
  if (words.has("disabled")) {
    if (words.size > 1) throw new RangeError("disabled stands alone");
    return { mode: null, rechunk: false };
  }
  const time = words.has("ctime") ? "ctime" : "mtime";
  if (words.has("ctime") && words.has("mtime")) throw new RangeError("ctime and mtime cannot go together");
  const rechunk = words.has("rechunk");
  if (rechunk && (words.has("size") || words.has("inode"))) throw new RangeError("rechunk compares nothing");
  if (!words.has("ctime") && !words.has("mtime")) throw new RangeError("one of ctime and mtime is needed");
  if (!rechunk && !words.has("size")) throw new RangeError("size is needed");
  return { mode: { time, size: words.has("size"), inode: words.has("inode") }, rechunk };
}

/** The cache's file in the repository's cache folder. */
export function filesCacheName(context: CommandContext): string {
  const suffix = context.env("BORG_FILES_CACHE_SUFFIX");
  return suffix ? `files.${suffix.replaceAll("/", "_")}` : "files";
}

/** Whether there is a cache in the repository's cache folder. */
export function hasFilesCache(context: CommandContext, cacheDir: string): boolean {
  return context.files.exists(`${cacheDir}/${filesCacheName(context)}`);
}

/** Loads the cache of this repository, null where it is switched off. */
export function openFilesCache(
  context: CommandContext,
  session: Session,
  choice: FilesCacheChoice,
): FilesCache | null {
  if (choice.mode === null || session.cacheDir === null) return null;
  const ttl = Number(context.env("BORG_FILES_CACHE_TTL") ?? DEFAULT_TTL);
  return FilesCache.load({
    files: context.files,
    directory: session.cacheDir,
    name: filesCacheName(context),
    mode: choice.mode,
    ttl: Number.isFinite(ttl) ? ttl : DEFAULT_TTL,
    randomBytes,
  });
}
