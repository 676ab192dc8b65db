/** From a location on the command line to an open store, on this machine or at the other end of ssh, and what needs no more. */
import { resolve } from "node:path";
import {
  type BaseDirs,
  baseDirs,
  type BaseDirsOptions,
  type OldKeyDirs,
  oldKeyDirs,
} from "../core/local/mod.ts";
import { isLocalProcessAlive, nowMs, randomBytes, sleep } from "../core/platform/mod.ts";
import type { StoreDeleter, StoreEnv } from "../core/store/mod.ts";
import {
  breakLock,
  createRepository,
  openRepository,
  refuseOccupied,
  SegmentStore,
} from "../core/store/mod.ts";
import type { CommandContext } from "./context.ts";
import { canonicalPath, type Location, parseLocation } from "./location.ts";
import { fillPlaceholders } from "./placeholders.ts";
import { usageError } from "./values.ts";
import { BORG_VERSION } from "./version.ts";

export interface StoreOptions {
  /** Default: a shared lock, for reading. */
  exclusive?: boolean;
  /** No lock: for what must work while a lock is stuck. */
  unlocked?: boolean;
  /** The location must (true) or must not (false) name an archive. */
  archive?: boolean;
  /** The repository must be on this machine: its files are looked at, or changed. */
  local?: boolean;
  /** What {now} means in the location; default: the start of the program. Microseconds since 1970. */
  placeholderTimeUs?: number;
}

export interface CreateStoreOptions {
  append_only: boolean;
  storage_quota: number | undefined;
  make_parent_dirs: boolean;
}

/** Replaces the placeholders of a text. */
export function makeFill(context: CommandContext, nowUs: number): (text: string) => string {
  const source = {
    pid: context.host.pid,
    get fqdn() {
      return context.host.fqdn;
    },
    hostname: context.env("BORG_HOSTNAME") || context.host.hostname,
    get user() {
      return context.env("BORG_USERNAME") || context.host.userName;
    },
    nowUs,
    version: BORG_VERSION,
    uuid4: () => crypto.randomUUID(),
  };
  return (text) => fillPlaceholders(text, source);
}

/** The path of a repository on this machine is made absolute; the server resolves that of a remote one. */
export function resolveLocation(context: CommandContext, text: string, options: StoreOptions): Location {
  const fill = makeFill(context, options.placeholderTimeUs ?? context.startUs);
  const location = parseLocation(text, fill, context.env("BORG_REPO"));
  if (location === null) {
    if (text === "" || text.startsWith("::")) {
      const repository = context.env("BORG_REPO");
      if (!repository) throw usageError("No repository given, and BORG_REPO is not set");
      throw usageError(
        text.includes("/")
          ? `Cannot understand '${text}': the name of an archive cannot have a slash`
          : `Cannot understand the location in BORG_REPO: '${repository}'`,
      );
    }
    throw usageError(`Cannot understand the location: '${text}'`);
  }
  if (options.archive === true && location.archive === undefined) {
    throw usageError(`'${text}' names no archive: REPOSITORY::ARCHIVE is needed`);
  }
  if (options.archive === false && location.archive !== undefined) {
    throw usageError(`'${text}' names an archive: only a REPOSITORY is wanted here`);
  }
  if (options.local && location.proto === "ssh") {
    throw usageError(`${canonicalPath(location)} is at a server: this command must run there`);
  }
  return location.proto === "ssh" ? location : { ...location, path: resolve(context.cwd, location.path) };
}

/** What the store needs of this machine. */
export function storeEnv(context: Pick<CommandContext, "files" | "host" | "reporter">): StoreEnv {
  return {
    files: context.files,
    hostId: context.host.hostId,
    pid: context.host.pid,
    randomBytes,
    nowMs,
    sleep,
    isProcessAlive: isLocalProcessAlive,
    reporter: context.reporter,
  };
}

