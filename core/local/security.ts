/**
 * What this machine remembers of a repository in order to notice that it was swapped, set back or moved (borg docs,
 * internals/security.rst, and faq.rst on relocated repositories). One folder per repository id, shared with borg and
 * never wiped by us but when the repository is deleted:
 *
 *     location             the repository's canonical location      key-type    the objects' type byte, decimal
 *     manifest-timestamp   time of the newest manifest seen         nonce       first free counter, 16 hexadecimal digits
 *     tam_required         exists where authentication was made a must by `upgrade --tam`
 *     protected            exists where a passphrase protected the key (ours alone; borg does not look at it)
 *
 * In: what a repository claims to be. Out: consent, or an error. Questions go through a callback.
 */
import { posix } from "node:path";
import { decodeText, encodeHex, encodeText } from "../bytes/mod.ts";
import type { LocalNonces } from "../crypto/mod.ts";
import { AppError, CacheError, OsError } from "../errors.ts";
import type { Files } from "../platform/mod.ts";
import { removeIfThere, writeDurably } from "./_write_durably.ts";

/** Environment variables that may answer for the user, which also name the questions. */
export type SecurityQuestion =
  | "BORG_RELOCATED_REPO_ACCESS_IS_OK"
  | "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK";

export interface SecurityOptions {
  files: Files;
  /** `security` of {@link baseDirs}. */
  directory: string;
  repositoryId: Uint8Array;
  /** The repository's canonical location. */
  location: string;
  /** Puts a yes-or-no question to the user. */
  ask(question: SecurityQuestion, message: string): boolean | Promise<boolean>;
}

/** What a repository shows of itself once its manifest is verified. */
export interface RepositoryClaim {
  typeByte: number;
  /** As it stands in the manifest (ISO 8601, so that text order is time order). */
  manifestTimestamp: string;
  /** Whether its objects are encrypted under a passphrase that is not empty. */
  logicallyEncrypted: boolean;
  /** Whether objects bear no authentication at all (mode "none"). */
  plaintext: boolean;
}

export class RepositorySecurity implements LocalNonces {
  readonly #files: Files;
  readonly #folder: string;
  readonly #options: SecurityOptions;

  constructor(options: SecurityOptions) {
    this.#options = options;
    this.#files = options.files;
    this.#folder = posix.join(options.directory, encodeHex(options.repositoryId));
  }

  #path(name: string): string {
    return posix.join(this.#folder, name);
  }

  /** A file's text, null where it is missing or cannot be read: what is not known cannot forbid anything. */
  #read(name: string): string | null {
    try {
      return decodeText(this.#files.readFile(this.#path(name)));
    } catch (error) {
      if (error instanceof OsError) return null;
      throw error;
    }
  }

  #write(name: string, text: string): void {
    writeDurably(this.#files, this.#path(name), encodeText(text));
  }

  /** Whether this machine has seen the repository before. */
  get known(): boolean {
    return ["key-type", "location", "manifest-timestamp"].every((name) =>
      this.#files.exists(this.#path(name))
    );
  }

  /** Whether authentication of the manifest was made a must on this machine. */
  get tamRequired(): boolean {
    return this.#files.exists(this.#path("tam_required"));
  }

  /** From now on a manifest without authentication is refused on this machine. */
  requireTam(): void {
    if (!this.tamRequired) this.#write("tam_required", "");
  }

