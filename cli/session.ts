/**
 * From a location on the command line to an open repository: the store with its lock, the key, the manifest, and what this
 * machine trusts of it. Sessions are disposable (`await using`); what was not committed is rolled back.
 */
import { resolve } from "node:path";
import {
  Archive,
  type ChunkListContext,
  Manifest,
  type Operation,
  readManifestObject,
} from "../core/archive/mod.ts";
import { asChunkId, encodeHex, ID_LENGTH } from "../core/bytes/mod.ts";
import { type Accel, nonceFloor, NonceKeeper } from "../core/crypto/mod.ts";
import {
  type BaseDirs,
  baseDirs,
  type BaseDirsOptions,
  ChunksIndex,
  ChunksIndexCache,
  type FileTotals,
  type OldKeyDirs,
  oldKeyDirs,
  RepositorySecurity,
} from "../core/local/mod.ts";
import {
  createCodec,
  detectMode,
  type EncryptionMode,
  keylessMaterial,
  type KeyMaterial,
  LEGACY_PASSPHRASE_TYPE,
  modeTraits,
  type ObjectCodec,
  wipeKey,
} from "../core/object/mod.ts";
import { borrowAccel, isLocalProcessAlive, nowMs, randomBytes, sleep } from "../core/platform/mod.ts";
import {
  breakLock,
  createRepository,
  openRepository,
  type SegmentStore,
  type StoreEnv,
} from "../core/store/mod.ts";
import { AppError, KeyError, OsError } from "../core/errors.ts";
import { log } from "../core/report.ts";
import { makeBreath } from "./breath.ts";
import type { CommandContext } from "./context.ts";
import { canonicalPath, type Location, parseLocation } from "./location.ts";
import { fillPlaceholders } from "./placeholders.ts";
import { askYes, newPassphrase } from "./prompt.ts";
import { type KeyPlace, makeKey, readKey, type RelatedSecrets } from "./session_key.ts";
import { StoredKey } from "./stored_key.ts";
import { commandError, usageError } from "./values.ts";
import { BORG_VERSION } from "./version.ts";

export interface StoreOptions {
  /** Default: a shared lock, for reading. */
  exclusive?: boolean;
  /** No lock: for what must work while a lock is stuck. */
  unlocked?: boolean;
  /** The location must (true) or must not (false) name an archive. */
  archive?: boolean;
  /** What {now} means in the location; default: the start of the program. Microseconds since 1970. */
  placeholderTimeUs?: number;
}