function baseDirsOptions(context: CommandContext): BaseDirsOptions {
  return {
    env: context.environment(),
    currentDirectory: context.cwd,
    uid: context.host.uid,
    homeOf: (user) => context.users.homeOf(user),
  };
}

export const directories = (context: CommandContext): BaseDirs => baseDirs(baseDirsOptions(context));

/** Opens and locks the repository. */
export async function openStoreAt(
  context: CommandContext,
  location: Location,
  options: { exclusive: boolean; unlocked: boolean },
): Promise<StoreDeleter> {
  const { lock, lock_wait } = context.common;
  const how = { exclusive: options.exclusive, lock: lock && !options.unlocked, lockWaitSeconds: lock_wait };
  if (location.proto === "file") return await openRepository(storeEnv(context), location.path, how);
  const { openRemoteStore } = await import("./remote_store.ts");
  return await openRemoteStore(context, location, how);
}

/** Throws where a repository cannot be made for what is there already; of a server only making it would tell. */
export function refuseOccupiedAt(context: CommandContext, location: Location): void {
  if (location.proto === "file") refuseOccupied(context.files, location.path);
}

/** Makes an empty repository and opens it with an exclusive lock. */
export async function createStoreAt(
  context: CommandContext,
  location: Location,
  options: CreateStoreOptions,
): Promise<StoreDeleter> {
  const { append_only: appendOnly, storage_quota: storageQuota, make_parent_dirs: makeParentDirs } = options;
  const settings = { appendOnly, makeParentDirs, ...(storageQuota === undefined ? {} : { storageQuota }) };
  if (location.proto === "file") return await createRepository(storeEnv(context), location.path, settings);
  const { openRemoteStore } = await import("./remote_store.ts");
  return await openRemoteStore(context, location, {
    ...settings,
    create: true,
    exclusive: true,
    lock: true,
    lockWaitSeconds: context.common.lock_wait,
  });
}

/** The store of a session that was opened with `local`. */
export function localStore({ store }: { store: StoreDeleter }): SegmentStore {
  if (store instanceof SegmentStore) return store;
  throw new TypeError("Cannot look at the files of a store that has none");
}

/** What is needed to change the files of a repository that cannot be opened as it is. */
export interface RepositoryFiles {
  readonly env: StoreEnv;
  readonly path: string;
  readonly keys: string;
  readonly oldKeys: OldKeyDirs;
}

/** The folder of a repository, without opening it. */
export function repositoryFiles(context: CommandContext, text: string): RepositoryFiles {
  const { path } = resolveLocation(context, text, { archive: false, local: true });
  const where = baseDirsOptions(context);
  return {
    env: storeEnv(context),
    path,
    keys: baseDirs(where).keys,
    oldKeys: oldKeyDirs(where),
  };
}

/** Removes all locks of a repository, without opening it. */
export async function breakRepositoryLock(context: CommandContext, text: string): Promise<void> {
  const location = resolveLocation(context, text, { archive: false });
  if (location.proto === "file") return breakLock(storeEnv(context), location.path);
  const { openRemoteStore } = await import("./remote_store.ts");
  const store = await openRemoteStore(context, location, {
    exclusive: false,
    lock: false,
    lockWaitSeconds: 0,
  });
  try {
    await store.breakLock();
  } finally {
    await store.close();
  }
}

/** The version of borg's protocol that the repository's server speaks; for one on this machine, or none, ours. */
export async function serverVersion(context: CommandContext, text: string): Promise<string> {
  if (text === "" && context.env("BORG_REPO") === undefined) return BORG_VERSION;
  const location = resolveLocation(context, text, { archive: false });
  if (location.proto === "file") return BORG_VERSION;
  const { openRemoteStore } = await import("./remote_store.ts");
  const store = await openRemoteStore(context, location, {
    exclusive: false,
    lock: false,
    lockWaitSeconds: 0,
  });
  await store.close();
  return store.serverVersion;
}
