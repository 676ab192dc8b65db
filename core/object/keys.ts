/**
 * A repository's keys from random numbers to the stored blob and back (borg docs, internals/security.rst, "Key files").
 * Pure: random numbers, blobs and passphrases arrive as parameters; where blobs are kept is the business of `local` and
 * `store`.
 */
import { concatBytes, equalBytes } from "../bytes/mod.ts";
import {
  decodeKeyBlob,
  deriveKeyAside,
  encodeKeyBlob,
  type KeyFields,
  KeyFormatError,
  PBKDF2_ITERATIONS,
  Secret,
} from "../crypto/mod.ts";
import { KeyError } from "../errors.ts";
import { type EncryptionMode, modeTraits } from "./modes.ts";

export type RandomBytes = (length: number) => Uint8Array;

/** The keys of one repository. In mode "none" all three are empty. */
export interface KeyMaterial {
  readonly mode: EncryptionMode;
  readonly repositoryId: Uint8Array;
  readonly encKey: Secret;
  readonly encHmacKey: Secret;
  readonly idKey: Secret;
  /** Signed 32 bits; seeds the chunker's table. */
  readonly chunkSeed: number;
  readonly tamRequired: boolean;
}

const AES_KEY = 32;
const HMAC_KEY = 32;
/** A BLAKE2b key is one block of which half is zero: more than 64 bytes of it could not matter to the state. */
const BLAKE2_RANDOM = 64;
const BLAKE2_KEY = 128;

/** Makes the keys of a new repository in `mode`; for mode "none" see {@link plaintextMaterial}, which this also gives. */
export function newKey(
  mode: EncryptionMode,
  repositoryId: Uint8Array,
  randomBytes: RandomBytes,
): KeyMaterial {
  const { blake2, keyStorage } = modeTraits(mode);
  if (keyStorage === null) return plaintextMaterial(repositoryId);
  const macKey = () =>
    blake2
      ? concatBytes(randomBytes(BLAKE2_RANDOM), new Uint8Array(BLAKE2_KEY - BLAKE2_RANDOM))
      : randomBytes(HMAC_KEY).slice();
  const seed = randomBytes(4);
  return {
    mode,
    repositoryId: repositoryId.slice(),
    encKey: new Secret(randomBytes(AES_KEY).slice()),
    encHmacKey: new Secret(macKey()),
    idKey: new Secret(macKey()),
    chunkSeed: new DataView(seed.buffer, seed.byteOffset, 4).getInt32(0, false),
    tamRequired: true,
  };
}

/** The absence of keys: mode "none". */
export function plaintextMaterial(repositoryId: Uint8Array): KeyMaterial {
  const empty = () => new Secret(new Uint8Array(0));
  return {
    mode: "none",
    repositoryId: repositoryId.slice(),
    encKey: empty(),
    encHmacKey: empty(),
    idKey: empty(),
    chunkSeed: 0,
    tamRequired: false,
  };
}

/**
 * The keys of a repository in the passphrase mode that borg 1.0 gave up (type byte 0x01): there nothing is random, all of
 * them are derived from the passphrase and the repository's id (borg's class PassphraseKey). As the key of a repokey
 * repository, for which such objects stay readable. Any passphrase gives some keys: only the manifest tells whether they
 * are right.
 */
export async function legacyPassphraseKey(
  passphrase: string,
  repositoryId: Uint8Array,
): Promise<KeyMaterial> {
  const length = AES_KEY + 2 * HMAC_KEY + 4;
  const bytes = await deriveKeyAside(passphrase, {
    salt: repositoryId,
    iterations: PBKDF2_ITERATIONS,
    length,
  });
  const material: KeyMaterial = {
    mode: "repokey",
    repositoryId: repositoryId.slice(),
    encKey: new Secret(bytes.slice(0, AES_KEY)),
    encHmacKey: new Secret(bytes.slice(AES_KEY, AES_KEY + HMAC_KEY)),
    idKey: new Secret(bytes.slice(AES_KEY + HMAC_KEY, AES_KEY + 2 * HMAC_KEY)),
    chunkSeed: new DataView(bytes.buffer).getInt32(length - 4, false),
    tamRequired: true,
  };
  bytes.fill(0);
  return material;
}

