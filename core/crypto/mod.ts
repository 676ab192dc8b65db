/** Keys, hashes, cipher, nonces and document authentication; pure: no clock, no random source, no files of its own. */
export type { Accel, AesCtr, Digest32, Lz4Block, ZstdFrame } from "./accel.ts";
export { equalInConstantTime, Secret } from "./secret.ts";
export { createBlake2b256, createHmacSha256, createSha256, hmacSha256, sha256 } from "./id_hash.ts";
export {
  aesCtrFromZero,
  blockCount,
  createAesCtr,
  Envelope,
  ENVELOPE_OVERHEAD,
  type EnvelopeFault,
  IV_LENGTH,
  IV_OFFSET,
  MAC_LENGTH,
} from "./cipher.ts";
export {
  type LocalNonces,
  NONCE_RESERVATION,
  nonceFloor,
  NonceKeeper,
  type NonceKeeperOptions,
  type NonceSource,
  type RepositoryNonces,
} from "./nonce.ts";
export { deriveKey, deriveKeyAside, MAX_PBKDF2_ITERATIONS, PBKDF2_ITERATIONS } from "./key_derive.ts";
export {
  decodeKeyBlob,
  decodeKeyFile,
  encodeKeyBlob,
  encodeKeyFile,
  type KeyFields,
  type KeyFileContent,
  KeyFormatError,
} from "./key_file.ts";
export {
  decodePaperId,
  decodePaperLine,
  encodePaperKey,
  joinPaperLines,
  type PaperId,
  paperRepositoryId,
} from "./paper_key.ts";
export {
  hkdfSha512,
  hmacSha512,
  TAM_HMAC_LENGTH,
  TAM_SALT_LENGTH,
  TAM_SUITE,
  type TamContext,
  tamKey,
} from "./tam.ts";
