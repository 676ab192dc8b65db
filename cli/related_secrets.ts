/**
 * The file that `key export-related-secrets` writes and `init --import-related-secrets` reads: JSON with the id key and
 * the chunker's seed, so that two repositories cut and name chunks alike (borg 1.4 docs, usage/key).
 */
import { decodeHex, decodeText, encodeHex, encodeText } from "../core/bytes/mod.ts";
import { AppError } from "../core/errors.ts";
import { type EncryptionMode, type KeyMaterial, modeTraits } from "../core/object/mod.ts";
import type { RelatedSecrets } from "./session_key.ts";
import { commandError } from "./values.ts";

/** What borg calls the modes inside of this file. */
const KEY_NAMES: Partial<Record<EncryptionMode, string>> = {
  "authenticated": "authenticated",
  "authenticated-blake2": "authenticated BLAKE2b",
  "keyfile": "key file",
  "keyfile-blake2": "key file BLAKE2b",
  "repokey": "repokey",
  "repokey-blake2": "repokey BLAKE2b",
};
const HMAC_KEY = 32;
const BLAKE2_KEY = 128;

export function encodeRelatedSecrets(key: KeyMaterial): Uint8Array {
  const secrets = {
    version: 1,
    id_key: encodeHex(key.idKey.expose()),
    chunk_seed: key.chunkSeed,
    key_name: KEY_NAMES[key.mode],
  };
  return encodeText(`${JSON.stringify(secrets, null, 4)}\n`);
}

/** Reads the file for a new repository in `mode`; `path` is for messages. Throws CommandError, or Error for the wrong hash. */
export function decodeRelatedSecrets(
  contents: Uint8Array,
  mode: EncryptionMode,
  path: string,
): RelatedSecrets {
  let parsed: unknown;
  try {
    parsed = JSON.parse(decodeText(contents));
  } catch (error) {
    throw new AppError("CommandError", [`Invalid JSON in related secrets file: ${path}`], { cause: error });
  }
  const secrets = (typeof parsed === "object" && parsed !== null ? parsed : {}) as Record<string, unknown>;
  if (secrets["version"] !== 1) {
    throw commandError(`Unsupported related secrets version: ${secrets["version"]}`);
  }
  const { id_key: idText, chunk_seed: chunkSeed, key_name: keyName } = secrets;
  const other = Object.entries(KEY_NAMES).find(([, name]) => name === keyName)?.[0] as
    | EncryptionMode
    | undefined;
  if (mode === "none" || other === undefined || modeTraits(other).blake2 !== modeTraits(mode).blake2) {
    throw new AppError("Error", [
      `mode ${mode} names chunks by another hash than the repository of these secrets (${keyName}) does`,
    ]);
  }
  const idKey = typeof idText === "string" ? decodeHex(idText) : null;
  if (idKey === null || idKey.length !== (modeTraits(mode).blake2 ? BLAKE2_KEY : HMAC_KEY)) {
    throw commandError(`Invalid id_key in related secrets file: ${path}`);
  }
  if (typeof chunkSeed !== "number" || (chunkSeed | 0) !== chunkSeed) {
    throw commandError(`Invalid chunk_seed in related secrets file: ${path}`);
  }
  return { idKey, chunkSeed };
}
