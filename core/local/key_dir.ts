/**
 * The folder with the key files of this user's repositories, shared with borg (borg docs, internals/data-structures.rst,
 * "Key files"). In: a repository id. Out: its key file; and a place and a safe way to write a new one. What a key file
 * looks like is the crypto room's knowledge and arrives as a function.
 */
import { posix } from "node:path";
import type { KeyFileContent } from "../crypto/mod.ts";
import { AppError, KeyError, OsError } from "../errors.ts";
import type { Files } from "../platform/mod.ts";
import { removeIfThere, writeDurably } from "./_write_durably.ts";

/** Key files have about 800 bytes; other things that ended up in the folder are not read. */
const MAX_KEY_FILE = 1 << 20;
const MAX_NAME_LENGTH = 100;

export interface KeyDirOptions {
  files: Files;
  /** `keys` of {@link baseDirs}. */
  directory: string;
  /** `keyFile` of {@link baseDirs}: where this is set, no other file is looked at. */
  keyFile: string | null;
  /** The repository's location, for messages. */
  location: string;
  /** `decodeKeyFile` of the crypto room. */
  decode(contents: Uint8Array, repositoryId: Uint8Array): KeyFileContent;
}

export interface FoundKey {
  path: string;
  blob: string;
}

/** The name borg gives to a key file: the location with everything but letters, digits and "_" made "_". */
export function keyFileName(location: { path: string; host?: string | null }): string {
  const flatten = (text: string) => text.replace(/[^\p{L}\p{N}_]/gu, "_");
  const path = flatten(location.path).replace(/^_+|_+$/g, "");
  const name = location.host ? `${flatten(location.host)}__${path}` : path;
  return [...name].slice(0, MAX_NAME_LENGTH).join("");
}

export class KeyDir {
  constructor(private readonly options: KeyDirOptions) {}

  /**
   * The key file of the repository. Throws KeyfileNotFoundError; with an explicit key file also KeyfileMismatchError and
   * KeyfileInvalidError.
   */
  find(repositoryId: Uint8Array): FoundKey {
    const { files, directory, keyFile, location } = this.options;
    if (keyFile !== null) return this.#findExplicit(keyFile, repositoryId);
    let names: string[];
    try {
      names = files.readDir(directory).sort();
    } catch (error) {
      if (!(error instanceof OsError && error.code === "ENOENT")) throw error;
      names = [];
    }
    for (const name of names) {
      const path = posix.join(directory, name);
      const content = this.#read(path, repositoryId);
      if (content?.kind === "key") return { path, blob: content.blob };
    }
    throw new KeyError("KeyfileNotFoundError", [location, directory]);
  }

  #findExplicit(path: string, repositoryId: Uint8Array): FoundKey {
    const { files, location } = this.options;
    if (!files.exists(path)) throw new KeyError("KeyfileNotFoundError", [location, path]);
    const content = this.#read(path, repositoryId);
    if (content?.kind === "key") return { path, blob: content.blob };
    const code = content?.kind === "other repository" ? "KeyfileMismatchError" : "KeyfileInvalidError";
    throw new KeyError(code, [location, path]);
  }

  /** null for what is no readable file of a sensible size. */
  #read(path: string, repositoryId: Uint8Array): KeyFileContent | null {
    const { files, decode } = this.options;
    try {
      if (files.stat(path).size > MAX_KEY_FILE) return null;
      const contents = files.readFile(path);
      try {
        return decode(contents, repositoryId);
      } finally {
        contents.fill(0);
      }
    } catch (error) {
      if (error instanceof OsError) return null;
      throw error;
    }
  }

  /** Where a new repository's key file goes: the explicit one, else the first free name like `name`, `name.2`, … */
  newPath(name: string): string {
    const { files, directory, keyFile } = this.options;
    if (keyFile !== null) return keyFile;
    const first = posix.join(directory, name);
    let path = first;
    for (let i = 2; files.exists(path); i++) path = `${first}.${i}`;
    return path;
  }

  /** Writes a new key file durably, for the owner's eyes only. Throws Error when there is a file of that name. */
  create(path: string, contents: Uint8Array): void {
    if (this.options.files.exists(path)) {
      throw new AppError("Error", [`Cannot create key file ${path}: it exists already`]);
    }
    writeDurably(this.options.files, path, contents);
  }

  /** Replaces a key file (new passphrase) so that a crash leaves the old or the new one. */
  replace(path: string, contents: Uint8Array): void {
    writeDurably(this.options.files, path, contents);
  }

  /** Removes a key file, for a repository whose creation failed. Does nothing where there is none. */
  remove(path: string): void {
    removeIfThere(this.options.files, path);
  }
}
