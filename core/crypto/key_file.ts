/**
 * The stored form of a repository's keys (borg docs, internals/data-structures.rst, "Key files"): base64 in lines of 70
 * characters around a msgpack map that wraps, under a key derived from the passphrase, the inner map with the keys. As a
 * file it begins with a line that names the repository; in a repository's `key` setting it stands without that line.
 *
 *     BORG_KEY <repository id, 64 hexadecimal digits>
 *     base64( {algorithm, data, hash, iterations, salt, version} )
 *       data = AES-256-CTR( {chunk_seed, enc_hmac_key, enc_key, id_key, repository_id, tam_required, version} )
 *       hash = HMAC-SHA256(inner map); both under PBKDF2(passphrase, salt, iterations)
 */
import { Buffer } from "node:buffer";
import {
  concatBytes,
  decodeMsgpack,
  decodeText,
  encodeHex,
  encodeMsgpack,
  encodeText,
  MsgpackError,
  sortedMap,
  type Unpacked,
  type UnpackedMap,
} from "../bytes/mod.ts";
import { wrapBase64 } from "./_wrap_base64.ts";
import { aesCtrFromZero } from "./cipher.ts";
import { hmacSha256 } from "./id_hash.ts";
import { deriveKey, deriveKeyAside, MAX_PBKDF2_ITERATIONS, PBKDF2_ITERATIONS } from "./key_derive.ts";
import { equalInConstantTime } from "./secret.ts";

const FILE_MAGIC = "BORG_KEY ";
/** A blob holds about 400 bytes; below this it cannot be one. */
const MIN_BLOB_LENGTH = 20;

/** The inner map as plain bytes. Whoever holds it wipes the keys. */
export interface KeyFields {
  repositoryId: Uint8Array;
  encKey: Uint8Array;
  encHmacKey: Uint8Array;
  idKey: Uint8Array;
  /** Signed 32 bits. */
  chunkSeed: number;
  /** null where the key was made before borg knew of it. */
  tamRequired: boolean | null;
}

/** The blob cannot be a key: what is wrong, never what it contains. */
export class KeyFormatError extends Error {
  override readonly name = "KeyFormatError";
}

/** Wraps `fields` under `passphrase`. `salt`: 32 random bytes. Returns the text of the blob, without a last newline. */
export function encodeKeyBlob(
  fields: KeyFields,
  options: { passphrase: string; salt: Uint8Array; iterations?: number },
): string {
  const { passphrase, salt, iterations = PBKDF2_ITERATIONS } = options;
  const inner = encodeMsgpack(sortedMap({
    version: 1,
    repository_id: fields.repositoryId,
    enc_key: fields.encKey,
    enc_hmac_key: fields.encHmacKey,
    id_key: fields.idKey,
    chunk_seed: fields.chunkSeed,
    tam_required: fields.tamRequired ?? undefined,
  }));
  const key = deriveKey(passphrase, { salt, iterations });
  const outer = encodeMsgpack(sortedMap({
    version: 1,
    salt,
    iterations,
    algorithm: "sha256",
    hash: hmacSha256(key, inner),
    data: aesCtrFromZero(key, inner),
  }));
  key.fill(0);
  inner.fill(0);
  return wrapBase64(outer);
}

/** Unwraps a blob: null when the passphrase is wrong. Throws {@link KeyFormatError} when it is not a blob we can read. */
export async function decodeKeyBlob(
  blob: string | Uint8Array,
  passphrase: string,
): Promise<KeyFields | null> {
  const outer = unpackMap(decodeBase64(typeof blob === "string" ? blob : decodeText(blob)));
  if (outer.get("version") !== 1) throw new KeyFormatError("the version of the key is not known");
  if (textOf(outer.get("algorithm")) !== "sha256") {
    throw new KeyFormatError("the key's algorithm is not known");
  }
  const [salt, hash, data] = [outer.get("salt"), outer.get("hash"), outer.get("data")];
  const iterations = outer.get("iterations");
  if (
    !(salt instanceof Uint8Array && hash instanceof Uint8Array && data instanceof Uint8Array) ||
    typeof iterations !== "number" || !(iterations >= 1 && iterations <= MAX_PBKDF2_ITERATIONS)
  ) {
    throw new KeyFormatError("a part of the key is missing or of the wrong kind");
  }
  const key = await deriveKeyAside(passphrase, { salt, iterations });
  const inner = aesCtrFromZero(key, data);
  const right = equalInConstantTime(hmacSha256(key, inner), hash);
  key.fill(0);
  if (!right) return null;
  try {
    return decodeFields(inner);
  } finally {
    inner.fill(0);
  }
}

