import assert from "node:assert/strict";
import { KeyError } from "../../../core/errors.ts";
import {
  decodeKey,
  type DecodeKeyOptions,
  encodeKey,
  ENCRYPTION_MODES,
  type KeyMaterial,
  modeTraits,
  newKey,
  wipeKey,
} from "../../../core/object/mod.ts";
import { encodeKeyBlob } from "../../../core/crypto/mod.ts";
import { seededBytes } from "../../fixtures/deterministic.ts";

const random = seededBytes(70);
const repositoryId = random(32);
const MODES = ENCRYPTION_MODES.filter((mode) => mode !== "none");

const blobOf = (material: KeyMaterial) =>
  encodeKey(material, { passphrase: "test", randomBytes: random, iterations: 1 });

const optionsFor = (mode: DecodeKeyOptions["mode"]): DecodeKeyOptions => ({
  passphrase: "test",
  mode,
  repositoryId,
  location: "/repo",
  source: "the configuration",
});

function isKeyError(code: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof KeyError && error.code === code, String(error));
    assert.deepEqual(error.args, ["/repo", "the configuration"]);
    return true;
  };
}

Deno.test("newKey() makes keys of borg's lengths, half of a BLAKE2b key zero, all different", () => {
  for (const mode of MODES) {
    const { encKey, encHmacKey, idKey, chunkSeed, tamRequired } = newKey(mode, repositoryId, random);
    const { blake2 } = modeTraits(mode);
    assert.equal(encKey.length, 32);
    for (const key of [encHmacKey, idKey]) {
      assert.equal(key.length, blake2 ? 128 : 32);
      if (blake2) assert.deepEqual(key.expose().slice(64), new Uint8Array(64));
      assert.ok(key.expose().slice(0, 32).some((byte) => byte !== 0));
    }
    assert.notDeepEqual(encHmacKey.expose(), idKey.expose());
    assert.equal(chunkSeed, chunkSeed | 0);
    assert.ok(tamRequired);
  }
});

Deno.test("decodeKey() gives back what encodeKey() stored", async () => {
  for (const mode of MODES) {
    const material = newKey(mode, repositoryId, random);
    const decoded = await decodeKey(blobOf(material), optionsFor(mode));
    assert.ok(decoded !== "wrong passphrase");
    for (const key of ["encKey", "encHmacKey", "idKey"] as const) {
      assert.deepEqual(decoded[key].expose(), material[key].expose());
    }
    assert.equal(decoded.chunkSeed, material.chunkSeed);
    assert.equal(decoded.tamRequired, true);
    assert.equal(decoded.mode, mode);
  }
});

Deno.test("decodeKey() tells a wrong passphrase, a damaged key and another repository's key apart", async () => {
  const blob = blobOf(newKey("repokey", repositoryId, random));
  const options = optionsFor("repokey");
  assert.equal(await decodeKey(blob, { ...options, passphrase: "no" }), "wrong passphrase");
  await assert.rejects(decodeKey(blob.slice(4), options), isKeyError("KeyfileInvalidError"));
  await assert.rejects(decodeKey("", options), isKeyError("KeyfileInvalidError"));
  await assert.rejects(
    decodeKey(blob, { ...options, repositoryId: random(32) }),
    isKeyError("KeyfileMismatchError"),
  );
});

Deno.test("decodeKey() refuses keys whose lengths do not fit the mode", async () => {
  const hmac = blobOf(newKey("repokey", repositoryId, random));
  const blake2 = blobOf(newKey("repokey-blake2", repositoryId, random));
  await assert.rejects(decodeKey(hmac, optionsFor("repokey-blake2")), isKeyError("KeyfileInvalidError"));
  await assert.rejects(decodeKey(blake2, optionsFor("repokey")), isKeyError("KeyfileInvalidError"));
});

Deno.test("decodeKey() asks this machine's memory about keys older than authentication", async () => {
  const fields = {
    repositoryId,
    encKey: random(32),
    encHmacKey: random(32),
    idKey: random(32),
    chunkSeed: 5,
    tamRequired: null,
  };
  const blob = encodeKeyBlob(fields, { passphrase: "test", salt: random(32), iterations: 1 });
  for (const tamRequiredDefault of [true, false]) {
    const decoded = await decodeKey(blob, { ...optionsFor("keyfile"), tamRequiredDefault });
    assert.ok(decoded !== "wrong passphrase");
    assert.equal(decoded.tamRequired, tamRequiredDefault);
  }
});

Deno.test("encodeKey() refuses a repository without keys", () => {
  assert.throws(() => blobOf(newKey("none", repositoryId, random)), (error) => {
    return error instanceof KeyError && error.code === "UnencryptedRepo";
  });
});

Deno.test("wipeKey() leaves nothing of the keys, and no error or print shows them", () => {
  const material = newKey("repokey", repositoryId, random);
  const bytes = material.encKey.expose();
  assert.ok(
    !JSON.stringify(material).includes(String(bytes[0])) || JSON.stringify(material).includes("<secret>"),
  );
  assert.ok(!Deno.inspect(material, { depth: 9 }).includes("encKey: Uint8Array"));
  wipeKey(material);
  assert.deepEqual(bytes, new Uint8Array(32));
  assert.throws(() => blobOf(material), TypeError);
});
