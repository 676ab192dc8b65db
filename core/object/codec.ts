/**
 * The trust boundary: plaintext in, stored bytes out, and back (borg docs, internals/security.rst, "the key object is
 * the sole trust boundary"). Sealing compresses, then encrypts, then authenticates; opening does the reverse and then
 * compares the plaintext with the id that was asked for, so a store that swaps objects is found out.
 *
 *     none, authenticated:  | TYPE 1 | payload |            encrypted: | TYPE 1 | MAC 32 | IV 8 | encrypted payload |
 *     payload: see compress.ts
 */
import type { ChunkId, Packable } from "../bytes/mod.ts";
import { asChunkId, concatBytes, hexOfId } from "../bytes/mod.ts";
import {
  type Accel,
  blockCount,
  createAesCtr,
  createBlake2b256,
  createHmacSha256,
  createSha256,
  type Digest32,
  Envelope,
  ENVELOPE_OVERHEAD,
  equalInConstantTime,
  IV_OFFSET,
  type NonceSource,
  TAM_SALT_LENGTH,
  type TamContext,
} from "../crypto/mod.ts";
import { AppError, IntegrityError } from "../errors.ts";
import {
  packAuthenticated,
  type Unauthenticated,
  unpackAuthenticated,
  type UnpackOptions,
} from "./authenticate.ts";
import { Compressor, HEADER, type PayloadKind, payloadKind } from "./compress.ts";
import { type Compression, DEFAULT_COMPRESSION } from "./compression_spec.ts";
import type { KeyMaterial, RandomBytes } from "./keys.ts";
import { type EncryptionMode, LEGACY_PASSPHRASE_TYPE, modeTraits } from "./modes.ts";
import { Slab } from "./_slab.ts";

export type Awaitable<T> = T | Promise<T>;

export interface ObjectCodec {
  readonly mode: EncryptionMode;
  readonly typeByte: number;
  /** Seed of the chunker's table. */
  readonly chunkSeed: number;
  /** Whether this repository's key demands authenticated metadata. */
  readonly tamRequired: boolean;
  /** What commands without a `--compression` option use. */
  readonly defaultCompression: Compression;
  /** The id of an object with this content. A new buffer. */
  idOf(plain: Uint8Array): ChunkId;
  /** The same, written to `out` at `at`. */
  idInto(plain: Uint8Array, out: Uint8Array, at: number): void;
  /**
   * The stored bytes of `plain`, in memory that is not used again. Sync unless code of the compression has to be loaded
   * first or a nonce reservation waits for a remote repository; until then `plain` must not change. Throws TypeError on a
   * codec that was made for reading only.
   */
  seal(plain: Uint8Array, compression: Compression): Awaitable<Uint8Array>;
  /**
   * The same in place, with counters that {@link takeNonce} gave: `size` bytes of plaintext lie in `room` from
   * {@link SEAL_HEAD} on; the stored bytes lie there from {@link sealedAt} on, and the answer is their length. Not for
   * `obfuscate`. Throws RangeError where counters or room are too few.
   */
  sealWith(
    counters: { iv: Uint8Array; blocks: number },
    room: Uint8Array,
    size: number,
    compression: Compression,
  ): Awaitable<number>;
  readonly sealedAt: number;
  /**
   * The plaintext of `stored`, in a new buffer. Verifies that it is the object `id`; with null (the manifest, whose id is
   * fixed) it does not. Throws IntegrityError naming the id. Sync unless code has to be loaded.
   */
  open(id: ChunkId | null, stored: Uint8Array): Awaitable<Uint8Array>;
  /**
   * The same, but the plaintext may lie in `stored` or in the codec's working memory: valid until the next `open` or
   * `openView`, for readers that are done with it by then.
   */
  openView(id: ChunkId | null, stored: Uint8Array): Awaitable<Uint8Array>;
  /** How `stored` is packed, without unpacking it; null where that is not known. Throws IntegrityError naming the id. */
  kindOf(id: ChunkId, stored: Uint8Array): PayloadKind | null;
  /** A document packed in canonical order with its authentication. */
  packAuthenticated(kind: TamContext, fields: Readonly<Record<string, Packable>>): Uint8Array;
  /**
   * The fields of a document without `tam`, and whether it is authenticated. Throws TAMRequiredError, TAMInvalid,
   * TAMUnsupportedSuiteError, ArchiveTAMRequiredError, ArchiveTAMInvalid, UnsupportedManifestError, IntegrityError.
   */
  unpackAuthenticated(kind: TamContext, packed: Uint8Array, options: UnpackOptions): Unauthenticated;
  /** Counters for a seal that another thread does; nothing in modes without encryption. See {@link NonceSource.take}. */
  takeNonce(blocks: number, into: Uint8Array, at: number): void | Promise<void>;
  /** What a thread of this process needs to seal as this codec does. Holds the keys: never to leave the process. */
  workerKey(): WorkerKey;
  /** Wipes this codec's copies of the keys. The codec is not usable afterwards. */
  dispose(): void;
}

