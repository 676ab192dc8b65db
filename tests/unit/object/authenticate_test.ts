import assert from "node:assert/strict";
import {
  concatBytes,
  decodeMsgpack,
  encodeMsgpack,
  type Packable,
  sortedMap,
  type UnpackedMap,
} from "../../../core/bytes/mod.ts";
import { AppError, type ErrorCode, IntegrityError } from "../../../core/errors.ts";
import { ENCRYPTION_MODES } from "../../../core/object/mod.ts";
import { testCodec, testKey } from "../../fixtures/codecs.ts";
import { ascii } from "../../fixtures/deterministic.ts";

const FIELDS = {
  version: 1,
  timestamp: "2026-01-02T03:04:05.000006",
  archives: new Map(),
  config: new Map(),
};

function throwsCode(code: ErrorCode, action: () => unknown): void {
  assert.throws(action, (error) => {
    assert.ok(error instanceof AppError && error.code === code, `${code} wanted: ${error}`);
    return true;
  });
}

const codec = await testCodec(testKey("repokey"));
const required = { tamRequired: true };
const optional = { tamRequired: false };

/** `FIELDS` with this in the place of the tag. */
const withTam = (tam: Packable) => encodeMsgpack(sortedMap({ ...FIELDS, tam }));

Deno.test("packAuthenticated() sorts the keys and is accepted by unpackAuthenticated(), in every mode and kind", async () => {
  for (const mode of ENCRYPTION_MODES) {
    const codec = await testCodec(testKey(mode));
    for (const kind of ["manifest", "archive"] as const) {
      const packed = codec.packAuthenticated(kind, FIELDS);
      const raw = decodeMsgpack(packed) as UnpackedMap;
      assert.deepEqual([...raw.keys()], ["archives", "config", "tam", "timestamp", "version"]);
      assert.deepEqual([...(raw.get("tam") as UnpackedMap).keys()], ["hmac", "salt", "type"]);
      const before = packed.slice();
      const { fields, authenticated } = codec.unpackAuthenticated(kind, packed, required);
      assert.ok(authenticated);
      assert.deepEqual([...fields.keys()], ["archives", "config", "timestamp", "version"]);
      assert.deepEqual(packed, before, "the input is not changed");
    }
  }
});

Deno.test("unpackAuthenticated() refuses the other kind's tag and another key's", async () => {
  const stranger = await testCodec(testKey("repokey", 77));
  for (const options of [required, optional]) {
    throwsCode(
      "TAMInvalid",
      () => codec.unpackAuthenticated("manifest", codec.packAuthenticated("archive", FIELDS), options),
    );
    throwsCode(
      "ArchiveTAMInvalid",
      () => codec.unpackAuthenticated("archive", codec.packAuthenticated("manifest", FIELDS), options),
    );
    throwsCode(
      "TAMInvalid",
      () => codec.unpackAuthenticated("manifest", stranger.packAuthenticated("manifest", FIELDS), options),
    );
  }
});

Deno.test("unpackAuthenticated() takes a document without a tag only where none is required", () => {
  const bare = encodeMsgpack(sortedMap({ ...FIELDS, name: "monday" }));
  throwsCode("TAMRequiredError", () => codec.unpackAuthenticated("manifest", bare, required));
  assert.throws(
    () => codec.unpackAuthenticated("archive", bare, required),
    (error) => {
      assert.ok(error instanceof IntegrityError && error.code === "ArchiveTAMRequiredError");
      assert.deepEqual(error.args, ["monday"]);
      return true;
    },
  );
  assert.throws(
    () => codec.unpackAuthenticated("archive", bare, { ...required, name: "tuesday" }),
    (error) => error instanceof IntegrityError && error.args[0] === "tuesday",
  );
  const { fields, authenticated } = codec.unpackAuthenticated("manifest", bare, optional);
  assert.ok(!authenticated);
  assert.equal(fields.get("version"), 1);
});

Deno.test("unpackAuthenticated() refuses an unknown suite only where a tag is required", () => {
  const future = withTam(
    sortedMap({ type: "HKDF_BLAKE9", hmac: new Uint8Array(64), salt: new Uint8Array(64) }),
  );
  throwsCode("TAMUnsupportedSuiteError", () => codec.unpackAuthenticated("manifest", future, required));
  throwsCode("TAMUnsupportedSuiteError", () => codec.unpackAuthenticated("archive", future, required));
  const { fields, authenticated } = codec.unpackAuthenticated("manifest", future, optional);
  assert.ok(!authenticated && !fields.has("tam"));
  throwsCode(
    "TAMUnsupportedSuiteError",
    () => codec.unpackAuthenticated("manifest", withTam(new Map()), required),
  );
});

Deno.test("unpackAuthenticated() refuses a malformed tag, required or not", () => {
  const type = "HKDF_HMAC_SHA512";
  const full = new Uint8Array(64);
  const malformed: Packable[] = [
    7,
    "text",
    [],
    sortedMap({ type }),
    sortedMap({ type, hmac: full }),
    sortedMap({ type, salt: full }),
    sortedMap({ type, hmac: 1, salt: full }),
    sortedMap({ type, hmac: new Uint8Array(0), salt: full }),
    sortedMap({ type, hmac: new Uint8Array(63), salt: full }),
    sortedMap({ type, hmac: full, salt: full }),
  ];
  for (const tam of malformed) {
    for (const options of [required, optional]) {
      throwsCode("TAMInvalid", () => codec.unpackAuthenticated("manifest", withTam(tam), options));
      throwsCode("ArchiveTAMInvalid", () => codec.unpackAuthenticated("archive", withTam(tam), options));
    }
  }
});

Deno.test("unpackAuthenticated() can treat an archive's wrong tag as a missing one, never a manifest's", () => {
  const wrong = withTam(sortedMap({
    type: "HKDF_HMAC_SHA512",
    hmac: new Uint8Array(64).fill(1),
    salt: new Uint8Array(64),
  }));
  const options = { ...required, ignoreInvalidArchiveTam: true };
  assert.ok(!codec.unpackAuthenticated("archive", wrong, options).authenticated);
  throwsCode("TAMInvalid", () => codec.unpackAuthenticated("manifest", wrong, options));
});

Deno.test("unpackAuthenticated() refuses every flipped bit and truncation with a typed error", () => {
  const packed = codec.packAuthenticated("manifest", FIELDS);
  for (let bit = 0; bit < packed.length * 8; bit++) {
    const damaged = packed.slice();
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => codec.unpackAuthenticated("manifest", damaged, required), (error) => {
      assert.ok(error instanceof IntegrityError, `bit ${bit}: ${error}`);
      return true;
    });
  }
  for (let length = 0; length < packed.length; length++) {
    assert.throws(
      () => codec.unpackAuthenticated("manifest", packed.subarray(0, length), required),
      IntegrityError,
    );
  }
});

Deno.test("unpackAuthenticated() tells a manifest of the next major version from a damaged one", () => {
  const future = concatBytes(new Uint8Array(4).fill(0xc1), ascii("whatever"));
  throwsCode("UnsupportedManifestError", () => codec.unpackAuthenticated("manifest", future, optional));
  throwsCode("IntegrityError", () => codec.unpackAuthenticated("archive", future, optional));
});
