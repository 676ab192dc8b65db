/**
 * From a location on the command line to an open repository: the store with its lock, the key, the manifest, and what this
 * machine trusts of it. Sessions are disposable (`await using`); what was not committed is rolled back.
 */
import type { Archive, ChunkListContext, Manifest, Operation } from "../core/archive/mod.ts";
import type { RepositorySecurity } from "../core/local/mod.ts";
import { type EncryptionMode, type KeyMaterial, modeTraits, type ObjectCodec } from "../core/object/mod.ts";
import type { StoreDeleter } from "../core/store/mod.ts";
import type { CommandContext } from "./context.ts";
import type { Location } from "./location.ts";
import { OpenRepository } from "./open_repository.ts";
import { newPassphrase } from "./prompt.ts";
import type { RelatedSecrets } from "./session_key.ts";
import {
  createStoreAt,
  type CreateStoreOptions,
  makeFill,
  openStoreAt,
  refuseOccupiedAt,
  resolveLocation,
  type StoreOptions,
} from "./session_store.ts";
import type { StoredKey } from "./stored_key.ts";
import { usageError } from "./values.ts";

/** An open repository, locked, without its key. */
export interface StoreSession extends AsyncDisposable {
  readonly store: StoreDeleter;
  /** With an absolute path. */
  readonly location: Location;
  /** Replaces placeholders. */
  fill(text: string): string;
  /** Reads the key; with `anyObject` also where the manifest is lost. */
  openCodec(options?: { anyObject?: boolean }): Promise<ObjectCodec>;
  openManifest(operations: readonly Operation[]): Promise<Manifest>;
  /** The key as it is stored: nobody is asked for a passphrase. */
  storedKey(): Promise<StoredKey>;
  readonly securityDir: string;
  readonly cacheDir: string | null;
  /** Forgets what this machine has cached, or trusts, of the repository. */
  wipeCache(): void;
  wipeSecurity(): void;
}

/** An open repository with key and manifest, found trustworthy. */
export interface Session extends StoreSession {
  readonly codec: ObjectCodec;
  readonly manifest: Manifest;
  /** Path of the key file, null where the key lies elsewhere. */
  readonly keyFilePath: string | null;
  /** The keys themselves, where `keepKey` was wished; wiped when the session ends. */
  readonly keyMaterial: KeyMaterial;
  /** The passphrase that unlocked them, on the same condition. */
  readonly keyPassphrase: string;
  /** Whether this machine insists on authentication of the manifest, and on a key with a passphrase. */
  readonly tamPolicy: Pick<RepositorySecurity, "tamRequired" | "requireTam" | "dropTam" | "dropProtected">;
  openArchive(name: string): Promise<Archive>;
  chunkLists(): ChunkListContext;
  /** Much is going to be written: what a server has to be asked for that is asked now. `chunks`: those of files, too. */
  expectWrites(options?: { chunks?: boolean }): void;
  /** Remembers the state that was just committed as the newest. */
  afterCommit(): void;
}

export interface SessionOptions extends StoreOptions {
  operations: readonly Operation[];
  needsArchive?: boolean;
  /** `keyMaterial` will be asked for. */
  keepKey?: boolean;
  /** Takes a manifest without authentication where the key demands one. */
  ignoreMissingTam?: boolean;
  /** Does not ask whether this machine may trust the repository. */
  unchecked?: boolean;
  /** Called when the repository is open, and its key and manifest are not yet. */
  whileOpening?: (session: Pick<StoreSession, "location" | "cacheDir">) => void;
}

/** Opens and locks the repository. */
export function openStore(
  context: CommandContext,
  text: string,
  options: StoreOptions,
): Promise<StoreSession> {
  return openLocked(context, text, options);
}

async function openLocked(
  context: CommandContext,
  text: string,
  options: StoreOptions,
): Promise<OpenRepository> {
  if (options.exclusive && !context.common.lock) {
    throw usageError(
      "--bypass-lock is for commands that only read: two that write would destroy the repository",
    );
  }
  const location = resolveLocation(context, text, options);
  const store = await openStoreAt(context, location, {
    exclusive: options.exclusive ?? false,
    unlocked: options.unlocked ?? false,
  });
  return new OpenRepository(
    context,
    store,
    location,
    makeFill(context, options.placeholderTimeUs ?? context.startUs),
  );
}

/** Opens the repository with key and manifest. */
export async function openSession(
  context: CommandContext,
  text: string,
  options: SessionOptions,
): Promise<Session> {
  const { needsArchive, whileOpening, keepKey, ignoreMissingTam, unchecked, ...rest } = options;
  const session = await openLocked(context, text, {
    ...rest,
    ...(needsArchive ? { archive: true } : {}),
  });
  try {
    whileOpening?.(session);
    await session.load(options.operations, {
      keepKey: keepKey ?? false,
      ignoreMissingTam: ignoreMissingTam ?? false,
      unchecked: unchecked ?? false,
    });
    return session;
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}

/** What `init` makes: a repository with a key and, yet, without a manifest. */
export interface NewSession extends AsyncDisposable {
  readonly store: StoreDeleter;
  readonly location: Location;
  readonly codec: ObjectCodec;
  readonly keyFilePath: string | null;
  /** After the first manifest was committed. */
  afterInit(manifest: Manifest): Promise<void>;
  /** Removes what was made. */
  undo(): Promise<void>;
}

export interface CreateRepositoryOptions extends CreateStoreOptions {
  encryption: EncryptionMode;
  /** Secrets to share with another repository instead of new ones. */
  related?: RelatedSecrets;
}

/** Makes a repository and its key. Where the passphrase is not given, nothing is left behind. */
export async function createSession(
  context: CommandContext,
  text: string,
  options: CreateRepositoryOptions,
): Promise<NewSession> {
  const location = resolveLocation(context, text, { archive: false });
  refuseOccupiedAt(context, location);
  // Ask first: a repository without a key would be of no use.
  const passphrase = modeTraits(options.encryption).keyStorage === null ? "" : await newPassphrase(context);
  const store = await createStoreAt(context, location, options);
  const session = new OpenRepository(context, store, location, (fill) => fill);
  try {
    await session.makeKey(options.encryption, passphrase, options.related);
    return session;
  } catch (error) {
    await using _ended = session;
    await session.undo();
    throw error;
  }
}