/** The keys as a message between threads can carry them. */
export interface WorkerKey {
  mode: EncryptionMode;
  encKey: Uint8Array;
  encHmacKey: Uint8Array;
  idKey: Uint8Array;
  /** See {@link CodecOptions.keyless}. */
  keyless: boolean;
}

export interface CodecOptions {
  /** Where counters come from; null for a codec that only reads. Not used by modes without encryption. */
  nonce: NonceSource | null;
  accel: Accel | null;
  randomBytes: RandomBytes;
  /**
   * Reads a repository that is authenticated but not encrypted although its key is lost: nothing is verified, and nothing can
   * be sealed.
   */
  keyless?: boolean;
  /** See {@link UnpackOptions.ignoreInvalidArchiveTam}. */
  ignoreInvalidArchiveTam?: boolean;
}

/** Makes the codec of a repository with these keys, which are copied. Waits for WASM in the BLAKE2b modes only. */
export async function createCodec(material: KeyMaterial, options: CodecOptions): Promise<ObjectCodec> {
  const { mode, idKey, encKey, encHmacKey } = material;
  const { encrypted, blake2 } = modeTraits(mode);
  const { accel } = options;
  const hash = (key: Uint8Array) => blake2 ? createBlake2b256(key) : createHmacSha256(key, accel);
  const id = mode === "none" ? createSha256(accel) : await hash(idKey.expose());
  const envelope = encrypted
    ? new Envelope(createAesCtr(encKey.expose(), accel), await hash(encHmacKey.expose()))
    : null;
  const tamSecret = mode === "none"
    ? null
    : concatBytes(idKey.expose(), encKey.expose(), encHmacKey.expose());
  return new Codec(material, { ...options, id, envelope, tamSecret });
}

/** Room that {@link ObjectCodec.sealWith} needs in front of the plaintext, so that what does not shrink need not be moved. */
export const SEAL_HEAD = ENVELOPE_OVERHEAD + HEADER;

interface Parts extends CodecOptions {
  id: Digest32;
  envelope: Envelope | null;
  tamSecret: Uint8Array | null;
}

/** Length of the encryption key in the TAM secret. */
const AES_KEY = 32;

class Codec implements ObjectCodec {
  readonly mode: EncryptionMode;
  readonly typeByte: number;
  readonly chunkSeed: number;
  readonly tamRequired: boolean;
  readonly defaultCompression = DEFAULT_COMPRESSION;
  readonly #parts: Parts;
  readonly #compressor: Compressor;
  readonly #slab = new Slab();
  #payload: Uint8Array = new Uint8Array(0);

