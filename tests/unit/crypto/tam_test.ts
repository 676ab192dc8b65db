import assert from "node:assert/strict";
import { hkdfSync } from "node:crypto";
import { hkdfSha512, hmacSha512, tamKey } from "../../../core/crypto/mod.ts";
import { ascii, bytesOfHex, hexOfBytes, seededBytes } from "../../fixtures/deterministic.ts";

Deno.test("hmacSha512() gives the digest of RFC 4231, 4.3", () => {
  assert.equal(
    hexOfBytes(hmacSha512(ascii("Jefe"), ascii("what do ya want for nothing?"))),
    "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554" +
      "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
  );
});

Deno.test("hkdfSha512() gives the key of RFC 5869's first input under SHA-512", () => {
  const okm = hkdfSha512(bytesOfHex("0b".repeat(22)), {
    salt: bytesOfHex("000102030405060708090a0b0c"),
    info: bytesOfHex("f0f1f2f3f4f5f6f7f8f9"),
    length: 42,
  });
  assert.equal(
    hexOfBytes(okm),
    "832390086cda71fb47625bb5ceb168e4c8e26a1a16ed34d9fc7fe92c1481579338da362cb8d9f925d7cb",
  );
});

Deno.test("hkdfSha512() agrees with the runtime's HKDF at all lengths", () => {
  const random = seededBytes(12);
  const [ikm, salt, info] = [random(96), random(64), random(37)];
  for (const length of [1, 32, 63, 64, 65, 128, 200]) {
    const wanted = new Uint8Array(hkdfSync("sha512", ikm, salt, info, length));
    assert.deepEqual(hkdfSha512(ikm, { salt, info, length }), wanted);
  }
  assert.throws(() => hkdfSha512(ikm, { salt, info, length: 0 }), RangeError);
  assert.throws(() => hkdfSha512(ikm, { salt, info, length: 255 * 64 + 1 }), RangeError);
});

Deno.test("tamKey() differs by context and salt, and is salt plus context without keys", () => {
  const secret = seededBytes(13)(96);
  const salt = seededBytes(14)(64);
  const manifest = tamKey(secret, salt, "manifest");
  assert.equal(manifest.length, 64);
  assert.notDeepEqual(manifest, tamKey(secret, salt, "archive"));
  assert.notDeepEqual(manifest, tamKey(secret, seededBytes(15)(64), "manifest"));
  assert.deepEqual(tamKey(null, salt, "archive"), new Uint8Array([...salt, ...ascii("archive")]));
});
