/**
 * Manifest and archive metadata with their authentication (TAM; borg docs, internals/security.rst, "Authenticated
 * manifest"). In: the fields of a document. Out: its packed bytes with a `tam` map; and back, with the verdict.
 *
 * The tag covers the packed bytes with the tag's own 64 bytes zeroed, so a verifier needs the bytes as they were, not
 * the fields packed again.
 */
import {
  decodeMsgpack,
  decodeText,
  encodeMsgpack,
  MsgpackError,
  type Packable,
  printable,
  sortedMap,
  type Unpacked,
  type UnpackedMap,
} from "../bytes/mod.ts";
import {
  equalInConstantTime,
  hmacSha512,
  TAM_HMAC_LENGTH,
  TAM_SALT_LENGTH,
  TAM_SUITE,
  type TamContext,
  tamKey,
} from "../crypto/mod.ts";
import { IntegrityError, ManifestError } from "../errors.ts";

export interface Unauthenticated {
  /** Without `tam`. */
  fields: UnpackedMap;
  /** Whether a tag was there and verified. */
  authenticated: boolean;
}

export interface UnpackOptions {
  /** Whether a document without a (known) tag is refused. A wrong tag always is. */
  tamRequired: boolean;
  /** The archive's name, for messages. */
  name?: string;
  /** Treats an archive's wrong tag as a missing one (borg's workaround `ignore_invalid_archive_tam`). */
  ignoreInvalidArchiveTam?: boolean;
}

/** Packs `fields` in canonical order with a tag. `secret`: see {@link tamKey}; `salt`: 64 random bytes. */
export function packAuthenticated(
  fields: Readonly<Record<string, Packable>>,
  options: { kind: TamContext; secret: Uint8Array | null; salt: Uint8Array },
): Uint8Array {
  const { kind, secret, salt } = options;
  if (salt.length !== TAM_SALT_LENGTH) throw new RangeError(`Cannot use a salt of ${salt.length} bytes`);
  const hmac = new Uint8Array(TAM_HMAC_LENGTH);
  const document = sortedMap({ ...fields, tam: sortedMap({ type: TAM_SUITE, hmac, salt }) });
  const key = tamKey(secret, salt, kind);
  hmac.set(hmacSha512(key, encodeMsgpack(document)));
  key.fill(0);
  return encodeMsgpack(document);
}

/** Unpacks and verifies what {@link packAuthenticated} or borg made. `packed` is not changed. */
export function unpackAuthenticated(
  packed: Uint8Array,
  options: UnpackOptions & {
    kind: TamContext;
    secret: Uint8Array | null;
    /** There is no key to verify by: whatever is there is taken for unauthenticated. */
    keyless?: boolean;
  },
): Unauthenticated {
  const { kind, secret } = options;
  // 0xc1 is never msgpack; borg 2 puts four of them in front of a manifest that 1.x must not touch.
  if (kind === "manifest" && packed.length >= 4 && packed.subarray(0, 4).every((byte) => byte === 0xc1)) {
    throw new ManifestError("UnsupportedManifestError");
  }
  const fields = unpackDocument(packed, kind);
  if (!fields.has("tam")) {
    if (options.tamRequired) throw tamMissing(fields, options);
    return { fields, authenticated: false };
  }
  const tam = fields.get("tam")!;
  fields.delete("tam");
  if (options.keyless) return { fields, authenticated: false };
  if (!(tam instanceof Map)) throw tamInvalid(kind);
  const type = tam.get("type");
  const suite = type instanceof Uint8Array ? printable(decodeText(type)) : "<none>";
  if (suite !== TAM_SUITE) {
    if (options.tamRequired) throw new IntegrityError("TAMUnsupportedSuiteError", [suite]);
    return { fields, authenticated: false };
  }
  if (verify(packed, tam, { kind, secret })) return { fields, authenticated: true };
  if (kind === "archive" && options.ignoreInvalidArchiveTam) return { fields, authenticated: false };
  throw tamInvalid(kind);
}

function unpackDocument(packed: Uint8Array, kind: TamContext): UnpackedMap {
  let value: Unpacked;
  try {
    value = decodeMsgpack(packed);
  } catch (cause) {
    if (!(cause instanceof MsgpackError)) throw cause;
    throw new IntegrityError("IntegrityError", [`the ${kind}'s metadata is damaged`], { cause });
  }
  if (!(value instanceof Map)) {
    throw new IntegrityError("IntegrityError", [`the ${kind}'s metadata is damaged`]);
  }
  return value;
}

function tamMissing(fields: UnpackedMap, options: UnpackOptions & { kind: TamContext }): IntegrityError {
  if (options.kind === "manifest") return new IntegrityError("TAMRequiredError");
  const stored = fields.get("name");
  const name = options.name ?? (stored instanceof Uint8Array ? decodeText(stored) : "<unknown>");
  return new IntegrityError("ArchiveTAMRequiredError", [printable(name)]);
}

function tamInvalid(kind: TamContext): IntegrityError {
  return kind === "manifest"
    ? new IntegrityError("TAMInvalid", ["the manifest's authentication is wrong"])
    : new IntegrityError("ArchiveTAMInvalid", ["the archive's authentication is wrong"]);
}

function verify(
  packed: Uint8Array,
  tam: UnpackedMap,
  options: { kind: TamContext; secret: Uint8Array | null },
): boolean {
  const hmac = tam.get("hmac");
  const salt = tam.get("salt");
  if (!(hmac instanceof Uint8Array && salt instanceof Uint8Array) || hmac.length !== TAM_HMAC_LENGTH) {
    return false;
  }
  const at = indexOf(packed, hmac);
  if (at < 0) return false;
  const zeroed = packed.slice();
  zeroed.fill(0, at, at + TAM_HMAC_LENGTH);
  const key = tamKey(options.secret, salt, options.kind);
  const right = equalInConstantTime(hmacSha512(key, zeroed), hmac);
  key.fill(0);
  return right;
}

/** Where `part` first occurs in `bytes`, as borg looks for it; -1 if nowhere. */
function indexOf(bytes: Uint8Array, part: Uint8Array): number {
  for (let at = bytes.indexOf(part[0]!); at >= 0; at = bytes.indexOf(part[0]!, at + 1)) {
    if (equalInConstantTime(bytes.subarray(at, at + part.length), part)) return at;
  }
  return -1;
}
