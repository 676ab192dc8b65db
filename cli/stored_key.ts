/** The key blob of a repository where it is kept: to back it up, to restore it, to put another passphrase on it. */
import { decodeText, encodeText } from "../core/bytes/mod.ts";
import { encodeKeyFile } from "../core/crypto/mod.ts";
import { type EncryptionMode, modeTraits } from "../core/object/mod.ts";
import type { Awaitable } from "../core/store/mod.ts";
import { KeyError } from "../core/errors.ts";
import { canonicalPath } from "./location.ts";
import { keyDir, type KeyPlace, newKeyFile } from "./session_key.ts";

/** The part of a store that keeps a key. */
export interface KeyKeeper {
  loadKey(): Awaitable<Uint8Array | null>;
  saveKey(blob: Uint8Array): Awaitable<void>;
}

export class StoredKey {
  readonly #storage: "keyfile" | "repository";

  /** Throws UnencryptedRepo where the mode knows no key. */
  constructor(
    private readonly place: KeyPlace,
    readonly mode: EncryptionMode,
    private readonly keeper: KeyKeeper,
  ) {
    const { keyStorage } = modeTraits(mode);
    if (keyStorage === null) throw new KeyError("UnencryptedRepo");
    this.#storage = keyStorage;
  }

  get repositoryId(): Uint8Array {
    return this.place.repositoryId;
  }

  /** Throws KeyfileNotFoundError, RepoKeyNotFoundError and their like. */
  async load(): Promise<string> {
    if (this.#storage === "keyfile") return keyDir(this.place).find(this.repositoryId).blob;
    const blob = await this.keeper.loadKey();
    if (blob === null) throw new KeyError("RepoKeyNotFoundError", [canonicalPath(this.place.location)]);
    return decodeText(blob);
  }

  /** Replaces the key, or brings it back; answers where it is now. */
  async save(blob: string): Promise<string> {
    if (this.#storage === "repository") {
      await this.keeper.saveKey(encodeText(blob.trim()));
      return canonicalPath(this.place.location);
    }
    const path = this.#keyFile();
    keyDir(this.place).replace(path, encodeKeyFile(this.repositoryId, blob));
    return path;
  }

  /** The named key file, the one in the folder of keys, or a new one there. */
  #keyFile(): string {
    if (this.place.dirs.keyFile !== null) return this.place.dirs.keyFile;
    try {
      return keyDir(this.place).find(this.repositoryId).path;
    } catch (error) {
      if (!(error instanceof KeyError && error.code === "KeyfileNotFoundError")) throw error;
      return newKeyFile(this.place);
    }
  }
}