  constructor(material: KeyMaterial, parts: Parts) {
    this.mode = material.mode;
    this.typeByte = modeTraits(material.mode).typeByte;
    this.chunkSeed = material.chunkSeed;
    this.tamRequired = material.tamRequired;
    this.#parts = parts;
    const random = () => {
      const bytes = parts.randomBytes(4);
      return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true) / 2 ** 32;
    };
    this.#compressor = new Compressor({ accel: parts.accel, random });
  }

  idOf(plain: Uint8Array): ChunkId {
    const id = new Uint8Array(32);
    this.#parts.id.digest(plain, id, 0);
    return asChunkId(id);
  }

  idInto(plain: Uint8Array, out: Uint8Array, at: number): void {
    this.#parts.id.digest(plain, out, at);
  }

  seal(plain: Uint8Array, compression: Compression): Awaitable<Uint8Array> {
    this.#refuseKeyless();
    const payload = this.#compressor.compress(plain, compression);
    return payload instanceof Promise ? payload.then((bytes) => this.#seal(bytes)) : this.#seal(payload);
  }

  #refuseKeyless(): void {
    if (this.#parts.keyless) {
      throw new AppError("Error", ["Cannot write: without its key this repository can only be read"]);
    }
  }

  #seal(payload: Uint8Array): Awaitable<Uint8Array> {
    const { envelope, nonce } = this.#parts;
    if (envelope === null) {
      const stored = this.#slab.take(1 + payload.length);
      stored[0] = this.typeByte;
      stored.set(payload, 1);
      return stored;
    }
    if (nonce === null) throw new TypeError("Cannot seal an object: this codec was made for reading only");
    const stored = this.#slab.take(ENVELOPE_OVERHEAD + payload.length);
    stored[0] = this.typeByte;
    const wait = nonce.take(blockCount(payload.length), stored, IV_OFFSET);
    if (wait === undefined) {
      envelope.fill(stored, payload);
      return stored;
    }
    // The payload may lie in the compressor's working memory, which others use while we wait.
    const kept = payload.slice();
    return wait.then(() => {
      envelope.fill(stored, kept);
      return stored;
    });
  }

  get sealedAt(): number {
    return SEAL_HEAD - HEADER - this.#overhead;
  }

  /** What is in front of the payload. */
  get #overhead(): number {
    return this.#parts.envelope === null ? 1 : ENVELOPE_OVERHEAD;
  }

  sealWith(
    counters: { iv: Uint8Array; blocks: number },
    room: Uint8Array,
    size: number,
    compression: Compression,
  ): Awaitable<number> {
    this.#refuseKeyless();
    const payload = this.#compressor.shrink(room.subarray(SEAL_HEAD, SEAL_HEAD + size), compression);
    return payload instanceof Promise
      ? payload.then((payload) => this.#sealWith(counters, room, size, payload))
      : this.#sealWith(counters, room, size, payload);
  }

  #sealWith(
    counters: { iv: Uint8Array; blocks: number },
    room: Uint8Array,
    size: number,
    packed: Uint8Array | null,
  ): number {
    const { envelope } = this.#parts;
    const payloadAt = SEAL_HEAD - HEADER;
    const payload = packed ?? room.subarray(payloadAt, SEAL_HEAD + size);
    const length = this.#overhead + payload.length;
    const stored = room.subarray(this.sealedAt, this.sealedAt + length);
    if (stored.length < length) throw new RangeError(`Cannot store ${length} bytes: there is no room`);
    if (packed === null) room.fill(0, payloadAt, SEAL_HEAD);
    else if (envelope === null) room.set(packed, payloadAt);
    stored[0] = this.typeByte;
    if (envelope === null) return length;
    // More would use counters that belong to another object.
    if (blockCount(payload.length) > counters.blocks) {
      throw new RangeError(
        `Cannot use ${blockCount(payload.length)} counters: ${counters.blocks} were given`,
      );
    }
    stored.set(counters.iv, IV_OFFSET);
    envelope.fill(stored, payload);
    return length;
  }

  open(id: ChunkId | null, stored: Uint8Array): Awaitable<Uint8Array> {
    return this.#open(id, stored, false);
  }

  openView(id: ChunkId | null, stored: Uint8Array): Awaitable<Uint8Array> {
    return this.#open(id, stored, true);
  }

  #open(id: ChunkId | null, stored: Uint8Array, view: boolean): Awaitable<Uint8Array> {
    const payload = this.#payloadOf(id, stored);
    let plain: Awaitable<Uint8Array>;
    try {
      plain = this.#compressor.decompress(payload, view);
    } catch (error) {
      throw this.#located(id, error);
    }
    if (plain instanceof Promise) {
      return plain.then((bytes) => this.#verified(id, bytes), (error) => {
        throw this.#located(id, error);
      });
    }
    return this.#verified(id, plain);
  }

  kindOf(id: ChunkId, stored: Uint8Array): PayloadKind | null {
    return payloadKind(this.#payloadOf(id, stored));
  }

  /** The decrypted payload: a view of `stored`, or of working memory that the next call uses again. */
  #payloadOf(id: ChunkId | null, stored: Uint8Array): Uint8Array {
    const { envelope } = this.#parts;
    const type = stored[0];
    const legacy = type === LEGACY_PASSPHRASE_TYPE && this.mode === "repokey";
    if (type !== this.typeByte && !legacy) throw broken(id, "it is not of this repository's encryption mode");
    if (envelope === null) return stored.subarray(1);
    const length = stored.length - ENVELOPE_OVERHEAD;
    if (length > this.#payload.length) this.#payload = new Uint8Array(Math.max(length, 64 * 1024));
    const fault = envelope.open(stored, this.#payload);
    if (fault !== null) throw broken(id, fault);
    return this.#payload.subarray(0, length);
  }

  #located(id: ChunkId | null, error: unknown): unknown {
    if (!(error instanceof IntegrityError)) return error;
    return new IntegrityError(error.code, [`${nameOf(id)}: ${error.args[0]}`], { cause: error });
  }

  #verified(id: ChunkId | null, plain: Uint8Array): Uint8Array {
    if (this.#parts.keyless) return plain;
    if (id !== null && !equalInConstantTime(this.idOf(plain), id)) {
      throw broken(id, "its content is not what its id says");
    }
    return plain;
  }

  packAuthenticated(kind: TamContext, fields: Readonly<Record<string, Packable>>): Uint8Array {
    const { tamSecret: secret, randomBytes } = this.#parts;
    return packAuthenticated(fields, { kind, secret, salt: randomBytes(TAM_SALT_LENGTH) });
  }

  unpackAuthenticated(kind: TamContext, packed: Uint8Array, options: UnpackOptions): Unauthenticated {
    const { tamSecret: secret, keyless = false, ignoreInvalidArchiveTam = false } = this.#parts;
    return unpackAuthenticated(packed, { ignoreInvalidArchiveTam, ...options, kind, secret, keyless });
  }

  takeNonce(blocks: number, into: Uint8Array, at: number): void | Promise<void> {
    return this.#parts.nonce?.take(blocks, into, at);
  }

  workerKey(): WorkerKey {
    // The TAM secret is the three keys one after the other, each MAC key as long as the other.
    const keys = this.#parts.tamSecret ?? new Uint8Array(0);
    const mac = keys.length === 0 ? 0 : (keys.length - AES_KEY) / 2;
    const aes = keys.length === 0 ? 0 : AES_KEY;
    return {
      mode: this.mode,
      keyless: this.#parts.keyless ?? false,
      idKey: keys.slice(0, mac),
      encKey: keys.slice(mac, mac + aes),
      encHmacKey: keys.slice(mac + aes),
    };
  }

  dispose(): void {
    this.#parts.id.dispose();
    this.#parts.envelope?.dispose();
    this.#parts.tamSecret?.fill(0);
  }
}

function nameOf(id: ChunkId | null): string {
  return id === null ? "manifest" : `chunk ${hexOfId(id)}`;
}

function broken(id: ChunkId | null, what: string): IntegrityError {
  return new IntegrityError("IntegrityError", [`${nameOf(id)}: ${what}`]);
}