/** What stands for the key of a repository that is authenticated but not encrypted, and whose key is lost. */
export function keylessMaterial(mode: EncryptionMode, repositoryId: Uint8Array): KeyMaterial {
  const key = newKey(mode, repositoryId, (length) => new Uint8Array(length));
  return { ...key, chunkSeed: 0, tamRequired: false };
}

/** The blob to store for `material` under `passphrase` (text, without a last newline). `iterations` is for tests. */
export function encodeKey(
  material: KeyMaterial,
  options: { passphrase: string; randomBytes: RandomBytes; iterations?: number },
): string {
  const { passphrase, randomBytes, iterations } = options;
  if (material.mode === "none") throw new KeyError("UnencryptedRepo");
  return encodeKeyBlob({
    repositoryId: material.repositoryId,
    encKey: material.encKey.expose(),
    encHmacKey: material.encHmacKey.expose(),
    idKey: material.idKey.expose(),
    chunkSeed: material.chunkSeed,
    tamRequired: material.tamRequired,
  }, { passphrase, salt: randomBytes(32), ...(iterations === undefined ? {} : { iterations }) });
}

export interface DecodeKeyOptions {
  passphrase: string;
  mode: EncryptionMode;
  /** The repository that the key must belong to. */
  repositoryId: Uint8Array;
  /** For messages: where the repository is, and where the key was found. */
  location: string;
  source: string;
  /** What holds for a key made before borg knew of TAM: whether this machine has seen it required. Default: false. */
  tamRequiredDefault?: boolean;
  /** `decodeKeyBlob` of the crypto room for this blob and passphrase, where that is under way already. */
  fields?: Promise<KeyFields | null>;
}

/**
 * The keys in `blob`. Throws KeyfileInvalidError when it is damaged or of the wrong shape for the mode, and
 * KeyfileMismatchError when it is the key of another repository.
 */
export async function decodeKey(
  blob: string | Uint8Array,
  options: DecodeKeyOptions,
): Promise<KeyMaterial | "wrong passphrase"> {
  const { passphrase, mode, repositoryId, location, source, tamRequiredDefault = false } = options;
  const invalid = (cause?: unknown) => new KeyError("KeyfileInvalidError", [location, source], { cause });
  let fields: KeyFields | null;
  try {
    fields = await (options.fields ?? decodeKeyBlob(blob, passphrase));
  } catch (error) {
    if (!(error instanceof KeyFormatError)) throw error;
    throw invalid(error);
  }
  if (fields === null) return "wrong passphrase";
  const material: KeyMaterial = {
    mode,
    repositoryId: fields.repositoryId,
    encKey: new Secret(fields.encKey),
    encHmacKey: new Secret(fields.encHmacKey),
    idKey: new Secret(fields.idKey),
    chunkSeed: fields.chunkSeed,
    tamRequired: fields.tamRequired ?? tamRequiredDefault,
  };
  if (!fits(material)) {
    wipeKey(material);
    throw invalid();
  }
  if (!equalBytes(fields.repositoryId, repositoryId)) {
    wipeKey(material);
    throw new KeyError("KeyfileMismatchError", [location, source]);
  }
  return material;
}

function fits(material: KeyMaterial): boolean {
  const macLength = modeTraits(material.mode).blake2 ? BLAKE2_KEY : HMAC_KEY;
  return material.encKey.length === AES_KEY && material.encHmacKey.length === macLength &&
    material.idKey.length === macLength;
}

/** Overwrites the keys; codecs made from them keep working until they are disposed of. */
export function wipeKey(material: KeyMaterial): void {
  material.encKey.wipe();
  material.encHmacKey.wipe();
  material.idKey.wipe();
}
