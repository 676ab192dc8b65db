/**
 * From a location on the command line to an open repository: the store with its lock, the key, the manifest, and what this
 * machine trusts of it. Sessions are disposable (`await using`); what was not committed is rolled back.
 */
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
  ChunksIndex,
  ChunksIndexCache,
  type FileTotals,
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
import { borrowAccel, randomBytes } from "../core/platform/mod.ts";
import type { StoreDeleter } from "../core/store/mod.ts";
import { AppError, KeyError, OsError } from "../core/errors.ts";
import { log } from "../core/report.ts";
import { makeBreath } from "./breath.ts";
import type { CommandContext } from "./context.ts";
import { canonicalPath, type Location } from "./location.ts";
import { askYes, newPassphrase } from "./prompt.ts";
import { type KeyPlace, makeKey, readKey, type RelatedSecrets } from "./session_key.ts";
import {
  createStoreAt,
  type CreateStoreOptions,
  directories,
  makeFill,
  openStoreAt,
  resolveLocation,
  type StoreOptions,
} from "./session_store.ts";
import { StoredKey } from "./stored_key.ts";
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
  // Ask first: a repository without a key would be of no use.
  const passphrase = modeTraits(options.encryption).keyStorage === null ? "" : await newPassphrase(context);
  const store = await createStoreAt(context, location, options);
  const session = new OpenRepository(context, store, location, (fill) => fill);
  try {
    await session.makeKey(options.encryption, passphrase, options.related);
    return session;
  } catch (error) {
    await session.undo();
    throw error;
  }
}

class OpenRepository implements Session, NewSession {
  readonly #security: RepositorySecurity;
  readonly #dirs: BaseDirs;
  #codec: ObjectCodec | null = null;
  #manifest: Manifest | null = null;
  /** As it is stored, where it was read for the key and not yet for itself. */
  #storedManifest: Uint8Array | null = null;
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
    readonly store: StoreDeleter,
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
    if (!options.anyObject) this.#storedManifest = stored;
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
    const stored = this.#storedManifest;
    this.#storedManifest = null;
    return await Manifest.load(this.store, codec, { operations, tamRequired, ...(stored ? { stored } : {}) });
  }

  /** Key and manifest, and the question whether this machine may trust them. */
  async load(
    operations: readonly Operation[],
    options: { ignoreMissingTam: boolean; unchecked: boolean },
  ): Promise<void> {
    this.#manifest = await this.openManifest(operations, options);
    if (!options.unchecked) await this.#security.check(this.#claim(this.#manifest));
    // Not before: what another repository in this one's place says must not count.
    if (this.#manifest.authenticated) this.#followTam(this.#manifest.tamRequired);
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

  expectWrites(options: { chunks?: boolean } = {}): void {
    // A repository on this machine is asked when the answer is needed.
    if (!this.store.preloadIds) return;
    if (options.chunks) this.store.preloadIds();
    // What fails here fails again where it matters.
    this.codec.takeNonce(0, new Uint8Array(8), 0)?.catch(() => {});
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
