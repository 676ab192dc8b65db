/** Finding, unlocking and making the key of a repository: where blobs lie, and who knows the passphrase. */
import { encodeText, equalBytes } from "../core/bytes/mod.ts";
import { decodeKeyBlob, decodeKeyFile, encodeKeyFile, type KeyFields, Secret } from "../core/crypto/mod.ts";
import { type BaseDirs, KeyDir, keyFileName } from "../core/local/mod.ts";
import {
  decodeKey,
  encodeKey,
  type EncryptionMode,
  type KeyMaterial,
  modeTraits,
  newKey,
  plaintextMaterial,
} from "../core/object/mod.ts";
import { randomBytes } from "../core/platform/mod.ts";
import type { Awaitable } from "../core/store/mod.ts";
import { KeyError } from "../core/errors.ts";
import type { CommandContext } from "./context.ts";
import { canonicalPath, type Location } from "./location.ts";
import { askPassphrase, environmentPassphrase } from "./prompt.ts";

export interface KeyPlace {
  context: CommandContext;
  dirs: BaseDirs;
  location: Location;
  repositoryId: Uint8Array;
  /** What holds for keys made before borg knew of authenticated metadata. */
  tamRequiredDefault(): boolean;
}

export interface ReadKey {
  material: KeyMaterial;
  /** Path of the key file, null where the key lies elsewhere. */
  keyFile: string | null;
  passphrase: string;
}

/** How often a wrong passphrase may be typed. */
const PASSPHRASE_ATTEMPTS = 3;

/** What two repositories share so that a chunk has the same id and the same borders in both. */
export interface RelatedSecrets {
  readonly idKey: Uint8Array;
  /** Signed 32 bits. */
  readonly chunkSeed: number;
}

export function keyDir(place: KeyPlace): KeyDir {
  return new KeyDir({
    files: place.context.files,
    directory: place.dirs.keys,
    keyFile: place.dirs.keyFile,
    location: canonicalPath(place.location),
    decode: decodeKeyFile,
  });
}

/** A key that is being unlocked before anybody knows whether it is the one that is wanted. */
export interface EarlyKey {
  blob: Uint8Array;
  passphrase: string;
  fields: Promise<KeyFields | null>;
}

/**
 * Begins to unlock a repository's key where that takes no question and no other program; null where there is none, or it
 * does. Deriving the key is most of what a short command waits for, and another thread does it.
 */
export function unlockEarly(place: KeyPlace, blob: Uint8Array | null): EarlyKey | null {
  const passphrase = place.context.env("BORG_PASSPHRASE");
  if (passphrase === undefined || blob === null || blob.length === 0) return null;
  const fields = decodeKeyBlob(blob, passphrase);
  // What fails is said when the key is read.
  fields.catch(() => {});
  return { blob, passphrase, fields };
}

/** The repository's key, unlocked. Throws the key errors. */
export async function readKey(
  place: KeyPlace,
  mode: EncryptionMode,
  loadFromRepository: () => Awaitable<Uint8Array | null>,
  early: EarlyKey | null = null,
): Promise<ReadKey> {
  const { repositoryId } = place;
  const storage = modeTraits(mode).keyStorage;
  if (storage === null) return { material: plaintextMaterial(repositoryId), keyFile: null, passphrase: "" };
  const location = canonicalPath(place.location);
  const found = storage === "keyfile" ? keyDir(place).find(repositoryId) : null;
  const blob = found ? found.blob : await loadFromRepository();
  if (blob === null || blob.length === 0) throw new KeyError("RepoKeyNotFoundError", [location]);
  const source = found ? found.path : `${location}/config`;
  const open = async (passphrase: string): Promise<KeyMaterial | null> => {
    const tamRequiredDefault = place.tamRequiredDefault();
    const options = { passphrase, mode, repositoryId, location, source, tamRequiredDefault };
    const isEarly = early?.passphrase === passphrase && blob instanceof Uint8Array &&
      equalBytes(early.blob, blob);
    const key = await decodeKey(blob, isEarly ? { ...options, fields: early.fields } : options);
    return key === "wrong passphrase" ? null : key;
  };
  return { ...await unlock(place.context, open, source), keyFile: found ? found.path : null };
}

/** Material and passphrase, which the environment gives or somebody is asked for. `open` answers null to a wrong one. */
export async function unlock(
  context: CommandContext,
  open: (passphrase: string) => Promise<KeyMaterial | null>,
  source: string,
): Promise<{ material: KeyMaterial; passphrase: string }> {
  const given = environmentPassphrase(context);
  if (given !== null) {
    const material = await open(given);
    if (material === null) throw new KeyError("PassphraseWrong");
    return { material, passphrase: given };
  }
  // A key without a passphrase needs no question.
  const unprotected = await open("");
  if (unprotected !== null) return { material: unprotected, passphrase: "" };
  for (let attempt = 0; attempt < PASSPHRASE_ATTEMPTS; attempt++) {
    const passphrase = await askPassphrase(`Enter passphrase for key ${source}: `);
    const material = await open(passphrase);
    if (material !== null) return { material, passphrase };
  }
  throw new KeyError("PasswordRetriesExceeded");
}

/** Makes the key of a new repository and stores it where the mode wants it. */
export async function makeKey(
  place: KeyPlace,
  mode: EncryptionMode,
  options: {
    passphrase: string;
    related?: RelatedSecrets;
    saveInRepository: (blob: Uint8Array) => Awaitable<void>;
  },
): Promise<{ material: KeyMaterial; keyFile: string | null }> {
  const fresh = newKey(mode, place.repositoryId, randomBytes);
  const { related } = options;
  const material = related
    ? { ...fresh, idKey: new Secret(related.idKey.slice()), chunkSeed: related.chunkSeed }
    : fresh;
  const { keyStorage } = modeTraits(mode);
  if (keyStorage === null) return { material, keyFile: null };
  const blob = encodeKey(material, { passphrase: options.passphrase, randomBytes });
  if (keyStorage === "repository") {
    await options.saveInRepository(encodeText(blob));
    return { material, keyFile: null };
  }
  const dir = keyDir(place);
  const keyFile = newKeyFile(place);
  dir.create(keyFile, encodeKeyFile(place.repositoryId, blob));
  return { material, keyFile };
}

/** Where a key file for a repository that has none goes. */
export function newKeyFile(place: KeyPlace): string {
  const { path, host } = place.location;
  return keyDir(place).newPath(keyFileName({ path, host: host ?? null }));
}