function decodeFields(inner: Uint8Array): KeyFields {
  const map = unpackMap(inner);
  if (map.get("version") !== 1) throw new KeyFormatError("the version of the key is not known");
  const bytes = (name: string): Uint8Array => {
    const value = map.get(name);
    if (!(value instanceof Uint8Array)) {
      throw new KeyFormatError("a part of the key is missing or of the wrong kind");
    }
    return value;
  };
  const seed = map.get("chunk_seed");
  const tamRequired = map.get("tam_required");
  if (typeof seed !== "number" || (seed | 0) !== seed) {
    throw new KeyFormatError("the key's chunk seed is out of range");
  }
  return {
    repositoryId: bytes("repository_id"),
    encKey: bytes("enc_key"),
    encHmacKey: bytes("enc_hmac_key"),
    idKey: bytes("id_key"),
    chunkSeed: seed,
    tamRequired: typeof tamRequired === "boolean" ? tamRequired : null,
  };
}

function textOf(value: Unpacked | undefined): string | null {
  return value instanceof Uint8Array ? decodeText(value) : null;
}

function unpackMap(bytes: Uint8Array): UnpackedMap {
  let value: Unpacked;
  try {
    value = decodeMsgpack(bytes);
  } catch (error) {
    if (!(error instanceof MsgpackError)) throw error;
    throw new KeyFormatError("its structure is damaged", { cause: error });
  }
  if (!(value instanceof Map)) throw new KeyFormatError("its structure is damaged");
  return value;
}

function decodeBase64(text: string): Uint8Array {
  const compact = text.replace(/\s+/g, "");
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(compact) || compact.length % 4 !== 0) {
    throw new KeyFormatError("it is not base64");
  }
  const bytes = new Uint8Array(Buffer.from(compact, "base64"));
  if (bytes.length < MIN_BLOB_LENGTH) throw new KeyFormatError("it is too short");
  return bytes;
}

/** The contents of a key file for `blob`. */
export function encodeKeyFile(repositoryId: Uint8Array, blob: string): Uint8Array {
  return encodeText(`${FILE_MAGIC}${encodeHex(repositoryId)}\n${blob.trimEnd()}\n`);
}

/** What a file turns out to be: the key blob of the wanted repository, or why it is not. */
export type KeyFileContent =
  | { kind: "key"; blob: string }
  | { kind: "not a key file" }
  | { kind: "other repository" };

/** Reads a key file without its passphrase: is it one, is it for `repositoryId`, does its body look like a blob? */
export function decodeKeyFile(contents: Uint8Array, repositoryId: Uint8Array): KeyFileContent {
  const magic = encodeText(FILE_MAGIC);
  if (!startsWith(contents, magic)) return { kind: "not a key file" };
  const head = concatBytes(magic, encodeText(encodeHex(repositoryId)));
  if (!startsWith(contents, head)) return { kind: "other repository" };
  const text = decodeText(contents.subarray(head.length));
  const end = text.indexOf("\n");
  if (end < 0 || text.slice(0, end).trimEnd() !== "") return { kind: "not a key file" };
  const blob = text.slice(end + 1);
  try {
    decodeBase64(blob).fill(0);
  } catch (error) {
    if (!(error instanceof KeyFormatError)) throw error;
    return { kind: "not a key file" };
  }
  return { kind: "key", blob: blob.trim() };
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return bytes.length >= prefix.length && prefix.every((byte, i) => bytes[i] === byte);
}
