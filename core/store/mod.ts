/** The store's door: the contract, the log on disk, the store in memory, locks. */
export {
  type Awaitable,
  type CompactResult,
  MAX_DATA_SIZE,
  type StoreCheckResult,
  type StoreDeleter,
  type StoredObject,
  type StoreReader,
  type StoreWriter,
} from "./store.ts";
export type { StoreEnv, StoreFiles } from "./env.ts";
export {
  breakLock,
  createRepository,
  openRepository,
  type OpenRepositoryOptions,
} from "./open_repository.ts";
export { type CreateRepositoryOptions, isRepository, refuseOccupied } from "./create_repository.ts";
export type { LowLevelEntry } from "./every_entry.ts";
export { SegmentStore } from "./segment_store.ts";
export { MemStore, type MemStoreOptions } from "./mem_store.ts";
export { Lock, type LockOptions } from "./lock.ts";
export { MAX_SEGMENT_SIZE, parseSize } from "./config.ts";
export { crc32 } from "./crc32.ts";
export { type AtticOptions, type AtticResult, upgradeAttic } from "./upgrade_attic.ts";
