/** The codec of an open repository: the mode that its objects tell, the key unlocked for it, and nonces that this machine keeps. */
import { readManifestObject } from "../core/archive/mod.ts";
import { asChunkId, ID_LENGTH } from "../core/bytes/mod.ts";
import { type Accel, nonceFloor, NonceKeeper } from "../core/crypto/mod.ts";
import type { RepositorySecurity } from "../core/local/mod.ts";
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
import { randomBytes } from "../core/platform/mod.ts";
import type { StoreDeleter } from "../core/store/mod.ts";
import { AppError, KeyError } from "../core/errors.ts";
import { log } from "../core/report.ts";
import { type KeyPlace, makeKey, readKey, type RelatedSecrets, unlockEarly } from "./session_key.ts";

export interface CodecPlace extends KeyPlace {
  readonly store: StoreDeleter;
  readonly security: RepositorySecurity;
  /** What the machine lends. */
  lendAccel(): Accel | null;
}

export class SessionCodec implements Disposable {
  #codec: ObjectCodec | null = null;
  /** The manifest as it is stored, where it was read for the key and not yet for itself. */
  #storedManifest: Uint8Array | null = null;
  #material: KeyMaterial | null = null;
  #passphrase = "";
  #passphraseProtected = false;
  #keyFile: string | null = null;
  /** `material` will be asked for. */
  keepKey = false;

  constructor(private readonly place: CodecPlace) {}

  /** Throws TypeError before `open` or `make`. */
  get codec(): ObjectCodec {
    if (this.#codec === null) throw new TypeError("Cannot use the key: it is not open");
    return this.#codec;
  }

  /** The keys themselves, where `keepKey` was wished. */
  get material(): KeyMaterial {
    if (this.#material === null) throw new TypeError("Cannot show the keys: they were not kept");
    return this.#material;
  }

  /** The passphrase that unlocked them, on the same condition. */
  get passphrase(): string {
    return this.#passphrase;
  }

  /** Whether a passphrase that is not empty protects the key. */
  get passphraseProtected(): boolean {
    return this.#passphraseProtected;
  }

  /** Path of the key file, null where the key lies elsewhere. */
  get keyFile(): string | null {
    return this.#keyFile;
  }

  /** Hands out, once, the manifest that was read to learn the mode. */
  takeManifest(): Uint8Array | null {
    const stored = this.#storedManifest;
    this.#storedManifest = null;
    return stored;
  }

  /** Reads and unlocks the key; with `anyObject` also where the manifest is lost. */
  async open(options: { anyObject?: boolean } = {}): Promise<ObjectCodec> {
    if (this.#codec) return this.#codec;
    const { store } = this.place;
    // A server is asked when the manifest tells that it has the key.
    const early = store.preloadIds ? null : unlockEarly(this.place, await store.loadKey());
    const stored = options.anyObject ? await anyObject(store) : await readManifestObject(store);
    if (!options.anyObject) this.#storedManifest = stored;
    const mode = detectMode(stored);
    // Who wants the keys themselves must have them.
    if (mode.startsWith("authenticated") && this.#workaround("authenticated_no_key") && !this.keepKey) {
      return this.#codec = await this.#keyless(mode);
    }
    // Another thread derives the key: meanwhile this one finds out what the machine lends.
    const [{ material, keyFile, passphrase }, accel] = await Promise.all([
      readKey(this.place, mode, () => store.loadKey(), early).catch((error) => {
        throw hintAtMigration(error, stored);
      }),
      Promise.resolve().then(() => this.place.lendAccel()),
    ]);
    this.#keyFile = keyFile;
    return await this.#use(material, { passphrase, floor: nonceFloor(stored), accel });
  }

  /** Makes the key of a new repository and stores it where the mode wants it. */
  async make(mode: EncryptionMode, passphrase: string, related?: RelatedSecrets): Promise<void> {
    const { material, keyFile } = await makeKey(this.place, mode, {
      passphrase,
      ...(related ? { related } : {}),
      saveInRepository: (blob) => this.place.store.saveKey(blob),
    });
    this.#keyFile = keyFile;
    await this.#use(material, { passphrase, floor: 0n, accel: this.place.lendAccel() });
  }

  async #use(
    material: KeyMaterial,
    { passphrase, floor, accel }: { passphrase: string; floor: bigint; accel: Accel | null },
  ): Promise<ObjectCodec> {
    this.#passphraseProtected = passphrase !== "";
    if (this.keepKey) [this.#material, this.#passphrase] = [material, passphrase];
    const { store, security } = this.place;
    const nonce = modeTraits(material.mode).encrypted
      ? new NonceKeeper({ repository: store, local: security, floor })
      : null;
    const ignoreInvalidArchiveTam = this.#workaround("ignore_invalid_archive_tam");
    try {
      return this.#codec = await createCodec(material, {
        nonce,
        accel,
        randomBytes,
        ignoreInvalidArchiveTam,
      });
    } finally {
      if (!this.keepKey) wipeKey(material);
    }
  }

  async #keyless(mode: EncryptionMode): Promise<ObjectCodec> {
    log(
      this.place.context.reporter,
      "WARNING",
      "BORG_WORKAROUNDS=authenticated_no_key: nothing that is read is verified. Save what you need and delete the repository.",
    );
    const material = keylessMaterial(mode, this.place.store.id);
    const accel = this.place.lendAccel();
    return await createCodec(material, { nonce: null, accel, randomBytes, keyless: true });
  }

  /** Whether BORG_WORKAROUNDS, a list with commas, asks for it. */
  #workaround(name: string): boolean {
    return (this.place.context.env("BORG_WORKAROUNDS") ?? "").split(",").includes(name);
  }

  [Symbol.dispose](): void {
    this.#codec?.dispose();
    if (this.#material) wipeKey(this.#material);
  }
}

/** The manifest, or where it is lost the first object whose type byte is one we know. */
async function anyObject(store: StoreDeleter): Promise<Uint8Array> {
  try {
    const stored = await readManifestObject(store);
    detectMode(stored);
    return stored;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
  }
  const ids = await store.list(1000);
  for (let at = 0; at < ids.length; at += ID_LENGTH) {
    try {
      const stored = await store.get(asChunkId(ids.slice(at, at + ID_LENGTH)));
      detectMode(stored);
      return stored;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
    }
  }
  throw new AppError("IntegrityError", ["no object in the repository tells how it is encrypted"]);
}

/** Before borg 1.0 there was a mode without a stored key: who still has such a repository learns what to do. */
function hintAtMigration(error: unknown, stored: Uint8Array): unknown {
  if (stored[0] !== LEGACY_PASSPHRASE_TYPE) return error;
  if (!(error instanceof KeyError && error.code === "RepoKeyNotFoundError")) return error;
  return new KeyError(error.code, [
    `${error.args[0]}: it is of a mode before borg 1.0, run key migrate-to-repokey`,
  ]);
}
