/**
 * The encryption modes of borg 1.x and the byte that marks their objects (borg docs, internals/data-structures.rst,
 * "Encryption"). In: a type byte or a mode's name. Out: what the mode means.
 */
import { KeyError } from "../errors.ts";

export type EncryptionMode =
  | "none"
  | "authenticated"
  | "authenticated-blake2"
  | "keyfile"
  | "keyfile-blake2"
  | "repokey"
  | "repokey-blake2";

export interface ModeTraits {
  readonly mode: EncryptionMode;
  /** First byte of every object. */
  readonly typeByte: number;
  /** Where the key blob lives; null where there is no key. */
  readonly keyStorage: "keyfile" | "repository" | null;
  readonly encrypted: boolean;
  readonly blake2: boolean;
}

const traits = (
  mode: EncryptionMode,
  typeByte: number,
  keyStorage: ModeTraits["keyStorage"],
  encrypted: boolean,
): ModeTraits => ({ mode, typeByte, keyStorage, encrypted, blake2: mode.endsWith("-blake2") });

const MODES: readonly ModeTraits[] = [
  traits("none", 0x02, null, false),
  traits("authenticated", 0x07, "repository", false),
  traits("authenticated-blake2", 0x06, "repository", false),
  traits("keyfile", 0x00, "keyfile", true),
  traits("keyfile-blake2", 0x04, "keyfile", true),
  traits("repokey", 0x03, "repository", true),
  traits("repokey-blake2", 0x05, "repository", true),
];

/**
 * The mode before borg 1.0 that derived all keys from the passphrase. Repositories that once were in it have a key in
 * the repository today and may hold old objects with this byte, so borg reads it as repokey.
 */
export const LEGACY_PASSPHRASE_TYPE = 0x01;

/** The names that `init --encryption` takes. */
export const ENCRYPTION_MODES: readonly EncryptionMode[] = MODES.map(({ mode }) => mode);

export function modeTraits(mode: EncryptionMode): ModeTraits {
  const found = MODES.find((traits) => traits.mode === mode);
  if (!found) throw new RangeError(`Cannot use encryption mode ${mode}: it is not known`);
  return found;
}

/** The mode of the repository whose stored manifest this is. Throws UnsupportedPayloadError for a type of the future. */
export function detectMode(storedManifest: Uint8Array): EncryptionMode {
  const type = storedManifest[0];
  if (type === LEGACY_PASSPHRASE_TYPE) return "repokey";
  const found = MODES.find(({ typeByte }) => typeByte === type);
  if (!found) throw new KeyError("UnsupportedPayloadError", [String(type ?? "none")]);
  return found.mode;
}
