/** Archives: items, manifest, and the work on them. */
export { Archive } from "./archive.ts";
export { allChunks } from "./all_chunks.ts";
export { archiveChunks, type ChunkListContext, uniqueSize } from "./archive_chunks.ts";
export type { ArchiveMeta, ArchiveTotals } from "./archive_meta.ts";
export { ArchiveWriter, type ArchiveWriterOptions } from "./archive_writer.ts";
export { ChunkListRecorder } from "./chunk_list_recorder.ts";
export { ArchiveCheck } from "./check_archives.ts";
export { ItemChunkCache } from "./item_chunk_cache.ts";
export { ChunkSink, type ChunkSinkOptions } from "./chunk_sink.ts";
export { Interrupted } from "./backup_stream.ts";
export type { PipeEntry, Source } from "./backup_source.ts";
export { Backup } from "./create.ts";
export { ArchiveDiff, type ArchiveDiffOptions, type PathDiff } from "./diff_archives.ts";
export { type DeletePlan, planDelete, runDelete } from "./delete_archives.ts";
export { Extraction, extractionSize, type ExtractOptions, fetchContents, type Target } from "./extract.ts";
export { type ChunkEntry, type Item, itemSize } from "./item.ts";
export { type Change, itemChanges, type ItemDiffOptions } from "./item_diff.ts";
export { FIELD, ItemView } from "./item_view.ts";
export { type ArchiveInfo, Manifest, type Operation, readManifestObject } from "./manifest.ts";
export {
  type CalendarTime,
  CHECKPOINT_SUFFIX,
  isCheckpoint,
  planPrune,
  PRUNE_RULES,
  type PruneClock,
  type PruneDecision,
  type PrunePolicy,
  type PruneRule,
} from "./prune_plan.ts";
export {
  readStoredMeta,
  renameArchive,
  replaceMeta,
  type RewriteContext,
  type StoredMeta,
} from "./rewrite_archive.ts";
export {
  ItemFilter,
  recreatedMeta,
  type RecreateOptions,
  Recreation,
  Replacement,
  statusOf,
} from "./recreate.ts";
export { Repacker } from "./repack.ts";
export { taggedFolders, type TagNames } from "./tagged_folders.ts";
export { Stats } from "./stats.ts";
export { TarExport, type TarExportOptions } from "./tar_export.ts";
export { type TarEntry, TarReader } from "./tar_reader.ts";
export { deviceNumber, TarType } from "./tar_header.ts";
export { formatTimestamp, parseTimestamp } from "./timestamp.ts";
