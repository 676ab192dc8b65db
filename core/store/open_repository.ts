/**
 * The ways to a {@link SegmentStore}: open, create, and breaking the lock of one. In: a folder and what the command line
 * says of lock and limits. Out: the store, locked as wanted, with a configuration that was found sound.
 */
import { resolve } from "node:path";
import { OsError, RepositoryError } from "../errors.ts";
import { log } from "../report.ts";
import { isFolder } from "./_file_type.ts";
import { readConfig } from "./config_file.ts";
import { createRepositoryFiles, type CreateRepositoryOptions, isRepository } from "./create_repository.ts";
import type { StoreEnv } from "./env.ts";
import { Lock } from "./lock.ts";
import { ATTIC_MAGIC } from "./segment_format.ts";
import { SegmentDir } from "./segment_dir.ts";
import { SegmentReader } from "./segment_read.ts";
import { SegmentStore } from "./segment_store.ts";

export interface OpenRepositoryOptions {
  /** Writers need an exclusive lock, readers a shared one. */
  exclusive: boolean;
  /** False: no lock at all, for reading only. */
  lock: boolean;
  /** How long to wait for a lock; Infinity for ever. */
  lockWaitSeconds: number;
  /** True makes it so for this session; the configuration may say so, too. */
  appendOnly?: boolean;
  /** Bytes; overrides the configuration, 0 for none. */
  storageQuota?: number;
}

/**
 * Opens the repository at `path`. Throws Repository.DoesNotExist, InvalidRepository, InvalidRepositoryConfig,
 * AtticRepository, PathPermissionDenied, or an error of the lock.
 */
export async function openRepository(
  env: StoreEnv,
  path: string,
  options: OpenRepositoryOptions,
): Promise<SegmentStore> {
  return await open(env, resolve(path), { ...options, created: false });
}

/** Creates an empty repository at `path` and opens it with an exclusive lock. */
export async function createRepository(
  env: StoreEnv,
  path: string,
  options: CreateRepositoryOptions = {},
): Promise<SegmentStore> {
  const location = resolve(path);
  createRepositoryFiles(env, location, options);
  const { appendOnly, storageQuota } = options;
  return await open(env, location, {
    exclusive: true,
    lock: true,
    lockWaitSeconds: 1,
    created: true,
    ...(appendOnly === undefined ? {} : { appendOnly }),
    ...(storageQuota === undefined ? {} : { storageQuota }),
  });
}

/** Removes the locks of the repository at `path`, whoever holds them. */
export function breakLock(env: StoreEnv, path: string): void {
  const location = resolve(path);
  requireFolder(env, location);
  new Lock(env, `${location}/lock`, { waitSeconds: 0 }).breakLock();
}

async function open(
  env: StoreEnv,
  location: string,
  options: OpenRepositoryOptions & { created: boolean },
): Promise<SegmentStore> {
  requireFolder(env, location);
  // Before the lock, so that no lock files appear in a folder that is no repository; and after it, for what counts.
  try {
    readConfig(env, location);
  } catch (error) {
    tellOfBeginning(env, location);
    throw error;
  }
  const lock = options.lock
    ? new Lock(env, `${location}/lock`, { waitSeconds: options.lockWaitSeconds })
    : null;
  await lock?.acquire(options.exclusive);
  try {
    const config = readConfig(env, location);
    const settings = config.settings();
    settings.appendOnly ||= options.appendOnly ?? false;
    settings.storageQuota = options.storageQuota ?? settings.storageQuota;
    refuseAttic(env, location, settings.segmentsPerDir);
    return new SegmentStore({ env, path: location, config, settings, lock, created: options.created });
  } catch (error) {
    await lock?.release();
    throw error;
  }
}

/** What an init leaves that was cut off before the configuration was there: it can be removed without a loss. */
function tellOfBeginning(env: StoreEnv, location: string): void {
  const { files } = env;
  const left = new Set(isRepository(files, location) ? files.readDir(location) : ["another"]);
  left.delete("README");
  if (left.delete("data") && files.readDir(`${location}/data`).length > 0) return;
  if ([...left].some((name) => !/^config-[0-9a-f]+\.tmp$/.test(name))) return;
  const what = "an init was cut off here before anything was stored: remove the folder, and init anew";
  log(env.reporter, "WARNING", `${location}: ${what}`);
}

/** Throws Repository.DoesNotExist, PathPermissionDenied or InvalidRepository where there is no folder. */
export function requireFolder(env: StoreEnv, location: string): void {
  let mode;
  try {
    mode = env.files.stat(location).mode;
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    if (error.code === "EACCES") {
      throw new RepositoryError("Repository.PathPermissionDenied", [location], { cause: error });
    }
    if (error.code !== "ENOENT" && error.code !== "ENOTDIR") throw error;
    throw new RepositoryError("Repository.DoesNotExist", [location], { cause: error });
  }
  if (!isFolder(mode)) throw new RepositoryError("Repository.InvalidRepository", [location]);
}

function refuseAttic(env: StoreEnv, location: string, segmentsPerDir: number): void {
  const dir = new SegmentDir(env.files, location, segmentsPerDir);
  const latest = dir.latest();
  if (latest === null) return;
  const reader = new SegmentReader(dir);
  try {
    const magic = reader.magic(latest);
    if (magic.length === ATTIC_MAGIC.length && ATTIC_MAGIC.every((byte, i) => magic[i] === byte)) {
      throw new RepositoryError("Repository.AtticRepository", [location]);
    }
  } finally {
    reader.close();
  }
}
