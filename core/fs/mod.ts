/** The file system as something to back up and to restore: walk, patterns, reading, metadata, restoring. */
export { type WalkEntry, Walker, type WalkOptions, type WalkPlace, type WalkVerdict } from "./walk.ts";
export {
  type AheadOptions,
  AheadWalker,
  type ToWalkWorker,
  walkAhead,
  type WalkListeners,
  type WalkWorker,
} from "./walk_ahead.ts";
export { planRules, walkOptions, type WalkPlan } from "./walk_plan.ts";
export { joinPath, normalizePath, toArchivePath } from "./archive_path.ts";
export { CACHE_TAG_NAME, CACHE_TAG_START, type TagOptions, tagsOf } from "./tag_files.ts";
export { clampTimeNs, itemFromStat, type ItemMeta, type ItemMetaOptions } from "./item_from_stat.ts";
export { type ExtendedMeta, extendedMeta, type ExtendedMetaOptions } from "./extended_meta.ts";
export { type ChangedBy, FileReader, type FileReaderOptions, readSourceLink } from "./read_file.ts";
export { onSource, SourceError, warningCodeOf, warningOf } from "./source_error.ts";
export { Restorer, type RestorerOptions } from "./restore_item.ts";
export type { RestoredFile } from "./restored_file.ts";
export { applyMeta, type MetaOptions, ownerOf, type OwnerOptions, type RestoreItem } from "./restore_meta.ts";
export { type GlobDialect, globToRegExp } from "./glob.ts";
export {
  parsePattern,
  PathMatcher,
  type Pattern,
  PatternLineError,
  patternLines,
  type PatternStyle,
  type Rule,
  RuleList,
  type Verdict,
} from "./patterns.ts";
