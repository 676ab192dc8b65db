/** An open repository as commands use it: what they read, write, and leave behind on this machine. */
import {
  Archive,
  type ChunkListContext,
  ItemChunkCache,
  Manifest,
  type Operation,
  readManifestObject,
} from "../core/archive/mod.ts";
import { encodeHex } from "../core/bytes/mod.ts";
import {
  type BaseDirs,
  ChunksIndex,
  ChunksIndexCache,
  type FileTotals,
  RepositorySecurity,
} from "../core/local/mod.ts";
import {
  detectMode,
  type EncryptionMode,
  type KeyMaterial,
  modeTraits,
  type ObjectCodec,
} from "../core/object/mod.ts";
import { borrowAccel } from "../core/platform/mod.ts";
import type { StoreDeleter } from "../core/store/mod.ts";
import { AppError, OsError } from "../core/errors.ts";
import { log } from "../core/report.ts";
import { makeBreath } from "./breath.ts";
import type { CommandContext } from "./context.ts";
import { canonicalPath, type Location } from "./location.ts";
import { askYes } from "./prompt.ts";
import type { NewSession, Session } from "./session.ts";
import { SessionCodec } from "./session_codec.ts";
import type { KeyPlace, RelatedSecrets } from "./session_key.ts";
import { directories } from "./session_store.ts";
import { StoredKey } from "./stored_key.ts";

export class OpenRepository implements Session, NewSession {
  readonly #security: RepositorySecurity;
  readonly #dirs: BaseDirs;
  readonly #key: SessionCodec;
  #manifest: Manifest | null = null;
  readonly #fileTotals = new Map<string, FileTotals | null>();
  readonly #itemChunks = new ItemChunkCache();
  readonly #signal: Disposable;

  constructor(
    private readonly context: CommandContext,
    readonly store: StoreDeleter,
    readonly location: Location,
    readonly fill: (text: string) => string,
  ) {
    this.#dirs = directories(context);
    this.#security = new RepositorySecurity({
      files: context.files,
      directory: this.#dirs.security,
      repositoryId: store.id,
      location: canonicalPath(location),
      ask: (variable, message) => askYes(context, { variable, message: `${message} [yN] ` }),
    });
    this.#key = new SessionCodec({
      ...this.#keyPlace(),
      store,
      security: this.#security,
      lendAccel: () => borrowAccel({ enabled: context.env("ALCOVE_ACCEL") !== "0" }),
    });
    this.#signal = context.atSignal(() => store.close());
  }

  #keyPlace(): KeyPlace {
    const security = this.#security;
    return {
      context: this.context,
      dirs: this.#dirs,
      location: this.location,
      repositoryId: this.store.id,
      tamRequiredDefault: () => security.tamRequired,
    };
  }

  get codec(): ObjectCodec {
    return this.#key.codec;
  }

  get manifest(): Manifest {
    if (this.#manifest === null) throw new TypeError("Cannot use the manifest: it is not open");
    return this.#manifest;
  }

  get keyMaterial(): KeyMaterial {
    return this.#key.material;
  }

  get keyPassphrase(): string {
    return this.#key.passphrase;
  }

  get keyFilePath(): string | null {
    return this.#key.keyFile;
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

  openCodec(options: { anyObject?: boolean } = {}): Promise<ObjectCodec> {
    return this.#key.open(options);
  }

  async storedKey(): Promise<StoredKey> {
    return new StoredKey(this.#keyPlace(), detectMode(await readManifestObject(this.store)), this.store);
  }

  async openManifest(
    operations: readonly Operation[],
    options: { ignoreMissingTam?: boolean } = {},
  ): Promise<Manifest> {
    const codec = await this.openCodec();
    const tamRequired = codec.tamRequired && !options.ignoreMissingTam;
    const stored = this.#key.takeManifest();
    return await Manifest.load(this.store, codec, { operations, tamRequired, ...(stored ? { stored } : {}) });
  }

  /** Key and manifest, and the question whether this machine may trust them. */
  async load(
    operations: readonly Operation[],
    options: { keepKey: boolean; ignoreMissingTam: boolean; unchecked: boolean },
  ): Promise<void> {
    this.#key.keepKey = options.keepKey;
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
      logicallyEncrypted: encrypted && this.#key.passphraseProtected,
      plaintext: codec.mode === "none",
    };
  }

  /** The key of a new repository. */
  async makeKey(mode: EncryptionMode, passphrase: string, related?: RelatedSecrets): Promise<void> {
    await this.#key.make(mode, passphrase, related);
  }

  async afterInit(manifest: Manifest): Promise<void> {
    this.#manifest = manifest;
    await this.#security.check(this.#claim(manifest), { initializing: true });
    if (this.codec.tamRequired) this.#security.requireTam();
  }

  async undo(): Promise<void> {
    try {
      await this.store.destroy();
    } catch (error) {
      // An append-only one refuses. Why it was to go matters more.
      if (!(error instanceof AppError)) throw error;
      log(this.context.reporter, "WARNING", `What was made of the repository stays: ${error.message}`);
    }
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
      itemChunks: this.#itemChunks,
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
    this.#key[Symbol.dispose]();
    try {
      await this.store.close();
    } finally {
      this.#signal[Symbol.dispose]();
    }
  }
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
