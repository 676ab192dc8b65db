/** What this machine keeps of its repositories: caches that may be deleted, keys and trust that must not. */
export { ChunksIndex, type IndexTotals } from "./chunks_index.ts";
export {
  type CachedChunks,
  type CachedSum,
  ChunksIndexCache,
  type FileTotals,
} from "./chunks_index_cache.ts";
export {
  type BaseDirs,
  baseDirs,
  type BaseDirsOptions,
  type Environment,
  homeFolder,
  type OldKeyDirs,
  oldKeyDirs,
} from "./base_dirs.ts";
export { type FoundKey, KeyDir, type KeyDirOptions, keyFileName } from "./key_dir.ts";
export {
  type RepositoryClaim,
  RepositorySecurity,
  type SecurityOptions,
  type SecurityQuestion,
} from "./security.ts";
export { IdTable, KnownIds } from "./known_ids.ts";
export { type CachedChunk, FilesCache, type FilesCacheMode, type FilesCacheOptions } from "./files_cache.ts";
export { convertAtticKey, moveBorg0Key, type MovedKey, type OldKeySearch } from "./old_keys.ts";
