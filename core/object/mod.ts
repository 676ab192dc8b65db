/** Plaintext to stored bytes and back: compression, encryption, authentication. The sole trust boundary. */
export { type Unauthenticated, type UnpackOptions } from "./authenticate.ts";
export { type Awaitable, type CodecOptions, createCodec, type ObjectCodec, type WorkerKey } from "./codec.ts";
export { Compressor, type CompressorOptions, MAX_PLAIN_SIZE } from "./compress.ts";
export { type Compression, DEFAULT_COMPRESSION, parseCompression } from "./compression_spec.ts";
export {
  decodeKey,
  type DecodeKeyOptions,
  encodeKey,
  keylessMaterial,
  type KeyMaterial,
  legacyPassphraseKey,
  newKey,
  plaintextMaterial,
  type RandomBytes,
  wipeKey,
} from "./keys.ts";
export { OpenPool, type OpenPoolOptions, type PlainReceiver } from "./open_pool.ts";
export {
  detectMode,
  ENCRYPTION_MODES,
  type EncryptionMode,
  LEGACY_PASSPHRASE_TYPE,
  type ModeTraits,
  modeTraits,
} from "./modes.ts";
export { type ChunkReceiver, type SealedChunk, SealPool, type SealPoolOptions } from "./seal_pool.ts";
export type { ObjectWorker, ToWorker, WorkerSpawner } from "./slot_ring.ts";
export { serveObjects } from "./worker.ts";