/** An open repository, locked, without its key. */
export interface StoreSession extends AsyncDisposable {
  readonly store: SegmentStore;
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
  /** Whether this machine insists on authentication of the manifest. */
  readonly tamPolicy: Pick<RepositorySecurity, "tamRequired" | "requireTam" | "dropTam">;
  openArchive(name: string): Promise<Archive>;
  chunkLists(): ChunkListContext;
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

function makeFill(context: CommandContext, nowUs: number): (text: string) => string {
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

function resolveLocation(context: CommandContext, text: string, options: StoreOptions): Location {
  const fill = makeFill(context, options.placeholderTimeUs ?? context.startUs);
  const location = parseLocation(text, fill, context.env("BORG_REPO"));
  if (location === null) {
    if (text === "" || text.startsWith("::")) {
      throw usageError("no repository given, and BORG_REPO is not set");
    }
    throw usageError(`Cannot understand the location: '${text}'`);
  }
  if (options.archive === true && location.archive === undefined) {
    throw usageError(`'${text}' names no archive: REPOSITORY::ARCHIVE is needed`);
  }
  if (options.archive === false && location.archive !== undefined) {
    throw usageError(`'${text}' names an archive: only a REPOSITORY is wanted here`);
  }
  if (location.proto === "ssh") {
    throw commandError(`Cannot open ${canonicalPath(location)}: repositories over SSH are not supported yet`);
  }
  return { ...location, path: resolve(context.cwd, location.path) };
}

function storeEnv(context: CommandContext): StoreEnv {
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

const directories = (context: CommandContext): BaseDirs => baseDirs(baseDirsOptions(context));

function baseDirsOptions(context: CommandContext): BaseDirsOptions {
  return {
    env: context.environment(),
    currentDirectory: context.cwd,
    uid: context.host.uid,
    homeOf: (user) => context.users.homeOf(user),
  };
}

/** Opens and locks the repository. */
export async function openStore(
  context: CommandContext,
  text: string,
  options: StoreOptions,
): Promise<StoreSession> {
  if (options.exclusive && !context.common.lock) {
    throw usageError(
      "--bypass-lock is for commands that only read: two that write would destroy the repository",
    );
  }
  const location = resolveLocation(context, text, options);
  const store = await openRepository(storeEnv(context), location.path, {
    exclusive: options.exclusive ?? false,
    lock: context.common.lock && !options.unlocked,
    lockWaitSeconds: context.common.lock_wait,
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
  const session = await openStore(context, text, {
    ...rest,
    ...(needsArchive ? { archive: true } : {}),
  }) as OpenRepository;
  try {
    whileOpening?.(session);
    session.keepKey = keepKey ?? false;
    await session.load(options.operations, {
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
  readonly store: SegmentStore;
  readonly location: Location;
  readonly codec: ObjectCodec;
  readonly keyFilePath: string | null;
  /** After the first manifest was committed. */
  afterInit(manifest: Manifest): Promise<void>;
  /** Removes what was made. */
  undo(): Promise<void>;
}

export interface CreateRepositoryOptions {
  encryption: EncryptionMode;
  append_only: boolean;
  storage_quota: number | undefined;
  make_parent_dirs: boolean;
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
  // Ask first: a repository without a key would be of no use.
  const passphrase = modeTraits(options.encryption).keyStorage === null ? "" : await newPassphrase(context);
  const store = await createRepository(storeEnv(context), location.path, {
    appendOnly: options.append_only,
    makeParentDirs: options.make_parent_dirs,
    ...(options.storage_quota === undefined ? {} : { storageQuota: options.storage_quota }),
  });
  const session = new OpenRepository(context, store, location, (fill) => fill);
  try {
    await session.makeKey(options.encryption, passphrase, options.related);
    return session;
  } catch (error) {
    await session.undo();
    throw error;
  }
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
  const { path } = resolveLocation(context, text, { archive: false });
  const where = baseDirsOptions(context);
  return { env: storeEnv(context), path, keys: baseDirs(where).keys, oldKeys: oldKeyDirs(where) };
}

/** Removes all locks of a repository, without opening it. */
export async function breakRepositoryLock(context: CommandContext, text: string): Promise<void> {
  const location = resolveLocation(context, text, { archive: false });
  await breakLock(storeEnv(context), location.path);
}

/** The version of borg's protocol that the repository's server speaks; for one on this machine, or none, ours. */
export function serverVersion(context: CommandContext, text: string): string {
  if (text !== "" || context.env("BORG_REPO") !== undefined) {
    resolveLocation(context, text, { archive: false });
  }
  return BORG_VERSION;
}

class OpenRepository implements Session, NewSession {
  readonly #security: RepositorySecurity;
  readonly #dirs: BaseDirs;
  #codec: ObjectCodec | null = null;
  #manifest: Manifest | null = null;
  /** Whether a passphrase that is not empty protects the key. */
  #passphraseProtected = false;
  keyFilePath: string | null = null;
  keepKey = false;
  #material: KeyMaterial | null = null;
  #passphrase = "";
  readonly #fileTotals = new Map<string, FileTotals | null>();
  readonly #signal: Disposable;

  constructor(
    private readonly context: CommandContext,
    readonly store: SegmentStore,
    readonly location: Location,
    readonly fill: (text: string) => string,
  ) {
    this.#dirs = directories(context);
    this.#signal = context.atSignal(() => store.close());
    this.#security = new RepositorySecurity({
      files: context.files,
      directory: this.#dirs.security,
      repositoryId: store.id,
      location: canonicalPath(location),
      ask: (variable, message) => askYes(context, { variable, message: `${message} [yN] ` }),
    });
  }

  get codec(): ObjectCodec {
    if (this.#codec === null) throw new TypeError("Cannot use the key: it is not open");
    return this.#codec;
  }

  get manifest(): Manifest {
    if (this.#manifest === null) throw new TypeError("Cannot use the manifest: it is not open");
    return this.#manifest;
  }

  get keyMaterial(): KeyMaterial {
    if (this.#material === null) throw new TypeError("Cannot show the keys: they were not kept");
    return this.#material;
  }

  get keyPassphrase(): string {
    return this.#passphrase;
  }

  get tamPolicy(): RepositorySecurity {
    return this.#security;
  }

  get securityDir(): string {
    return `${this.#dirs.security}/${encodeHex(this.store.id)}`;
  }

  get cacheDir(): string {
    return `${this.#dirs.cache}/${encodeHex(this.store.id)}`;
  }

  async openCodec(options: { anyObject?: boolean } = {}): Promise<ObjectCodec> {
    if (this.#codec) return this.#codec;
    const stored = options.anyObject ? await this.#anyObject() : await readManifestObject(this.store);
    const mode = detectMode(stored);
    // Who wants the keys themselves must have them.
    if (mode.startsWith("authenticated") && this.#workaround("authenticated_no_key") && !this.keepKey) {
      return this.#codec = await this.#keylessCodec(mode);
    }
    const reading = readKey(this.#keys(), mode, () => this.store.loadKey());
    // Another thread derives the key: meanwhile this one finds out what the machine lends.
    this.#accel();
    const { material, keyFile, passphrase } = await reading.catch((error) => {
      throw hintAtMigration(error, stored);
    });
    this.keyFilePath = keyFile;
    this.#passphraseProtected = passphrase !== "";
    this.#codec = await this.#makeCodec(material, nonceFloor(stored));
    if (this.keepKey) [this.#material, this.#passphrase] = [material, passphrase];
    else wipeKey(material);
    return this.#codec;
  }

  /** The manifest, or where it is lost the first object whose type byte is one we know. */
  async #anyObject(): Promise<Uint8Array> {
    try {
      const stored = await readManifestObject(this.store);
      detectMode(stored);
      return stored;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
    }
    const ids = await this.store.list(1000);
    for (let at = 0; at < ids.length; at += ID_LENGTH) {
      try {
        const stored = await this.store.get(asChunkId(ids.slice(at, at + ID_LENGTH)));
        detectMode(stored);
        return stored;
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
      }
    }
    throw new AppError("IntegrityError", ["no object in the repository tells how it is encrypted"]);
  }

  /** Whether BORG_WORKAROUNDS, a list with commas, asks for it. */
  #workaround(name: string): boolean {
    return (this.context.env("BORG_WORKAROUNDS") ?? "").split(",").includes(name);
  }

  async #keylessCodec(mode: EncryptionMode): Promise<ObjectCodec> {
    log(
      this.context.reporter,
      "WARNING",
      "BORG_WORKAROUNDS=authenticated_no_key: nothing that is read is verified. Save what you need and delete the repository.",
    );
    const material = keylessMaterial(mode, this.store.id);
    return await createCodec(material, { nonce: null, accel: this.#accel(), randomBytes, keyless: true });
  }

  async #makeCodec(material: KeyMaterial, floor: bigint): Promise<ObjectCodec> {
    const nonce = modeTraits(material.mode).encrypted
      ? new NonceKeeper({ repository: this.store, local: this.#security, floor })
      : null;
    const ignoreInvalidArchiveTam = this.#workaround("ignore_invalid_archive_tam");
    return await createCodec(material, { nonce, accel: this.#accel(), randomBytes, ignoreInvalidArchiveTam });
  }

  #accel(): Accel | null {
    return this.context.env("ALCOVE_ACCEL") === "0" ? null : borrowAccel();
  }

  #keys(): KeyPlace {
    return {
      context: this.context,
      dirs: this.#dirs,
      location: this.location,
      repositoryId: this.store.id,
      tamRequiredDefault: this.#security.tamRequired,
    };
  }

  async storedKey(): Promise<StoredKey> {
    return new StoredKey(this.#keys(), detectMode(await readManifestObject(this.store)), this.store);
  }

  async openManifest(
    operations: readonly Operation[],
    options: { ignoreMissingTam?: boolean } = {},
  ): Promise<Manifest> {
    const codec = await this.openCodec();
    const tamRequired = codec.tamRequired && !options.ignoreMissingTam;
    return await Manifest.load(this.store, codec, { operations, tamRequired });
  }

  /** Key and manifest, and the question whether this machine may trust them. */
  async load(
    operations: readonly Operation[],
    options: { ignoreMissingTam: boolean; unchecked: boolean },
  ): Promise<void> {
    this.#manifest = await this.openManifest(operations, options);
    if (this.#manifest.authenticated) this.#followTam(this.#manifest.tamRequired);
    if (!options.unchecked) await this.#security.check(this.#claim(this.#manifest));
  }

  /** An authentic manifest says whether authentication is a must; `upgrade --tam` and `--disable-tam` change it. */
  #followTam(required: boolean): void {
    if (required) this.#security.requireTam();
    else if (this.#security.tamRequired) this.#security.dropTam();
  }

  #claim(manifest: Manifest) {
    const { codec } = this;
    const { encrypted } = modeTraits(codec.mode);
    return {
      typeByte: codec.typeByte,
      manifestTimestamp: manifest.timestamp,
      logicallyEncrypted: encrypted && this.#passphraseProtected,
      plaintext: codec.mode === "none",
    };
  }

  async makeKey(mode: EncryptionMode, passphrase: string, related?: RelatedSecrets): Promise<void> {
    const { material, keyFile } = await makeKey(this.#keys(), mode, {
      passphrase,
      ...(related ? { related } : {}),
      saveInRepository: (blob) => this.store.saveKey(blob),
    });
    this.keyFilePath = keyFile;
    this.#passphraseProtected = passphrase !== "";
    this.#codec = await this.#makeCodec(material, 0n);
    wipeKey(material);
  }

  async afterInit(manifest: Manifest): Promise<void> {
    this.#manifest = manifest;
    await this.#security.check(this.#claim(manifest), { initializing: true });
    if (this.codec.tamRequired) this.#security.requireTam();
  }

  async undo(): Promise<void> {
    await this.store.destroy();
    if (this.keyFilePath !== null) removeFile(this.context, this.keyFilePath);
  }

  afterCommit(): void {
    this.#security.remember({
      typeByte: this.codec.typeByte,
      manifestTimestamp: this.manifest.timestamp,
    });
  }

  async openArchive(name: string): Promise<Archive> {
    return await Archive.open(this.store, this.codec, this.manifest, { name });
  }

  chunkLists(): ChunkListContext {
    return {
      store: this.store,
      codec: this.codec,
      manifest: this.manifest,
      cache: new ChunksIndexCache(this.context.files, `${this.cacheDir}/archives`),
      fileTotals: this.#fileTotals,
      newIndex: () => new ChunksIndex(),
      breathe: makeBreath(),
    };
  }

  wipeCache(): void {
    removeFolder(this.context, `${this.cacheDir}/archives`);
    removeFolder(this.context, this.cacheDir);
  }

  wipeSecurity(): void {
    this.#security.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#codec?.dispose();
    if (this.#material) wipeKey(this.#material);
    try {
      await this.store.close();
    } finally {
      this.#signal[Symbol.dispose]();
    }
  }
}

/** Before borg 1.0 there was a mode without a stored key: who still has such a repository learns what to do. */
function hintAtMigration(error: unknown, stored: Uint8Array): unknown {
  if (stored[0] !== LEGACY_PASSPHRASE_TYPE) return error;
  if (!(error instanceof KeyError && error.code === "RepoKeyNotFoundError")) return error;
  return new KeyError(error.code, [
    `${error.args[0]}: it is of a mode before borg 1.0, run key migrate-to-repokey`,
  ]);
}

function removeFile(context: CommandContext, path: string): void {
  try {
    context.files.unlink(path);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
  }
}

/** Removes a folder of files; one that is not there, or not ours, stays. */
function removeFolder(context: CommandContext, path: string): void {
  try {
    for (const name of context.files.readDir(path)) context.files.unlink(`${path}/${name}`);
    context.files.rmdir(path);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
  }
}