  /** Takes that back: an authentic manifest said so. */
  dropTam(): void {
    removeIfThere(this.#files, this.#path("tam_required"));
  }

  /** Whether a passphrase protected the repository's key when this machine saw it last. */
  get protected(): boolean {
    return this.#files.exists(this.#path("protected"));
  }

  /** The user has taken the passphrase away. */
  dropProtected(): void {
    removeIfThere(this.#files, this.#path("protected"));
  }

  /**
   * Goes on only with a repository that this machine can trust; remembers one that it sees for the first time.
   * `initializing`: the repository was made just now, so nothing is asked. Throws Cache.CacheInitAbortedError,
   * Cache.RepositoryAccessAborted, Cache.EncryptionMethodMismatch, Cache.RepositoryReplay, Cache.RepositoryIDNotUnique.
   */
  async check(claim: RepositoryClaim, options: { initializing?: boolean } = {}): Promise<void> {
    const { known, protected: wasProtected } = this;
    if (!claim.logicallyEncrypted && (!known || wasProtected)) {
      // A key that is stored at a server may be exchanged there for one without a passphrase, which nobody would notice.
      const why = wasProtected
        ? "has a key without a passphrase, and had one with a passphrase when this machine saw it last. " +
          "Whoever changed that can read what is stored from now on."
        : "is not encrypted, and this machine has not seen it before.";
      const allowed = options.initializing || await this.#options.ask(
        "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK",
        `The repository at ${this.#options.location} ${why} Access it nevertheless?`,
      );
      if (!allowed) throw new CacheError("Cache.CacheInitAbortedError");
      if (!known) this.remember(claim);
    }
    await this.#checkLocation();
    if (this.known && this.#read("key-type") !== String(claim.typeByte)) {
      throw new CacheError("Cache.EncryptionMethodMismatch");
    }
    const newest = this.#read("manifest-timestamp") ?? "";
    if (newest > claim.manifestTimestamp) {
      throw new CacheError(claim.plaintext ? "Cache.RepositoryIDNotUnique" : "Cache.RepositoryReplay");
    }
    if (!this.known) this.remember(claim);
    if (claim.logicallyEncrypted && !wasProtected) this.#rememberProtected();
    if (!claim.logicallyEncrypted && wasProtected) this.dropProtected();
  }

  /** Best effort: what is only read may be read on a machine where nothing can be written. */
  #rememberProtected(): void {
    try {
      this.#write("protected", "");
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
    }
  }

  async #checkLocation(): Promise<void> {
    const { location } = this.#options;
    const previous = this.#read("location");
    if (!previous || previous === location) return;
    const allowed = await this.#options.ask(
      "BORG_RELOCATED_REPO_ACCESS_IS_OK",
      `The repository at ${location} used to be at ${previous}. Go on?`,
    );
    if (!allowed) throw new CacheError("Cache.RepositoryAccessAborted");
    this.#write("location", location);
  }

  /** Records the present state, also after each new manifest that was committed. */
  remember(claim: Pick<RepositoryClaim, "typeByte" | "manifestTimestamp">): void {
    this.#write("location", this.#options.location);
    this.#write("key-type", String(claim.typeByte));
    this.#write("manifest-timestamp", claim.manifestTimestamp);
  }

  /** First counter that this machine has not reserved, null where it knows of none. Throws Error on a damaged file. */
  readNonce(): bigint | null {
    let text: string;
    try {
      text = decodeText(this.#files.readFile(this.#path("nonce"))).trim();
    } catch (error) {
      if (error instanceof OsError && error.code === "ENOENT") return null;
      throw error;
    }
    if (!/^[0-9a-fA-F]{16}$/.test(text)) {
      throw new AppError("Error", [
        `Cannot use ${this.#path("nonce")}: it does not hold 16 hexadecimal digits`,
      ]);
    }
    return BigInt(`0x${text}`);
  }

  /** Makes a reservation durable. Throws Error when another process made one since `previous` was read. */
  writeNonce(end: bigint, previous: bigint | null): void {
    if (this.readNonce() !== previous) {
      throw new AppError("Error", [
        "Cannot reserve counters: another process reserved some at the same time",
      ]);
    }
    this.#write("nonce", end.toString(16).padStart(16, "0"));
  }

  /** Forgets the repository, because it is being deleted. */
  destroy(): void {
    let names: string[];
    try {
      names = this.#files.readDir(this.#folder);
    } catch (error) {
      if (error instanceof OsError && error.code === "ENOENT") return;
      throw error;
    }
    for (const name of names) removeIfThere(this.#files, this.#path(name));
    this.#files.rmdir(this.#folder);
  }
}
